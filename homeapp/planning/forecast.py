"""What the home besides the car is expected to use, from what it has used at the same hours lately."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from homeapp.model.past import PastPower
from homeapp.model.plan import ForecastStep, HomeForecast

LOOK_BACK = timedelta(weeks=4)
STEP = timedelta(hours=1)
UNMEASURED = (200.0, 400.0, 1000.0)
"""W, of a home of which nothing is known yet."""
_ENOUGH_DAYS = 14
_ENOUGH = 8
"""Quarter hours: two hours' worth, from two days."""

Key = TypeVar("Key")


def home_forecast(past: Sequence[PastPower], start: datetime, end: datetime, time_zone: str) -> HomeForecast:
    """Quantiles of the same hour of the same weekday; with few data of workdays or weekends, of all days, of all."""
    zone = ZoneInfo(time_zone)
    by_week: dict[tuple[int, int], list[float]] = defaultdict(list)
    by_kind: dict[tuple[bool, int], list[float]] = defaultdict(list)
    by_hour: dict[int, list[float]] = defaultdict(list)
    dates = set()
    for power in past:
        local = power.start.astimezone(zone)
        dates.add(local.date())
        by_week[local.isoweekday(), local.hour].append(power.home_w)
        by_kind[local.isoweekday() > 5, local.hour].append(power.home_w)
        by_hour[local.hour].append(power.home_w)
    all_of_them = [power.home_w for power in past]
    steps = []
    for moment in _hours(start, end):
        local = moment.astimezone(zone)
        found = (
            by_week.get((local.isoweekday(), local.hour), []),
            by_kind.get((local.isoweekday() > 5, local.hour), []),
            by_hour.get(local.hour, []),
        )
        steps.append(_step(moment, next((values for values in found if len(values) >= _ENOUGH), all_of_them)))
    return HomeForecast(steps=tuple(steps), days=len(dates), sentence=_sentence(len(dates)))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of ascending values, interpolated between neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _step(moment: datetime, values: Sequence[float]) -> ForecastStep:
    if not values:
        low_w, middle_w, high_w = UNMEASURED
    else:
        ordered = sorted(values)
        low_w, middle_w, high_w = (quantile(ordered, share) for share in (0.2, 0.5, 0.8))
    return ForecastStep(start=moment, low_w=round(low_w), middle_w=round(middle_w), high_w=round(high_w))


def _hours(start: datetime, end: datetime) -> list[datetime]:
    seconds = STEP.total_seconds()
    first = datetime.fromtimestamp(start.timestamp() // seconds * seconds, UTC)
    return [first + number * STEP for number in range(int((end - first) / STEP) + 1)]


def _sentence(days: int) -> str:
    if days == 0:
        return f"Nothing was measured yet, so the home is taken to use {UNMEASURED[1]:.0f} W all the time."
    if days < _ENOUGH_DAYS:
        return (
            f"From only {days} days of measurements, so it may be far off."
            if days > 1
            else ("From one day of measurements, so it may be far off.")
        )
    return f"From {days} days of measurements, by weekday and hour. One hour of five lies above the band."
