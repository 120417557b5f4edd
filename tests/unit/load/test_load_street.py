"""Whatever happens to meter, stations, links and hub: what is granted stays within the fuse.

The home's own load is outside of all control, so the budget of a cycle is what counts: all that stations may draw
because of what is in them or on its way to them is within it, or no station was granted more than it had. What all are
allowed is within it at every cycle, so that once they have followed the sum is. The simulated street reckons both by
itself.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from homeapp.load.charger_book import STEADY_A
from homeapp.load.series import SETTLE_S
from homeapp.model.site import Site
from kit.load_street import LEASE_S, OBEYS_S, LoadStreet, Station, station

SITE = Site(fuse_a=25, fuse_margin=0.9)
LARGE = Site(fuse_a=40, fuse_margin=0.9)


def stations() -> list[Station]:
    """Three phases as they come, three phases turned round, one phase on L2."""
    return [
        station("a"),
        station("b", rotation=(1, 2, 0), car_phases=1, priority=1),
        station("c", rotation=(1,), car_phases=1, priority=1),
    ]


def stations_in_watts() -> list[Station]:
    """Cars that may draw all of a limit from one phase, or a station that deals it out: that has to be found out."""
    return [
        station("a", watts=True, car_phases=1),
        station("b", watts=True, rotation=(1, 2, 0)),
        station("c", divides=True, car_phases=1, priority=1),
    ]


@dataclass(frozen=True)
class Span:
    """Some seconds with something that begins with them."""

    seconds: int
    home_a: tuple[float, float, float]
    who: int
    what: str
    how: float


LOAD = st.sampled_from([0.5, 3.0, 6.0, 9.0, 12.0, 16.0, 21.0, -8.0])
EVENTS = (
    "nothing", "appetite", "wish", "cut", "back", "refuse", "lose requests", "lose answers", "obey", "slow",
    "unplug", "plug", "feed", "meter stands", "meter goes", "lag", "hub dies", "hub starts",
)  # fmt: skip
SPANS = st.builds(
    Span,
    seconds=st.integers(3, 45),
    home_a=st.tuples(LOAD, LOAD, LOAD),
    who=st.integers(0, 2),
    what=st.sampled_from(EVENTS),
    how=st.floats(0, 1),
)


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""A story of a whole street is not made shorter: that would take minutes."""


def happens(street: LoadStreet, span: Span) -> None:
    """What begins with this span, at the station, at the meter or at the hub."""
    one = street.stations[span.who]
    at_the_station(one, span, street.t)
    match span.what:
        case "wish":
            street.wishes[one.circuit.device_id] = round(20 * span.how)
        case "feed" if one.car_phases == one.circuit.phases:
            # Until its currents have been seen, a car counts as using all phases of its station.
            street.wishes[one.circuit.device_id] = -16 * span.how
        case "meter stands" | "meter goes":
            street.meter_stands = span.what == "meter stands"
        case "lag":
            street.lag_s = round(3 * span.how)
        case "hub dies":
            street.hub_lives = False
        case "hub starts":
            street.restart()


def at_the_station(one: Station, span: Span, t: float) -> None:
    match span.what:
        case "appetite":
            one.appetite_a = 16 * span.how
        case "cut":
            one.cut(t, notices_s=round(40 * span.how))
        case "back":
            one.linked = True
        case "refuse" | "lose requests" | "lose answers" | "obey":
            one.refuses = span.what == "refuse"
            one.loses_requests = span.what == "lose requests"
            one.loses_answers = span.what == "lose answers"
        case "slow":
            one.answers_after_s = round(8 * span.how)
        case "unplug":
            one.unplug()
        case "plug":
            one.plugged = True


@settings(
    max_examples=int(os.environ.get("HOMEAPP_STREETS", "40")),
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.lists(SPANS, min_size=3, max_size=14),
    st.sampled_from([SITE, LARGE]),
    st.sampled_from([stations, stations_in_watts]),
)
def test_no_cycle_grants_more_than_the_fuse_leaves(
    spans: list[Span], site: Site, make: Callable[[], list[Station]]
) -> None:
    street = LoadStreet(site, make())
    for span in spans:
        street.home_a = span.home_a
        happens(street, span)
        street.lives(span.seconds)


