"""Steps that a tap makes in a schedule; whatever they lead to makes sense."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from homeapp.model.plan import Departure, FeedBudget, Schedule, WeeklyDeparture

PERCENT_STEP = 5
_LEAST_PCT, _MOST_PCT = 5.0, 100.0


def next_entry(schedule: Schedule, departure: datetime, zone: ZoneInfo) -> Departure | WeeklyDeparture | None:
    """The entry that the departure at ``departure`` comes from; None where it is that of all other days."""
    for single in schedule.once:
        if single.at == departure:
            return single
    local = departure.astimezone(zone)
    return next((entry for entry in schedule.weekly if local.isoweekday() in entry.weekdays), None)


def next_target(schedule: Schedule, departure: datetime, zone: ZoneInfo) -> float:
    """The state of charge wanted at that departure, percent."""
    entry = next_entry(schedule, departure, zone)
    return schedule.target_pct if entry is None else entry.target_pct


def next_time(schedule: Schedule, departure: datetime, zone: ZoneInfo) -> str:
    """Its local wall time, ``HH:MM``; empty where there is none."""
    entry = next_entry(schedule, departure, zone)
    if isinstance(entry, Departure):
        return entry.at.astimezone(zone).strftime("%H:%M")
    return schedule.ready_by if entry is None else entry.time


def with_target(schedule: Schedule, departure: datetime, zone: ZoneInfo, steps: int) -> Schedule:
    """Its target some steps of 5 % higher or lower."""
    entry = next_entry(schedule, departure, zone)
    target_pct = _stepped(next_target(schedule, departure, zone), steps)
    if entry is None:
        return replace(schedule, target_pct=target_pct)
    return _with(schedule, entry, replace(entry, target_pct=target_pct))


def with_floor(schedule: Schedule, steps: int) -> Schedule:
    """The reserve some steps higher or lower; it may be none at all."""
    floor_pct = min(_MOST_PCT, max(0.0, _rounded(schedule.floor_pct) + steps * PERCENT_STEP))
    return replace(schedule, floor_pct=floor_pct)


def with_time(schedule: Schedule, departure: datetime, zone: ZoneInfo, to: datetime) -> Schedule:
    """The departure at another time of its day; that of several days moves on all of them."""
    entry = next_entry(schedule, departure, zone)
    time = to.astimezone(zone).strftime("%H:%M")
    if entry is None:
        return replace(schedule, ready_by=time)
    if isinstance(entry, WeeklyDeparture):
        return _with(schedule, entry, replace(entry, time=time))
    return _with(schedule, entry, replace(entry, at=to))


def with_time_stepped(schedule: Schedule, departure: datetime, zone: ZoneInfo, steps: int) -> Schedule:
    """The departure some quarter hours later or earlier, around midnight."""
    time = stepped_time(next_time(schedule, departure, zone), steps)
    return with_time(schedule, departure, zone, _at(departure, time, zone))


def moved(old: Schedule, new: Schedule, departure: datetime, zone: ZoneInfo) -> datetime:
    """The departure of ``old`` as ``new`` has it."""
    entry = next_entry(old, departure, zone)
    if isinstance(entry, Departure) and len(old.once) == len(new.once):
        return new.once[old.once.index(entry)].at
    time = next_time(new, departure, zone)
    return _at(departure, time, zone) if time else departure


def stepped_time(time: str, steps: int) -> str:
    """A wall time some quarter hours later or earlier, around midnight."""
    hour, minute = (int(part) for part in (time or "07:00").split(":"))
    quarter = (hour * 60 + minute) // 15 + steps
    minutes = quarter % 96 * 15
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def with_weekly(schedule: Schedule, entry: WeeklyDeparture) -> Schedule:
    """With this entry; its days are taken out of the others."""
    others = [
        replace(other, weekdays=tuple(day for day in other.weekdays if day not in entry.weekdays))
        for other in schedule.weekly
    ]
    kept = (entry, *(other for other in others if other.weekdays))
    return replace(schedule, weekly=tuple(sorted(kept, key=lambda one: one.weekdays)))


def with_once(schedule: Schedule, departure: Departure) -> Schedule:
    """With this single departure."""
    others = (other for other in schedule.once if other.at != departure.at)
    return replace(schedule, once=tuple(sorted((departure, *others), key=lambda one: one.at)))


def without(schedule: Schedule, entry: Departure | WeeklyDeparture) -> Schedule:
    """Without this entry."""
    return replace(
        schedule,
        weekly=tuple(other for other in schedule.weekly if other is not entry),
        once=tuple(other for other in schedule.once if other is not entry),
    )


def with_feed(schedule: Schedule, **changes: object) -> Schedule:
    """With another budget for feeding."""
    budget: FeedBudget = replace(schedule.feed, **changes)  # type: ignore[arg-type]
    return replace(schedule, feed=budget)


def _at(departure: datetime, time: str, zone: ZoneInfo) -> datetime:
    hour, minute = (int(part) for part in time.split(":"))
    return departure.astimezone(zone).replace(hour=hour, minute=minute).astimezone(UTC)


def _with(schedule: Schedule, old: Departure | WeeklyDeparture, new: Departure | WeeklyDeparture) -> Schedule:
    return replace(
        schedule,
        weekly=tuple(new if entry is old else entry for entry in schedule.weekly),  # type: ignore[misc]
        once=tuple(new if entry is old else entry for entry in schedule.once),  # type: ignore[misc]
    )


def _stepped(percent: float, steps: int) -> float:
    return min(_MOST_PCT, max(_LEAST_PCT, _rounded(percent) + steps * PERCENT_STEP))


def _rounded(percent: float) -> float:
    return round(percent / PERCENT_STEP) * float(PERCENT_STEP)
