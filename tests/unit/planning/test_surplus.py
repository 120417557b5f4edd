"""Charging with what is left over, as measured: patient at the edges, following in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.planning.surplus import BEGINS_AFTER_S, ENDS_AFTER_S, SurplusFollower

LEAST_W = 4140.0


class Sun:
    def __init__(self) -> None:
        self.now = 0.0
        self.follower = SurplusFollower(lambda: self.now)

    def shines(self, surplus_w: float | None, seconds: float) -> float:
        allowed = 0.0
        for _ in range(int(seconds)):
            allowed = self.follower.allowed_w(surplus_w, LEAST_W)
            self.now += 1.0
        return allowed


def test_it_begins_after_a_while_of_enough_sun() -> None:
    sun = Sun()
    assert sun.shines(6000.0, BEGINS_AFTER_S) == 0.0
    assert sun.shines(6000.0, 2) == pytest.approx(6000.0)


def test_less_than_the_least_power_never_begins() -> None:
    assert Sun().shines(4000.0, 3600) == 0.0


def test_a_cloud_is_sat_out_at_the_least_power_and_a_dark_sky_ends_it() -> None:
    sun = Sun()
    sun.shines(6000.0, BEGINS_AFTER_S + 2)
    assert sun.shines(1000.0, ENDS_AFTER_S / 2) == LEAST_W
    assert sun.shines(7000.0, 120) == pytest.approx(7000.0, rel=0.01)
    assert sun.shines(0.0, ENDS_AFTER_S + 60) == 0.0


def test_a_step_of_a_few_seconds_hardly_shows() -> None:
    sun = Sun()
    sun.shines(6000.0, BEGINS_AFTER_S + 60)
    assert sun.shines(12_000.0, 2) < 7_000.0


def test_what_is_not_known_is_not_charged_with_and_begins_anew() -> None:
    sun = Sun()
    sun.shines(6000.0, BEGINS_AFTER_S + 10)
    assert sun.shines(None, 1) == 0.0
    assert sun.shines(6000.0, BEGINS_AFTER_S) == 0.0


@given(st.lists(st.tuples(st.floats(-2e4, 2e4), st.integers(1, 200)), max_size=15))
def test_it_is_nothing_or_at_least_the_least_power(skies: list[tuple[float, int]]) -> None:
    sun = Sun()
    for surplus_w, seconds in skies:
        for _ in range(seconds):
            allowed = sun.shines(surplus_w, 1)
            assert allowed == 0.0 or allowed >= LEAST_W
