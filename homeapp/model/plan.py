"""What the owner wants of the car, and what the hub means to do about it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class ChargingMode(StrEnum):
    """What the owner asked for."""

    CHEAPEST = "cheapest"
    """cheapest slots that still keep "ready by" """
    NOW = "now"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the owner wants of the car.

    Attributes:
        target_pct: state of charge wanted at ``ready_by``.
        ready_by: the next departure, UTC.
        floor_pct: never feed the car below this.
        capacity_wh: the car's usable battery, Wh.
    """

    mode: ChargingMode
    target_pct: float
    ready_by: datetime
    floor_pct: float
    capacity_wh: float


class SlotReason(StrEnum):
    """Why a slot of the plan is as it is."""

    CHEAP = "cheap"
    NEEDED = "needed"
    """not cheap, but the deadline needs it"""
    NOW = "now"
    FEED_OFFER = "feed_offer"
    REDUCED_BY_OFFER = "reduced_by_offer"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSlot:
    """One span [start, end) of the plan.

    Attributes:
        power_w: charging +, feeding -, 0 idle.
        price: import price per kWh in this slot, or None.
    """

    start: datetime
    end: datetime
    power_w: float
    reason: SlotReason
    price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the hub means to do, slot by slot, ascending.

    Attributes:
        made_at: when it was computed (hub clock, UTC).
        cost: expected cost of the charging in it, in the tariff's currency; None where prices are missing.
        reaches_pct: state of charge expected at ``ready_by``.
        shortfall_wh: energy missing at ``ready_by``, 0 when the goal is met.
    """

    made_at: datetime
    slots: tuple[PlanSlot, ...]
    reaches_pct: float
    shortfall_wh: float
    cost: Decimal | None = None

    def at(self, instant: datetime) -> PlanSlot | None:
        """The slot that holds at ``instant``, or None outside the plan."""
        return next((slot for slot in self.slots if slot.start <= instant < slot.end), None)
