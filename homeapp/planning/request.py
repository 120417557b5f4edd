"""Everything a plan depends on; a plan is a pure function of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from homeapp.model.offer import OfferInterval
from homeapp.model.plan import Goal, HomeForecast, Plan
from homeapp.model.tariff import Tariff
from homeapp.planning.feed_budget import UNLIMITED, FeedAllowance
from homeapp.planning.price_outlook import PriceHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """How full a provider has promised that the car is, and when.

    Attributes:
        at: UTC.
        soc_pct: state of charge that the car has then at least, 0..100.
        sp_name: whose promise it is, for sentences.
    """

    at: datetime
    soc_pct: float
    sp_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """One interval of a request that is agreed to, or has to be followed.

    Attributes:
        mandatory: set by the grid operator.
        interval: ``max_w`` caps charging; ``setpoint_w`` is fed (< 0) or charged (> 0). With a guarantee it asks for
            nothing, and ends when that is due.
        least_pct: state of charge below which nothing is fed for it.
        guarantee: what was promised with the request, or None.
    """

    interval: OfferInterval
    mandatory: bool = False
    least_pct: float = 0.0
    guarantee: Guarantee | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What a plan is made of.

    Attributes:
        now: start of the plan, UTC.
        tariff: prices, or None while there are none.
        history: prices of the past weeks, from which missing ones are expected.
        soc_pct: the car's state of charge, measured or reckoned, or None: then it counts as standing at the floor.
        soc_told: the car has told it, so what comes of it can be shown and fed from.
        charge_min_w: least power a car takes (IEC 61851: 6 A on its phases); the plan holds 0 or at least this.
        charge_max_w: most charging power.
        feed_max_w: most that car and charger can feed, W; 0 where they cannot.
        feed_problem: why they cannot, as a sentence; None where they can.
        allowance: what the owner's budget leaves to be fed.
        fuse_w, export_max_w: what the grid connection takes in and gives out.
        efficiency, feed_efficiency: grid to battery, and battery to grid, 0..1.
        commitments: ascending.
        running_w: what the plan before meant for now; of plans that cost the same, the one that goes on is taken.
        forecast: of the home besides the car.
        time_zone: IANA name, for sentences.
    """

    now: datetime
    tariff: Tariff | None
    soc_pct: float | None
    goal: Goal
    charge_min_w: float
    charge_max_w: float
    fuse_w: float
    history: PriceHistory
    forecast: HomeForecast
    feed_max_w: float = 0.0
    feed_problem: str | None = None
    soc_told: bool = True
    allowance: FeedAllowance = UNLIMITED
    export_max_w: float = 0.0
    efficiency: float = 0.9
    feed_efficiency: float = 0.92
    commitments: tuple[Commitment, ...] = ()
    running_w: float = 0.0
    time_zone: str = "UTC"

    @property
    def soc_wh(self) -> float:
        """Energy in the battery now, Wh."""
        soc_pct = self.goal.floor_pct if self.soc_pct is None else self.soc_pct
        return min(100.0, max(0.0, soc_pct)) / 100 * self.goal.capacity_wh


Planner = Callable[[PlanRequest], Plan]
"""Never fails: what cannot be met is said in ``Plan.broken``."""
