"""What is inside signed messages: mapped to the model strictly, refused where a value makes no sense."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.model.health import OrderStatus, PartOrder, Severity
from homeapp.model.offer import Binding, Choice, Decision, Job, Offer, OfferInterval, OfferKind, Receipt, ReceiptLevel
from homeapp.model.offer_terms import (
    BatteryTerms,
    Cancellation,
    Penalty,
    PenaltyBasis,
    Reward,
    RewardBasis,
    WearCompensation,
    WearUnit,
)
from homeapp.ports import DecisionMessage
from homeapp.providers import inbound, offer_messages, outbound
from homeapp.providers.jose import VerifiedMessage
from homeapp.store.offer_rows import decision_fields

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
OFFER: dict[str, Any] = {
    "id": "o-1",
    "revision": 2,
    "kind": "power_feed",
    "binding": "owner_decides",
    "title": "Evening peak",
    "description": "Feed for two hours.",
    "intervals": [
        {"start": "2026-01-15T18:00:00Z", "end": "2026-01-15T19:00:00+00:00", "setpoint_w": -3000},
        {"start": "2026-01-15T20:00:00+01:00", "end": "2026-01-15T20:00:00Z", "setpoint_w": -1500.5, "max_w": 0},
    ],
    "expires_at": "2026-01-15T17:30:00Z",
    "reward": "1.92",
    "currency": "EUR",
    "min_soc_pct": 40,
    "max_feed_wh": 4500,
    "colour": "what is not known is named",
}
INTERVAL = OFFER["intervals"][0]
SOFTWARE: dict[str, Any] = {
    "version": "2.1.0",
    "location": "https://packages.example:8443/car/2.1.0.bin",
    "sha256": "0" * 64,
    "size_bytes": 512 * 1024 * 1024,
}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
JOBS: dict[str, dict[str, Any]] = {
    "health_check": {},
    "part_order": {"part": "Coolant pump"},
    "car_software": {**SOFTWARE, "manifest": "a.b.c"},
    "charger_software": SOFTWARE,
}
ORDER: dict[str, Any] = {
    "id": "po-1",
    "alert_id": "d-1",
    "part": "Coolant pump",
    "status": "shipped",
    "updated_at": "2026-01-15T11:00:00+01:00",
    "note": "Arrives on Friday.",
}
DEFECT: dict[str, Any] = {
    "id": "d-1",
    "code": "P0A1F",
    "severity": "critical",
    "title": "Battery control module",
    "advice": "See a workshop.",
    "found_at": "2026-01-15T11:00:00Z",
}


def message(**claims: Any) -> VerifiedMessage:
    return VerifiedMessage(typ="x", claims=claims, jti="m-1", issued_at=NOW, expires_at=NOW + timedelta(hours=1))


def offer(**change: Any) -> Offer:
    body = {name: value for name, value in {**OFFER, **change}.items() if value is not None}
    return offer_messages.offer(message(offer=body), sp_id="evc_sp", sp_name="EVC provider", now=NOW)


def refused(change: dict[str, Any]) -> str:
    with pytest.raises(MessageRejected) as caught:
        offer(**change)
    return caught.value.code


@pytest.mark.usecase("T2", "S6")
def test_an_offer_is_mapped_member_by_member() -> None:
    utc = [datetime(2026, 1, 15, hour, tzinfo=UTC) for hour in (18, 19, 20)]
    assert offer() == Offer(
        offer_id="o-1",
        revision=2,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOW,
        expires_at=datetime(2026, 1, 15, 17, 30, tzinfo=UTC),
        intervals=(
            OfferInterval(start=utc[0], end=utc[1], setpoint_w=-3000.0),
            OfferInterval(start=utc[1], end=utc[2], setpoint_w=-1500.5, max_w=0.0),
        ),
        title="Evening peak",
        description="Feed for two hours.",
        reward=Decimal("1.92"),
        currency="EUR",
        min_soc_pct=40.0,
        max_feed_wh=4500.0,
        unsupported=("colour",),
    )


TERMS: dict[str, Any] = {
    "rewards": [{"basis": "per_kwh", "amount": "0.30", "cap": "3"}, {"basis": "points", "amount": "800"}],
    "penalty": {"basis": "per_kwh_shortfall", "amount": "0.10", "tolerance_pct": 5},
    "battery": {
        "guaranteed_soc_pct": 80,
        "ready_by": "2026-01-16T07:00:00+01:00",
        "max_feed_cycles": 0.1,
        "wear_compensation": {"amount": "0.05", "per": "kwh"},
    },
    "cancellation": {"owner_until": "2026-01-15T17:00:00Z", "owner_fee": "0.5"},
    "data_shared": ["energy per quarter hour"],
    "terms_url": "https://provider.example/terms",
    "priority": 1,
    "region": "NL-NB",
}


@pytest.mark.usecase("T2")
def test_every_term_is_mapped() -> None:
    told = offer(colour=None, binding="opt_out", **TERMS)
    assert told.binding is Binding.OPT_OUT
    assert told.rewards == (
        Reward(basis=RewardBasis.PER_KWH, amount=Decimal("0.30"), cap=Decimal(3)),
        Reward(basis=RewardBasis.POINTS, amount=Decimal(800)),
    )
    assert told.penalty == Penalty(basis=PenaltyBasis.PER_KWH_SHORTFALL, amount=Decimal("0.10"), tolerance_pct=5.0)
    assert told.battery == BatteryTerms(
        guaranteed_soc_pct=80.0,
        ready_by=datetime(2026, 1, 16, 6, tzinfo=UTC),
        max_feed_cycles=0.1,
        wear_compensation=WearCompensation(amount=Decimal("0.05"), per=WearUnit.KWH),
    )
    assert told.cancellation == Cancellation(
        owner_until=datetime(2026, 1, 15, 17, tzinfo=UTC), owner_fee=Decimal("0.5")
    )
    assert (told.data_shared, told.terms_url) == (("energy per quarter hour",), "https://provider.example/terms")
    assert (told.priority, told.region, told.unsupported) == (1, "NL-NB", ())


@pytest.mark.parametrize(
    "change",
    [
        {"rewards": [{"basis": "per_moon", "amount": "1"}]},
        {"rewards": [{"basis": "per_kwh", "amount": "-1"}]},
        {"rewards": [{"basis": "per_kwh", "amount": "1"}] * 11},
        {"penalty": {"basis": "fixed", "amount": "1", "tolerance_pct": 101}},
        {"battery": {"max_feed_cycles": 0}},
        {"battery": {"guaranteed_soc_pct": 80, "ready_by": "tomorrow"}},
        {"cancellation": {"owner_fee": 1}},
        {"data_shared": ["x"] * 21},
        {"terms_url": "http://provider.example/"},
        {"terms_url": "javascript:alert(1)"},
        {"priority": -1},
        {"region": "Netherlands"},
        {"randomize_start_s": 3601},
        {"randomize_start_s": -1},
        {"binding": "MANDATORY"},
    ],
)
def test_terms_of_the_wrong_form_are_refused(change: dict[str, Any]) -> None:
    assert refused(change) == "schema"


@pytest.mark.parametrize(
    "change",
    [
        {"currency": None, "reward": None, "penalty": {"basis": "fixed", "amount": "1"}},
        {"currency": None, "reward": None, "rewards": [{"basis": "per_kwh", "amount": "1"}]},
        {"battery": {"guaranteed_soc_pct": 80}},
        {"data_shared": ["who\u202e you are"]},
        {"cancellation": {"owner_until": "9999-12-31T23:59:59Z"}},
        {"kind": "charge_boost"},
        {"kind": "charge_boost", "intervals": [{**INTERVAL, "setpoint_w": 0}]},
        {"kind": "load_shift", "intervals": [{**INTERVAL, "setpoint_w": -1}]},
    ],
)
def test_terms_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    assert refused(change) == "value"


def test_unknown_terms_are_named_but_not_repeated_at_any_length() -> None:
    odd = {f"term_{number}": 1 for number in range(30)} | {"\u202eodd\n": 1, "x" * 41: 1}
    told = offer(**odd).unsupported
    assert len(told) <= 20
    assert all(re.fullmatch(r"[A-Za-z0-9_.?-]{1,40}", name) for name in told)


def test_homes_begin_at_different_times_and_each_always_at_the_same() -> None:
    def start(home: str, spread: int = 600, offer_id: str = "o-1") -> float:
        body = {**OFFER, "id": offer_id, "randomize_start_s": spread}
        told = offer_messages.offer(message(offer=body, aud=home), sp_id="evc_sp", sp_name="EVC provider", now=NOW)
        assert told.randomize_start == timedelta(seconds=spread)
        spans = {item.end - item.start for item in told.intervals}
        assert spans == {timedelta(hours=1)}
        return (told.start - datetime(2026, 1, 15, 18, tzinfo=UTC)).total_seconds()

    shifts = [start(f"Chub-{number}") for number in range(200)]
    assert all(-600 <= shift <= 600 and shift == int(shift) for shift in shifts)
    assert min(shifts) < -400 < 400 < max(shifts)
    assert abs(sum(shifts) / len(shifts)) < 100
    assert start("Chub-1") == start("Chub-1")
    assert start("Chub-1", offer_id="o-2") != start("Chub-1")
    assert start("Chub-1", spread=0) == 0


def test_a_request_shifted_before_its_deadline_is_answerable_until_its_end() -> None:
    body = {**OFFER, "expires_at": "2026-01-15T20:00:00Z", "randomize_start_s": 3600}
    for home in range(20):
        told = offer_messages.offer(
            message(offer=body, aud=f"C{home}"), sp_id="evc_sp", sp_name="EVC provider", now=NOW
        )
        assert told.expires_at <= told.end


def test_the_providers_account_is_no_confirmation() -> None:
    def read(**settled: Any) -> Receipt:
        body = {"id": "r", "decision_id": "d", "confirmed": True, "settled": settled}
        return inbound.receipt(message(receipt=body), sp_id="evc_sp", now=NOW)

    told = read(energy_wh=4700, amount="-0.25", currency="EUR")
    assert (told.level, told.energy_wh, told.amount, told.currency) == (
        ReceiptLevel.SETTLEMENT,
        4700.0,
        Decimal("-0.25"),
        "EUR",
    )
    assert (read().level, read().amount) == (ReceiptLevel.SETTLEMENT, None)
    for wrong in ({"amount": "1"}, {"currency": "EUR"}, {"energy_wh": -1}, {"amount": 1, "currency": "EUR"}):
        with pytest.raises(MessageRejected):
            read(**wrong)
    refusal = {"id": "r", "decision_id": "d", "confirmed": False, "settled": {}}
    with pytest.raises(MessageRejected):
        inbound.receipt(message(receipt=refusal), sp_id="evc_sp", now=NOW)


@pytest.mark.parametrize("part", [{}, {"committed_w": 2000.0}, {"committed_w": 2000.0, "committed_wh": 900.0}])
def test_a_part_is_told_only_where_there_is_one(part: dict[str, float]) -> None:
    told = offer()
    decision = Decision(
        decision_id="d-1",
        offer_key=told.key,
        offer_revision=2,
        offer_digest=told.digest(),
        choice=Choice.ACCEPT,
        decided_at=NOW,
        decided_by="owner",
        **part,
    )
    letter = DecisionMessage(decision=decision, offer=told, not_after=NOW + timedelta(hours=1))
    claims = json.loads(outbound.decision_payload(letter, issuer="Chub", audience="Cevc", now=NOW))
    assert {name: claims["decision"][name] for name in claims["decision"] if name.startswith("committed")} == part
    assert set(claims["decision"]) == set(decision_fields(decision))


def test_what_may_be_missing_may_be_missing() -> None:
    bare = offer(description=None, reward=None, currency=None, min_soc_pct=None, max_feed_wh=None)
    assert (bare.reward, bare.currency, bare.min_soc_pct, bare.max_feed_wh, bare.description) == (
        None,
        "",
        None,
        None,
        "",
    )
    shed = offer(kind="load_shed", intervals=[{"start": INTERVAL["start"], "end": INTERVAL["end"], "max_w": 1400}])
    assert (shed.kind, shed.intervals[0].max_w) == (OfferKind.LOAD_SHED, 1400.0)


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": ""},
        {"id": "a/b"},
        {"id": "x" * 65},
        {"id": 7},
        {"id": "o-1\n"},
        {"revision": "2"},
        {"revision": 1.5},
        {"revision": -1},
        {"revision": True},
        {"kind": "capacity_limit"},
        {"kind": "POWER_FEED"},
        {"binding": "mandatory"},
        {"binding": "my_rule"},
        {"title": ""},
        {"title": "x" * 161},
        {"title": None},
        {"description": "x" * 2001},
        {"intervals": []},
        {"intervals": None},
        {"intervals": [INTERVAL] * 501},
        {"intervals": [{"start": "2026-01-15T18:00:00", "end": INTERVAL["end"], "setpoint_w": -1}]},
        {"intervals": [{**INTERVAL, "start": 1768500000}]},
        {"intervals": [{**INTERVAL, "setpoint_w": "3000"}]},
        {"intervals": [{**INTERVAL, "setpoint_w": -100_001}]},
        {"intervals": [{**INTERVAL, "max_w": -1}]},
        {"expires_at": "soon"},
        {"reward": 1.92},
        {"reward": "-1"},
        {"reward": "1e3"},
        {"reward": "NaN"},
        {"reward": "1.92\n"},
        {"currency": "euro"},
        {"currency": "EUR\n"},
        {"min_soc_pct": 101},
        {"min_soc_pct": -1},
        {"max_feed_wh": -1},
    ],
)
def test_members_of_the_wrong_form_are_refused(change: dict[str, Any]) -> None:
    assert refused(change) == "schema"


@pytest.mark.parametrize(
    "change",
    [
        {"intervals": [{**INTERVAL, "end": INTERVAL["start"]}]},
        {"intervals": [{**INTERVAL, "end": "2026-01-15T17:00:00Z"}]},
        {"intervals": [INTERVAL, INTERVAL]},
        {"intervals": list(reversed(OFFER["intervals"]))},
        {"intervals": [{**INTERVAL, "setpoint_w": 1}]},
        {"intervals": [{"start": INTERVAL["start"], "end": INTERVAL["end"], "max_w": 1000}]},
        {"kind": "load_shed"},
        {"kind": "load_shed", "intervals": [{"start": INTERVAL["start"], "end": INTERVAL["end"]}]},
        {"intervals": [{**INTERVAL, "end": "9999-12-31T23:59:59Z"}]},
        {"intervals": [{**INTERVAL, "start": "0001-01-01T00:00:00+14:00"}]},
        {"expires_at": "2026-01-15T20:00:01Z"},
        {"currency": None},
        {"title": "Feed\u202e\u2066"},
        {"title": "Feed\x1b[2J"},
        {"description": "a\x00b"},
    ],
)
def test_values_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    assert refused(change) == "value"


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("name", ["min_soc_pct", "max_feed_wh"])
def test_numbers_must_be_finite(name: str, number: float) -> None:
    assert refused({name: number}) in {"schema", "value"}
    assert refused({"intervals": [{**INTERVAL, "setpoint_w": number}]}) in {"schema", "value"}


def test_an_offer_that_can_no_longer_be_answered_is_expired() -> None:
    assert refused({"expires_at": "2026-01-15T12:00:00Z"}) == "expired"


def job_offer(kind: str, job: Any, **change: Any) -> Offer:
    asked = {
        "kind": kind,
        "job": job,
        "intervals": [{"start": INTERVAL["start"], "end": INTERVAL["end"]}],
        "min_soc_pct": None,
        "max_feed_wh": None,
    }
    return offer(**{**asked, **change})


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


@pytest.mark.usecase("F11", "F12", "S2")
def test_how_a_part_order_stands_is_mapped_member_by_member() -> None:
    assert inbound.part_order(message(order=ORDER), sp_id="pev_sp") == PartOrder(
        order_id="po-1",
        sp_id="pev_sp",
        alert_id="d-1",
        part="Coolant pump",
        status=OrderStatus.SHIPPED,
        updated_at=datetime(2026, 1, 15, 10, tzinfo=UTC),
        note="Arrives on Friday.",
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "lost"}, "schema"),
        ({"part": ""}, "schema"),
        ({"id": "a/b"}, "schema"),
        ({"note": "x" * 201}, "schema"),
        ({"updated_at": "2026-01-15T11:00:00"}, "schema"),
        ({"updated_at": "9999-01-15T11:00:00Z"}, "value"),
        ({"part": "Fan\x07"}, "value"),
        ({"note": "\u2066"}, "value"),
    ],
)
def test_an_order_of_the_wrong_form_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        inbound.part_order(message(order={**ORDER, **change}), sp_id="pev_sp")
    assert caught.value.code == code


def test_a_cancellation_names_the_offer() -> None:
    assert inbound.cancelled_offer_id(message(offer_id="o-1")) == "o-1"
    for wrong in ({}, {"offer_id": 7}, {"offer_id": "a b"}):
        with pytest.raises(MessageRejected):
            inbound.cancelled_offer_id(message(**wrong))


def test_a_receipt_is_the_providers_own_word() -> None:
    body = {"id": "r-1", "decision_id": "d-1", "confirmed": False, "reason": "too late"}
    receipt = inbound.receipt(message(receipt=body), sp_id="evc_sp", now=NOW)
    assert (receipt.level, receipt.confirmed, receipt.reason) == (ReceiptLevel.BUSINESS, False, "too late")
    assert (receipt.decision_id, receipt.reference, receipt.received_at) == ("d-1", "r-1", NOW)
    for wrong in ({"confirmed": "yes"}, {"confirmed": 1}, {"decision_id": ""}, {"reason": "x" * 201}):
        with pytest.raises(MessageRejected):
            inbound.receipt(message(receipt={**body, **wrong}), sp_id="evc_sp", now=NOW)


@pytest.mark.usecase("F10", "S2")
def test_a_defect_and_its_repair_become_a_health_alert() -> None:
    alert = inbound.health_alert(message(defect=DEFECT), sp_id="pev_sp")
    assert (alert.alert_id, alert.code, alert.severity, alert.cleared_at) == ("d-1", "P0A1F", Severity.CRITICAL, None)
    assert alert.raised_at == datetime(2026, 1, 15, 11, tzinfo=UTC)
    assert not alert.seen_by_owner
    mended = inbound.health_alert(message(defect={**DEFECT, "cleared_at": "2026-01-15T12:00:00Z"}), sp_id="pev_sp")
    assert mended.cleared_at == NOW


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"severity": "deadly"}, "schema"),
        ({"code": "<b>"}, "schema"),
        ({"title": ""}, "schema"),
        ({"found_at": None}, "schema"),
        ({"cleared_at": "2026-01-15T10:00:00Z"}, "value"),
        ({"advice": "\u2067"}, "value"),
    ],
)
def test_a_defect_of_the_wrong_form_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        inbound.health_alert(message(defect={**DEFECT, **change}), sp_id="pev_sp")
    assert caught.value.code == code


def decision(not_after: datetime) -> DecisionMessage:
    made = Decision(
        decision_id="dec-1",
        offer_key=offer().key,
        offer_revision=2,
        offer_digest=offer().digest(),
        choice=Choice.ACCEPT,
        decided_at=NOW,
        decided_by="owner",
    )
    return DecisionMessage(decision=made, offer=offer(), not_after=not_after)


def test_a_decision_tells_the_provider_what_was_decided_about_what() -> None:
    payload = outbound.decision_payload(
        decision(NOW + timedelta(hours=2)), issuer="Chub-0001", audience="Cevc-sp", now=NOW
    )
    assert json.loads(payload) == {
        "iss": "Chub-0001",
        "aud": "Cevc-sp",
        "jti": "dec-1",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 7200,
        "decision": {
            "id": "dec-1",
            "offer_id": "o-1",
            "offer_revision": 2,
            "offer_digest": offer().digest(),
            "choice": "accept",
            "decided_at": "2026-01-15T12:00:00Z",
            "decided_by": "owner",
            "reason": "",
        },
    }


def test_a_decision_never_claims_to_hold_for_more_than_seven_days() -> None:
    payload = outbound.decision_payload(decision(NOW + timedelta(days=30)), issuer="a", audience="b", now=NOW)
    assert json.loads(payload)["exp"] == int((NOW + timedelta(days=7)).timestamp())


_members = st.sampled_from(
    [
        *OFFER,
        *SOFTWARE,
        "job",
        "part",
        "manifest",
        "setpoint_w",
        "max_w",
        "start",
        "end",
        "confirmed",
        "decision_id",
        "found_at",
    ]
)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["o-1", "2026-01-15T18:00:00Z"]),
    lambda inner: st.lists(inner) | st.dictionaries(_members, inner),
)


@given(st.dictionaries(st.sampled_from(["offer", "offer_id", "receipt", "defect", "order", "keys", "proof"]), _json))
def test_arbitrary_content_is_read_or_rejected(claims: dict[str, Any]) -> None:
    told = message(**claims)
    with suppress(MessageRejected):
        offer_messages.offer(told, sp_id="a", sp_name="b", now=NOW)
    with suppress(MessageRejected):
        inbound.cancelled_offer_id(told)
    with suppress(MessageRejected):
        inbound.receipt(told, sp_id="a", now=NOW)
    with suppress(MessageRejected):
        inbound.health_alert(told, sp_id="a")
    with suppress(MessageRejected):
        inbound.part_order(told, sp_id="a")
    with pytest.raises(MessageRejected):
        inbound.key_roll_over(told, now=NOW)


@given(st.sampled_from(list(JOBS)), st.dictionaries(_members, _json))
def test_arbitrary_changes_of_a_job_are_read_or_rejected(kind: str, change: dict[str, Any]) -> None:
    with suppress(MessageRejected):
        assert job_offer(kind, {**JOBS[kind], **change}).job is not None


@given(st.dictionaries(_members, _json))
def test_arbitrary_changes_of_an_offer_are_read_or_rejected(change: dict[str, Any]) -> None:
    with suppress(MessageRejected):
        assert offer(**change).intervals
