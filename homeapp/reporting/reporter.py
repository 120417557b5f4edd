"""What the hub tells providers of its own accord: the car's state, its charging, energy, and where it is.

Nothing is even made for a provider without the owner's consent. Provider and kind: ``evc_sp`` gets the car's state,
charging periods, charging parameters and their energy; ``pev_sp`` the car's state; ``grid_sp`` quarter hours, and
what its events ask for; ``fleet`` the location.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, NoReturn

from homeapp.errors import DeviceError, NotConsented
from homeapp.model.consent import DataClass
from homeapp.model.grid_report import ReportWish, Stance
from homeapp.model.health import Position
from homeapp.model.period import Period
from homeapp.model.plan import Goal
from homeapp.model.readings import EvceState, EvceStatus, MeterReading
from homeapp.model.record import DataRecord, RecordKind, Value
from homeapp.ports import Clock
from homeapp.reporting.grid_reports import GridReports
from homeapp.reporting.periods import Tracking, follow, sample_of, taken_up, unseen_end
from homeapp.reporting.quarter_hours import QuarterHours
from homeapp.reporting.records import (
    EVC_SP,
    FLEET,
    GRID_SP,
    PEV_SP,
    RecordMaker,
    charging_parameters,
    coarse,
    data_class_of,
)
from homeapp.reporting.told import Told
from homeapp.store.ledger import Ledger
from homeapp.store.periods import Periods
from homeapp.store.quarters import Quarters

logger = logging.getLogger(__name__)

CYCLE_S = 1.0
KEEP_OPEN_EVERY_S = 60.0
LEAST_APART_S = 60.0
"""Between two records about the car's state, or about its parameters, unless it was plugged in or out."""
SOC_MOVES_PCT = 5.0
TAKE_UP_WITHIN_S = 300.0
"""For so long a charger is waited for, to learn from its meter how a period ended that the hub did not see end."""
LOCATE_EVERY_S = 3600.0
LOCATE_AGAIN_S = 300.0
_SILENT = (EvceStatus.OFFLINE, EvceStatus.STARTING, EvceStatus.FAULTED)
"""They say nothing about the car."""

Put = Callable[[DataRecord], Awaitable[None]]
Allows = Callable[[str, DataClass], bool]
Make = Callable[[], DataRecord]
Locate = Callable[[], Awaitable[Position | None]]


