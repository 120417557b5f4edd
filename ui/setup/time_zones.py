"""Time zones to choose from: a region, then a city."""

import zoneinfo
from functools import cache
from pathlib import Path

from PySide6.QtCore import QTimeZone

AREAS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
"""The regions of the time zone database; its other names are links and offsets, which know no summer time."""


@cache
def zones() -> dict[str, tuple[str, ...]]:
    """Every city's zone by its region, both in the order of the alphabet."""
    known = _canonical() & zoneinfo.available_timezones()
    found: dict[str, list[str]] = {area: [] for area in AREAS}
    for name in sorted(known or zoneinfo.available_timezones()):
        area, _, city = name.partition("/")
        if city and area in found:
            found[area].append(name)
    return {area: tuple(names) for area, names in found.items() if names}


def area_of(zone: str) -> str:
    """Its region."""
    return zone.partition("/")[0]


def city_of(zone: str) -> str:
    """How the city is shown: ``America/North_Dakota/Center`` is ``Center, North Dakota``."""
    places = zone.replace("_", " ").split("/")[1:]
    return ", ".join(reversed(places)) or zone


def own_zone() -> str:
    """That of this machine; empty where it has none of a city."""
    name = bytes(QTimeZone.systemTimeZoneId().data()).decode("ascii", "replace")
    return name if any(name in names for names in zones().values()) else ""


def _canonical() -> set[str]:
    """Names that are no aliases, from the table that comes with the database (tzdata, ``zone.tab``)."""
    for place in zoneinfo.TZPATH:
        try:
            lines = (Path(place) / "zone.tab").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
        return {row[2] for row in rows if len(row) > 2}
    return set()
