"""Where the home is, as it is entered, and what a watch beside the screen says."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from homeapp.model.commissioning import PlaceAnswer
from homeapp.model.site import Site

_MINUTES = 24 * 60


def from_site(site: Site, language: str) -> PlaceAnswer:
    """What the hub works with before anything was entered."""
    return PlaceAnswer(time_zone=site.time_zone, language=language or "en", name=site.name or None)


def local(now: datetime, zone: str) -> datetime:
    """The hub's clock as a watch at this place would show it, without a zone, to the second."""
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        info = ZoneInfo("UTC")
    return now.astimezone(info).replace(tzinfo=None, microsecond=0)


def wall_time(now: datetime, zone: str, ahead: timedelta) -> str:
    """What a watch shows that is ``ahead`` of the hub: ``YYYY-MM-DDTHH:MM``."""
    return (local(now, zone) + ahead).strftime("%Y-%m-%dT%H:%M")


def turned(minute: int, by: int) -> int:
    """Minute of the day, ``by`` minutes later."""
    return (minute + by) % _MINUTES


def ahead_of(now: datetime, zone: str, minute: int) -> timedelta:
    """By how much a watch is ahead of the hub that shows this minute of the day; half a day at most."""
    shown = local(now, zone)
    minutes = (minute - shown.hour * 60 - shown.minute + _MINUTES // 2) % _MINUTES - _MINUTES // 2
    return timedelta(minutes=minutes)


def in_zone(answer: PlaceAnswer, zone: str) -> PlaceAnswer:
    """The same at another place; what a watch said was said of the old one."""
    if zone == answer.time_zone:
        return answer
    return msgspec.structs.replace(answer, time_zone=zone, wall_time="")
