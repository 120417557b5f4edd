"""What the owner has set: where it comes from, and what of it makes no sense."""

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from homeapp.model.plan import FeedBudget, Schedule
from homeapp.settings import GoalSettings

MOST_ENTRIES = 50
_CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_MOST_PER_KWH = Decimal(10)
_MOST_KWH = 100_000.0


def schedule_of(settings: GoalSettings) -> Schedule:
    """What holds until somebody sets something else."""
    return Schedule(target_pct=settings.target_pct, floor_pct=settings.floor_pct, ready_by=settings.ready_by)


def without_past(schedule: Schedule, now: datetime) -> Schedule:
    """Single departures that are over are left out, the others in order."""
    ahead = (departure for departure in schedule.once if departure.at > now)
    return replace(schedule, once=tuple(sorted(ahead, key=lambda departure: departure.at)))


def fault_of(schedule: Schedule) -> str | None:
    """What makes no sense, as a sentence, or None."""
    targets = [*(entry.target_pct for entry in schedule.weekly), *(entry.target_pct for entry in schedule.once)]
    shares = [schedule.target_pct, schedule.floor_pct, *targets]
    if not all(0 <= share <= 100 for share in shares):
        return "A state of charge is between 0 and 100 %."
    if schedule.ready_by and not _CLOCK_TIME.fullmatch(schedule.ready_by):
        return f"{schedule.ready_by[:10]!r} is no time of day. Enter one like 07:00, or nothing for no departure."
    if max(len(schedule.weekly), len(schedule.once)) > MOST_ENTRIES:
        return f"There can be {MOST_ENTRIES} weekly and {MOST_ENTRIES} single departures. Remove some of them first."
    for entry in schedule.weekly:
        if not _CLOCK_TIME.fullmatch(entry.time):
            return f"{entry.time[:10]!r} is no time of day. Enter one like 07:00."
        if not entry.weekdays or not set(entry.weekdays) <= set(range(1, 8)):
            return "A weekly departure needs at least one weekday, from 1 for Monday to 7 for Sunday."
    if any(departure.at.tzinfo is None for departure in schedule.once):
        return "A single departure needs a time with its offset, like 2026-01-15T07:00:00+01:00."
    return _fault_of_budget(schedule.feed)


def _fault_of_budget(budget: FeedBudget) -> str | None:
    limits = (budget.cycles_per_day, budget.cycles_per_year, budget.kwh_per_day, budget.kwh_per_year)
    if not all(limit is None or 0 <= limit <= _MOST_KWH for limit in limits):
        return "A limit of the power feed is 0 or more, or left out for none."
    for amount in (budget.wear_per_kwh, budget.least_gain):
        if not amount.is_finite() or not 0 <= amount <= _MOST_PER_KWH:
            return f"The wear per kWh and the least gain are between 0 and {_MOST_PER_KWH}."
    return None
