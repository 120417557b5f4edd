"""Steps in the schedule: whatever is tapped, what comes out makes sense (T2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.plan import Departure, Schedule, WeeklyDeparture
from ui import plan_words, schedule_edits

ZONE = ZoneInfo("Europe/Amsterdam")
TUESDAY = datetime(2026, 11, 24, 6, tzinfo=UTC)
WEEKDAYS = WeeklyDeparture(weekdays=(1, 2, 3, 4, 5), time="07:00", target_pct=70)
ONCE = Departure(at=datetime(2026, 11, 24, 4, tzinfo=UTC), target_pct=100)


def test_a_step_changes_the_entry_that_the_next_departure_comes_from() -> None:
    usual, weekly = Schedule(), Schedule(weekly=(WEEKDAYS,))
    single = replace(weekly, once=(ONCE,))
    assert schedule_edits.with_target(usual, TUESDAY, ZONE, 1).target_pct == 85
    changed = schedule_edits.with_target(weekly, TUESDAY, ZONE, -2)
    assert (changed.target_pct, changed.weekly[0].target_pct) == (80, 60)
    changed = schedule_edits.with_target(single, ONCE.at, ZONE, -1)
    assert (changed.weekly, changed.once[0].target_pct) == ((WEEKDAYS,), 95)


def test_a_departure_moves_within_its_day() -> None:
    later = schedule_edits.with_time_stepped(Schedule(), TUESDAY, ZONE, 1)
    assert later.ready_by == "07:15"
    assert schedule_edits.moved(Schedule(), later, TUESDAY, ZONE) == TUESDAY + timedelta(minutes=15)
    single = Schedule(once=(ONCE,))
    moved = schedule_edits.with_time_stepped(single, ONCE.at, ZONE, -1)
    assert moved.once[0].at == ONCE.at - timedelta(minutes=15)
    assert schedule_edits.moved(single, moved, ONCE.at, ZONE) == moved.once[0].at
    dragged = schedule_edits.with_time(Schedule(weekly=(WEEKDAYS,)), TUESDAY, ZONE, TUESDAY + timedelta(hours=2))
    assert (dragged.weekly[0].time, dragged.ready_by) == ("09:00", "07:00")


def test_a_day_belongs_to_one_weekly_departure() -> None:
    weekend = WeeklyDeparture(weekdays=(5, 6, 7), time="10:00", target_pct=60)
    schedule = schedule_edits.with_weekly(Schedule(weekly=(WEEKDAYS,)), weekend)
    assert [entry.weekdays for entry in schedule.weekly] == [(1, 2, 3, 4), (5, 6, 7)]
    all_week = replace(weekend, weekdays=(1, 2, 3, 4, 5, 6, 7))
    assert schedule_edits.with_weekly(schedule, all_week).weekly == (all_week,)
    assert schedule_edits.without(schedule, weekend).weekly == (replace(WEEKDAYS, weekdays=(1, 2, 3, 4)),)


@given(
    steps=st.lists(st.tuples(st.sampled_from(["target", "floor", "time"]), st.integers(-30, 30)), max_size=12),
    floor=st.floats(0, 100),
    target=st.floats(5, 100),
)
def test_no_number_of_taps_leads_out_of_bounds(steps: list[tuple[str, int]], floor: float, target: float) -> None:
    schedule = Schedule(floor_pct=floor, target_pct=target)
    for what, count in steps:
        match what:
            case "target":
                schedule = schedule_edits.with_target(schedule, TUESDAY, ZONE, count)
            case "floor":
                schedule = schedule_edits.with_floor(schedule, count)
            case _:
                schedule = schedule_edits.with_time_stepped(schedule, TUESDAY, ZONE, count)
    assert 0 <= schedule.floor_pct <= 100
    assert 5 <= schedule.target_pct <= 100
    hour, minute = schedule.ready_by.split(":")
    assert int(hour) < 24
    assert int(minute) in (0, 15, 30, 45)


@pytest.mark.parametrize(
    ("days", "words"),
    [((1, 2, 3, 4, 5), "Mon–Fri"), ((6, 7), "Sat, Sun"), ((7, 1, 2, 3), "Mon–Wed, Sun"), ((3,), "Wed")],
)
def test_days_are_said_in_runs(days: tuple[int, ...], words: str) -> None:
    assert plan_words.days_words(days) == words
