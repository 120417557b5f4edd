"""What a request would change, in plans and in words."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from homeapp.model.offer import Binding, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.offer_terms import BatteryTerms
from homeapp.model.plan import ChargingMode, OfferPreview
from homeapp.planning.feed_budget import FeedAllowance
from homeapp.planning.home_request import commitments_of
from homeapp.planning.make_plan import make_plan
from homeapp.planning.preview import preview_of
from kit.plan_requests import HOUR, NOW, fed_wh, request, shed, tariff

START = NOW + timedelta(minutes=53)


def case(kind: OfferKind = OfferKind.POWER_FEED, hours: float = 1.0, **interval: Any) -> OfferCase:
    span = OfferInterval(start=START, end=START + hours * HOUR, **(interval or {"setpoint_w": -5000.0}))
    offer = Offer(
        offer_id="1",
        revision=1,
        sp_id="evc_sp",
        sp_name="Provider",
        kind=kind,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOW,
        expires_at=START,
        intervals=(span,),
        title="Sell",
        reward=Decimal("2.40"),
        currency="EUR",
    )
    return OfferCase(offer=offer, digest=offer.digest(), state=OfferState.PENDING, updated_at=NOW)


def preview(asked: OfferCase, **changes: Any) -> OfferPreview:
    others = changes.pop("others", ())
    return preview_of(asked, request(**changes), commitments_of((asked,), NOW), others, make_plan)


@pytest.mark.usecase("T1", "T2")
def test_a_power_feed_is_shown_with_its_energy_cost_and_balance() -> None:
    found = preview(case())
    assert (fed_wh(found.plan_with), fed_wh(found.plan_without)) == (pytest.approx(5000, abs=10), 0.0)
    assert (found.reaches_with_pct, found.reaches_without_pct) == (80.0, 80.0)
    assert found.cycles_with == pytest.approx(0.1)
    assert found.cost_with is not None
    assert found.cost_without is not None
    net = Decimal("2.40") - (found.cost_with - found.cost_without) - Decimal("0.25")
    assert found.sentence == (
        "The car is as full at Fri 07:00 as without it: 80 %. It takes 5.0 kWh from the battery, 0.10 of a full "
        f"cycle. Charging is expected to cost {found.cost_with} instead of {found.cost_without} EUR. With the reward "
        f"of 2.40 EUR and 0.25 EUR for the battery's wear, you are {net} EUR better off."
    )


def test_what_it_takes_from_the_departure_is_said_first() -> None:
    found = preview(case(OfferKind.LOAD_SHED, hours=10, max_w=0.0), soc_pct=20.0)
    assert found.sentence.startswith("At Fri 07:00 the car has")
    assert found.reaches_with_pct < found.reaches_without_pct == 80.0
    assert "because of what you have agreed to" in found.sentence


def test_a_request_that_changes_nothing_says_so() -> None:
    found = preview(case(OfferKind.LOAD_SHED, hours=0.5, max_w=0.0))
    assert found.plan_with.cost == found.plan_without.cost
    assert "Charging costs the same, 0.83 EUR." in found.sentence
    assert "you are 2.40 EUR better off" in found.sentence


def test_more_than_the_budget_is_said() -> None:
    assert "more than you let the car feed in a day" in preview(case(), allowance=FeedAllowance(today_wh=3000)).sentence
    assert "more than you let" not in preview(case(), allowance=FeedAllowance(today_wh=6000)).sentence


def test_what_is_agreed_already_stands_in_both_plans() -> None:
    found = preview(case(), others=(shed(NOW + 8 * HOUR, 3, 4200.0),))
    for plan in (found.plan_with, found.plan_without):
        limited = plan.at(NOW + 9 * HOUR)
        assert limited is not None
        assert limited.power_w <= 4200.0
    assert found.plan_with.slots[-1].end == found.plan_without.slots[-1].end


def test_another_currency_is_not_added_up() -> None:
    asked = case()
    other = replace(asked, offer=replace(asked.offer, currency="CHF"))
    found = preview(other)
    assert (found.currency, "better off" in found.sentence) == ("CHF", False)


def test_without_prices_no_costs_are_invented() -> None:
    found = preview(case(), tariff=None)
    assert (found.cost_with, found.cost_without) == (None, None)
    assert "cost" not in found.sentence


@pytest.mark.usecase("T2")
def test_whether_what_is_promised_about_the_car_is_kept_is_said() -> None:
    by = NOW + timedelta(hours=11, minutes=53)
    asked = case()
    asked = replace(
        asked, offer=replace(asked.offer, battery=BatteryTerms(guaranteed_soc_pct=80.0, ready_by=by), min_soc_pct=40.0)
    )
    kept = preview(asked)
    assert ". 80 % again by Fri 07:00 is kept. It takes 5.0 kWh" in kept.sentence
    assert kept.plan_with.slots[-1].end == kept.plan_without.slots[-1].end
    paused = preview(asked, mode=ChargingMode.PAUSE)
    assert "is kept" not in paused.sentence
    assert paused.sentence.count("Provider has promised you 80 % at Fri 07:00. The car has 40 % then") == 1
    in_days = BatteryTerms(guaranteed_soc_pct=80.0, ready_by=by + 72 * HOUR)
    late = replace(asked, offer=replace(asked.offer, battery=in_days))
    assert "80 % again" not in preview(late).sentence


def test_a_promise_costs_what_it_makes_dearer() -> None:
    by = START + 2 * HOUR
    asked = case()
    bound = replace(asked, offer=replace(asked.offer, battery=BatteryTerms(guaranteed_soc_pct=70.0, ready_by=by)))
    dear = {"tariff": tariff([30] * 8 + [5] * 6)}
    free, found = preview(asked, **dear), preview(bound, **dear)
    assert free.cost_with is not None
    assert found.cost_with is not None
    assert found.cost_with > free.cost_with + Decimal("1")
    assert found.cost_without == free.cost_without
