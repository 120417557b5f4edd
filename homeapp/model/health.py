"""Health of the car."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is for the person who drives."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    """no power feed while it stands"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthAlert:
    """A defect of the car, or its repair, as told by the car or the PEV service provider.

    Attributes:
        alert_id: unique per provider; a later message with the same id replaces the earlier one.
        sp_id: who told it.
        code: the diagnostic trouble code, for instance ``P0A1F``, or an empty string.
        title: one line for people, plain text.
        advice: what it means and what to do, plain text.
        raised_at: when it was found.
        cleared_at: when it was reported as mended, or None.
        seen_by_owner: the owner has opened it.
    """

    alert_id: str
    sp_id: str
    code: str
    severity: Severity
    title: str
    advice: str
    raised_at: datetime
    cleared_at: datetime | None = None
    seen_by_owner: bool = False