@settings(max_examples=15, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SPANS, min_size=2, max_size=6), st.tuples(*[st.sampled_from([0.5, 3.0, 6.0, 12.0, 18.0])] * 3))
def test_after_an_overload_the_sum_comes_down_and_stays_within_the_fuse(
    spans: list[Span], home_a: tuple[float, float, float]
) -> None:
    street = LoadStreet(SITE, stations())
    for span in spans:
        happens(street, span)
        street.lives(span.seconds)
    street.home_a, street.meter_stands = home_a, False
    for one in street.stations:
        one.refuses = one.loses_requests = one.loses_answers = False
        one.linked, one.answers_after_s = True, 1
    if not street.hub_lives:
        street.restart()
    street.lives(80)
    for _ in range(100):
        street.second()
        for current in street.at_the_meter():
            assert current <= SITE.fuse_a * SITE.fuse_margin + STEADY_A


@settings(max_examples=15, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SPANS, min_size=1, max_size=6), st.integers(1, 60))
def test_a_hub_that_dies_anywhere_leaves_all_at_the_floor_within_one_lease(spans: list[Span], dies_after: int) -> None:
    street = LoadStreet(LARGE, stations())
    for span in spans:
        street.home_a = span.home_a
        happens(street, span)
        street.lives(span.seconds)
    street.lives(dies_after)
    street.hub_lives = False
    street.lives(int(LEASE_S) + 10 + OBEYS_S)
    for one in street.stations:
        assert one.limit == (one.circuit.safe_current_a, one.circuit.phases)
        assert 0 <= one.drawn_a <= one.circuit.safe_current_a


def settled(street: LoadStreet, seconds: int = 200) -> dict[str, float]:
    """What each is allowed after a while, A."""
    street.lives(seconds)
    return {device_id[-1]: round(allowance.current_a, 1) for device_id, allowance in street.allowances.items()}


def test_equals_share_evenly_and_what_one_leaves_the_other_gets() -> None:
    street = LoadStreet(SITE, [station("a"), station("b")])
    assert settled(street) == {"a": 9.8, "b": 9.8}
    street.wishes["ocpp:a"] = 7
    assert settled(street) == {"a": 7, "b": 12.5}


def test_the_one_of_the_lower_number_is_filled_up_first() -> None:
    street = LoadStreet(SITE, [station("a", priority=2), station("b", priority=1)])
    assert settled(street) == {"a": 6, "b": 13.5}
    street.home_a = (12.0, 3.0, 3.0)
    assert settled(street, 500) == {"a": 0, "b": 10.5}, "after a rest, because that was a heavy overload"


def test_phases_turned_round_do_not_stand_in_each_others_way() -> None:
    one_phase = {"car_phases": 1}
    apart = LoadStreet(SITE, [station("a", **one_phase), station("b", rotation=(1, 2, 0), **one_phase)])
    assert settled(apart) == {"a": 16, "b": 16}
    together = LoadStreet(SITE, [station("a", **one_phase), station("b", **one_phase)])
    assert settled(together) == {"a": 9.8, "b": 9.8}


def test_where_not_all_can_charge_they_take_turns() -> None:
    street = LoadStreet(SITE, [station("a"), station("b")], home_a=(12.0, 12.0, 12.0))
    charged = {"ocpp:a": 0, "ocpp:b": 0}
    switched = 0
    for _ in range(120):
        before = {name: allowance.current_a > 0 for name, allowance in street.allowances.items()}
        street.lives(60)
        for name, allowance in street.allowances.items():
            charged[name] += allowance.current_a > 0
            switched += before.get(name, False) and allowance.current_a == 0
    assert min(charged.values()) > 40
    assert sum(charged.values()) <= 121
    assert 3 <= switched <= 8, "a turn lasts a quarter of an hour"


