"""What the owner has set: what makes no sense is refused with a sentence."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from homeapp.model.plan import Departure, FeedBudget, Schedule, WeeklyDeparture
from homeapp.planning.schedule import fault_of, schedule_of, without_past
from homeapp.settings import GoalSettings

FINE = Schedule(weekly=(WeeklyDeparture(weekdays=(1, 7), time="06:30", target_pct=90.0),))
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_what_makes_sense_is_taken() -> None:
    assert fault_of(FINE) is None
    assert fault_of(Schedule(ready_by="", feed=FeedBudget(cycles_per_day=None, kwh_per_year=0.0))) is None


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        (replace(FINE, target_pct=101.0), "between 0 and 100"),
        (replace(FINE, floor_pct=-1.0), "between 0 and 100"),
        (replace(FINE, ready_by="7:00"), "no time of day"),
        (replace(FINE, ready_by="24:00"), "no time of day"),
        (replace(FINE, ready_by="07:00\n"), "no time of day"),
        (replace(FINE, weekly=(WeeklyDeparture(weekdays=(1,), time="", target_pct=90.0),)), "no time of day"),
        (replace(FINE, weekly=(WeeklyDeparture(weekdays=(), time="06:30", target_pct=90.0),)), "at least one weekday"),
        (
            replace(FINE, weekly=(WeeklyDeparture(weekdays=(0,), time="06:30", target_pct=90.0),)),
            "at least one weekday",
        ),
        (replace(FINE, weekly=(WeeklyDeparture(weekdays=(1,), time="06:30", target_pct=190.0),)), "between 0 and 100"),
        (replace(FINE, once=(Departure(at=datetime(2026, 1, 15, 12), target_pct=90.0),)), "with its offset"),  # noqa: DTZ001
        (replace(FINE, once=tuple(Departure(at=NOON, target_pct=9.0) for _ in range(51))), "Remove some"),
        (replace(FINE, feed=FeedBudget(cycles_per_day=-0.1)), "0 or more"),
        (replace(FINE, feed=FeedBudget(kwh_per_year=1e9)), "0 or more"),
        (replace(FINE, feed=FeedBudget(wear_per_kwh=Decimal("NaN"))), "wear per kWh"),
        (replace(FINE, feed=FeedBudget(least_gain=Decimal("-1"))), "wear per kWh"),
    ],
)
def test_what_makes_no_sense_is_said(schedule: Schedule, says: str) -> None:
    fault = fault_of(schedule)
    assert fault is not None
    assert says in fault


def test_single_departures_that_are_over_are_left_out() -> None:
    over, ahead, later = (Departure(at=NOON.replace(hour=hour), target_pct=90.0) for hour in (11, 14, 16))
    assert without_past(Schedule(once=(later, over, ahead)), NOON).once == (ahead, later)


def test_the_settings_hold_until_something_else_is_set() -> None:
    schedule = schedule_of(GoalSettings(target_pct=70.0, floor_pct=20.0, ready_by="06:15"))
    assert (schedule.target_pct, schedule.floor_pct, schedule.ready_by) == (70.0, 20.0, "06:15")
