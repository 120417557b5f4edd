"""The home as the desk sees it: what of the live state stands in the way of a request."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from homeapp.model.plan import ChargingMode, Goal
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus
from homeapp.model.site import Site
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.offer_side import HomeView
from homeapp.snapshot import LiveState
from kit.clocks import StandingClock
from kit.offer_desk import NOON, make_offer

CAR = EvceState(
    device_id="ocpp:box",
    received_at=NOON,
    status=EvceStatus.CHARGING,
    connected=True,
    transaction_id="t",
    soc_pct=60.0,
    soc_at=NOON,
    capabilities=EvceCapabilities(protocol="ocpp2.1", can_feed=False, feed_refusal="It cannot."),
)


def view(state: EvceState | None = None, **known: Any) -> HomeView:
    goal = Goal(mode=ChargingMode.NOW, target_pct=80.0, ready_by=NOON, floor_pct=40.0, capacity_wh=50_000.0)
    live = LiveState(site=Site(), goal=goal, clock=StandingClock(NOON))
    if state is not None:
        live.chargers_are({state.device_id: "Charger"})
        live.evce_changed(state)
    made: dict[str, Any] = {"region": "NL", "has_charger": lambda: state is not None, "hears": lambda _sp_id: True}
    return HomeView(live=live, site=Site(feed_allowed=False), **{**made, **known})


def test_facts_are_those_of_the_moment() -> None:
    home = view(CAR, feed_left_wh=lambda: 900.0)
    slot = PriceSlot(start=NOON, end=NOON + timedelta(hours=1), import_price=Decimal("0.3"))
    assert home.facts().currency == ""
    home.live.tariff_received("grid_sp", Tariff(source="x", currency="EUR", received_at=NOON, slots=(slot,)))
    facts = home.facts()
    assert (facts.currency, facts.region, facts.soc_pct, facts.floor_pct) == ("EUR", "NL", 60.0, 40.0)
    assert (facts.charger, facts.feed_allowed, facts.feed_left_wh) == (True, False, 900.0)
    assert view().facts().charger is False


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, True),
        ({"soc_pct": None, "soc_at": None}, False),
        ({"transaction_id": None}, False),
        ({"status": EvceStatus.AVAILABLE}, False),
        ({"capabilities": None}, False),
        ({"capabilities": EvceCapabilities(protocol="ocpp2.1", can_feed=True)}, False),
    ],
)
def test_only_what_will_not_pass_stands_in_the_way_of_a_feed(change: dict[str, Any], refused: bool) -> None:
    assert view(replace(CAR, **change)).facts().feed_refusal == ("It cannot." if refused else None)


def test_an_older_charger_needs_no_car_to_be_known_for_what_it_is() -> None:
    old = replace(CAR, transaction_id=None, capabilities=EvceCapabilities(protocol="ocpp1.6", feed_refusal="Too old."))
    assert view(old).facts().feed_refusal == "Too old."
    assert view().facts().feed_refusal is None


def test_without_a_planner_nothing_is_foreseen() -> None:
    assert asyncio.run(view(CAR).foreseen_pct(make_offer())) is None
