"""Requests at the desk: each rule of the state machine, on a real ledger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from homeapp.errors import NotFound, WrongState
from homeapp.model.offer import (
    Binding,
    Choice,
    OfferInterval,
    OfferKind,
    OfferState,
    ReceiptLevel,
)
from kit.offer_desk import Desk, MakeOffer, Run

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.usecase("T2")
def test_a_request_from_its_arrival_to_its_reward(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        assert at.case(offer).state is OfferState.PENDING
        assert at.desk.commitments(at.clock.at) == ()
        case = await at.decide(offer, Choice.ACCEPT)
        assert (case.state, case.decision.choice, case.decision.decided_by) == (
            OfferState.ACCEPTED,
            Choice.ACCEPT,
            "owner",
        )
        assert at.desk.commitments(at.clock.at) == (), "not before the provider has it"
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        assert at.case(offer).state is OfferState.RELAYED, "handed over is not confirmed"
        assert [case.offer.key for case in at.desk.commitments(at.clock.at)] == [offer.key]
        await at.answer(offer, ReceiptLevel.BUSINESS)
        assert at.case(offer).state is OfferState.SCHEDULED
        at.clock.at = offer.start
        await at.desk.tick()
        assert at.case(offer).state is OfferState.ACTIVE
        await at.desk.delivered(offer.key, -2500.0)
        await at.desk.delivered(offer.key, -2400.0)
        at.clock.at = offer.end
        await at.desk.tick()
        case = at.case(offer)
        assert (case.state, case.delivered_wh, case.problem) == (OfferState.COMPLETED, -4900.0, None)
        assert await at.ledger.earned(offer.start) == Decimal("2.40")
        assert await at.ledger.earned(offer.end + MINUTE) == 0
        assert await at.trail() == [
            "pending",
            "accepted",
            "relayed",
            "confirmed",
            "scheduled",
            "active",
            "completed",
        ]

    run(body)


def test_everything_is_there_after_a_restart(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()
    cases = []

    async def before(at: Desk) -> None:
        await at.agreed(offer)
        cases.append(at.case(offer))

    async def after(at: Desk) -> None:
        assert at.desk.cases == tuple(cases)
        await at.desk.receive(offer)
        assert at.desk.cases == tuple(cases), "a redelivered request changes nothing"

    run(before)
    run(after)


def test_declining_is_final_and_keeps_its_receipts(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        await at.decide(offer, Choice.DECLINE)
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        await at.answer(offer, ReceiptLevel.BUSINESS)
        case = at.case(offer)
        assert case.state is OfferState.DECLINED
        assert case.transport is not None
        assert case.business is not None
        assert await at.outbox() == [("decline", "delivered")]

    run(body)


def test_silence_is_a_no_that_is_relayed(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        at.clock.at = offer.expires_at - MINUTE
        await at.desk.tick()
        assert at.case(offer).state is OfferState.PENDING
        at.clock.at = offer.expires_at
        with pytest.raises(WrongState, match="too late"):
            await at.decide(offer, Choice.ACCEPT)
        await at.desk.tick()
        case = at.case(offer)
        assert (case.state, case.decision.choice, case.decision.decided_by) == (
            OfferState.EXPIRED,
            Choice.NO_RESPONSE,
            "clock",
        )
        assert await at.outbox() == [("no_response", "waiting")]
        with pytest.raises(WrongState, match="too late"):
            await at.decide(offer, Choice.ACCEPT)

    run(body)


def test_a_request_that_comes_too_late_is_shown_as_expired(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        at.clock.at = offer.expires_at
        await at.desk.receive(offer)
        assert at.case(offer).state is OfferState.EXPIRED
        assert await at.outbox() == [], "nobody was asked, so nobody has answered"

    run(body)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"intervals": ()}, "names no time"),
        ({"expires_at": datetime(2026, 11, 23, 15, tzinfo=UTC)}, "after its own end"),
        ({"issued_at": datetime(2026, 11, 23, 12)}, "without its zone"),  # noqa: DTZ001 - the fault that is tested
        ({"ends": datetime(2026, 11, 23, 12, tzinfo=UTC)}, "ends before it begins"),
        ({"min_soc_pct": float("nan")}, "a number that is none"),
        ({"reward": Decimal("sNaN")}, "no amount of money"),
        ({"reward": Decimal("1e999999")}, "no amount of money"),
        ({"kind": OfferKind.LOAD_SHED}, "does not say how much"),
    ],
)
def test_nonsense_is_kept_but_can_not_be_answered(
    run: Run, make_offer: MakeOffer, wrong: dict[str, Any], says: str
) -> None:
    offer = make_offer(**wrong)

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        assert await at.trail() == ["invalid"]
        kept = await at.ledger.case(offer.key)
        assert says in kept.problem
        with pytest.raises(WrongState, match="not in order"):
            await at.desk.decide(offer.key, kept.digest, Choice.ACCEPT, "owner")
        for case in at.desk.cases:
            assert case.offer.start, "what is shown has a time"

    run(body)


def test_intervals_out_of_order_are_nonsense(run: Run, make_offer: MakeOffer) -> None:
    plain = make_offer()
    first = plain.intervals[0]
    later = OfferInterval(start=first.end - MINUTE, end=first.end + HOUR, setpoint_w=-1.0)

    async def body(at: Desk) -> None:
        await at.desk.receive(replace(plain, intervals=(first, later)))
        assert at.case(plain).state is OfferState.INVALID

    run(body)


def test_an_answer_to_an_older_text_is_refused(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()
    better = replace(offer, revision=2, reward=Decimal(5))

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        await at.desk.receive(better)
        with pytest.raises(WrongState, match="has changed this request since"):
            await at.decide(offer, Choice.ACCEPT)
        assert (await at.decide(better, Choice.ACCEPT)).state is OfferState.ACCEPTED

    run(body)


def test_a_new_revision_voids_an_approval(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()
    dearer = replace(offer, revision=2, reward=Decimal("0.10"))

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        await at.decide(offer, Choice.ACCEPT)
        await at.desk.receive(dearer)
        case = at.case(offer)
        assert (case.state, case.decision, case.offer.revision) == (OfferState.PENDING, None, 2)
        assert "your earlier answer no longer holds" in case.problem
        assert await at.outbox() == [("accept", "void")], "the old yes is not sent any more"
        assert await at.trail() == ["pending", "accepted", "superseded", "pending"]
        await at.desk.receive(offer)
        assert at.case(offer).offer.revision == 2, "an older revision is ignored"

    run(body)


def test_the_same_revision_with_another_text_is_ignored(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        await at.desk.receive(replace(offer, reward=Decimal(99)))
        assert at.case(offer).offer.reward == Decimal("2.40")

    run(body)


def test_two_requests_for_the_same_hour_cannot_both_be_accepted(run: Run, make_offer: MakeOffer) -> None:
    one = make_offer()
    two = make_offer(
        offer_id="o2", sp_id="grid_sp", sp_name="Grid operator", begins=one.start + 30 * MINUTE, ends=one.end
    )
    after = make_offer(offer_id="o3", begins=one.end)

    async def body(at: Desk) -> None:
        for offer in (one, two, after):
            await at.desk.receive(offer)
        assert at.case(two).problem is None
        await at.decide(one, Choice.ACCEPT)
        assert "overlaps with “Feed power” of EVC provider" in at.case(two).problem
        with pytest.raises(WrongState, match="overlaps"):
            await at.decide(two, Choice.ACCEPT)
        assert (await at.decide(after, Choice.ACCEPT)).state is OfferState.ACCEPTED, "end to start is no overlap"
        await at.decide(one, Choice.WITHDRAW)
        assert at.case(two).problem is None
        assert (await at.decide(two, Choice.ACCEPT)).state is OfferState.ACCEPTED

    run(body)


def test_mandatory_limits_need_no_answer_and_take_none(run: Run, make_offer: MakeOffer) -> None:
    limit = make_offer(
        sp_id="grid_sp", sp_name="Grid operator", kind=OfferKind.CAPACITY_LIMIT, binding=Binding.MANDATORY
    )
    limit = replace(limit, intervals=(replace(limit.intervals[0], setpoint_w=None, max_w=4200.0),))

    async def body(at: Desk) -> None:
        await at.desk.receive(limit)
        assert at.case(limit).state is OfferState.SCHEDULED
        assert [case.offer.key for case in at.desk.commitments(at.clock.at)] == [limit.key]
        for choice in (Choice.ACCEPT, Choice.DECLINE, Choice.WITHDRAW):
            with pytest.raises(WrongState, match="Grid operator"):
                await at.decide(limit, choice)
        case = await at.decide(limit, Choice.ACKNOWLEDGE)
        assert case.state is OfferState.SCHEDULED
        with pytest.raises(WrongState, match="already"):
            await at.decide(limit, Choice.ACKNOWLEDGE)
        assert await at.outbox() == [("acknowledge", "waiting")]
        at.clock.at = limit.start
        await at.desk.tick()
        assert at.case(limit).state is OfferState.ACTIVE
        at.clock.at = limit.end
        assert at.desk.commitments(at.clock.at) == (), "over at its end, even before the next tick"
        await at.desk.tick()
        assert at.case(limit).state is OfferState.COMPLETED

    run(body)


def test_a_mandatory_limit_that_has_begun_is_active_at_once(run: Run, make_offer: MakeOffer) -> None:
    limit = make_offer(kind=OfferKind.CAPACITY_LIMIT, binding=Binding.MANDATORY)
    limit = replace(limit, intervals=(replace(limit.intervals[0], setpoint_w=None, max_w=4200.0),))

    async def body(at: Desk) -> None:
        at.clock.at = limit.start + MINUTE
        await at.desk.receive(limit)
        assert at.case(limit).state is OfferState.ACTIVE
        await at.desk.receive(replace(limit, revision=2, intervals=()))
        assert at.case(limit).state is OfferState.ACTIVE, "a revision that makes no sense does not lift the limit"

    run(body)


def test_withdrawing_after_a_yes_tells_the_provider(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        with pytest.raises(WrongState, match="nothing to withdraw"):
            await at.decide(offer, Choice.WITHDRAW)
        await at.decide(offer, Choice.ACCEPT)
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        case = await at.decide(offer, Choice.WITHDRAW)
        assert (case.state, case.transport) == (OfferState.ABORTED, None), "receipts are of the decision shown"
        assert await at.outbox() == [("accept", "delivered"), ("withdraw", "waiting")]
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        assert at.case(offer).transport is not None

    run(body)


@pytest.mark.parametrize("choice", [Choice.ACCEPT, Choice.DECLINE])
def test_a_second_answer_is_refused(run: Run, make_offer: MakeOffer, choice: Choice) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        await at.decide(offer, Choice.ACCEPT)
        with pytest.raises(WrongState, match="already been answered"):
            await at.decide(offer, choice)
        with pytest.raises(WrongState, match="accept or decline"):
            await at.decide(offer, Choice.ACKNOWLEDGE)
        with pytest.raises(WrongState, match="what the clock answers"):
            await at.decide(offer, Choice.NO_RESPONSE)
        with pytest.raises(NotFound):
            await at.desk.decide("evc_sp/other", "", choice, "owner")

    run(body)


def test_a_request_that_is_taken_back(run: Run, make_offer: MakeOffer) -> None:
    offer, other = make_offer(), make_offer(offer_id="o2")

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        await at.decide(offer, Choice.ACCEPT)
        await at.desk.withdrawn("evc_sp", "unknown")
        await at.desk.withdrawn("evc_sp", "o1")
        case = at.case(offer)
        assert case.state is OfferState.CANCELLED
        assert "taken this request back" in case.problem
        assert await at.outbox() == [("accept", "void")]
        await at.desk.receive(other)
        await at.decide(other, Choice.DECLINE)
        await at.desk.withdrawn("evc_sp", "o2")
        assert at.case(other).state is OfferState.DECLINED
        with pytest.raises(WrongState, match="taken this request back"):
            await at.decide(offer, Choice.ACCEPT)

    run(body)
