"""What the grid operator wants to be told besides energy: how the charger stands, and what the car's battery can do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class GridFigure(StrEnum):
    """Payload types of OpenADR 3.1 reports that the hub can fill."""

    OPERATING_STATE = "OPERATING_STATE"
    STORAGE_CHARGE_LEVEL = "STORAGE_CHARGE_LEVEL"
    STORAGE_USABLE_CAPACITY = "STORAGE_USABLE_CAPACITY"
    STORAGE_MAX_CHARGE_POWER = "STORAGE_MAX_CHARGE_POWER"
    STORAGE_MAX_DISCHARGE_POWER = "STORAGE_MAX_DISCHARGE_POWER"


class OperatingState(StrEnum):
    """How the charger stands, in the words of OpenADR 3.1."""

    RUNNING_NORMAL = "RUNNING_NORMAL"
    RUNNING_CURTAILED = "RUNNING_CURTAILED"
    RUNNING_OPTED_OUT = "RUNNING_OPTED_OUT"
    IDLE_NORMAL = "IDLE_NORMAL"
    IDLE_CURTAILED = "IDLE_CURTAILED"
    IDLE_OPTED_OUT = "IDLE_OPTED_OUT"
    ERROR = "ERROR"


class Stance(StrEnum):
    """How the home stands to a request."""

    NONE = "none"
    """it is no request, is over, or was not answered yet"""
    TAKES_PART = "takes_part"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWish:
    """One event that asks for figures.

    Attributes:
        event_id: the reports hang on it.
        start, end: within which it asks.
        every: from report to report, counted from ``start``; None for one report at ``end``.
        at_will: the home may report whenever it has news, too.
    """

    event_id: str
    figures: frozenset[GridFigure]
    start: datetime
    end: datetime
    every: timedelta | None = None
    at_will: bool = False

    def due(self, now: datetime) -> datetime | None:
        """The latest instant at which a report was due, or None."""
        if now < self.start:
            return None
        if self.every is None:
            return self.end if now >= self.end else None
        return self.start + (min(now, self.end) - self.start) // self.every * self.every