def test_what_an_earlier_life_of_the_hub_has_asked_for_counts_until_it_has_lapsed() -> None:
    street = LoadStreet(SITE, [station("a"), station("b", priority=1)])
    assert settled(street)["a"] == 13.5
    greedy, other = street.stations
    # Its car takes nothing just now, and it will not hear of another limit before its lease ends.
    greedy.appetite_a, greedy.loses_requests = 0, True
    street.lives(int(SETTLE_S))
    street.restart()
    street.wishes = {"ocpp:a": 6, "ocpp:b": 16}
    street.lives(30)
    assert other.limit[0] <= 6
    street.lives(120)
    assert other.limit[0] == 13.5


def test_uneven_load_is_capped_where_the_rules_of_the_country_want_it() -> None:
    one_phase = {"car_phases": 1, "rotation": (1,), "max_current_a": 32.0, "appetite_a": 32.0}
    rules = Site(fuse_a=63, asymmetry_a=20)
    street = LoadStreet(rules, [station("a", **one_phase), station("b", max_current_a=32.0, appetite_a=32.0)])
    street.wishes = {"ocpp:a": 32.0, "ocpp:b": 32.0}
    assert settled(street) == {"a": 20, "b": 32}
    free = LoadStreet(Site(fuse_a=63), [station("a", **one_phase)], wishes={"ocpp:a": 32.0})
    assert settled(free) == {"a": 32}


def test_a_charger_that_can_switch_goes_on_with_one_phase_and_comes_back() -> None:
    street = LoadStreet(SITE, [station("a", switches=True)], home_a=(3.0, 3.0, 3.0))
    assert settled(street) == {"a": 16}
    street.home_a = (3.0, 20.0, 3.0)
    street.lives(60)
    assert street.allowances["ocpp:a"].phases == 1
    assert street.allowances["ocpp:a"].current_a >= 6
    street.home_a = (3.0, 3.0, 3.0)
    street.lives(480)
    assert street.allowances["ocpp:a"].phases == 1, "not twice within ten minutes"
    street.lives(120)
    assert street.allowances["ocpp:a"].phases == 3
    stiff = LoadStreet(SITE, [station("a")], home_a=(3.0, 20.0, 3.0))
    assert settled(stiff) == {"a": 0}


@pytest.mark.parametrize(
    ("how", "home_a", "allowed_a", "phases", "drawn_a"),
    [
        ({"watts": True, "car_phases": 1}, 3.0, 16, 1, 16),
        ({"watts": True, "car_phases": 1}, 8.0, 14.5, 1, 14.5),
        ({"watts": True, "car_phases": 2}, 8.0, 14.5, 2, 14.5),
        ({"watts": True}, 8.0, 14.5, 3, 14.5),
        ({"divides": True}, 8.0, 14.5, 3, 14.5),
        ({"divides": True, "car_phases": 1}, 8.0, 14.5, 2, 9.7),
    ],
)
def test_a_limit_in_watts_is_reckoned_for_the_phases_that_the_car_uses_and_starves_none(
    how: dict[str, object], home_a: float, allowed_a: float, phases: int, drawn_a: float
) -> None:
    street = LoadStreet(SITE, [station("a", **how)], home_a=(home_a,) * 3)
    for _ in range(300):
        street.second()
        assert max(street.at_the_meter()) <= SITE.fuse_a * SITE.fuse_margin + home_a + STEADY_A
    allowance = street.allowances["ocpp:a"]
    assert (round(allowance.current_a, 1), allowance.phases or 3) == (allowed_a, phases)
    assert round(street.at_the_meter()[0] - home_a, 1) == drawn_a
    assert max(street.at_the_meter()) <= SITE.fuse_a * SITE.fuse_margin + STEADY_A


def test_the_floor_of_one_that_is_away_is_left_free_for_ever() -> None:
    street = LoadStreet(SITE, [station("a"), station("b")])
    settled(street)
    street.stations[1].cut(street.t, notices_s=20)
    assert settled(street) == {"a": 13.5}
    assert settled(street, 3000) == {"a": 13.5}


def test_what_may_be_fed_stays_within_the_cap_for_export() -> None:
    street = LoadStreet(Site(feed_cap_a=10), [station("a")], home_a=(-4.0, 0.0, 0.0))
    settled(street)
    street.wishes["ocpp:a"] = -16
    street.lives(60)
    assert street.allowances["ocpp:a"].feed_a == pytest.approx(6)
    assert min(street.at_the_meter()) >= -10 - STEADY_A
