"""When an event is over, as ``GET /events?active=true`` has to know (OpenADR 3.1, User Guide "Intervals")."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_NEVER = datetime.max.replace(tzinfo=UTC)
_NOW = "0001-01-01"


def ends_at(event: Mapping[str, Any]) -> datetime:
    """The end of an event; far in the future where it has none or it cannot be read."""
    period = event.get("intervalPeriod") or {}
    with suppress(AttributeError, KeyError, TypeError, ValueError, OverflowError):
        start = _start(period["start"], event)
        if "duration" in event:
            return start + _length(event["duration"])
        usual = period.get("duration", "PT0S")
        latest = start
        intervals: Sequence[Mapping[str, Any]] = event.get("intervals") or ({},)
        for interval in intervals:
            own = interval.get("intervalPeriod") or {}
            begins = _start(own["start"], event) if "start" in own else latest
            latest = begins + _length(own.get("duration", usual))
        return latest
    return _NEVER


def _start(told: str, event: Mapping[str, Any]) -> datetime:
    if told.startswith(_NOW):
        return datetime.fromisoformat(str(event["createdDateTime"]))
    start = datetime.fromisoformat(told)
    return start if start.tzinfo else start.replace(tzinfo=UTC)


def _length(told: str) -> timedelta:
    found = _DURATION.fullmatch(told)
    if found is None:
        raise ValueError(told)
    part = {name: float(value or 0) for name, value in found.groupdict().items() if name != "sign"}
    days = 365 * part["years"] + 30 * part["months"] + 7 * part["weeks"] + part["days"]
    length = timedelta(days=days, hours=part["hours"], minutes=part["minutes"], seconds=part["seconds"])
    return -length if found["sign"] else length
