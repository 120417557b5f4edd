"""What a request is worth by its terms, and what stopping it costs."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.offer import Choice, Decision, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.offer_terms import (
    BatteryTerms,
    Cancellation,
    Penalty,
    PenaltyBasis,
    Reward,
    RewardBasis,
    WearCompensation,
    WearUnit,
)
from homeapp.offers.money import earned_money, per_kwh, promised_money, promised_wh
from homeapp.offers.stopping import stop_terms
from kit.offer_desk import NOON, make_offer

ONE = NOON + timedelta(hours=1)
HALF_PAST, TWO = ONE + timedelta(minutes=30), ONE + timedelta(hours=1)
CAPACITY = 50_000.0


def case_of(offer: Offer, fed_wh: float | None = None, **decided: Any) -> OfferCase:
    decision = Decision(
        decision_id="d",
        offer_key=offer.key,
        offer_revision=1,
        offer_digest="",
        choice=Choice.ACCEPT,
        decided_at=NOON,
        decided_by="owner",
        **decided,
    )
    return OfferCase(
        offer=offer,
        digest="",
        state=OfferState.ACTIVE,
        updated_at=NOON,
        decision=decision,
        delivered_wh=None if fed_wh is None else -fed_wh,
    )


def paid(basis: RewardBasis, amount: str, cap: str | None = None, **wanted: Any) -> Offer:
    reward = Reward(basis=basis, amount=Decimal(amount), cap=None if cap is None else Decimal(cap))
    return make_offer(reward=None, rewards=(reward,), **wanted)


@pytest.mark.parametrize(
    ("offer", "promised", "half"),
    [
        (make_offer(), "2.40", "1.20"),
        (paid(RewardBasis.PER_EVENT, "3"), "3.00", "1.50"),
        (paid(RewardBasis.PER_KWH, "0.30"), "1.50", "0.75"),
        (paid(RewardBasis.PER_KWH, "0.30", cap="1"), "1.00", "0.75"),
        (paid(RewardBasis.PER_HOUR, "2"), "2.00", "1.00"),
        (paid(RewardBasis.PER_CYCLE, "10"), "1.00", "0.50"),
        (paid(RewardBasis.POINTS, "800"), None, None),
        (make_offer(reward=None, currency=""), None, None),
        (make_offer(penalty=Penalty(basis=PenaltyBasis.FORFEIT_REWARD)), "2.40", "0.00"),
        (make_offer(penalty=Penalty(basis=PenaltyBasis.FORFEIT_REWARD, tolerance_pct=60.0)), "2.40", "1.20"),
        (make_offer(penalty=Penalty(basis=PenaltyBasis.FIXED, amount=Decimal(2))), "2.40", "-0.80"),
        (make_offer(penalty=Penalty(basis=PenaltyBasis.PER_KWH_SHORTFALL, amount=Decimal("0.4"))), "2.40", "0.20"),
        (
            make_offer(
                penalty=Penalty(basis=PenaltyBasis.PER_KWH_SHORTFALL, amount=Decimal("0.4"), tolerance_pct=10.0)
            ),
            "2.40",
            "0.40",
        ),
        (
            make_offer(
                battery=BatteryTerms(wear_compensation=WearCompensation(amount=Decimal("0.1"), per=WearUnit.KWH))
            ),
            "2.90",
            "1.45",
        ),
    ],
)
def test_promised_and_earned_for_half_of_it(offer: Offer, promised: str | None, half: str | None) -> None:
    case = case_of(offer, 2500.0)
    assert promised_money(case, CAPACITY) == (None if promised is None else Decimal(promised))
    assert earned_money(case, HALF_PAST, CAPACITY) == (None if half is None else Decimal(half))


def test_what_meters_swallow_costs_no_reward() -> None:
    assert earned_money(case_of(make_offer(), 4800.0), TWO) == Decimal("2.40")
    assert earned_money(case_of(make_offer(), 4700.0), TWO) == Decimal("2.26")


def test_the_energy_promised_is_what_the_terms_and_the_owner_leave() -> None:
    assert promised_wh(case_of(make_offer())) == 5000.0
    assert promised_wh(case_of(make_offer(max_feed_wh=3000.0))) == 3000.0
    assert promised_wh(case_of(make_offer(), committed_w=2000.0)) == 2000.0
    assert promised_wh(case_of(make_offer(), committed_wh=1500.0)) == 1500.0
    cycles = make_offer(battery=BatteryTerms(max_feed_cycles=0.02))
    assert promised_wh(case_of(cycles), CAPACITY) == 1000.0
    assert promised_wh(case_of(cycles)) == 5000.0
    shed = make_offer(kind=OfferKind.LOAD_SHED, intervals=(OfferInterval(start=ONE, end=TWO, max_w=0.0),))
    assert promised_wh(case_of(shed)) is None
    assert per_kwh(case_of(shed)) is None
    assert per_kwh(case_of(make_offer())) == Decimal("0.48")
    boost = (OfferInterval(start=ONE, end=TWO, setpoint_w=7000.0, energy_wh=2000.0),)
    assert promised_wh(case_of(make_offer(kind=OfferKind.CHARGE_BOOST, intervals=boost))) == 2000.0


def test_a_limit_is_paid_by_its_time() -> None:
    shed = make_offer(kind=OfferKind.LOAD_SHED, intervals=(OfferInterval(start=ONE, end=TWO, max_w=0.0),))
    assert earned_money(case_of(shed, -700.0), HALF_PAST) == Decimal("1.20")


@pytest.mark.usecase("T4")
@pytest.mark.parametrize(
    ("wanted", "at", "lost", "fee", "says"),
    [
        ({}, HALF_PAST, "1.20", None, "2.5 of 5.0 kWh are delivered. By stopping now you give up 1.20 EUR"),
        ({"cancellation": Cancellation(owner_fee=Decimal("0.5"))}, HALF_PAST, "1.20", "0.50", "charges 0.50 EUR"),
        (
            {"cancellation": Cancellation(owner_until=TWO, owner_fee=Decimal("0.5"))},
            HALF_PAST,
            "1.20",
            "0",
            "Stopping now costs nothing besides",
        ),
        (
            {"cancellation": Cancellation(owner_until=ONE, owner_fee=Decimal("0.5"))},
            HALF_PAST,
            "1.20",
            "0.50",
            "charges 0.50 EUR",
        ),
        (
            {"penalty": Penalty(basis=PenaltyBasis.PER_KWH_SHORTFALL, amount=Decimal("0.4"))},
            HALF_PAST,
            "1.20",
            "1.00",
            "charges 1.00 EUR",
        ),
        ({"penalty": Penalty(basis=PenaltyBasis.FORFEIT_REWARD)}, HALF_PAST, "2.40", "0", "give up 2.40 EUR"),
        ({"reward": None, "currency": ""}, HALF_PAST, None, None, "No reward is stated"),
    ],
)
def test_the_price_of_stopping(wanted: dict[str, Any], at: Any, lost: str | None, fee: str | None, says: str) -> None:
    terms = stop_terms(case_of(make_offer(**wanted), 2500.0), at, CAPACITY)
    assert terms.reward_lost == (None if lost is None else Decimal(lost))
    assert terms.fee == (None if fee is None else Decimal(fee))
    assert says in terms.sentence
    assert (terms.delivered_wh, terms.promised_wh) == (2500.0, 5000.0)


@given(
    fed_wh=st.floats(0, 8000),
    basis=st.sampled_from(RewardBasis),
    amount=st.decimals(0, 100, places=2),
    penalty=st.sampled_from([None, *PenaltyBasis]),
)
def test_nobody_earns_more_than_was_promised(
    fed_wh: float, basis: RewardBasis, amount: Decimal, penalty: PenaltyBasis | None
) -> None:
    terms = None if penalty is None else Penalty(basis=penalty, amount=Decimal("0.25"))
    offer = make_offer(reward=None, rewards=(Reward(basis=basis, amount=amount),), penalty=terms)
    case = case_of(offer, fed_wh)
    promised, earned = promised_money(case, CAPACITY), earned_money(case, TWO, CAPACITY)
    assert (promised is None) == (earned is None)
    if promised is not None and earned is not None:
        assert earned <= promised
        if fed_wh >= 5000:
            assert earned == promised
