"""The owner's goal for the car, from the settings and the mode chosen on screen."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from homeapp.model.plan import ChargingMode, Goal
from homeapp.settings import GoalSettings


def goal_at(now: datetime, settings: GoalSettings, mode: ChargingMode, time_zone: str) -> Goal:
    """The goal with the next departure after ``now``."""
    return Goal(
        mode=mode,
        target_pct=settings.target_pct,
        ready_by=next_local_time(now, settings.ready_by, time_zone),
        floor_pct=settings.floor_pct,
        capacity_wh=settings.capacity_kwh * 1000,
    )


def next_local_time(now: datetime, clock_time: str, time_zone: str) -> datetime:
    """The next instant, UTC, at which local clocks show ``HH:MM``.

    A time that a spring change skips is the moment right after the gap; of a doubled one the first.
    """
    zone = ZoneInfo(time_zone)
    wanted = time.fromisoformat(clock_time)
    day = now.astimezone(zone).date()
    for _ in range(3):
        instant = datetime.combine(day, wanted, zone).astimezone(UTC)
        if instant > now:
            return instant
        day += timedelta(days=1)
    raise AssertionError("a day has at most 25 hours")


def local_midnight(now: datetime, time_zone: str) -> datetime:
    """The start of the local day that ``now`` falls in, UTC."""
    zone = ZoneInfo(time_zone)
    return datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(UTC)
