"""What this home lacks for a request, and who else has its time and power."""

from datetime import timedelta
from typing import Any

import pytest

from homeapp.errors import WrongState
from homeapp.model.offer import Binding, Choice, Offer, OfferInterval, OfferKind, OfferState
from homeapp.offers.home import HomeFacts, why_ineligible
from homeapp.offers.overlap import cannot_stand_together
from kit.offer_desk import NOON, Desk, Run, make_offer

ONE, TWO = NOON + timedelta(hours=1), NOON + timedelta(hours=2)


def limit(max_w: float, **wanted: Any) -> Offer:
    intervals = (OfferInterval(start=ONE, end=TWO, max_w=max_w),)
    return make_offer(offer_id="limit", sp_id="grid_sp", kind=OfferKind.CAPACITY_LIMIT, intervals=intervals, **wanted)


def boost(power_w: float) -> Offer:
    intervals = (OfferInterval(start=ONE, end=TWO, setpoint_w=power_w),)
    return make_offer(offer_id="boost", sp_id="fleet", kind=OfferKind.CHARGE_BOOST, intervals=intervals)


def shed() -> Offer:
    intervals = (OfferInterval(start=ONE, end=TWO, max_w=0.0),)
    return make_offer(offer_id="shed", sp_id="grid_sp", kind=OfferKind.LOAD_SHED, intervals=intervals)


def later() -> Offer:
    return make_offer(offer_id="later", sp_id="grid_sp", begins=TWO)


def check() -> Offer:
    intervals = (OfferInterval(start=ONE, end=TWO),)
    return make_offer(offer_id="check", sp_id="pev_sp", kind=OfferKind.HEALTH_CHECK, intervals=intervals)


@pytest.mark.parametrize(
    ("one", "two", "clash"),
    [
        (make_offer(), shed(), True),
        (make_offer(), boost(7000), True),
        (shed(), boost(7000), True),
        (make_offer(), later(), False),
        (make_offer(), check(), False),
        (make_offer(), limit(4200), False),
        (shed(), limit(4200), False),
        (boost(7000), limit(4200), True),
        (boost(4000), limit(4200), False),
        (boost(7000), limit(4200, binding=Binding.MANDATORY), False),
        (make_offer(), make_offer(), False),
    ],
)
def test_the_same_power_is_not_promised_twice(one: Offer, two: Offer, clash: bool) -> None:
    assert cannot_stand_together(one, two) is clash
    assert cannot_stand_together(two, one) is clash


@pytest.mark.parametrize(
    ("home", "wanted", "says"),
    [
        ({"charger": False}, {}, "needs a charger"),
        ({"feed_allowed": False}, {}, "may not feed power"),
        ({"feed_refusal": "The charger speaks OCPP 1.6."}, {}, "OCPP 1.6"),
        ({"region": "NL-NB"}, {"region": "DE"}, "for homes in DE"),
        ({"region": "NL-NB"}, {"region": "NL-UT"}, "for homes in NL-UT"),
        ({"currency": "EUR"}, {"currency": "GBP"}, "pays in GBP"),
        ({"hears": lambda sp_id: sp_id != "evc_sp"}, {}, "share nothing with EVC provider"),
    ],
)
def test_what_this_home_lacks_is_said(home: dict[str, Any], wanted: dict[str, Any], says: str) -> None:
    found = why_ineligible(make_offer(**wanted), HomeFacts(**home))
    assert len(found) == 1
    assert says in found[0]


@pytest.mark.parametrize(
    ("home", "wanted"),
    [
        ({}, {}),
        ({"region": "NL-NB"}, {"region": "NL"}),
        ({"region": "NL"}, {"region": "NL-NB"}),
        ({"region": "NL"}, {}),
        ({}, {"region": "NL"}),
        ({}, {"currency": "GBP"}),
        ({"feed_refusal": "No.", "feed_allowed": False}, {"kind": OfferKind.LOAD_SHED}),
    ],
)
def test_what_is_not_known_stands_in_nobodys_way(home: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert why_ineligible(make_offer(**wanted), HomeFacts(**home)) == ()


@pytest.mark.usecase("T2")
def test_an_ineligible_request_is_shown_with_what_lacks_and_cannot_be_accepted(run: Run) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        at.home.now = HomeFacts(charger=False)
        await at.desk.receive(offer)
        assert at.case(offer).state is OfferState.PENDING
        assert "needs a charger" in at.case(offer).ineligible[0]
        with pytest.raises(WrongState, match="needs a charger"):
            await at.decide(offer, Choice.ACCEPT)
        assert await at.outbox() == []
        at.home.now = HomeFacts()
        assert at.case(offer).ineligible == ()
        assert (await at.decide(offer, Choice.ACCEPT)).state is OfferState.ACCEPTED

    run(body)


@pytest.mark.usecase("W8")
@pytest.mark.parametrize("choice", [Choice.DECLINE, Choice.ACCEPT])
def test_a_no_needs_nobody_who_hears(run: Run, choice: Choice) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        at.home.now = HomeFacts(hears=lambda _sp_id: False)
        await at.desk.receive(offer)
        if choice is Choice.ACCEPT:
            with pytest.raises(WrongState, match="share nothing with EVC provider"):
                await at.decide(offer, choice)
        else:
            assert (await at.decide(offer, choice)).state is OfferState.DECLINED

    run(body)


@pytest.mark.usecase("T2")
def test_two_providers_want_the_same_hour(run: Run) -> None:
    feed, other, cap = make_offer(), shed(), limit(4200)

    async def body(at: Desk) -> None:
        for offer in (feed, other, cap):
            await at.desk.receive(offer)
        assert at.case(feed).clashes == (other.key,)
        assert at.case(other).clashes == (feed.key,)
        assert at.case(other).problem is None, "nothing is agreed yet"
        assert at.case(cap).clashes == ()
        await at.decide(other, Choice.ACCEPT)
        assert "overlaps with “Feed power” of EVC provider" in (at.case(feed).problem or "")
        with pytest.raises(WrongState, match="Withdraw that one first"):
            await at.decide(feed, Choice.ACCEPT)
        assert (await at.decide(cap, Choice.ACCEPT)).state is OfferState.ACCEPTED, "a limit goes with it"
        await at.decide(other, Choice.WITHDRAW)
        assert at.case(feed).clashes == ()
        assert (await at.decide(feed, Choice.ACCEPT)).state is OfferState.ACCEPTED

    run(body)
