"""What happens when a departure has come and the car is not as full as it should be."""

from dataclasses import replace
from datetime import timedelta

import pytest

from homeapp.model.plan import AtDeadline, ChargingMode, Departure
from homeapp.planning.departures import Missed, missed
from homeapp.planning.state_of_charge import Reckoned
from kit.plan_requests import NOW, ZONE, goal

BEFORE = goal()
PASSED = BEFORE.departures[0]
AFTER = PASSED.at + timedelta(seconds=20)
LOW, FULL, GONE = Reckoned(soc_pct=71.0, told=True), Reckoned(soc_pct=80.0, told=True), Reckoned(soc_pct=None)


def test_a_car_that_is_still_there_charges_on_and_the_owner_is_told_once() -> None:
    found = missed(BEFORE, AFTER, LOW, ZONE)
    assert found.overdue == PASSED
    assert found.sentence == "At 07:00 the car had 71 % instead of 80 %. It charges on as fast as it can."
    now_on = replace(goal(now=AFTER), overdue=PASSED)
    assert missed(now_on, AFTER + timedelta(minutes=5), LOW, ZONE) == Missed(overdue=PASSED)


@pytest.mark.parametrize("soc", [FULL, GONE])
def test_it_ends_when_the_target_is_reached_or_the_car_leaves(soc: Reckoned) -> None:
    now_on = replace(goal(now=AFTER), overdue=PASSED)
    assert missed(now_on, AFTER + timedelta(minutes=5), soc, ZONE) == Missed(overdue=None)
    assert missed(BEFORE, AFTER, soc, ZONE) == Missed(overdue=None)


def test_it_does_not_charge_on_where_the_owner_does_not_want_it() -> None:
    stop = replace(BEFORE, at_deadline=AtDeadline.STOP)
    found = missed(stop, AFTER, LOW, ZONE)
    assert found.overdue is None
    assert found.sentence is not None
    assert "does not charge on" in found.sentence
    changed_mind = replace(goal(now=AFTER), overdue=PASSED, at_deadline=AtDeadline.STOP)
    assert missed(changed_mind, AFTER + timedelta(minutes=5), LOW, ZONE).overdue is None


@pytest.mark.parametrize("mode", [ChargingMode.CHEAPEST, ChargingMode.SOLAR, ChargingMode.NOW, ChargingMode.PAUSE])
def test_modes_without_a_departure_miss_none(mode: ChargingMode) -> None:
    assert missed(replace(BEFORE, mode=mode), AFTER, LOW, ZONE) == Missed(overdue=None)


def test_nothing_has_passed_yet() -> None:
    assert missed(BEFORE, NOW, LOW, ZONE) == Missed(overdue=None)


def test_a_hub_that_was_away_for_hours_says_nothing_of_a_departure_in_between() -> None:
    assert missed(BEFORE, PASSED.at + timedelta(hours=3), LOW, ZONE) == Missed(overdue=None)


def test_of_several_the_last_one_counts() -> None:
    two = replace(BEFORE, departures=(PASSED, Departure(at=PASSED.at + timedelta(minutes=10), target_pct=95.0)))
    assert missed(two, PASSED.at + timedelta(minutes=11), FULL, ZONE).overdue == two.departures[1]
