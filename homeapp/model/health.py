"""Health of the car."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CAR = "car"
"""``sp_id`` of what the car itself has told."""


class Severity(StrEnum):
    """How bad it is for the person who drives."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    """no power feed while it stands"""


class OrderStatus(StrEnum):
    """How a part order stands."""

    ORDERED = "ordered"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOrder:
    """A part that the PEV service provider has ordered from the manufacturer.

    Attributes:
        alert_id: the alert that it is for, or an empty string.
        note: plain text by the provider.
    """

    order_id: str
    sp_id: str
    alert_id: str
    part: str
    status: OrderStatus
    updated_at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A diagnostic trouble code that the car holds.

    Attributes:
        code: SAE J2012, for instance ``P0A1F``.
        confirmed: bit 3 of the UDS status (ISO 14229-1 annex D): it counts as a defect, not only as a suspicion.
    """

    code: str
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PevExamination:
    """What a look into the car has found; a field is None where the car does not tell.

    Attributes:
        vin: ISO 3779; personal: it leaves the home only as a pseudonym.
        soh_pct: state of health of the traction battery.
        low_voltage_v: of the 12 V battery.
    """

    at: datetime
    vin: str
    defects: tuple[Defect, ...]
    soc_pct: float | None = None
    soh_pct: float | None = None
    low_voltage_v: float | None = None
    software_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where the car was, degrees WGS 84."""

    at: datetime
    latitude: float
    longitude: float


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
