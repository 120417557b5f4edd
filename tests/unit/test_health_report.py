"""What an examination means: alerts for the owner, records for the provider."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from homeapp.jobs.health_report import changed_alerts, report, result
from homeapp.model.consent import DataClass
from homeapp.model.health import Defect, HealthAlert, PevExamination, Severity
from homeapp.model.offer import Binding, Job, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.record import Priority, RecordKind

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
VIN = "WHADEM0PEV0000001"
FOUND = PevExamination(
    at=NOW,
    vin=VIN,
    defects=(Defect(code="P0AA6-4A", confirmed=True), Defect(code="U0100", confirmed=False)),
    soc_pct=64.0,
    soh_pct=93.5,
    low_voltage_v=12.6,
    software_version="2.0",
)
OFFER = Offer(
    offer_id="check-1",
    revision=1,
    sp_id="pev_sp",
    sp_name="PEV provider",
    kind=OfferKind.CAR_SOFTWARE,
    binding=Binding.OWNER_DECIDES,
    issued_at=NOW,
    expires_at=NOW,
    intervals=(OfferInterval(start=NOW, end=NOW + HOUR),),
    title="Job",
    job=Job(version="2.1"),
)
CASE = OfferCase(offer=OFFER, digest=OFFER.digest(), state=OfferState.COMPLETED, updated_at=NOW)


@pytest.mark.usecase("F8-9", "S2")
def test_a_confirmed_defect_is_told_once_and_its_repair_too() -> None:
    (alert,) = changed_alerts(FOUND, "car1", ())
    assert (alert.alert_id, alert.sp_id, alert.code) == ("car1-P0AA6-4A", "car", "P0AA6-4A")
    assert alert.severity is Severity.CRITICAL
    later = replace(FOUND, at=NOW + HOUR)
    assert changed_alerts(later, "car1", (alert,)) == ()
    (mended,) = changed_alerts(replace(later, defects=()), "car1", (alert,))
    assert mended == replace(alert, cleared_at=NOW + HOUR)
    assert changed_alerts(replace(later, defects=()), "car1", (mended,)) == ()
    (again,) = changed_alerts(replace(FOUND, at=NOW + 2 * HOUR), "car1", (mended,))
    assert (again.raised_at, again.cleared_at) == (NOW + 2 * HOUR, None)


def test_another_cars_and_another_tellers_alerts_are_left_alone() -> None:
    (other,) = changed_alerts(FOUND, "car2", ())
    theirs = HealthAlert(
        alert_id="car1-x", sp_id="pev_sp", code="P0AA6", severity=Severity.INFO, title="T", advice="A.", raised_at=NOW
    )
    assert changed_alerts(replace(FOUND, defects=()), "car1", (other, theirs)) == ()


@pytest.mark.usecase("F8-9", "S2", "W8")
def test_the_report_has_what_was_found_and_not_who_the_car_is() -> None:
    record = report(FOUND, CASE, "d1", "0123456789abcdef")
    assert (record.record_id, record.sp_id, record.kind) == ("report-d1", "pev_sp", RecordKind.HEALTH_REPORT)
    assert (record.data_class, record.priority) == (DataClass.HEALTH, Priority.HEALTH)
    assert record.not_after == NOW + timedelta(days=7)
    assert record.body == {
        "pev": "0123456789abcdef",
        "offer_id": "check-1",
        "checked_at": "2026-11-23T12:00:00+00:00",
        "defects": [{"code": "P0AA6-4A", "confirmed": True}, {"code": "U0100", "confirmed": False}],
        "soc_pct": 64.0,
        "soh_pct": 93.5,
        "low_voltage_v": 12.6,
        "software_version": "2.0",
    }
    assert VIN not in repr(record)


@pytest.mark.parametrize(
    ("state", "problem", "told"),
    [
        (OfferState.COMPLETED, None, ("done", "", "2.1")),
        (OfferState.ABORTED, "The car refuses it.", ("failed", "The car refuses it.", "")),
        (OfferState.PARTIAL, "It was not carried out in time.", ("failed", "It was not carried out in time.", "")),
    ],
)
def test_a_result_claims_no_more_than_where_the_job_stands(
    state: OfferState, problem: str | None, told: tuple[str, str, str]
) -> None:
    record = result(replace(CASE, state=state, problem=problem), "d1")
    assert (record.record_id, record.kind) == ("result-d1", RecordKind.JOB_RESULT)
    assert (record.body["outcome"], record.body["detail"], record.body["version"]) == told
