"""The home's expected power: from days like it, and honest where there are few."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.past import PastPower
from homeapp.planning.forecast import UNMEASURED, home_forecast, quantile
from homeapp.planning.grid import HomeOutlook
from kit.plan_requests import HOUR, ZONE

MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def past(days: int) -> list[PastPower]:
    start = MONDAY - timedelta(days=days)
    moments = (start + number * QUARTER for number in range(days * 96))
    return [PastPower(start=moment, home_w=_habit(moment)) for moment in moments]


def _habit(moment: datetime) -> float:
    """Weekends differ, and on Wednesdays between 19:00 and 20:00 (local) somebody bakes."""
    base = 300.0 if moment.isoweekday() <= 5 else 800.0
    return base + (2000.0 if (moment.isoweekday(), moment.hour) == (3, 18) else 0.0) + moment.minute


def at(forecast_of: list[PastPower], moment: datetime) -> float:
    forecast = home_forecast(forecast_of, MONDAY, MONDAY + 120 * HOUR, ZONE)
    return HomeOutlook(forecast.steps).at(moment)


def test_days_like_it_count_where_there_are_enough() -> None:
    wednesday, thursday = MONDAY + timedelta(days=2, hours=18), MONDAY + timedelta(days=3, hours=18)
    assert at(past(28), wednesday) == pytest.approx(2322, abs=25)
    assert at(past(28), thursday) == pytest.approx(322, abs=25)
    assert at(past(28), MONDAY - timedelta(hours=2)) < 900


def test_with_a_single_week_workdays_stand_for_each_other() -> None:
    assert at(past(7), MONDAY + timedelta(hours=10)) == pytest.approx(322, abs=25)
    forecast = home_forecast(past(7), MONDAY, MONDAY + HOUR, ZONE)
    assert (forecast.days, "may be far off" in forecast.sentence) == (8, True)


def test_after_a_few_hours_they_stand_for_all_hours() -> None:
    few = [PastPower(start=MONDAY + number * QUARTER, home_w=700.0) for number in range(5)]
    assert at(few, MONDAY + timedelta(hours=13)) == 700.0


def test_without_measurements_it_says_so() -> None:
    forecast = home_forecast([], MONDAY, MONDAY + HOUR, ZONE)
    assert (forecast.days, forecast.steps[0].middle_w) == (0, UNMEASURED[1])
    assert forecast.sentence.startswith("Nothing was measured yet")


def test_one_hour_of_five_lies_above_and_one_below_the_band() -> None:
    values = [PastPower(start=MONDAY - n * timedelta(days=7), home_w=100.0 * n) for n in range(11)]
    step = home_forecast(values, MONDAY, MONDAY + HOUR, ZONE).steps[0]
    assert (step.low_w, step.middle_w, step.high_w) == (200.0, 500.0, 800.0)


def test_what_the_sun_leaves_over_is_below_zero() -> None:
    noon = MONDAY + timedelta(hours=11)
    sunny = [PastPower(start=noon - n * timedelta(days=1), home_w=-3000.0) for n in range(1, 15)]
    assert at(sunny, noon) == -3000.0


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25)])
def test_days_on_which_the_clocks_change_have_a_step_for_each_hour(day: tuple[int, int, int], hours: int) -> None:
    start = datetime(*day, tzinfo=UTC) - timedelta(hours=1 if hours == 23 else 2)
    forecast = home_forecast([], start, start + hours * HOUR, ZONE)
    assert [step.start for step in forecast.steps] == [start + n * HOUR for n in range(hours + 1)]


@given(st.lists(st.floats(-1e5, 1e5), min_size=1), st.floats(0, 1))
def test_a_quantile_lies_within_the_values(values: list[float], share: float) -> None:
    found = quantile(sorted(values), share)
    assert min(values) <= found or math.isclose(found, min(values))
    assert found <= max(values) or math.isclose(found, max(values))
