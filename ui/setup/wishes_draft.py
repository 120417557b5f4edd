"""What the owner wants of the car, as it is being entered: floor, target, and when it is to be ready."""

from dataclasses import replace
from enum import StrEnum

from homeapp.model.plan import Schedule
from ui.schedule_edits import PERCENT_STEP, stepped_time, with_floor

_LEAST_TARGET_PCT, _MOST_PCT = 5.0, 100.0


class Wish(StrEnum):
    """One of them."""

    FLOOR = "floor"
    TARGET = "target"
    READY_BY = "ready_by"


class WishesDraft:
    """What the hub has, with what was changed here put over it; the rest of the schedule stays the hub's."""

    def __init__(self) -> None:
        self._kept: Schedule | None = None
        self._changed: dict[Wish, float | str] = {}

    def take(self, kept: Schedule | None) -> None:
        """The hub has this."""
        self._kept = kept
        if kept is not None:
            self._changed = {wish: value for wish, value in self._changed.items() if value != _value(kept, wish)}

    @property
    def schedule(self) -> Schedule | None:
        """With the changes; None while the hub has told of none."""
        if self._kept is None:
            return None
        schedule = self._kept
        for wish, value in self._changed.items():
            schedule = _with(schedule, wish, value)
        return schedule

    @property
    def is_changed(self) -> bool:
        """It is not what the hub has."""
        return bool(self._changed)

    def step(self, wish: Wish, steps: int) -> None:
        """Some steps more or less."""
        schedule = self.schedule
        if schedule is not None:
            self._changed[wish] = _stepped(schedule, wish, steps)
            self.take(self._kept)

    def forget(self) -> None:
        """Back to what the hub has."""
        self._changed.clear()


def _value(schedule: Schedule, wish: Wish) -> float | str:
    match wish:
        case Wish.FLOOR:
            return schedule.floor_pct
        case Wish.TARGET:
            return schedule.target_pct
        case Wish.READY_BY:
            return schedule.ready_by


def _with(schedule: Schedule, wish: Wish, value: float | str) -> Schedule:
    if isinstance(value, str):
        return replace(schedule, ready_by=value)
    return replace(schedule, floor_pct=value) if wish is Wish.FLOOR else replace(schedule, target_pct=value)


def _stepped(schedule: Schedule, wish: Wish, steps: int) -> float | str:
    match wish:
        case Wish.FLOOR:
            return with_floor(schedule, steps).floor_pct
        case Wish.TARGET:
            target_pct = round(schedule.target_pct / PERCENT_STEP) * float(PERCENT_STEP) + steps * PERCENT_STEP
            return min(_MOST_PCT, max(_LEAST_TARGET_PCT, target_pct))
        case Wish.READY_BY:
            return stepped_time(schedule.ready_by, steps)
