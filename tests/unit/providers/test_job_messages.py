"""Jobs that a provider asks for: each with what its kind needs and nothing else."""

from typing import Any

import pytest

from homeapp.errors import MessageRejected
from homeapp.model.offer import Job
from kit.provider_letters import INTERVAL, JOBS, OFFER, SOFTWARE, job_offer, offer

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.usecase("F5", "F11", "S1", "S5")
@pytest.mark.parametrize("kind", JOBS)
def test_a_job_is_mapped_with_what_its_kind_needs_and_nothing_else(kind: str) -> None:
    job = job_offer(kind, {**JOBS[kind], "confirmed": True}).job
    told = {name: getattr(job, name) for name in Job.__slots__}
    assert {name: value for name, value in told.items() if value} == JOBS[kind]


def test_a_job_without_use_for_a_particular_does_not_get_it() -> None:
    everything = {**SOFTWARE, "part": "Fan", "alert_id": "d-1", "manifest": "a.b.c"}
    assert job_offer("health_check", everything).job == Job(alert_id="d-1")
    assert job_offer("part_order", everything).job == Job(part="Fan", alert_id="d-1")
    assert job_offer("health_check", None).job == Job()
    assert offer().job is None


def test_a_charger_gets_the_signature_of_its_software() -> None:
    signed = {**SOFTWARE, "signing_certificate": CERTIFICATE, "signature": "AAAA"}
    job = job_offer("charger_software", signed).job
    assert job == Job(**signed)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("part_order", {"part": None}),
        ("part_order", {"part": ""}),
        ("part_order", {"part": "x" * 161}),
        ("part_order", {"alert_id": "a b"}),
        ("health_check", {"alert_id": 7}),
        *[(kind, {name: None}) for kind in ("car_software", "charger_software") for name in SOFTWARE],
        ("car_software", {"manifest": None}),
        ("car_software", {"manifest": ""}),
        ("car_software", {"manifest": "a.b"}),
        ("car_software", {"manifest": "a.b." + "c" * 8192}),
        ("car_software", {"version": ""}),
        ("car_software", {"version": "2 1"}),
        ("car_software", {"version": "x" * 65}),
        ("car_software", {"location": "http://packages.example/car"}),
        ("car_software", {"location": "https://packages.example"}),
        ("car_software", {"location": "https:///car"}),
        ("car_software", {"location": "https://user:word@packages.example/car"}),
        ("car_software", {"location": "https://packages.example/a b"}),
        ("car_software", {"location": "https://packages.example/a\n"}),
        ("car_software", {"location": "file:///etc/passwd"}),
        ("car_software", {"location": "https://packages.example/" + "x" * 500}),
        ("car_software", {"sha256": "0" * 63}),
        ("car_software", {"sha256": "A" * 64}),
        ("car_software", {"sha256": "0" * 64 + "\n"}),
        ("car_software", {"size_bytes": 0}),
        ("car_software", {"size_bytes": 512 * 1024 * 1024 + 1}),
        ("car_software", {"size_bytes": 1.5}),
        ("car_software", {"size_bytes": "1"}),
        ("charger_software", {"signing_certificate": "MIIB", "signature": "AAAA"}),
        ("charger_software", {"signing_certificate": CERTIFICATE, "signature": "A!"}),
        ("charger_software", {"signing_certificate": CERTIFICATE, "signature": "A" * 801}),
    ],
)
def test_a_job_of_the_wrong_form_is_refused(kind: str, change: dict[str, Any]) -> None:
    job = {name: value for name, value in {**JOBS[kind], **change}.items() if value is not None}
    with pytest.raises(MessageRejected) as caught:
        job_offer(kind, job)
    assert caught.value.code == "schema"


@pytest.mark.parametrize(
    ("kind", "job", "change"),
    [
        ("health_check", {}, {"intervals": OFFER["intervals"]}),
        ("health_check", {}, {"intervals": [INTERVAL]}),
        ("health_check", {}, {"intervals": [{"start": INTERVAL["start"], "end": INTERVAL["end"], "max_w": 1}]}),
        ("health_check", {}, {"min_soc_pct": 40}),
        ("health_check", {}, {"max_feed_wh": 4500}),
        ("power_feed", {}, {"intervals": [INTERVAL]}),
        ("part_order", {"part": "Fan\u202e"}, {}),
        ("charger_software", {**SOFTWARE, "signature": "AAAA"}, {}),
        ("charger_software", {**SOFTWARE, "signing_certificate": CERTIFICATE}, {}),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(kind: str, job: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(MessageRejected) as caught:
        job_offer(kind, job, **change)
    assert caught.value.code == "value"
