"""The owner's own power feed: only where it pays, within budget and reserve, and honest about what it gains."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from homeapp.goal import local_midnight
from homeapp.model.offer import OfferInterval
from homeapp.model.plan import ChargingMode, FeedBudget, Plan, Promise, SlotReason
from homeapp.planning.feed_budget import FeedAllowance
from homeapp.planning.make_plan import make_plan
from homeapp.planning.request import Commitment
from kit.plan_requests import CAPACITY_WH, HOUR, NOW, ZONE, fed_wh, feed, goal, request, tariff

DEAR_EVENING = tariff([55, 55, 30, 30, 30, 5, 5, 5, 5, 5, 30, 30])
"""Feed in the first two hours, charge at night."""


def plan(budget: FeedBudget = FeedBudget(), **changes: Any) -> Plan:  # noqa: B008 - frozen
    asked = request(ChargingMode.POWER_FEED, tariff=DEAR_EVENING, soc_pct=70.0)
    return make_plan(replace(asked, goal=replace(asked.goal, feed=budget), **changes))


@pytest.mark.usecase("T2", "D3")
def test_it_feeds_in_the_dear_hours_down_to_the_reserve_and_is_ready_in_time() -> None:
    found = plan()
    fed = [slot for slot in found.slots if slot.power_w < 0]
    assert {slot.reason for slot in fed} == {SlotReason.FEED_PLAN}
    assert all(slot.power_w == -7000.0 for slot in found.slots if slot.price == Decimal("0.55"))
    assert {slot.price for slot in found.slots if slot.power_w > 0} == {Decimal("0.05")}
    assert min(slot.soc_pct or 0.0 for slot in found.slots) >= 29.9
    assert (found.reaches_pct, found.feed_refused) == (80.0, None)
    assert found.feed_gain is not None
    assert found.feed_gain > Decimal("2")
    assert found.cycles == pytest.approx(fed_wh(found) / CAPACITY_WH, abs=0.001)


def test_its_gain_is_that_of_the_two_plans_with_the_wear_taken_off() -> None:
    found, quiet = plan(), make_plan(request(tariff=DEAR_EVENING, soc_pct=70.0))
    assert found.cost is not None
    assert quiet.cost is not None
    wear = Decimal(repr(fed_wh(found) / 1000)) * Decimal("0.05")
    # What is left at the end is the same.
    assert found.feed_gain == pytest.approx(quiet.cost - found.cost - wear, abs=Decimal("0.03"))


def test_a_gain_below_what_the_owner_wants_is_refused_with_the_amounts() -> None:
    found = plan(FeedBudget(least_gain=Decimal("9.99")))
    assert fed_wh(found) == 0.0
    assert found.feed_refused == (
        f"Feeding would gain only {found.feed_gain} EUR. You have said that less than 9.99 EUR is not worth it."
    )


def test_where_the_wear_eats_the_gain_nothing_is_fed() -> None:
    found = plan(FeedBudget(wear_per_kwh=Decimal("0.60")))
    assert (fed_wh(found), found.feed_gain) == (0.0, Decimal("0.00"))
    assert found.feed_refused is not None
    assert found.feed_refused.startswith("Feeding does not pay now")


def test_the_days_budget_is_kept_and_the_best_of_it_used() -> None:
    found = plan(allowance=FeedAllowance(today_wh=4_000, day_wh=0.0))
    midnight = local_midnight(NOW, ZONE) + 24 * HOUR
    assert 2_000 < fed_wh(found) <= 4_001
    assert all(slot.start < midnight for slot in found.slots if slot.power_w < 0)


def test_the_years_budget_is_kept_too() -> None:
    assert fed_wh(plan(allowance=FeedAllowance(year_wh=3_000))) <= 3_001
    spent = plan(allowance=FeedAllowance(year_wh=0.0))
    assert (fed_wh(spent), spent.feed_refused) == (0.0, "What you let the car feed in a year has been fed.")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"feed_max_w": 0.0, "feed_problem": "The charger or the car cannot feed."}, "cannot feed"),
        ({"soc_pct": None}, "does not tell its state of charge"),
        ({"soc_told": False}, "does not tell its state of charge"),
        ({"tariff": None}, "No prices are known"),
    ],
)
def test_what_stands_in_the_way_is_said(changes: dict[str, Any], says: str) -> None:
    found = plan(**changes)
    assert fed_wh(found) == 0.0
    assert says in (found.feed_refused or "")
    assert found.shortfall_wh == 0


@pytest.mark.parametrize("mode", [mode for mode in ChargingMode if mode is not ChargingMode.POWER_FEED])
def test_no_other_mode_feeds_of_its_own_accord(mode: ChargingMode) -> None:
    found = make_plan(request(mode, tariff=DEAR_EVENING, soc_pct=70.0))
    assert (fed_wh(found), found.feed_gain, found.feed_refused) == (0.0, None, None)


def test_what_is_agreed_is_fed_besides() -> None:
    found = plan(FeedBudget(least_gain=Decimal("9")), commitments=(feed(NOW + 113 / 60 * HOUR, 1, 3000.0),))
    fed = {slot.reason for slot in found.slots if slot.power_w < 0}
    assert fed == {SlotReason.FEED_OFFER}
    assert fed_wh(found) == pytest.approx(3000, abs=10)


def test_gain_after_the_departure_is_not_counted_on() -> None:
    dear_at_noon = tariff([30] * 14 + [90] * 6)
    asked = request(ChargingMode.POWER_FEED, tariff=dear_at_noon, soc_pct=80.0)
    assert fed_wh(make_plan(asked)) == 0.0
    stays = replace(asked, goal=goal(ChargingMode.POWER_FEED, ready_by="18:00"))
    assert fed_wh(make_plan(stays)) > 5_000


def test_a_limit_on_what_may_be_exported_holds_for_both_kinds_of_feed() -> None:
    limit = Commitment(interval=OfferInterval(start=NOW, end=NOW + HOUR, max_feed_w=5000.0), mandatory=True)
    free = plan(commitments=(limit,))
    assert min(slot.power_w for slot in free.slots if slot.end <= NOW + HOUR) == -5000.0
    assert min(slot.power_w for slot in free.slots) == -7000.0
    agreed = make_plan(request(tariff=DEAR_EVENING, soc_pct=70.0, commitments=(limit, feed(NOW, 1, 6000.0))))
    assert min(slot.power_w for slot in agreed.slots) == -5000.0
    assert agreed.broken[0].kind is Promise.FEED_OFFER
