"""``homeapp offers``: what is shown before a decision, and what is refused."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from homeapp import api
from homeapp.model.offer import FollowUp, OfferCase, OfferState
from homeapp.model.offer_terms import BatteryTerms, Cancellation, Penalty, PenaltyBasis, Reward, RewardBasis
from kit.canned_commands import NOON, OFFER, CannedHub, Run


def test_a_request_is_shown_with_all_that_is_decided_about(hub: CannedHub, homeapp: Run) -> None:
    code, out, _ = homeapp("offers", "show", OFFER.key)
    assert code == 0
    for part in ("Evening peak", "-6000 W", "not below 50 %", "at most 6000 Wh", "answer before Mon 13:30"):
        assert part in out
    assert f"digest {OFFER.digest()[:12]}\n" in out
    code, out, _ = homeapp("--json", "offers", "show", OFFER.key)
    assert json.loads(out)["digest"] == OFFER.digest()


def test_all_terms_and_what_came_of_it_are_shown(hub: CannedHub, homeapp: Run) -> None:
    offer = replace(
        OFFER,
        rewards=(Reward(basis=RewardBasis.PER_KWH, amount=Decimal("0.30")),),
        penalty=Penalty(basis=PenaltyBasis.FIXED, amount=Decimal(1)),
        battery=BatteryTerms(guaranteed_soc_pct=80.0, ready_by=NOON + timedelta(hours=9)),
        cancellation=Cancellation(owner_until=NOON + timedelta(hours=5)),
        data_shared=("energy per quarter hour",),
        terms_url="https://provider.example/terms",
        unsupported=("COLOUR",),
    )
    hub.case = replace(
        hub.case,
        offer=offer,
        ineligible=("It needs a charger.",),
        clashes=("grid_sp/2",),
        follow_up=FollowUp(
            promised_wh=6000.0,
            measured_wh=5500.0,
            promised_money=Decimal("1.92"),
            earned_money=Decimal("1.76"),
            currency="EUR",
            settled=False,
            receipt="No word yet.",
        ),
    )
    _, out, _ = homeapp("offers", "show", OFFER.key)
    for part in (
        "-> It needs a charger.",
        "pays 0.30 EUR per kwh",
        "less than agreed costs: fixed 1",
        "80 % again by Mon 22:00",
        "free to stop until Mon 18:00",
        "it gets to know: energy per quarter hour",
        "terms: https://provider.example/terms",
        "a term that this hub does not understand: COLOUR",
        "cannot stand beside grid_sp/2",
        "5.50 of 6.00 kWh",
        "1.76 of 1.92 EUR",
        "No word yet.",
    ):
        assert part in out


@pytest.mark.parametrize(
    ("wrong", "says"), [(("--days", "mon,someday"), "no day 'someday'"), (("--least-per-kwh", "much"), "no amount")]
)
def test_a_rule_that_cannot_be_read_is_refused_before_the_hub_is_asked(
    hub: CannedHub, homeapp: Run, wrong: tuple[str, ...], says: str
) -> None:
    code, _, err = homeapp("offers", "rules", "add", "accept", *wrong)
    assert code == 1
    assert says in err
    assert not any(isinstance(call, api.KeepRule) for call in hub.asked)


def test_an_answer_to_what_was_seen_before_a_change_is_refused(hub: CannedHub, homeapp: Run) -> None:
    seen = OFFER.digest()[:12]
    changed = replace(OFFER, revision=2, reward=Decimal("0.02"))
    hub.case = OfferCase(offer=changed, digest=changed.digest(), state=OfferState.PENDING, updated_at=NOON)
    code, out, err = homeapp("offers", "approve", OFFER.key, "--digest", seen)
    assert (code, out) == (1, "")
    assert "has changed" in err
    assert not any(isinstance(call, api.DecideOffer) for call in hub.asked)


@pytest.mark.usefixtures("hub")
def test_an_unknown_request_is_not_found(homeapp: Run) -> None:
    for verb in ("show", "approve", "decline"):
        code, out, err = homeapp("offers", verb, "evc_sp/none")
        assert (code, out) == (1, "")
        assert err == "homeapp: There is no request 'evc_sp/none'.\n"
