"""What the hub makes for providers fits the lists of what may leave, field by field."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from homeapp.api import Role
from homeapp.errors import NotConsented
from homeapp.jobs.health_report import report, result
from homeapp.model.consent import DataClass
from homeapp.model.health import Defect, PevExamination, Position
from homeapp.model.offer import Binding, Job, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.period import Direction, Period
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.model.record import DataRecord, RecordKind
from homeapp.reporting.quarter_hours import quarter_body
from homeapp.reporting.records import EVC_SP, FLEET, GRID_SP, PEV_SP, RecordMaker
from homeapp.sharing.consent_book import ConsentBook
from homeapp.sharing.consent_texts import data_classes
from homeapp.store.quarters import QuarterEnergy
from kit.clocks import StandingClock

pytestmark = pytest.mark.usecase("W8", "F2b", "F2c", "S2", "S3", "S4", "S7")

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PERIOD = Period(
    period_id="p1",
    device_id="ocpp:1",
    direction=Direction.CHARGE,
    begun_at=NOW,
    seen_at=NOW + timedelta(hours=1),
    ended_at=NOW + timedelta(hours=1),
    energy_wh=7000.0,
    meter_start_wh=100.0,
    meter_end_wh=7100.0,
)
STATE = EvceState(device_id="ocpp:1", received_at=NOW, connected=True, status=EvceStatus.CHARGING, soc_pct=64.0)
PARAMETERS = {
    "soc_pct": 64.0,
    "target_pct": 80.0,
    "floor_pct": 50.0,
    "ready_by": NOW.isoformat(),
    "capacity_wh": 60000.0,
    "max_charge_w": 11000.0,
    "max_feed_w": 6000.0,
    "can_feed": True,
}
FIGURES = {
    "event_id": "event-1",
    "operating_state": "RUNNING_NORMAL",
    "soc_pct": 64.0,
    "capacity_wh": 60000.0,
    "max_charge_w": 11000.0,
    "max_feed_w": 6000.0,
}
ENERGY = QuarterEnergy(import_wh=250.0, export_wh=0.0, covered=1.0, charged_wh=100.0, fed_wh=0.0)
EXAMINATION = PevExamination(
    at=NOW, vin="WHADEM0PEV0000001", defects=(Defect(code="P0AA6-4A", confirmed=True),), soc_pct=64.0, soh_pct=93.5
)
OFFER = Offer(
    offer_id="check-1",
    revision=1,
    sp_id=PEV_SP,
    sp_name="PEV provider",
    kind=OfferKind.CAR_SOFTWARE,
    binding=Binding.OWNER_DECIDES,
    issued_at=NOW,
    expires_at=NOW,
    intervals=(OfferInterval(start=NOW, end=NOW),),
    title="Job",
    job=Job(version="2.1"),
)
CASE = OfferCase(offer=OFFER, digest=OFFER.digest(), state=OfferState.COMPLETED, updated_at=NOW)


class NoStore:
    async def all(self) -> tuple[()]:
        return ()

    async def keep(self, *_consents: object) -> None:
        return None

    async def forget(self, _sp_id: str) -> None:
        return None

    async def disclosed(self, after: int | None = None) -> tuple[int, dict[tuple[str, DataClass], object]]:
        return 0, {}


def open_book() -> ConsentBook:
    """Everything is allowed that may be asked for."""
    made = ConsentBook(NoStore(), StandingClock(NOW), lambda _sp_id, _revoked: None)

    async def allow() -> None:
        for sp_id in (GRID_SP, EVC_SP, PEV_SP, FLEET):
            made.register(sp_id, sp_id, data_classes(sp_id))
            for data_class in data_classes(sp_id):
                await made.set(sp_id, data_class, granted=True, text_version=1, by=Role.OWNER)

    asyncio.run(allow())
    return made


def records() -> list[DataRecord]:
    make = RecordMaker(home="Chub-0001", key=bytes(32), car=lambda: None, now=lambda: NOW)
    job = {"offer_id": "job-1", "outcome": "done", "detail": "", "version": "2.0.0"}
    charging = [
        record
        for sp_id in (EVC_SP, PEV_SP)
        for record in (make.pev_state(sp_id, STATE), make.charging(sp_id, PERIOD), make.parameters(sp_id, PARAMETERS))
    ]
    return [
        *charging,
        make.metered(EVC_SP, PERIOD),
        make.metered(GRID_SP, PERIOD),
        make.quarter(GRID_SP, quarter_body(NOW, (250, 0), ENERGY)),
        make.quarter(EVC_SP, quarter_body(NOW, None, ENERGY)),
        make.make(EVC_SP, RecordKind.JOB_RESULT, "job-1", job),
        report(EXAMINATION, CASE, "d1", "0011223344556677"),
        result(CASE, "d1"),
        make.grid_report(GRID_SP, NOW, FIGURES),
        make.location(FLEET, Position(at=NOW, latitude=52.0907, longitude=5.1214)),
    ]


def test_all_of_it_may_leave_once_it_is_allowed_and_nothing_with_one_field_more() -> None:
    book, made = open_book(), records()
    assert {record.kind for record in made} == set(RecordKind)
    for record in made:
        book.check(record)
        with pytest.raises(NotConsented, match="'vin' is not on its list"):
            book.check(replace(record, body={**record.body, "vin": "WHADEM0PEV0000001"}))


def test_none_of_it_reaches_another_provider() -> None:
    book = open_book()
    for record in records():
        if record.kind is RecordKind.LOCATION:
            for other in (GRID_SP, EVC_SP, PEV_SP):
                with pytest.raises(NotConsented):
                    book.check(replace(record, sp_id=other))
        with pytest.raises(NotConsented):
            book.check(replace(record, sp_id="stranger"))
