"""The watch over the plan: wakes, retries, gives up, recovers; plans anew for a slow car; says each thing once."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.planning.watchdog import (
    AGAIN_S,
    IDLE_S,
    MEASURED_S,
    PATIENCE_S,
    PAUSES_S,
    SOC_LOST_S,
    ChargeWatch,
    Finding,
    Observation,
    WatchState,
)

STEP_S = 5.0
IDLE = Observation(
    monotonic=0.0,
    clock="02:10",
    planned_w=7000.0,
    granted_w=7000.0,
    least_w=4139.0,
    power_w=0.0,
    soc_pct=50.0,
    soc_told=True,
    soc_measured=True,
)
CHARGES = replace(IDLE, power_w=6900.0)


class Car:
    """A watch, fed with the same sight every five seconds."""

    def __init__(self) -> None:
        self.watch = ChargeWatch()
        self.now = 0.0
        self.said: list[tuple[str, str]] = []
        self.replans = 0
        self.states: list[WatchState] = []

    def looks(self, seen: Observation, seconds: float) -> "Car":
        until = self.now + seconds
        while self.now < until:
            granted_w = 0.0 if self.watch.car.withdrawn else seen.granted_w
            self.note(self.watch.see(replace(seen, monotonic=self.now, granted_w=granted_w)))
            self.now += STEP_S
        return self

    def note(self, finding: Finding) -> None:
        self.said += finding.said.items()
        self.replans += finding.replan
        if not self.states or self.states[-1] is not self.watch.state:
            self.states.append(self.watch.state)

    def sentences(self, code: str) -> list[str]:
        return [sentence for said, sentence in self.said if said == code]


def test_a_car_that_takes_nothing_is_woken_and_the_owner_told_once() -> None:
    car = Car().looks(IDLE, IDLE_S)
    assert (car.watch.state, car.said) == (WatchState.IDLE, [])
    car.looks(IDLE, 2 * STEP_S)
    assert car.watch.car.withdrawn
    (sentence,) = car.sentences("charging")
    assert sentence.startswith("The car has taken no power since 02:10, though the plan charges. The hub pauses")
    car.looks(IDLE, PAUSES_S[0] + STEP_S)
    assert (car.watch.state, car.watch.car.withdrawn) == (WatchState.WAITING, False)
    assert len(car.said) == 1


def test_once_it_charges_that_is_told_and_planned_anew() -> None:
    car = Car().looks(IDLE, IDLE_S + 60).looks(replace(CHARGES, clock="02:17"), 60)
    assert car.sentences("charging")[1:] == ["The car charges again since 02:17. The plan was made anew."]
    assert (car.watch.state, car.replans) == (WatchState.WELL, 1)


def test_after_three_attempts_it_says_what_to_do_and_goes_on_trying() -> None:
    round_s = IDLE_S + sum(PAUSES_S) + len(PAUSES_S) * PATIENCE_S + 12 * STEP_S
    car = Car().looks(IDLE, round_s)
    assert car.watch.state is WatchState.GIVEN_UP
    assert car.states.count(WatchState.WAKING) == len(PAUSES_S)
    told, given_up = car.sentences("charging")
    assert "offered the charging 3 times anew" in given_up
    assert "unplug the car" in given_up
    car.looks(IDLE, AGAIN_S + 2 * STEP_S)
    assert car.states.count(WatchState.WAKING) == len(PAUSES_S) + 1
    assert car.sentences("charging") == [told, given_up]


def test_a_car_that_charges_at_once_is_left_alone() -> None:
    car = Car().looks(IDLE, IDLE_S - STEP_S).looks(CHARGES, 3600)
    assert (car.said, car.replans, car.watch.car.withdrawn) == ([], 0, False)


@pytest.mark.parametrize(
    "change",
    [
        {"planned_w": 0.0},
        {"granted_w": 0.0},
        {"granted_w": 3000.0},
        {"full": True},
        {"power_w": None},
    ],
)
def test_nothing_is_wrong_where_it_should_not_charge_or_nobody_knows(change: dict[str, Any]) -> None:
    car = Car().looks(replace(IDLE, **change), 2 * IDLE_S)
    assert (car.said, car.states[-1] in (WatchState.WELL, WatchState.IDLE)) == ([], True)
    assert not car.watch.car.withdrawn


def test_a_pause_in_between_begins_the_waiting_anew() -> None:
    car = Car()
    for _ in range(3):
        car.looks(IDLE, IDLE_S - STEP_S).looks(replace(IDLE, planned_w=0.0), 60)
    assert car.said == []


def test_a_slow_car_is_planned_for_as_it_is() -> None:
    slow = replace(IDLE, power_w=3600.0)
    car = Car().looks(slow, MEASURED_S - STEP_S)
    assert (car.watch.car.most_w, car.said) == (None, [])
    car.looks(slow, 3 * STEP_S)
    assert (car.watch.car.most_w, car.replans) == (3600.0, 1)
    assert car.sentences("charging_slow") == [
        "The car takes only 3.6 kW where 7.0 kW are offered. The plan goes by that now."
    ]
    car.looks(slow, 3 * MEASURED_S)
    assert car.replans == 1
    car.looks(CHARGES, MEASURED_S + 2 * STEP_S)
    assert (car.watch.car.most_w, car.replans) == (None, 2)
    assert car.sentences("charging_slow")[1:] == ["The car takes 6.9 kW again. The plan was made anew."]


def test_less_because_less_is_offered_is_not_slow() -> None:
    car = Car().looks(CHARGES, 300).looks(replace(IDLE, granted_w=4200.0, power_w=4100.0), 2 * MEASURED_S)
    assert (car.watch.car.most_w, car.said) == (None, [])


def test_a_nearly_full_car_is_planned_for_without_a_word() -> None:
    car = Car().looks(replace(IDLE, power_w=2000.0, soc_pct=91.0), MEASURED_S + 2 * STEP_S)
    assert (car.watch.car.most_w, car.said) == (2000.0, [])


def test_a_state_of_charge_that_goes_missing_is_told_and_its_return_too() -> None:
    lost = replace(CHARGES, soc_measured=False, soc_pct=63.4)
    car = Car().looks(CHARGES, 60).looks(lost, SOC_LOST_S - STEP_S)
    assert car.said == []
    car.looks(lost, 3 * STEP_S)
    (sentence,) = car.sentences("soc_lost")
    assert "about 63 % now" in sentence
    car.looks(replace(CHARGES, soc_pct=66.0), STEP_S)
    assert car.sentences("soc_lost")[1:] == ["The car tells its state of charge again: 66 %."]
    assert car.replans == 2


@pytest.mark.parametrize("change", [{"power_w": 0.0, "planned_w": 0.0}, {"soc_told": False}])
def test_a_car_that_waits_or_never_tells_has_lost_nothing(change: dict[str, Any]) -> None:
    car = Car().looks(replace(CHARGES, soc_measured=False, **change), 3 * SOC_LOST_S)
    assert car.sentences("soc_lost") == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 50.0, 3000.0, 7000.0, None]),
            st.sampled_from([0.0, 7000.0]),
            st.booleans(),
            st.integers(1, 60),
        ),
        max_size=25,
    )
)
def test_whatever_is_seen_the_charging_is_never_withheld_for_long_or_while_power_flows(
    sights: list[tuple[float | None, float, bool, int]],
) -> None:
    watch, now, withdrawn_s = ChargeWatch(), 0.0, 0.0
    for power_w, planned_w, measured, times in sights:
        for _ in range(times):
            granted_w = 0.0 if watch.car.withdrawn else 7000.0
            watch.see(
                replace(
                    IDLE,
                    monotonic=now,
                    power_w=power_w,
                    planned_w=planned_w,
                    granted_w=granted_w,
                    soc_measured=measured,
                )
            )
            withdrawn_s = withdrawn_s + STEP_S if watch.car.withdrawn else 0.0
            assert withdrawn_s <= max(PAUSES_S) + STEP_S
            assert not (watch.car.withdrawn and power_w is not None and power_w >= 100)
            assert watch.car.most_w is None or watch.car.most_w > 0
            now += STEP_S
