"""How much the car has fed, from its power-feed cycles, and how much it may still feed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from homeapp.goal import local_instant, local_midnight
from homeapp.model.period import Direction, Period
from homeapp.model.plan import FeedBudget, FeedUse


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedAllowance:
    """What may be fed, Wh at the charger; None for no limit.

    Attributes:
        today_wh: until the next local midnight.
        day_wh: on each day after it.
        year_wh: in the rest of the year.
    """

    today_wh: float | None = None
    day_wh: float | None = None
    year_wh: float | None = None


UNLIMITED = FeedAllowance()


def year_start(now: datetime, time_zone: str) -> datetime:
    """The first of January of the local year, UTC."""
    zone = ZoneInfo(time_zone)
    return local_instant(now.astimezone(zone).date().replace(month=1, day=1), "00:00", zone)


def feed_use(
    cycles: Iterable[Period], budget: FeedBudget, now: datetime, time_zone: str, capacity_wh: float
) -> FeedUse:
    """What the power-feed cycles of this year come to."""
    fed = [cycle for cycle in cycles if cycle.direction is Direction.FEED]
    midnight, january = local_midnight(now, time_zone), year_start(now, time_zone)
    today_wh = sum(_fed_since(cycle, midnight) for cycle in fed)
    year_wh = sum(_fed_since(cycle, january) for cycle in fed)
    use = FeedUse(
        cycles_today=today_wh / capacity_wh,
        cycles_year=year_wh / capacity_wh,
        kwh_today=today_wh / 1000,
        kwh_year=year_wh / 1000,
        budget=budget,
    )
    allowance = allowance_of(use, capacity_wh)
    left = [wh for wh in (allowance.today_wh, allowance.year_wh) if wh is not None]
    return FeedUse(
        **{name: getattr(use, name) for name in use.__slots__ if name != "left_wh"}, left_wh=min(left, default=None)
    )


def spent(budget: FeedBudget) -> FeedUse:
    """Where nobody can say how much was fed, nothing more is."""
    none = replace(budget, cycles_per_day=0.0)
    return FeedUse(cycles_today=0.0, cycles_year=0.0, kwh_today=0.0, kwh_year=0.0, budget=none, left_wh=0.0)


def allowance_of(use: FeedUse, capacity_wh: float) -> FeedAllowance:
    """What the budget leaves."""
    budget = use.budget
    day = _lowest(budget.cycles_per_day, budget.kwh_per_day, capacity_wh)
    year = _lowest(budget.cycles_per_year, budget.kwh_per_year, capacity_wh)
    return FeedAllowance(
        today_wh=None if day is None else max(0.0, day - use.kwh_today * 1000),
        day_wh=day,
        year_wh=None if year is None else max(0.0, year - use.kwh_year * 1000),
    )


def _lowest(cycles: float | None, kwh: float | None, capacity_wh: float) -> float | None:
    limits = [] if cycles is None else [cycles * capacity_wh]
    return min(limits if kwh is None else [*limits, kwh * 1000], default=None)


def _fed_since(cycle: Period, since: datetime) -> float:
    """Of a cycle over the begin of the span, the part by time."""
    end = cycle.ended_at or cycle.seen_at
    whole_s = (end - cycle.begun_at).total_seconds()
    if end <= since:
        return 0.0
    if cycle.begun_at >= since or whole_s <= 0:
        return cycle.energy_wh
    return cycle.energy_wh * (end - since).total_seconds() / whole_s
