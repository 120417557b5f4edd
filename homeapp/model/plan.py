"""What the owner wants of the car, and what the hub means to do about it.

Powers in W, charging and import +, feeding and export -; energies in Wh; money in the tariff's currency; instants UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class ChargingMode(StrEnum):
    """What the owner asked for."""

    READY_BY = "ready_by"
    """the target by the departure, at the least cost"""
    CHEAPEST = "cheapest"
    """no departure: up to the floor at once, beyond it only when energy is cheap"""
    SOLAR = "solar"
    """up to the floor at once, beyond it only what the home would export"""
    NOW = "now"
    PAUSE = "pause"
    POWER_FEED = "power_feed"
    """as READY_BY, and feeds where that pays"""


class AtDeadline(StrEnum):
    """What happens when the departure has come and the target is not reached."""

    KEEP_CHARGING = "keep_charging"
    """on to the target as long as the car is there"""
    STOP = "stop"
    """no more than what the next departure needs"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """When the car leaves, and how full it is to be then."""

    at: datetime
    target_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyDeparture:
    """A departure of every week.

    Attributes:
        weekdays: ISO 8601, 1 is Monday.
        time: local wall time, ``HH:MM``.
    """

    weekdays: tuple[int, ...]
    time: str
    target_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedBudget:
    """How much the car may feed, over all requests and plans.

    Attributes:
        cycles_per_day, cycles_per_year: equivalent full cycles, energy fed over the battery's capacity; None for no
            limit.
        kwh_per_day, kwh_per_year: at the charger; None for no limit.
        wear_per_kwh: what the owner counts for the battery's wear, per kWh fed.
        least_gain: a plan that would gain less than this by feeding does not feed.
    """

    cycles_per_day: float | None = 1.0
    cycles_per_year: float | None = 100.0
    kwh_per_day: float | None = None
    kwh_per_year: float | None = None
    wear_per_kwh: Decimal = Decimal("0.05")
    least_gain: Decimal = Decimal("0.20")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What the owner has set.

    Attributes:
        target_pct, ready_by: of the days that have no departure of their own; local wall time ``HH:MM``, or empty for
            no departure on such days.
        floor_pct: never feed the car below this; below it, it is charged at once.
        weekly: of the entries for one weekday the first counts.
        once: besides those.
    """

    target_pct: float = 80.0
    floor_pct: float = 50.0
    ready_by: str = "07:00"
    weekly: tuple[WeeklyDeparture, ...] = ()
    once: tuple[Departure, ...] = ()
    at_deadline: AtDeadline = AtDeadline.KEEP_CHARGING
    feed: FeedBudget = field(default_factory=FeedBudget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the owner wants of the car, as of now.

    Attributes:
        target_pct: state of charge wanted at ``ready_by``.
        ready_by: the next departure, UTC; without any, the end of what is planned.
        floor_pct: never feed the car below this.
        capacity_wh: the car's usable battery, Wh.
        departures: within 48 h, ascending; ``ready_by`` is the first of them.
        overdue: the last departure, where its target was missed and the car is still there.
    """

    mode: ChargingMode
    target_pct: float
    ready_by: datetime
    floor_pct: float
    capacity_wh: float
    departures: tuple[Departure, ...] = ()
    at_deadline: AtDeadline = AtDeadline.KEEP_CHARGING
    feed: FeedBudget = field(default_factory=FeedBudget)
    overdue: Departure | None = None


class SlotReason(StrEnum):
    """Why a slot of the plan is as it is."""

    CHEAP = "cheap"
    NEEDED = "needed"
    """not cheap, but the deadline needs it"""
    NOW = "now"
    SOLAR = "solar"
    """what the home would export"""
    FLOOR = "floor"
    """the car stands below the floor"""
    AFTER_DEADLINE = "after_deadline"
    """the departure was missed, so it is charged as fast as it can be"""
    NO_PRICE = "no_price"
    """charges at a price that is not known"""
    FEED_OFFER = "feed_offer"
    FEED_LESS = "feed_less"
    """feeds less than agreed, or nothing, so that a provider's promise about the car can be kept"""
    CHARGE_OFFER = "charge_offer"
    """charges as agreed with a provider"""
    GUARANTEE = "guarantee"
    """charges so that the car is as full as a provider has promised"""
    FEED_PLAN = "feed_plan"
    """feeds because it pays, as the owner has allowed"""
    REDUCED_BY_OFFER = "reduced_by_offer"
    REDUCED_BY_GRID = "reduced_by_grid"
    WAIT_CHEAPER = "wait_cheaper"
    WAIT_SOLAR = "wait_solar"
    FULL = "full"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSlot:
    """One span [start, end) of the plan.

    Attributes:
        power_w: charging +, feeding -, 0 idle.
        price: import price per kWh in this slot, known or expected, or None.
        export_price: what a kWh fed to the grid brings, or None.
        price_known: ``price`` is announced, not expected.
        soc_pct: state of charge expected at the end, or None where it is not known now.
        home_w, pv_w: what home and solar panels are expected to use and to leave over, medians, or None.
    """

    start: datetime
    end: datetime
    power_w: float
    reason: SlotReason
    price: Decimal | None = None
    export_price: Decimal | None = None
    price_known: bool = True
    soc_pct: float | None = None
    home_w: float | None = None
    pv_w: float | None = None


class Promise(StrEnum):
    """What a plan has to keep."""

    DEPARTURE = "departure"
    FLOOR = "floor"
    FEED_OFFER = "feed_offer"
    """an accepted power feed"""
    GUARANTEE = "guarantee"
    """a provider's, of how full the car is and when"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenPromise:
    """What cannot be kept.

    Attributes:
        at: when it will be missed.
        by_wh: how much is missing then, > 0.
        sentence: what happens, why, and what would help.
    """

    kind: Promise
    at: datetime
    by_wh: float
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastStep:
    """What is expected of the home besides the car from ``start`` to the next step, W.

    Of five quarter hours like it one lies below ``low_w``, one above ``high_w``; < 0 is left over.
    """

    start: datetime
    low_w: float
    middle_w: float
    high_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeForecast:
    """What the home is expected to use besides the car, solar power taken off.

    Attributes:
        days: of measurements that it rests on; 0 where there are none.
        sentence: how far it can be relied on.
    """

    steps: tuple[ForecastStep, ...]
    days: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the hub means to do, slot by slot, ascending.

    Attributes:
        made_at: when it was computed (hub clock, UTC).
        reaches_pct: state of charge expected at the next departure; in modes without one, at the end of the plan.
        shortfall_wh: energy missing then, 0 when the goal is met.
        cost: expected cost of the charging in it, what feeding brings taken off, without wear and rewards; None where
            nothing is known of prices.
        cost_uncontrolled: of charging as fast as possible from now, to as much as the plan does; or None.
        broken: what cannot be kept, the first first.
        feed_gain: by how much the plan is better than one that does not feed, wear taken off; None where the mode does
            not feed.
        feed_refused: in POWER_FEED, why the plan does not feed, as a sentence; else None.
        switches: how often charging or feeding begins in it.
        cycles: equivalent full cycles fed in it.
        forecast: what of the home it rests on, or None.
    """

    made_at: datetime
    slots: tuple[PlanSlot, ...]
    reaches_pct: float
    shortfall_wh: float
    cost: Decimal | None = None
    cost_uncontrolled: Decimal | None = None
    broken: tuple[BrokenPromise, ...] = ()
    feed_gain: Decimal | None = None
    feed_refused: str | None = None
    switches: int = 0
    cycles: float = 0.0
    forecast: HomeForecast | None = None

    def at(self, instant: datetime) -> PlanSlot | None:
        """The slot that holds at ``instant``, or None outside the plan."""
        return next((slot for slot in self.slots if slot.start <= instant < slot.end), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferPreview:
    """What taking part in a request would change; nothing of it is decided.

    Attributes:
        cost_with, cost_without: as ``Plan.cost``.
        reaches_with_pct, reaches_without_pct: as ``Plan.reaches_pct``.
        cycles_with, cycles_without: equivalent full cycles fed.
        reward: what the provider pays for the whole of it, or None.
        sentence: all that in words.
    """

    key: str
    digest: str
    plan_with: Plan
    plan_without: Plan
    cost_with: Decimal | None
    cost_without: Decimal | None
    reaches_with_pct: float
    reaches_without_pct: float
    cycles_with: float
    cycles_without: float
    reward: Decimal | None
    currency: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedUse:
    """What the car has fed, against what it may.

    Attributes:
        cycles_today, cycles_year, kwh_today, kwh_year: since local midnight, and since the first of January.
        left_wh: what may still be fed today, Wh; None for no limit.
    """

    cycles_today: float
    cycles_year: float
    kwh_today: float
    kwh_year: float
    budget: FeedBudget
    left_wh: float | None = None
