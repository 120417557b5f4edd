"""Departures: local wall times, once and weekly, on the days when the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.goal import departures, goal_at
from homeapp.model.plan import AtDeadline, ChargingMode, Departure, Schedule, WeeklyDeparture

ZONE = "Europe/Amsterdam"
MONDAY_NOON = datetime(2026, 1, 12, 11, tzinfo=UTC)


def times(schedule: Schedule, now: datetime = MONDAY_NOON) -> list[str]:
    return [departure.at.isoformat()[:16] for departure in departures(schedule, now, ZONE)]


def test_every_day_has_a_departure_at_the_same_wall_time() -> None:
    assert times(Schedule(ready_by="07:00"))[:2] == ["2026-01-13T06:00", "2026-01-14T06:00"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), ["2026-03-29T05:00", "2026-03-30T05:00"]),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), ["2026-10-25T06:00", "2026-10-26T06:00"]),
    ],
)
def test_the_wall_time_stays_when_the_clocks_change(now: datetime, expected: list[str]) -> None:
    assert times(Schedule(ready_by="07:00"), now)[:2] == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # 02:30 does not exist: the moment right after the gap. It exists twice: the first.
        (datetime(2026, 3, 28, 22, tzinfo=UTC), "2026-03-29T01:30"),
        (datetime(2026, 10, 24, 21, tzinfo=UTC), "2026-10-25T00:30"),
    ],
)
def test_a_time_in_the_changed_hour_comes_once(now: datetime, expected: str) -> None:
    found = times(Schedule(ready_by="02:30"), now)
    assert found[0] == expected
    assert len(set(found)) == len(found)


def test_a_day_of_its_own_replaces_the_daily_departure() -> None:
    weekly = (WeeklyDeparture(weekdays=(2, 3), time="05:30", target_pct=95.0),)
    found = departures(Schedule(ready_by="07:00", weekly=weekly), MONDAY_NOON, ZONE)
    assert [(one.at.day, one.at.hour, one.target_pct) for one in found[:3]] == [(13, 4, 95), (14, 4, 95), (15, 6, 80)]


def test_without_a_daily_departure_the_next_weekly_one_may_be_a_week_away() -> None:
    weekly = (WeeklyDeparture(weekdays=(1,), time="09:00", target_pct=70.0),)
    goal = goal_at(MONDAY_NOON, Schedule(ready_by="", weekly=weekly), ChargingMode.READY_BY, ZONE, 60_000)
    assert goal.ready_by == datetime(2026, 1, 19, 8, tzinfo=UTC)
    assert goal.departures == ()


def test_without_any_departure_the_goal_is_the_end_of_what_is_planned() -> None:
    goal = goal_at(MONDAY_NOON, Schedule(ready_by=""), ChargingMode.CHEAPEST, ZONE, 60_000)
    assert goal.ready_by == MONDAY_NOON + timedelta(hours=48)
    assert goal.target_pct == 80.0


def test_single_departures_come_besides_and_the_one_that_wants_most_wins() -> None:
    once = (
        Departure(at=datetime(2026, 1, 12, 20, tzinfo=UTC), target_pct=60.0),
        Departure(at=datetime(2026, 1, 13, 6, tzinfo=UTC), target_pct=100.0),
        Departure(at=datetime(2026, 1, 11, 20, tzinfo=UTC), target_pct=100.0),
    )
    goal = goal_at(MONDAY_NOON, Schedule(once=once), ChargingMode.READY_BY, ZONE, 60_000)
    assert [(one.at.day, one.at.hour, one.target_pct) for one in goal.departures] == [
        (12, 20, 60),
        (13, 6, 100),
        (14, 6, 80),
    ]
    assert (goal.ready_by, goal.target_pct) == (goal.departures[0].at, 60.0)


def test_the_goal_carries_what_else_was_set() -> None:
    schedule = Schedule(floor_pct=35.0, at_deadline=AtDeadline.STOP)
    goal = goal_at(MONDAY_NOON, schedule, ChargingMode.SOLAR, ZONE, 60_000)
    assert (goal.floor_pct, goal.at_deadline, goal.feed) == (35.0, AtDeadline.STOP, schedule.feed)


@given(
    now=st.integers(0, 730 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    clock=st.times().map(lambda value: f"{value:%H:%M}"),
)
def test_departures_are_ahead_ascending_and_about_a_day_apart(now: datetime, clock: str) -> None:
    found = [one.at for one in departures(Schedule(ready_by=clock), now, ZONE)]
    assert found[0] - now <= timedelta(hours=25)
    assert found[0] > now
    assert all(timedelta(hours=23) <= after - before <= timedelta(hours=25) for before, after in pairwise(found))
