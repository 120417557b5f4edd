"""The physics of the demo car."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.demo.charger.car import EFFICIENCY, MIN_SOC_PCT, Car

FLOOR_W = 6 * 230 * 3


def car(soc_pct: float = 50.0, max_feed_w: float = 6000.0, phases: int = 3) -> Car:
    return Car(60_000, soc_pct, 11_000, max_feed_w, phases)


def settle(subject: Car, granted_w: float) -> float:
    return subject.step(60, granted_w)


def test_power_rises_by_about_two_kilowatts_a_second() -> None:
    subject = car()
    assert subject.step(1, 11_000) == pytest.approx(2000)
    assert subject.step(0.5, 11_000) == pytest.approx(3000)
    assert settle(subject, 11_000) == pytest.approx(11_000)


def test_it_obeys_a_lower_limit_within_five_seconds() -> None:
    subject = car()
    settle(subject, 11_000)
    assert subject.step(5, FLOOR_W) == pytest.approx(FLOOR_W)


def test_below_six_amperes_per_phase_it_draws_nothing() -> None:
    assert settle(car(), FLOOR_W - 1) == 0
    assert settle(car(), FLOOR_W) == pytest.approx(FLOOR_W)
    assert settle(car(phases=1), 6 * 230) == pytest.approx(6 * 230)
    assert car().step(60, 6 * 230, phases=1) == pytest.approx(6 * 230)


def test_it_draws_less_when_nearly_full_and_nothing_when_full() -> None:
    assert settle(car(79), 11_000) == pytest.approx(11_000)
    assert settle(car(90), 11_000) == pytest.approx(5500, rel=0.02)
    assert settle(car(100), 11_000) == 0


def test_feeding_stops_at_the_cars_own_minimum() -> None:
    subject = car(MIN_SOC_PCT + 0.5)
    assert settle(subject, -6000) == -6000
    for _ in range(20):
        subject.step(60, -6000)
    assert subject.power_w == 0
    assert subject.soc_pct == pytest.approx(MIN_SOC_PCT, abs=0.1)


def test_it_feeds_no_more_than_it_can() -> None:
    assert settle(car(), -20_000) == -6000
    assert settle(car(max_feed_w=0), -3000) == 0
    assert not car(max_feed_w=0).can_feed


def test_a_part_of_the_energy_is_lost_both_ways() -> None:
    charged = car()
    settle(charged, 11_000)
    before = charged.soc_pct
    charged.step(3600, 11_000)
    assert (charged.soc_pct - before) / 100 * 60_000 == pytest.approx(11_000 * EFFICIENCY, rel=0.001)
    fed = car()
    settle(fed, -6000)
    before = fed.soc_pct
    fed.step(3600, -6000)
    assert (before - fed.soc_pct) / 100 * 60_000 == pytest.approx(6000 / EFFICIENCY, rel=0.001)


def test_an_opened_contactor_ends_the_power_at_once() -> None:
    subject = car()
    settle(subject, 11_000)
    subject.detach()
    assert subject.power_w == 0


@given(
    soc_pct=st.floats(0, 100),
    steps=st.lists(st.tuples(st.floats(0, 30), st.floats(-20_000, 30_000)), max_size=12),
)
def test_never_beyond_what_it_can_nor_what_its_battery_holds(soc_pct: float, steps: list[tuple[float, float]]) -> None:
    subject = car(soc_pct)
    for seconds, granted_w in steps:
        subject.step(seconds, granted_w)
        assert 0 <= subject.soc_pct <= 100
        assert -6000 <= subject.power_w <= 11_000


@given(soc_pct=st.floats(0, 100), granted_w=st.floats(-20_000, 30_000))
def test_once_settled_never_above_what_is_granted(soc_pct: float, granted_w: float) -> None:
    power_w = settle(car(soc_pct), granted_w)
    assert min(granted_w, 0) - 1e-6 <= power_w <= max(granted_w, 0) + 1e-6


def test_a_sleeping_car_needs_some_seconds_of_an_offer() -> None:
    subject = Car(60_000, 50, 11_000, 0, 3, sleeps_after_s=30, wake_s=20)
    assert settle(subject, FLOOR_W) == pytest.approx(FLOOR_W)
    subject.step(20, 0)
    assert settle(subject, FLOOR_W) == pytest.approx(FLOOR_W)
    subject.step(31, 0)
    assert subject.asleep
    assert subject.step(19, FLOOR_W) == 0
    assert subject.step(10, FLOOR_W) == pytest.approx(FLOOR_W)


def test_some_cars_wake_only_when_the_control_pilot_is_interrupted() -> None:
    subject = Car(60_000, 50, 11_000, 0, 3, wakes_by_offer=False)
    subject.step(1, 0)
    assert subject.step(600, FLOOR_W) == 0
    subject.interrupt()
    assert settle(subject, FLOOR_W) == pytest.approx(FLOOR_W)


def test_it_charges_up_to_its_target_and_feeds_down_to_its_own_minimum() -> None:
    subject = Car(10_000, 79.9, 11_000, 6000, 3, target_soc_pct=80, min_soc_pct=79)
    for _ in range(10):
        subject.step(10, 11_000)
    assert subject.power_w == 0
    assert subject.soc_pct == pytest.approx(80, abs=0.5)
    for _ in range(60):
        subject.step(10, -6000)
    assert subject.power_w == 0
    assert subject.soc_pct == pytest.approx(79, abs=0.5)
