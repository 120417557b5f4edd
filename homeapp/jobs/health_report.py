"""What an examination of the car means: for the owner as alerts, for a provider as a record. Pure functions."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from homeapp.jobs.trouble_codes import meaning
from homeapp.model.consent import DataClass
from homeapp.model.health import CAR, HealthAlert, PevExamination
from homeapp.model.offer import OfferCase, OfferState
from homeapp.model.record import DataRecord, Priority, RecordKind

RECORD_LIFE = timedelta(days=7)


def changed_alerts(examination: PevExamination, car: str, known: Iterable[HealthAlert]) -> tuple[HealthAlert, ...]:
    """The alerts that are new or mended since what was known.

    Args:
        examination: of this car.
        car: stands for it in ids of alerts, so that two cars of a home do not mend each other.
        known: all alerts so far, of whomever.
    """
    own = {alert.alert_id: alert for alert in known if alert.sp_id == CAR and alert.alert_id.startswith(f"{car}-")}
    standing = {alert_id for alert_id, alert in own.items() if alert.cleared_at is None}
    found = {f"{car}-{defect.code}": defect.code for defect in examination.defects if defect.confirmed}
    raised = tuple(_alert(alert_id, code, examination) for alert_id, code in found.items() if alert_id not in standing)
    mended = tuple(replace(own[alert_id], cleared_at=examination.at) for alert_id in sorted(standing - found.keys()))
    return raised + mended


def report(examination: PevExamination, case: OfferCase, decision_id: str, pseudonym: str) -> DataRecord:
    """The ``health-report`` that a health check was asked for."""
    return DataRecord(
        record_id=f"report-{decision_id}",
        sp_id=case.offer.sp_id,
        data_class=DataClass.HEALTH,
        kind=RecordKind.HEALTH_REPORT,
        priority=Priority.HEALTH,
        created_at=examination.at,
        not_after=examination.at + RECORD_LIFE,
        body={
            "pev": pseudonym,
            "offer_id": case.offer.offer_id,
            "checked_at": examination.at.isoformat(),
            "defects": [{"code": defect.code, "confirmed": defect.confirmed} for defect in examination.defects],
            "soc_pct": examination.soc_pct,
            "soh_pct": examination.soh_pct,
            "low_voltage_v": examination.low_voltage_v,
            "software_version": examination.software_version,
        },
    )


def result(case: OfferCase, decision_id: str) -> DataRecord:
    """The ``job-result`` of a job that is over; the same every time it is made."""
    done = case.state is OfferState.COMPLETED
    version = case.offer.job.version if done and case.offer.job is not None else ""
    return DataRecord(
        record_id=f"result-{decision_id}",
        sp_id=case.offer.sp_id,
        data_class=DataClass.HEALTH,
        kind=RecordKind.JOB_RESULT,
        priority=Priority.HEALTH,
        created_at=case.updated_at,
        not_after=case.updated_at + RECORD_LIFE,
        body={
            "offer_id": case.offer.offer_id,
            "outcome": "done" if done else "failed",
            "detail": case.problem or "",
            "version": version,
        },
    )


def _alert(alert_id: str, code: str, examination: PevExamination) -> HealthAlert:
    told = meaning(code)
    return HealthAlert(
        alert_id=alert_id,
        sp_id=CAR,
        code=code,
        severity=told.severity,
        title=told.title,
        advice=told.advice,
        raised_at=examination.at,
    )
