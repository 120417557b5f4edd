"""What a planner is asked and what it must answer; every planner is a pure function of this type."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from homeapp.model.offer import OfferInterval
from homeapp.model.plan import Goal, Plan
from homeapp.model.tariff import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """Everything a plan depends on.

    Attributes:
        now: start of the plan, UTC.
        tariff: prices, or None while there are none.
        soc_pct: the car's state of charge, or None while it is not known: then it counts as standing at the floor.
        charge_min_w: least power a car takes (IEC 61851: 6 A on its phases); the plan holds 0 or at least this.
        charge_max_w: most charging power.
        efficiency: of charging, grid to battery, 0..1.
        commitments: intervals of accepted offers, ascending; ``max_w`` caps charging, ``setpoint_w`` < 0 feeds.
    """

    now: datetime
    tariff: Tariff | None
    soc_pct: float | None
    goal: Goal
    charge_min_w: float
    charge_max_w: float
    efficiency: float = 0.9
    commitments: tuple[OfferInterval, ...] = ()


Planner = Callable[[PlanRequest], Plan]
"""Never fails: what cannot be met is said in ``Plan.shortfall_wh``."""
