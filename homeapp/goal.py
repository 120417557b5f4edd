"""The owner's goal for the car as of now, from what was set and the mode chosen; local wall times as instants."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from homeapp.model.plan import ChargingMode, Departure, Goal, Schedule

LOOK_AHEAD = timedelta(hours=48)
_DAYS_SEARCHED = 9
"""A departure of one weekday may just be over."""


def goal_at(
    now: datetime,
    schedule: Schedule,
    mode: ChargingMode,
    time_zone: str,
    capacity_wh: float,
    overdue: Departure | None = None,
) -> Goal:
    """The goal with the departures after ``now``."""
    ahead = departures(schedule, now, time_zone)
    within = tuple(departure for departure in ahead if departure.at <= now + LOOK_AHEAD)
    first = ahead[0] if ahead else Departure(at=now + LOOK_AHEAD, target_pct=schedule.target_pct)
    return Goal(
        mode=mode,
        target_pct=first.target_pct,
        ready_by=first.at,
        floor_pct=schedule.floor_pct,
        capacity_wh=capacity_wh,
        departures=within,
        at_deadline=schedule.at_deadline,
        feed=schedule.feed,
        overdue=overdue,
    )


def departures(schedule: Schedule, now: datetime, time_zone: str) -> tuple[Departure, ...]:
    """Those of the next nine days after ``now``, ascending; of several at one instant the one that wants the most."""
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    # The day before: where the clocks have just been put back, a time of it may still be ahead.
    days = (today + timedelta(days=number) for number in range(-1, _DAYS_SEARCHED))
    regular = (departure for day in days for departure in _on_day(schedule, day, zone))
    wanted: dict[datetime, float] = {}
    for departure in (*regular, *schedule.once):
        if now < departure.at < now + timedelta(days=_DAYS_SEARCHED):
            at = departure.at.astimezone(UTC)
            wanted[at] = max(departure.target_pct, wanted.get(at, 0.0))
    return tuple(Departure(at=at, target_pct=wanted[at]) for at in sorted(wanted))


def local_instant(day: date, clock_time: str, zone: ZoneInfo) -> datetime:
    """When the clocks show ``HH:MM`` on a local day, UTC.

    A time that a spring change skips is the moment right after the gap; of a doubled one the first.
    """
    return datetime.combine(day, time.fromisoformat(clock_time), zone).astimezone(UTC)


def local_midnight(now: datetime, time_zone: str) -> datetime:
    """The start of the local day that ``now`` falls in, UTC."""
    zone = ZoneInfo(time_zone)
    return local_instant(now.astimezone(zone).date(), "00:00", zone)


def _on_day(schedule: Schedule, day: date, zone: ZoneInfo) -> Iterator[Departure]:
    own = next((entry for entry in schedule.weekly if day.isoweekday() in entry.weekdays), None)
    if own is not None:
        yield Departure(at=local_instant(day, own.time, zone), target_pct=own.target_pct)
    elif schedule.ready_by:
        yield Departure(at=local_instant(day, schedule.ready_by, zone), target_pct=schedule.target_pct)
