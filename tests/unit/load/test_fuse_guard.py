"""The main-fuse guard: never more than the fuse leaves, and the safe current without a fresh meter."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeapp.load.charger_book import STEADY_A
from homeapp.load.claim import Held, Moment
from homeapp.load.currents import phase_currents
from homeapp.load.load_guard import Allowance, LoadGuard, Taker
from homeapp.load.pace import Pace
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus, MeterReading
from homeapp.model.site import Circuit, Site

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SITE = Site(fuse_a=25, fuse_margin=0.9, max_current_a=16, safe_current_a=6)


AT_ONCE = Pace(step_a=100, step_every_s=0, rest_s=0)
LEASE_S = 60.0


class FuseGuard:
    """The guard of a home with one charger, whose currents rise as soon as the fuse allows."""

    def __init__(self, site: Site, pace: Pace = AT_ONCE) -> None:
        self._site = site
        self._guard = LoadGuard(site, pace)
        circuit = Circuit(
            device_id="e", max_current_a=site.max_current_a, safe_current_a=site.safe_current_a, rotation=(0, 1, 2)
        )
        self._guard.chargers_are([circuit])
        # So long ago that nothing of an earlier life of the hub holds any more.
        self.allow(meter=None, meter_age_s=0, evce=evce(0, at=-100), monotonic=-100)

    def granted(self, current_a: float, monotonic: float) -> None:
        self._guard.asked("e", Held(current_a=current_a, phases=3), moment(monotonic), LEASE_S)

    def allow(
        self, *, meter: MeterReading | None, meter_age_s: float, evce: EvceState, monotonic: float, feeds: bool = False
    ) -> Allowance:
        taker = Taker(evce=evce, wish_a=0.0 if feeds else self._site.max_current_a, feed_a=self._site.max_current_a)
        allowances = self._guard.allow(
            meter=meter, meter_age_s=meter_age_s, takers={"e": taker}, cap_w=None, at=moment(monotonic)
        )
        return allowances["e"]


def moment(monotonic: float) -> Moment:
    return Moment(monotonic=monotonic, civil=NOW + timedelta(seconds=monotonic))


def meter(*amperes: float) -> MeterReading:
    watts = tuple(230 * current for current in amperes)
    return MeterReading(device_id="m", received_at=NOW, power_w=sum(watts), phase_power_w=watts)


def evce(current: float | None, *, at: float = 0.0, accepted_a: float = 6.0) -> EvceState:
    """A charger at work whose newest sample came at second ``at``; its limit has no end."""
    return EvceState(
        device_id="e",
        received_at=NOW,
        status=EvceStatus.CHARGING,
        connected=True,
        capabilities=EvceCapabilities(protocol="ocpp2.1", phases=3),
        power_w=None if current is None else current * 690,
        power_at=NOW + timedelta(seconds=at),
        phase_current_a=None if current is None else (abs(current),) * 3,
        transaction_id="t",
        granted_w=accepted_a * 690,
    )


def allow(guard: FuseGuard, reading: MeterReading | None, state: EvceState, t: float, age: float = 1.0) -> float:
    return guard.allow(meter=reading, meter_age_s=age, evce=state, monotonic=t).current_a


def test_the_charger_gets_what_the_home_leaves() -> None:
    guard = FuseGuard(SITE)
    assert allow(guard, meter(2, 3, 4), evce(0, at=100), 100) == 16
    assert allow(guard, meter(14, 3, 4), evce(0, at=200), 200) == pytest.approx(8.5)
    assert allow(guard, meter(18, 3, 4), evce(0, at=300), 300) == 0


@pytest.mark.parametrize("reading", [None, meter(1, 1, 1)])
def test_a_missing_or_stale_meter_means_the_safe_current_and_no_feeding(reading: MeterReading | None) -> None:
    verdict = FuseGuard(SITE).allow(meter=reading, meter_age_s=60, evce=evce(10), monotonic=0)
    assert (verdict.current_a, verdict.feed_a, verdict.fail_safe) == (6, 0, True)


def test_the_worst_phase_counts() -> None:
    assert allow(FuseGuard(SITE), meter(0, 0, 12.5), evce(0), 100) == pytest.approx(10)


def test_overload_goes_to_the_safe_current_after_five_seconds_and_a_heavy_one_pauses_at_once() -> None:
    guard, charging = FuseGuard(SITE), evce(10, at=50, accepted_a=16)
    allow(guard, None, evce(10, at=30, accepted_a=16), 30)
    assert allow(guard, meter(10, 10, 10), charging, 50) == 16
    assert allow(guard, meter(28, 10, 10), charging, 51) < 16
    assert allow(guard, meter(28, 10, 10), charging, 57) <= 6
    assert allow(guard, meter(32, 10, 10), charging, 58) == 0


def test_it_resumes_only_with_a_margin_and_after_a_while() -> None:
    guard = FuseGuard(SITE)
    guard.granted(8, 0)
    assert allow(guard, meter(20, 1, 1), evce(0, at=100), 100) == 0
    guard.granted(0, 100)
    assert allow(guard, meter(16.4, 1, 1), evce(0, at=200), 200) == 0
    assert allow(guard, meter(16.4, 1, 1), evce(0, at=220), 220) == 0
    assert allow(guard, meter(15.4, 1, 1), evce(0, at=300), 300) == 0
    assert allow(guard, meter(15.4, 1, 1), evce(0, at=313), 313) == pytest.approx(7.1)


def test_a_pause_for_the_fuse_lasts_five_minutes() -> None:
    guard = FuseGuard(SITE, Pace())
    guard.granted(8, 0)
    assert allow(guard, meter(20, 1, 1), evce(0, at=100), 100) == 0
    guard.granted(0, 100)
    allowed = [allow(guard, meter(1, 1, 1), evce(0, at=t), t) for t in range(102, 440, 2)]
    assert allowed.index(6) == (400 - 102) / 2
    assert set(allowed) == {0, 6}


def test_it_rises_in_steps_and_falls_at_once() -> None:
    house, seen = House(guard=FuseGuard(SITE, Pace())), []
    for _ in range(7):
        house.lives(1, seconds=2)
        seen.append(house.granted_a)
        house.lives(1, seconds=8)
    assert seen == [6, 8, 10, 12, 14, 16, 16]
    house.lives(1, seconds=30)
    house.lives(15, seconds=2)
    assert house.granted_a == pytest.approx(7.5)


def test_a_charger_that_ramps_up_is_not_mistaken_for_the_home() -> None:
    guard = FuseGuard(SITE)
    assert allow(guard, meter(3, 3, 3), evce(0), 100) == 16
    guard.granted(16, 101)
    # The meter already sees the car, the charger's own reading is still the old one.
    assert allow(guard, meter(19, 19, 19), evce(0), 103) == 16


def test_a_car_that_resumes_by_itself_is_not_mistaken_for_the_home() -> None:
    guard = FuseGuard(SITE)
    guard.granted(16, 99)
    assert allow(guard, meter(3, 3, 3), evce(0, at=100), 100) == 16
    assert allow(guard, meter(19, 19, 19), evce(0, at=100), 102) == 16


def test_a_limit_that_is_not_obeyed_yet_counts_with_the_old_one() -> None:
    guard = FuseGuard(SITE)
    guard.granted(16, 99)
    assert allow(guard, meter(3, 3, 3), evce(0, at=100), 100) == 16
    guard.granted(8, 101)
    assert allow(guard, meter(19, 19, 19), evce(0, at=100), 102) == 16


def test_a_limit_that_the_charger_never_accepted_leaves_the_accepted_one_in_force() -> None:
    guard = FuseGuard(SITE)
    guard.granted(6, 99)
    obstinate = evce(0, at=100, accepted_a=16)
    assert allow(guard, meter(3, 3, 3), obstinate, 100) == 16
    assert allow(guard, meter(19, 19, 19), obstinate, 102) == 16


def test_a_charger_that_falls_silent_gets_no_more_than_the_safe_current() -> None:
    guard = FuseGuard(SITE)
    guard.granted(16, 0)
    assert allow(guard, meter(20, 20, 20), evce(16, at=100), 100) == 16
    assert allow(guard, meter(20, 20, 20), evce(16, at=100), 159) == 16
    verdict = guard.allow(meter=meter(20, 20, 20), meter_age_s=1, evce=evce(16, at=100), monotonic=161)
    assert (verdict.current_a, verdict.feed_a, verdict.fail_safe) == (6, 0, True)
    assert allow(guard, meter(20, 20, 20), evce(16, at=170), 170) == 6
    assert allow(guard, meter(20, 20, 20), evce(16, at=180), 183) == 16


def test_the_part_of_the_sun_is_no_part_of_the_fuse() -> None:
    assert allow(FuseGuard(replace(SITE, max_current_a=32)), meter(-15, -15, -15), evce(0), 100) == 22.5


def test_a_meter_that_only_knows_the_sum_does_not_mistake_the_car_for_the_home() -> None:
    total = MeterReading(device_id="m", received_at=NOW, power_w=16 * 690 + 12 * 230)
    guard = FuseGuard(SITE)
    assert allow(guard, total, evce(16, at=100), 100) == pytest.approx(10.5)
    assert allow(guard, total, evce(16, at=200), 200) == pytest.approx(10.5)


def test_without_known_capabilities_the_home_is_not_taken_for_less_than_it_is() -> None:
    bare = replace(evce(10), phase_current_a=None, capabilities=None)
    assert allow(FuseGuard(SITE), meter(22, 22, 22), bare, 100) == pytest.approx(10.5)


def test_no_phase_is_lost_where_the_meter_tells_powers_and_currents_of_different_number() -> None:
    odd = MeterReading(
        device_id="m", received_at=NOW, power_w=0, phase_power_w=(230.0, 230.0, 4600.0), phase_current_a=(1.0,)
    )
    assert phase_currents(odd, SITE) == (1, 1, 20)
    assert phase_currents(replace(odd, phase_power_w=(), phase_current_a=()), SITE) == (0,)


def test_what_may_be_fed_is_what_the_sun_leaves_of_the_fuse() -> None:
    guard, fed, seen = FuseGuard(SITE), 0.0, set()
    for t in range(100, 160, 2):
        allowance = guard.allow(
            meter=meter(*(-16 - fed,) * 3), meter_age_s=1, evce=evce(-fed, at=t - t % 10), monotonic=t
        )
        fed = min(8.7, allowance.feed_a)
        guard.granted(-fed, t)
        seen.add(round(fed, 3))
    assert seen == {6.5}


def test_feeding_stops_when_the_export_overloads_the_fuse() -> None:
    verdict = FuseGuard(SITE).allow(meter=meter(-28, -28, -28), meter_age_s=1, evce=evce(-28), monotonic=100)
    assert verdict.feed_a == 0
    forbidden = FuseGuard(replace(SITE, feed_allowed=False))
    assert forbidden.allow(meter=meter(1, 1, 1), meter_age_s=1, evce=evce(0), monotonic=100).feed_a == 0


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
    """A home whose charger obeys with a delay, and a hub that sees old charger readings.

    Attributes:
        appetite_a: what the car takes where it may.
        feeds: the command of the moment is to feed.
        pauses: how often charging was stopped.
    """

    guard: FuseGuard = field(default_factory=lambda: FuseGuard(SITE))
    t: float = 100.0
    actual_a: float = 0.0
    reported_a: float = 0.0
    reported_at: float = 100.0
    granted_a: float = 0.0
    granted_at: float = 100.0
    appetite_a: float = 16.0
    feeds: bool = False
    pauses: int = 0

    def lives(self, load_a: float, *, seconds: int = 60, sample_every: int = 10, ripple_a: float = 0.0) -> None:
        """Hold one load; a cycle every 2 s."""
        for step in range(seconds // 2):
            self.t += 2
            wish = self.granted_a if self.feeds else min(self.appetite_a, self.granted_a)
            self.actual_a += max(-16.0, min(6.0, wish - self.actual_a))
            if step * 2 % sample_every == 0:
                self.reported_a, self.reported_at = self.actual_a, self.t
            load = load_a + ripple_a * (1 if step % 2 else -1)
            self.cycle(load)

    def cycle(self, load_a: float) -> None:
        leased = replace(
            evce(self.reported_a, at=self.reported_at, accepted_a=max(0.0, self.granted_a)),
            granted_feed_w=max(0.0, -self.granted_a) * 690,
            lease_until=NOW + timedelta(seconds=self.granted_at + LEASE_S + 0.1),
        )
        allowance = self.guard.allow(
            meter=meter(*(load_a + self.actual_a,) * 3),
            meter_age_s=1,
            evce=leased,
            monotonic=self.t,
            feeds=self.feeds,
        )
        allowed = -allowance.feed_a if self.feeds else allowance.current_a
        if self.granted_a > 0 and allowed == 0:
            self.pauses += 1
        self.guard.granted(allowed, self.t)
        self.granted_a, self.granted_at = allowed, self.t


LOADS = st.tuples(st.floats(0, 24), st.sampled_from([0.0, 3.0, 10.0, 16.0]), st.booleans())


@settings(max_examples=40, deadline=None)
@given(st.lists(LOADS, min_size=3, max_size=25), st.sampled_from([2, 6, 10]), st.booleans())
def test_once_settled_home_and_granted_current_stay_within_the_budget(
    lives: list[tuple[float, float, bool]], sample_every: int, restarts: bool
) -> None:
    """Whatever the order of loads, of the car's appetite, of charging and feeding and of restarts of the hub."""
    house = House()
    for load_a, appetite_a, feeds in lives:
        house.appetite_a, house.feeds = appetite_a, feeds
        if restarts:
            house.guard = FuseGuard(SITE)
        house.lives(load_a, seconds=60, sample_every=sample_every)
        assert house.granted_a <= 0 or load_a + house.granted_a <= 25 * 0.9 + STEADY_A
        assert load_a + house.actual_a <= 25
        assert load_a + house.granted_a >= -25 * 0.9 - STEADY_A


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 24), st.sampled_from([2, 6, 10]), st.floats(0, 0.4))
def test_a_steady_home_makes_no_more_than_one_pause(load_a: float, sample_every: int, ripple_a: float) -> None:
    house = House()
    house.lives(load_a, seconds=600, sample_every=sample_every, ripple_a=ripple_a)
    assert house.pauses <= 1
    if load_a + ripple_a <= 25 * 0.9 - 8:
        assert house.granted_a >= 6


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 13), st.lists(st.sampled_from([0.0, 6.0, 16.0]), min_size=2, max_size=12))
def test_a_car_of_changing_appetite_is_never_stopped_where_there_is_room(load_a: float, wishes: list[float]) -> None:
    house = House()
    for appetite_a in wishes:
        house.appetite_a = appetite_a
        house.lives(load_a)
    assert house.pauses == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.lists(st.floats(-60, 60), min_size=0, max_size=4)),
            st.floats(0, 40),
            st.one_of(st.none(), st.floats(-20, 20)),
            st.floats(0, 30),
        ),
        max_size=20,
    )
)
def test_no_reading_makes_it_allow_more_than_the_circuit_and_the_fuse(
    cycles: list[tuple[list[float] | None, float, float | None, float]],
) -> None:
    guard, t = FuseGuard(SITE), 0.0
    for currents, age, charger_a, passed in cycles:
        t += passed
        reading = None if currents is None else meter(*currents)
        verdict = guard.allow(meter=reading, meter_age_s=age, evce=evce(charger_a, at=t), monotonic=t)
        assert 0 <= verdict.current_a <= 16
        assert 0 <= verdict.feed_a <= 16
        if reading is None or age > 15:
            assert (verdict.current_a, verdict.feed_a) == (6, 0)
