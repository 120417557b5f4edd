"""The home as it is, as a request: what is agreed to, and what car, charger and connection can do."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from homeapp.model.offer import Binding, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.offer_terms import BatteryTerms
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus
from homeapp.model.site import Site
from homeapp.planning.home_request import commitments_of, feed_problem
from homeapp.planning.request import Guarantee
from kit.offer_desk import NOON, make_offer

HOUR = timedelta(hours=1)
V2G = EvceCapabilities(protocol="ocpp2.1", can_feed=True, max_feed_w=6000.0)
CAR = EvceState(device_id="a", received_at=NOON, status=EvceStatus.PLUGGED, connected=True, capabilities=V2G)


def case(delivered_wh: float | None = None, **wanted: Any) -> OfferCase:
    offer = make_offer(**wanted)
    return OfferCase(offer=offer, digest="", state=OfferState.SCHEDULED, updated_at=NOON, delivered_wh=delivered_wh)


def spans(asked: OfferCase, at: float = 0.0) -> list[tuple[float, float]]:
    """Begin and end in hours after noon."""
    found = commitments_of((asked,), NOON + at * HOUR)
    return [((one.interval.start - NOON) / HOUR, (one.interval.end - NOON) / HOUR) for one in found]


def test_a_feed_ends_where_its_energy_has_been_fed() -> None:
    assert spans(case()) == [(1.0, 2.0)]
    assert spans(case(max_feed_wh=2500.0)) == [(1.0, 1.5)]
    assert spans(case(max_feed_wh=9000.0)) == [(1.0, 2.0)]


def test_what_was_fed_already_no_longer_counts() -> None:
    assert spans(case(-2000.0, max_feed_wh=2500.0), at=1.4) == [(1.0, pytest.approx(1.5))]
    assert spans(case(-2500.0, max_feed_wh=2500.0), at=1.5) == []


def test_the_energy_is_that_of_all_intervals_together() -> None:
    two = tuple(OfferInterval(start=NOON + n * HOUR, end=NOON + (n + 1) * HOUR, setpoint_w=-5000.0) for n in (1, 3))
    assert spans(case(intervals=two, max_feed_wh=7500.0)) == [(1.0, 2.0), (3.0, 3.5)]


def test_an_interval_may_ask_for_less_than_its_power_makes() -> None:
    wish = OfferInterval(start=NOON + HOUR, end=NOON + 2 * HOUR, setpoint_w=6000.0, energy_wh=1500.0)
    assert spans(case(kind=OfferKind.CHARGE_BOOST, intervals=(wish,))) == [(1.0, 1.25)]


def test_limits_hold_to_their_end_and_mandatory_ones_are_known_as_such() -> None:
    limit = OfferInterval(start=NOON, end=NOON + 4 * HOUR, max_w=4200.0)
    imposed = case(kind=OfferKind.CAPACITY_LIMIT, binding=Binding.MANDATORY, intervals=(limit,))
    (found,) = commitments_of((imposed,), NOON + HOUR)
    assert (found.interval, found.mandatory) == (limit, True)
    assert commitments_of((imposed,), NOON + 4 * HOUR) == ()


@pytest.mark.usecase("T2")
def test_what_is_promised_about_the_car_comes_with_a_request_and_outlasts_it() -> None:
    terms = BatteryTerms(guaranteed_soc_pct=80.0, ready_by=NOON + 9 * HOUR)
    asked = case(min_soc_pct=40.0, battery=terms)
    wanted, fed = commitments_of((asked,), NOON)
    assert wanted.guarantee == Guarantee(at=NOON + 9 * HOUR, soc_pct=80.0, sp_name="EVC provider")
    assert (wanted.interval.setpoint_w, wanted.interval.max_w, wanted.interval.end) == (None, None, NOON + 9 * HOUR)
    assert (fed.guarantee, fed.least_pct) == (None, 40.0)
    # The same in every plan until it is due: a home draws its share of the cheap hours by it.
    assert commitments_of((asked,), NOON + 5 * HOUR) == (wanted,)
    assert commitments_of((asked,), NOON + 9 * HOUR) == ()


@pytest.mark.parametrize(
    "wanted",
    [
        {"battery": BatteryTerms(guaranteed_soc_pct=80.0)},
        {"battery": BatteryTerms(ready_by=NOON + 9 * HOUR)},
        {
            "battery": BatteryTerms(guaranteed_soc_pct=80.0, ready_by=NOON + 9 * HOUR),
            "kind": OfferKind.CAPACITY_LIMIT,
        },
    ],
)
def test_half_a_promise_is_none_and_a_limit_promises_nothing(wanted: dict[str, Any]) -> None:
    assert {one.guarantee for one in commitments_of((case(**wanted),), NOON)} == {None}


@pytest.mark.parametrize(
    ("site", "evce", "says"),
    [
        (Site(feed_allowed=False), CAR, "may not take in power"),
        (Site(), None, "No car"),
        (Site(), replace(CAR, status=EvceStatus.AVAILABLE), "No car"),
        (Site(), replace(CAR, capabilities=None), "both must support it"),
        (Site(), replace(CAR, capabilities=replace(V2G, can_feed=False, feed_refusal="It refuses.")), "It refuses."),
    ],
)
def test_what_keeps_the_home_from_feeding_is_said(site: Site, evce: EvceState | None, says: str) -> None:
    assert says in (feed_problem(site, evce) or "")


def test_where_all_of_them_can_nothing_stands_in_the_way() -> None:
    assert feed_problem(Site(), CAR) is None
