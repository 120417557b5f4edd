"""How long a provider's promise about the car stands: from the yes until it is due, whatever has ended meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest

from homeapp.model.offer import Choice, Offer, OfferCase, OfferKind, OfferState, ReceiptLevel
from homeapp.model.offer_terms import BatteryTerms
from homeapp.offers import desk as desk_module
from homeapp.offers.guarantee import guaranteed, outlasts
from kit.offer_desk import NOON, Desk, MakeOffer, Run, make_offer

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BY = NOON + 9 * HOUR
TERMS = BatteryTerms(guaranteed_soc_pct=80.0, ready_by=BY)


def in_state(state: OfferState, delivered_wh: float | None = None) -> OfferCase:
    offer = make_offer(battery=TERMS)
    return OfferCase(offer=offer, digest="", state=state, updated_at=NOON, delivered_wh=delivered_wh)


@pytest.mark.parametrize("state", list(OfferState))
def test_what_was_carried_out_binds_and_what_ended_early_only_if_something_was_fed(state: OfferState) -> None:
    carried_out = {OfferState.ACTIVE, OfferState.COMPLETED, OfferState.PARTIAL}
    early = {OfferState.ABORTED, OfferState.CANCELLED}
    assert outlasts(in_state(state), NOON) == (state in carried_out)
    assert outlasts(in_state(state, -1000.0), NOON) == (state in carried_out | early)
    assert not outlasts(in_state(state, -1000.0), BY)


def test_a_share_of_the_battery_is_one() -> None:
    wild = make_offer(battery=replace(TERMS, guaranteed_soc_pct=140.0))
    assert guaranteed(wild) == (BY, 100.0)
    assert guaranteed(make_offer(battery=TERMS, kind=OfferKind.ALERT)) is None


def keys(at: Desk) -> tuple[list[str], list[str]]:
    """Bound, and only promised."""
    now = at.clock.at
    return [case.offer.key for case in at.desk.commitments(now)], [case.offer.key for case in at.desk.guaranteed(now)]


async def _fed(at: Desk, offer: Offer, wh: float) -> None:
    await at.at(offer.start)
    await at.desk.delivered(offer.key, wh)


@pytest.mark.usecase("T2")
def test_it_stands_after_the_end_also_over_a_restart_and_until_it_is_due(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer(battery=TERMS)

    async def agree(at: Desk) -> None:
        await at.desk.receive(offer)
        assert keys(at) == ([], []), "nobody has said yes"
        plain = make_offer(offer_id="plain", begins=BY - 3 * HOUR)
        await at.agreed(plain)
        await at.decide(offer, Choice.ACCEPT)

    async def feed(at: Desk) -> None:
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        await at.answer(offer, ReceiptLevel.BUSINESS)
        assert offer.key in keys(at)[0]
        assert keys(at)[1] == [], "it is counted once"
        await _fed(at, offer, -5000.0)
        at.clock.at = offer.end
        assert keys(at)[1] == [offer.key], "also before the desk has looked at the clock"
        await at.desk.tick()
        assert at.case(offer).state is OfferState.COMPLETED

    async def later(at: Desk) -> None:
        await at.at(BY - MINUTE)
        assert keys(at)[1] == [offer.key]
        await at.at(BY)
        assert keys(at)[1] == []

    for body in (agree, feed, later):
        run(body)


@pytest.mark.parametrize("fed_wh", [0.0, -800.0])
def test_what_local_safety_ends_gives_back_what_was_fed(run: Run, make_offer: MakeOffer, fed_wh: float) -> None:
    offer = make_offer(battery=TERMS)

    async def body(at: Desk) -> None:
        await at.agreed(offer)
        await _fed(at, offer, fed_wh)
        await at.desk.abort(offer.key, "The car is at your reserve.")
        assert keys(at) == ([], [offer.key] if fed_wh else [])

    run(body)
    run(lambda at: _same(at, [offer.key] if fed_wh else []))


async def _same(at: Desk, promised: list[str]) -> None:
    assert keys(at) == ([], promised)


def test_many_requests_after_it_do_not_make_the_home_forget_it(
    run: Run, make_offer: MakeOffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "MOST_ENDED", 3)
    offer = make_offer(battery=TERMS)

    async def body(at: Desk) -> None:
        await at.agreed(offer)
        await _fed(at, offer, -5000.0)
        await at.at(offer.end)
        at.clock.at += MINUTE
        for number in range(6):
            other = make_offer(offer_id=f"n{number}", begins=BY - HOUR, expires_at=at.clock.at + MINUTE)
            await at.desk.receive(other)
            await at.desk.decide(other.key, other.digest(), Choice.DECLINE, "owner")
        await at.desk.receive(make_offer(offer_id="late", begins=BY - HOUR, expires_at=at.clock.at + MINUTE))
        await at.at(offer.end + HOUR)
        assert len(at.desk.cases) == 4
        assert keys(at)[1] == [offer.key]

    async def restarted(at: Desk) -> None:
        assert len(at.desk.cases) == 4
        assert keys(at)[1] == [offer.key]
        at.clock.at = BY

    async def over(at: Desk) -> None:
        assert len(at.desk.cases) == 3

    for step in (body, restarted, over):
        run(step)
