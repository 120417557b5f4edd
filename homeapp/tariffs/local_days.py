"""Local days in quarter hours, UTC: 92, 96 or 100 of them."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

QUARTER = timedelta(minutes=15)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The local day on which ``instant`` lies."""
    return instant.astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The start of a local day, UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def quarters(day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The starts of all quarter hours of a local day, ascending, UTC."""
    start, end = day_start(day, zone), day_start(day + timedelta(days=1), zone)
    return tuple(start + number * QUARTER for number in range((end - start) // QUARTER))


def next_quarter(instant: datetime) -> datetime:
    """The first full quarter hour after ``instant``."""
    into = timedelta(minutes=instant.minute % 15, seconds=instant.second, microseconds=instant.microsecond)
    return instant - into + QUARTER
