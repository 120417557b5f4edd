"""The terms of a request: what an approval names, and that older ledgers and approvals stay readable and valid."""

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from homeapp.model.offer import Binding, Choice, Decision, Job, Offer, OfferCase, OfferInterval, OfferKind, OfferState
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
from homeapp.store.records import decode, encode
from kit.offer_desk import NOON, make_offer

BEFORE_THE_TERMS = {
    "feed": "d3dd887e5ce9aeafaa6f635adaadf6bc4a3134818984684758a0965d8b1aedf2",
    "bounded": "f97eadb82283534a0e9cb3092fb557a70e3f7be85ca037b4a1812d526cbae555",
    "check": "c655a9423d7afb7b8b7cb5199074f67502ec310df0541c8cf78b94bc001a358a",
    "part": "66e2352873e0bc8eb31626c9f80f7be8a401869d6f6f8754765bec4cd541f896",
}
"""As the version before these terms has computed them."""
TERMS: dict[str, Any] = {
    "rewards": (Reward(basis=RewardBasis.PER_KWH, amount=Decimal("0.30"), cap=Decimal(3)),),
    "penalty": Penalty(basis=PenaltyBasis.FIXED, amount=Decimal(1), tolerance_pct=10.0),
    "battery": BatteryTerms(
        guaranteed_soc_pct=80.0,
        ready_by=NOON + timedelta(hours=4),
        max_feed_cycles=0.2,
        wear_compensation=WearCompensation(amount=Decimal("0.05"), per=WearUnit.KWH),
    ),
    "cancellation": Cancellation(owner_until=NOON, owner_fee=Decimal("0.50")),
    "data_shared": ("energy per quarter hour",),
    "terms_url": "https://provider.example/terms",
    "priority": 1,
    "randomize_start": timedelta(minutes=5),
    "region": "NL",
    "unsupported": ("COLOUR",),
    "confirms": True,
}


def job(**particulars: str) -> Offer:
    intervals = (OfferInterval(start=NOON, end=NOON + timedelta(hours=1)),)
    return make_offer(kind=OfferKind.HEALTH_CHECK, intervals=intervals, job=Job(**particulars))


def test_approvals_of_before_stay_valid() -> None:
    bounded = make_offer(reward=None, currency="", description="x", min_soc_pct=40.0, max_feed_wh=1000.0)
    offers = {"feed": make_offer(), "bounded": bounded, "check": job(), "part": job(part="a")}
    assert {name: offer.digest() for name, offer in offers.items()} == BEFORE_THE_TERMS


@pytest.mark.usecase("T2")
def test_every_term_is_part_of_what_is_approved() -> None:
    later = {field.name for field in fields(Offer)} - {field.name for field in fields(Offer)[:16]}
    assert later == set(TERMS), "a new term needs a line here"
    digests = [make_offer(**{name: value}).digest() for name, value in TERMS.items()]
    interval = replace(make_offer().intervals[0], energy_wh=1000.0)
    digests += [make_offer().digest(), make_offer(intervals=(interval,)).digest(), make_offer(**TERMS).digest()]
    digests += [make_offer(binding=binding).digest() for binding in (Binding.OPT_OUT, Binding.MY_RULE)]
    assert len(set(digests)) == len(digests)


def test_money_that_is_written_differently_is_the_same() -> None:
    one = make_offer(rewards=(Reward(basis=RewardBasis.PER_KWH, amount=Decimal("0.3")),))
    two = make_offer(rewards=(Reward(basis=RewardBasis.PER_KWH, amount=Decimal("0.300")),))
    assert one.digest() == two.digest()


def test_a_case_of_the_ledger_comes_back_as_it_was() -> None:
    offer = make_offer(**TERMS)
    decision = Decision(
        decision_id="d",
        offer_key=offer.key,
        offer_revision=1,
        offer_digest=offer.digest(),
        choice=Choice.ACCEPT,
        decided_at=NOON,
        decided_by="rule:night",
        committed_w=2000.0,
    )
    state = OfferState.ACCEPTED
    case = OfferCase(offer=offer, digest=offer.digest(), state=state, updated_at=NOON, decision=decision, rule="night")
    assert decode(encode(case), OfferCase) == case
    assert case.binding is Binding.MY_RULE


def test_a_case_of_before_the_terms_opens() -> None:
    """Written by the version before."""
    text = (
        '{"offer":{"offer_id":"o1","revision":1,"sp_id":"evc_sp","sp_name":"P","kind":"power_feed",'
        '"binding":"owner_decides","issued_at":"2026-11-23T12:00:00Z","expires_at":"2026-11-23T12:30:00Z",'
        '"intervals":[{"start":"2026-11-23T13:00:00Z","end":"2026-11-23T14:00:00Z","setpoint_w":-5000.0,"max_w":null}],'
        '"title":"Feed power","description":"","reward":"2.40","currency":"EUR","min_soc_pct":null,"max_feed_wh":null,'
        '"job":null},"digest":"x","state":"completed","updated_at":"2026-11-23T14:00:00Z","decision":null,'
        '"transport":null,"business":null,"delivered_wh":-4900.0,"problem":null,"revised":false}'
    )
    case = decode(text, OfferCase)
    assert (case.offer.rewards, case.offer.unsupported, case.follow_up, case.rule) == ((), (), None, "")
    assert case.binding is Binding.OWNER_DECIDES
