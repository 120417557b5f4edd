"""The main-fuse guard: never more than the fuse leaves, and the safe current without a fresh meter."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeapp.fuse_guard import FuseGuard, phase_currents
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus, MeterReading
from homeapp.model.site import Site

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SITE = Site(fuse_a=25, fuse_margin=0.9, max_current_a=16, safe_current_a=6)


def meter(*amperes: float) -> MeterReading:
    watts = tuple(230 * current for current in amperes)
    return MeterReading(device_id="m", received_at=NOW, power_w=sum(watts), phase_power_w=watts)


def evce(current: float | None, *, connected: bool = True) -> EvceState:
    return EvceState(
        device_id="e",
        received_at=NOW,
        status=EvceStatus.CHARGING,
        connected=connected,
        capabilities=EvceCapabilities(protocol="ocpp2.1", phases=3),
        power_w=None if current is None else current * 690,
        power_at=NOW,
        phase_current_a=None if current is None else (abs(current),) * 3,
        transaction_id="t",
    )


def allow(guard: FuseGuard, reading: MeterReading | None, state: EvceState | None, t: float, age: float = 1.0) -> float:
    return guard.allow(meter=reading, meter_age_s=age, evce=state, monotonic=t).current_a


def test_the_charger_gets_what_the_home_leaves() -> None:
    guard = FuseGuard(SITE)
    assert allow(guard, meter(2, 3, 4), evce(0), 100) == 16
    assert allow(guard, meter(14, 3, 4), evce(0), 200) == pytest.approx(8.5)
    assert allow(guard, meter(18, 3, 4), evce(0), 300) == 0


@pytest.mark.parametrize("reading", [None, meter(1, 1, 1)])
def test_a_missing_or_stale_meter_means_the_safe_current_and_no_feeding(reading: MeterReading | None) -> None:
    verdict = FuseGuard(SITE).allow(meter=reading, meter_age_s=60, evce=evce(10), monotonic=0)
    assert (verdict.current_a, verdict.feed_allowed, verdict.fail_safe) == (6, False, True)


def test_the_worst_phase_counts() -> None:
    assert allow(FuseGuard(SITE), meter(0, 0, 12.5), evce(0), 100) == pytest.approx(10)


def test_overload_goes_to_the_safe_current_after_five_seconds_and_a_heavy_one_pauses_at_once() -> None:
    guard = FuseGuard(SITE)
    guard.granted(16, 0)
    assert allow(guard, meter(10, 10, 10), evce(10), 50) == 16
    assert allow(guard, meter(28, 10, 10), evce(10), 51) < 16
    assert allow(guard, meter(28, 10, 10), evce(10), 57) <= 6
    assert allow(guard, meter(32, 10, 10), evce(10), 58) == 0


def test_it_resumes_only_with_a_margin() -> None:
    guard = FuseGuard(SITE)
    assert allow(guard, meter(20, 1, 1), evce(0), 100) == 0
    assert allow(guard, meter(16.4, 1, 1), evce(0), 200) == 0
    assert allow(guard, meter(15.4, 1, 1), evce(0), 300) == pytest.approx(7.1)


def test_a_charger_that_ramps_up_is_not_mistaken_for_the_home() -> None:
    guard = FuseGuard(SITE)
    assert allow(guard, meter(3, 3, 3), evce(0), 100) == 16
    guard.granted(16, 101)
    # The meter already sees the car, the charger's own reading is still the old one.
    assert allow(guard, meter(19, 19, 19), evce(0), 103) == 16


def test_feeding_stops_when_the_export_would_trip_the_fuse() -> None:
    verdict = FuseGuard(SITE).allow(meter=meter(-23, -23, -23), meter_age_s=1, evce=evce(-24), monotonic=100)
    assert not verdict.feed_allowed


def test_a_feeding_charger_without_export_currents_is_taken_by_its_power() -> None:
    guard = FuseGuard(SITE)
    feeding = replace(evce(-8.7), phase_current_a=(0.0, 0.0, 0.0))
    # The home draws 14 A of which the car covers 8.7 A: what may be charged afterwards depends on the 14 A.
    assert allow(guard, meter(5.3, 5.3, 5.3), feeding, 100) == pytest.approx(8.5)


def test_current_is_signed_by_the_direction_of_power() -> None:
    reading = MeterReading(
        device_id="m", received_at=NOW, power_w=0, phase_power_w=(-690.0, 230.0, 0.0), phase_current_a=(3.0, 1.2, 0.1)
    )
    assert phase_currents(reading, SITE) == (-3.0, 1.2, 0.1)


@dataclass
class House:
    """A home whose charger obeys with a delay, and a hub that sees old charger readings."""

    actual_a: float = 0.0
    reported_a: float = 0.0
    granted_a: float = 0.0


@settings(max_examples=60)
@given(st.lists(st.floats(0, 22), min_size=10, max_size=60))
def test_a_steady_home_plus_the_granted_current_stays_below_the_fuse(loads: list[float]) -> None:
    """Whatever the order of loads, each held for 30 s: once settled, load + granted is within the budget."""
    guard, house, t = FuseGuard(SITE), House(), 100.0
    for load in loads:
        for step in range(15):
            t += 2
            house.actual_a += max(-16.0, min(6.0, house.granted_a - house.actual_a))
            if step % 5 == 0:
                house.reported_a = house.actual_a
            allowed = allow(guard, meter(*(load + house.actual_a,) * 3), evce(house.reported_a), t)
            if abs(allowed - house.granted_a) > 0.1:
                guard.granted(allowed, t)
            house.granted_a = allowed
        assert load + house.granted_a <= 25 * 0.9 + 0.2 or house.granted_a == 0
