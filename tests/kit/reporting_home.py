"""A reporter with its stores, and all that it tells providers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homeapp.errors import DeviceUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.grid_report import ReportWish, Stance
from homeapp.model.health import Position
from homeapp.model.plan import ChargingMode, Goal
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus
from homeapp.model.record import DataRecord, RecordKind
from homeapp.reporting.records import RecordMaker
from homeapp.reporting.reporter import Reporter
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.periods import Periods
from homeapp.store.quarters import Quarters
from homeapp.store.telemetry import Telemetry
from kit.clocks import LeapingClock

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
KEY = bytes(range(32))
HOME = "Chub-0001"
EVERYTHING = frozenset((sp_id, kind) for sp_id in ("evc_sp", "pev_sp", "grid_sp", "fleet") for kind in DataClass)
DENMARK = Position(at=NOON, latitude=56.1629, longitude=10.2039)
GOAL = Goal(
    mode=ChargingMode.READY_BY, target_pct=80.0, ready_by=NOON + timedelta(hours=8), floor_pct=50.0, capacity_wh=60_000
)
IDLE = EvceState(
    device_id="ocpp:a",
    received_at=NOON,
    status=EvceStatus.AVAILABLE,
    connected=True,
    power_w=0.0,
    power_at=NOON,
    import_wh=1000.0,
    export_wh=50.0,
)
PLUGGED = replace(
    IDLE,
    status=EvceStatus.PLUGGED,
    transaction_id="7",
    soc_pct=55.04,
    capabilities=EvceCapabilities(protocol="ocpp2.1", can_feed=True, max_charge_w=11_000.0, max_feed_w=6000.0),
)
CHARGING = replace(PLUGGED, status=EvceStatus.CHARGING, power_w=7200.0)


class Home:
    """A reporter with its stores, and who listens."""

    def __init__(self, database: Database, clock: LeapingClock, agreed: Collection[tuple[str, DataClass]]) -> None:
        self.clock = clock
        self.agreed = set(agreed)
        self.sent: list[DataRecord] = []
        self.tried: list[DataRecord] = []
        self.failure: Exception | None = None
        self.position: Position | DeviceUnreachable | None = None
        self.vin: str | None = None
        self.wishes: tuple[ReportWish, ...] = ()
        self.stances: dict[str, Stance] = {}
        self.telemetry = Telemetry(database)
        self.periods = Periods(database, clock)
        self.reporter = Reporter(
            records=RecordMaker(home=HOME, key=KEY, car=lambda: self.vin, now=clock.now),
            periods=self.periods,
            quarters=Quarters(database),
            ledger=Ledger(database, clock),
            clock=clock,
            put=self._put,
            allows=lambda sp_id, data_class: (sp_id, data_class) in self.agreed,
            locate=self._locate,
            wishes=lambda: self.wishes,
            stance=lambda event_id: self.stances.get(event_id, Stance.NONE),
        )
        self.reporter.goal_changed(GOAL)

    async def _put(self, record: DataRecord) -> None:
        assert (record.sp_id, record.data_class) in self.agreed
        self.tried.append(record)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        # The outbox knows each record once.
        if record.record_id not in {known.record_id for known in self.sent}:
            self.sent.append(record)

    async def _locate(self) -> Position | None:
        if isinstance(self.position, DeviceUnreachable):
            raise self.position
        return self.position

    def evce(self, state: EvceState) -> None:
        now = self.clock.at
        state = replace(state, received_at=now, power_at=now)
        self.reporter.evce_changed(state)
        self.reporter.car_changed(state)

    async def charge(self, seconds: int, state: EvceState = CHARGING) -> None:
        """The charger tells its power every 10 s; its register counts."""
        begun = state.import_wh or 0.0
        for passed in range(0, seconds, 10):
            self.evce(replace(state, import_wh=begun + max(0.0, state.power_w or 0.0) * passed / 3600))
            await self.reporter.report()
            self.clock.at += timedelta(seconds=10)

    def told(self, sp_id: str, *kinds: RecordKind) -> list[DataRecord]:
        return [record for record in self.sent if record.sp_id == sp_id and (not kinds or record.kind in kinds)]


@asynccontextmanager
async def home(
    directory: Path, clock: LeapingClock | None = None, agreed: Collection[tuple[str, DataClass]] = EVERYTHING
) -> AsyncGenerator[Home, None]:
    async with Database(directory) as database:
        yield Home(database, clock or LeapingClock(NOON), agreed)


def living(directory: Path, body: Callable[[Home], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with home(directory, **how) as ours:
            await body(ours)

    asyncio.run(main())