class Reporter:
    """Turns what happens at the charger and at the meter into records.

    Args:
        records: makes them.
        periods, quarters, ledger: what was measured, and what was told last.
        clock: hub time.
        put: takes a record on its way; one with a known id has no second effect.
        allows: the owner's consent.
        locate: where the car is, or None where that is not known.
        wishes: what the grid operator's events ask for now.
        stance: how the home stands to the request in one of them.
    """

    def __init__(
        self,
        *,
        records: RecordMaker,
        periods: Periods,
        quarters: Quarters,
        ledger: Ledger,
        clock: Clock,
        put: Put,
        allows: Allows,
        locate: Locate,
        wishes: Callable[[], Collection[ReportWish]] = tuple,
        stance: Callable[[str], Stance] = lambda _event_id: Stance.NONE,
    ) -> None:
        self._records = records
        self._periods = periods
        self._quarter_hours = QuarterHours(quarters, ledger, clock)
        self._told = Told(ledger)
        self._grid_reports = GridReports(records=records, told=self._told, clock=clock, wishes=wishes, stance=stance)
        self._clock = clock
        self._put = put
        self._allows = allows
        self._locate = locate
        self._state: EvceState | None = None
        self._goal: Goal | None = None
        self._trackings: dict[str, Tracking] = {}
        self._changes: deque[Period] = deque()
        self._due_s: dict[tuple[str, RecordKind], float] = {}
        self._kept_s = clock.monotonic()
        self._locate_s = clock.monotonic()
        self._left_open: list[Period] | None = None
        self._take_up_until_s = clock.monotonic() + TAKE_UP_WITHIN_S

    def evce_changed(self, state: EvceState) -> None:
        """A charger's newest state: each has periods of its own; returns at once."""
        if (sample := sample_of(state, self._clock.now())) is not None:
            tracking = self._trackings.get(state.device_id, Tracking())
            self._trackings[state.device_id], changes = follow(tracking, sample)
            self._changes.extend(changes)

    def evce_gone(self, device_id: str) -> None:
        """A charger was taken away; returns at once."""
        tracking = self._trackings.pop(device_id, Tracking())
        if tracking.period is not None and tracking.certain:
            self._changes.append(unseen_end(tracking.period))

    def car_changed(self, state: EvceState | None) -> None:
        """The newest state of the charger that the plan is about, None where there is none; returns at once."""
        self._state = state

    def goal_changed(self, goal: Goal) -> None:
        """What the owner wants; returns at once."""
        self._goal = goal

    def meter_read(self, reading: MeterReading) -> None:
        """The meter's newest reading; returns at once."""
        self._quarter_hours.meter_read(reading)

    async def run(self) -> NoReturn:
        """Report until cancelled.

        Raises:
            StoreUnavailable: something could not be kept; call again, nothing is lost.
        """
        while True:
            await self.report()
            await self._clock.sleep(CYCLE_S)

    async def report(self) -> None:
        """Everything that is due now."""
        await self._take_up()
        await self._tell_periods()
        await self._tell_car()
        await self._quarter_hours.tell(
            allowed=self._allows(GRID_SP, DataClass.METERING),
            send=lambda body: self._send(GRID_SP, RecordKind.METERING, partial(self._records.quarter, GRID_SP, body)),
        )
        await self._grid_reports.tell(
            self._state, self._goal, allowed=self._allows(GRID_SP, DataClass.CHARGING), send=self._send
        )
        await self._tell_location()

    async def _take_up(self) -> None:
        """What an earlier life of the hub has left open."""
        if self._left_open is None:
            self._left_open = list(await self._periods.unfinished())
        newest = {period.device_id: period for period in self._left_open}
        in_time = self._clock.monotonic() < self._take_up_until_s
        for period in tuple(self._left_open):
            known = self._trackings.get(period.device_id, Tracking())
            begun = [change for change in self._changes if change.ended_at is None and _is(change, known.period)]
            found: tuple[Tracking, Period | None] | None = known, unseen_end(period)
            if newest[period.device_id] is period:
                found = taken_up(period, known, told=known.certain and not begun)
            if found is None and in_time:
                continue
            self._left_open.remove(period)
            tracking, ended = found or (known, unseen_end(period))
            if ended is None:
                self._trackings[period.device_id] = tracking
                self._changes = deque(change for change in self._changes if change not in begun)
            else:
                self._changes.appendleft(ended)

    async def _tell_periods(self) -> None:
        while self._changes:
            period = self._changes[0]
            if period.ended_at is None:
                # Kept first: what was begun towards a provider will be ended, whatever happens.
                await self._periods.keep(period)
                await self._send(EVC_SP, RecordKind.CHARGING, partial(self._records.charging, EVC_SP, period))
            else:
                await self._ended(period)
            self._changes.popleft()
        await self._keep_open()

    async def _keep_open(self) -> None:
        """What a power cut would leave of the periods under way."""
        now_s = self._clock.monotonic()
        if now_s - self._kept_s < KEEP_OPEN_EVERY_S:
            return
        for tracking in tuple(self._trackings.values()):
            if tracking.period is not None and tracking.certain:
                await self._periods.keep(tracking.period)
                self._kept_s = now_s

    async def _ended(self, period: Period) -> None:
        await self._send(EVC_SP, RecordKind.CHARGING, partial(self._records.charging, EVC_SP, period))
        await self._send(EVC_SP, RecordKind.METERING, partial(self._records.metered, EVC_SP, period))
        # Kept last: until the records are on their way it counts as open.
        await self._periods.keep(period)

    async def _tell_car(self) -> None:
        state, goal = self._state, self._goal
        if state is None or state.status in _SILENT:
            return
        for sp_id in (EVC_SP, PEV_SP):
            await self._tell_state(sp_id, state)
        if not state.status.car_present:
            # Another car may come.
            await self._told.forget(EVC_SP, RecordKind.CHARGING_PARAMETERS)
        elif goal is not None:
            await self._tell_parameters(charging_parameters(state, goal))

    async def _tell_state(self, sp_id: str, state: EvceState) -> None:
        kind = RecordKind.PEV_STATE
        if not await self._may(sp_id, kind):
            return
        now: dict[str, Value] = {"plugged": state.status.car_present, "status": state.status.value}
        before = await self._told.last(sp_id, kind)
        turned = before is None or before["plugged"] != now["plugged"]
        if turned or (before != now and self._is_due(sp_id, kind)):
            await self._news(sp_id, kind, now, partial(self._records.pev_state, sp_id, state))

    async def _tell_parameters(self, parameters: Mapping[str, Value]) -> None:
        kind = RecordKind.CHARGING_PARAMETERS
        if not await self._may(EVC_SP, kind):
            return
        before = await self._told.last(EVC_SP, kind)
        if before is None or (_noticeable(before, parameters) and self._is_due(EVC_SP, kind)):
            await self._news(EVC_SP, kind, parameters, partial(self._records.parameters, EVC_SP, parameters))

    async def _tell_location(self) -> None:
        kind = RecordKind.LOCATION
        if not await self._may(FLEET, kind) or self._clock.monotonic() < self._locate_s:
            return
        self._locate_s = self._clock.monotonic() + LOCATE_AGAIN_S
        position = await self._position()
        if position is None:
            return
        latitude, longitude = coarse(position)
        now: dict[str, Value] = {"latitude": latitude, "longitude": longitude}
        plugged = self._state is not None and self._state.status.car_present
        if plugged or await self._told.last(FLEET, kind) != now:
            await self._news(FLEET, kind, now, partial(self._records.location, FLEET, position))
            self._locate_s = self._clock.monotonic() + LOCATE_EVERY_S

    async def _position(self) -> Position | None:
        try:
            return await self._locate()
        except DeviceError as error:
            logger.info("the car does not tell where it is: %s", error)
            return None

    async def _may(self, sp_id: str, kind: RecordKind) -> bool:
        """The owner has agreed; where not, the provider will have to be told anew once it is so."""
        if self._allows(sp_id, data_class_of(kind)):
            return True
        await self._told.forget(sp_id, kind)
        return False

    async def _news(self, sp_id: str, kind: RecordKind, told: Mapping[str, Value], make: Make) -> None:
        if await self._send(sp_id, kind, make):
            await self._told.keep(sp_id, kind, told)
            self._due_s[sp_id, kind] = self._clock.monotonic() + LEAST_APART_S

    async def _send(self, sp_id: str, kind: RecordKind, make: Make) -> bool:
        """Whether the owner has agreed, so that the record was made and put on its way."""
        if not self._allows(sp_id, data_class_of(kind)):
            return False
        try:
            await self._put(make())
        except NotConsented as error:
            logger.warning("%s: a record about %s was held back: %s", sp_id, kind, error)
            return False
        return True

    def _is_due(self, sp_id: str, kind: RecordKind) -> bool:
        due_s = self._due_s.get((sp_id, kind))
        return due_s is None or self._clock.monotonic() >= due_s


def _is(one: Period, other: Period | None) -> bool:
    return other is not None and one.period_id == other.period_id


def _noticeable(before: Mapping[str, Any], now: Mapping[str, Value]) -> bool:
    """Another wish or limit, or a state of charge that has moved on."""
    was, soc_pct = before.get("soc_pct"), now.get("soc_pct")
    if not isinstance(was, int | float) or not isinstance(soc_pct, int | float):
        moved = was != soc_pct
    else:
        moved = abs(was - soc_pct) >= SOC_MOVES_PCT
    return moved or any(before.get(name) != value for name, value in now.items() if name != "soc_pct")
