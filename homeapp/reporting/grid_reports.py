"""Reports that the grid operator's events ask for: the charger's state and what the car's battery can do."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial

from homeapp.model.grid_report import GridFigure, OperatingState, ReportWish, Stance
from homeapp.model.plan import Goal
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.model.record import DataRecord, RecordKind, Value
from homeapp.ports import Clock
from homeapp.reporting.records import GRID_SP, RecordMaker
from homeapp.reporting.told import Told

LATEST = timedelta(minutes=5)
"""A state that is told later than that after it was due would be another one."""
NEWS_APART = timedelta(seconds=60)
_RUNNING = (EvceStatus.CHARGING, EvceStatus.FEEDING)
_FAULTY = (EvceStatus.FAULTED, EvceStatus.OFFLINE)

Send = Callable[[str, RecordKind, Callable[[], DataRecord]], Awaitable[bool]]


class GridReports:
    """Makes each report that is due, once; nothing without the owner's consent to CHARGING.

    Args:
        wishes: what the grid operator's events ask for now.
        stance: how the home stands to the request in an event.
    """

    def __init__(
        self,
        *,
        records: RecordMaker,
        told: Told,
        clock: Clock,
        wishes: Callable[[], Collection[ReportWish]],
        stance: Callable[[str], Stance],
    ) -> None:
        self._records = records
        self._told = told
        self._clock = clock
        self._wishes = wishes
        self._stance = stance
        self._news: dict[str, tuple[datetime, OperatingState]] = {}

    async def tell(self, state: EvceState | None, goal: Goal | None, *, allowed: bool, send: Send) -> None:
        """Send what is due.

        Args:
            state: the charger at which the car is, or None.
            goal: what the owner wants, or None.
            allowed: the owner's consent.
            send: makes and sends a record.

        Raises:
            StoreUnavailable: something could not be kept.
        """
        if not allowed:
            await self._told.forget(GRID_SP, RecordKind.GRID_REPORT)
            return
        for wish in self._wishes():
            due = await self._due(wish, state)
            if due is None:
                continue
            body = _body(wish, self._clock.now(), state, goal, self._stance(wish.event_id))
            if body is not None:
                await send(GRID_SP, RecordKind.GRID_REPORT, partial(self._records.grid_report, GRID_SP, due, body))
            await self._note(wish, due, state)

    async def _due(self, wish: ReportWish, state: EvceState | None) -> datetime | None:
        """The instant that a report is to be made for now."""
        now = self._clock.now()
        due = wish.due(now)
        known = (await self._told.last(GRID_SP, RecordKind.GRID_REPORT) or {}).get(wish.event_id)
        if due is not None and now - due <= LATEST and (known is None or datetime.fromisoformat(known) < due):
            return due
        return now if self._has_news(wish, state, now) else None

    def _has_news(self, wish: ReportWish, state: EvceState | None, now: datetime) -> bool:
        before = self._news.get(wish.event_id)
        if not wish.at_will or before is None or not wish.start <= now <= wish.end:
            return False
        at, told = before
        return now - at >= NEWS_APART and operating_state(state, self._stance(wish.event_id)) is not told

    async def _note(self, wish: ReportWish, due: datetime, state: EvceState | None) -> None:
        self._news[wish.event_id] = self._clock.now(), operating_state(state, self._stance(wish.event_id))
        kept = await self._told.last(GRID_SP, RecordKind.GRID_REPORT) or {}
        asked = {one.event_id for one in self._wishes()}
        told: dict[str, Value] = {event_id: at for event_id, at in kept.items() if event_id in asked}
        await self._told.keep(GRID_SP, RecordKind.GRID_REPORT, told | {wish.event_id: due.isoformat()})


def operating_state(state: EvceState | None, stance: Stance) -> OperatingState:
    """How the charger stands to a request, in the words of OpenADR."""
    if state is None or state.status in _FAULTY:
        return OperatingState.ERROR
    running = state.status in _RUNNING
    match stance:
        case Stance.OPTED_OUT:
            return OperatingState.RUNNING_OPTED_OUT if running else OperatingState.IDLE_OPTED_OUT
        case Stance.TAKES_PART:
            return OperatingState.RUNNING_CURTAILED if running else OperatingState.IDLE_CURTAILED
        case _:
            return OperatingState.RUNNING_NORMAL if running else OperatingState.IDLE_NORMAL


def _body(
    wish: ReportWish, now: datetime, state: EvceState | None, goal: Goal | None, stance: Stance
) -> Mapping[str, Value] | None:
    """What was asked for and is known; None where that is nothing."""
    figures = {
        GridFigure.OPERATING_STATE: ("operating_state", operating_state(state, stance).value),
        **(_of_car(state, goal) if state is not None and state.status.car_present else {}),
    }
    told = dict(figures[figure] for figure in wish.figures if figure in figures)
    known = {name: value for name, value in told.items() if value is not None}
    return {"event_id": wish.event_id, "at": now.isoformat(), **known} if known else None


def _of_car(state: EvceState, goal: Goal | None) -> Mapping[GridFigure, tuple[str, Value]]:
    can = state.capabilities
    return {
        GridFigure.STORAGE_CHARGE_LEVEL: ("soc_pct", None if state.soc_pct is None else round(state.soc_pct, 1)),
        GridFigure.STORAGE_USABLE_CAPACITY: ("capacity_wh", None if goal is None else goal.capacity_wh),
        GridFigure.STORAGE_MAX_CHARGE_POWER: ("max_charge_w", None if can is None else can.max_charge_w),
        GridFigure.STORAGE_MAX_DISCHARGE_POWER: (
            "max_feed_w",
            None if can is None else (can.max_feed_w if can.can_feed else 0.0),
        ),
    }
