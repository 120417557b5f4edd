"""Requests at the desk: each rule of the state machine, on a real ledger."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from homeapp.errors import NotFound, StoreUnavailable, WrongState
from homeapp.model.offer import (
    Binding,
    Choice,
    Offer,
    OfferInterval,
    OfferKind,
    OfferState,
    Receipt,
    ReceiptLevel,
)
from homeapp.store.offer_rows import Failure

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

Body = Callable[[Any], Awaitable[None]]
Opener = Callable[[], AbstractAsyncContextManager[Any]]


@pytest.fixture
def run(open_desk: Opener) -> Callable[[Body], None]:
    """Runs a body with a desk; again for the same database after a restart."""

    def run_body(body: Body) -> None:
        async def main() -> None:
            async with open_desk() as at:
                await body(at)

        asyncio.run(main())

    return run_body


Run = Callable[[Body], None]
MakeOffer = Callable[..., Offer]


async def _accepted(at: Any, offer: Offer, *, confirmed: bool = True) -> None:
    await at.desk.receive(offer)
    await at.decide(offer, Choice.ACCEPT)
    await at.answer(offer, ReceiptLevel.TRANSPORT)
    if confirmed:
        await at.answer(offer, ReceiptLevel.BUSINESS)


@pytest.mark.usecase("T2")
def test_a_request_from_its_arrival_to_its_reward(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
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

    async def before(at: Any) -> None:
        await _accepted(at, offer)
        cases.append(at.case(offer))

    async def after(at: Any) -> None:
        assert at.desk.cases == tuple(cases)
        await at.desk.receive(offer)
        assert at.desk.cases == tuple(cases), "a redelivered request changes nothing"

    run(before)
    run(after)


def test_declining_is_final_and_keeps_its_receipts(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
        await at.desk.receive(replace(plain, intervals=(first, later)))
        assert at.case(plain).state is OfferState.INVALID

    run(body)


def test_an_answer_to_an_older_text_is_refused(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()
    better = replace(offer, revision=2, reward=Decimal(5))

    async def body(at: Any) -> None:
        await at.desk.receive(offer)
        await at.desk.receive(better)
        with pytest.raises(WrongState, match="has changed this request since"):
            await at.decide(offer, Choice.ACCEPT)
        assert (await at.decide(better, Choice.ACCEPT)).state is OfferState.ACCEPTED

    run(body)


def test_a_new_revision_voids_an_approval(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()
    dearer = replace(offer, revision=2, reward=Decimal("0.10"))

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
        at.clock.at = limit.start + MINUTE
        await at.desk.receive(limit)
        assert at.case(limit).state is OfferState.ACTIVE
        await at.desk.receive(replace(limit, revision=2, intervals=()))
        assert at.case(limit).state is OfferState.ACTIVE, "a revision that makes no sense does not lift the limit"

    run(body)


def test_withdrawing_after_a_yes_tells_the_provider(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
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

    async def body(at: Any) -> None:
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


def test_the_providers_word_may_overtake_the_receipt_of_the_transport(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await at.desk.receive(offer)
        await at.decide(offer, Choice.ACCEPT)
        await at.answer(offer, ReceiptLevel.BUSINESS)
        assert at.case(offer).state is OfferState.SCHEDULED
        assert await at.outbox() == [("accept", "delivered")], "it cannot be late any more"
        await at.answer(offer, ReceiptLevel.BUSINESS)
        await at.answer(offer, ReceiptLevel.TRANSPORT)
        case = at.case(offer)
        assert case.state is OfferState.SCHEDULED
        assert case.transport is not None
        assert await at.trail() == ["pending", "accepted", "relayed", "confirmed", "scheduled"]

    run(body)


def test_a_confirmation_after_the_start_begins_it(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await _accepted(at, offer, confirmed=False)
        at.clock.at = offer.start + MINUTE
        await at.desk.tick()
        assert at.case(offer).state is OfferState.RELAYED
        assert at.desk.commitments(at.clock.at) == (), "nothing begins before the provider has confirmed"
        await at.answer(offer, ReceiptLevel.BUSINESS)
        assert at.case(offer).state is OfferState.ACTIVE
        assert len(at.desk.commitments(at.clock.at)) == 1

    run(body)


def test_where_no_confirmation_exists_it_begins_without(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer(sp_id="grid_sp")

    async def body(at: Any) -> None:
        await _accepted(at, offer, confirmed=False)
        at.clock.at = offer.start
        assert len(at.desk.commitments(at.clock.at)) == 1
        await at.desk.tick()
        assert at.case(offer).state is OfferState.ACTIVE

    run(body)


def test_a_provider_that_does_not_agree(run: Run, make_offer: MakeOffer) -> None:
    offer, other = make_offer(), make_offer(offer_id="o2", begins=datetime(2026, 11, 23, 16, tzinfo=UTC))

    async def body(at: Any) -> None:
        await _accepted(at, offer, confirmed=False)
        await at.answer(offer, ReceiptLevel.BUSINESS, confirmed=False, reason="fully booked")
        case = at.case(offer)
        assert (case.state, case.problem) == (OfferState.REJECTED, "EVC provider has not agreed: fully booked")
        assert await at.outbox() == [("accept", "delivered")]
        await _accepted(at, other)
        await at.answer(other, ReceiptLevel.BUSINESS, confirmed=False)
        case = at.case(other)
        assert (case.state, case.problem) == (
            OfferState.CANCELLED,
            "EVC provider has taken its confirmation back.",
        )

    run(body)


def test_receipts_of_others_and_for_nothing_change_nothing(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await at.desk.receive(offer)
        case = await at.decide(offer, Choice.ACCEPT)
        genuine = Receipt(
            decision_id=case.decision.decision_id, sp_id="pev_sp", level=ReceiptLevel.BUSINESS, received_at=at.clock.at
        )
        await at.desk.receipt(genuine)
        await at.desk.receipt(replace(genuine, sp_id="evc_sp", decision_id="made-up"))
        assert at.case(offer) == case
        kept = await at.database.ledger.read(
            lambda connection: connection.execute("SELECT count(*) FROM receipts").fetchone()
        )
        assert kept == (0,)

    run(body)


def test_a_yes_that_never_arrives_binds_nobody(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await at.desk.receive(offer)
        case = await at.decide(offer, Choice.ACCEPT)
        await at.outgoing.undeliverable(case.decision.decision_id, Failure.LATE, "Too late.")
        await at.desk.tick()
        case = at.case(offer)
        assert (case.state, case.problem, case.decision.choice, case.decision.reason) == (
            OfferState.ABORTED,
            "Too late.",
            Choice.WITHDRAW,
            "late",
        )
        assert await at.outbox() == [("accept", "late"), ("withdraw", "waiting")]
        changes = len(at.changes)
        await at.desk.tick()
        assert len(at.changes) == changes, "told once"

    run(body)


def test_a_yes_that_the_providers_side_refuses(run: Run, make_offer: MakeOffer) -> None:
    offer, silent = make_offer(), make_offer(offer_id="o2")

    async def body(at: Any) -> None:
        await at.desk.receive(offer)
        await at.desk.receive(silent)
        yes = await at.decide(offer, Choice.ACCEPT)
        no = await at.decide(silent, Choice.DECLINE)
        for case in (yes, no):
            await at.outgoing.undeliverable(case.decision.decision_id, Failure.REFUSED, "It wants no answers.")
        await at.desk.tick()
        assert (at.case(offer).state, at.case(offer).problem) == (OfferState.REJECTED, "It wants no answers.")
        assert (at.case(silent).state, at.case(silent).problem) == (OfferState.DECLINED, "It wants no answers.")

    run(body)


@pytest.mark.parametrize("relayed", [False, True])
def test_what_was_never_agreed_ends_aborted(run: Run, make_offer: MakeOffer, *, relayed: bool) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await at.desk.receive(offer)
        await at.decide(offer, Choice.ACCEPT)
        if relayed:
            await at.answer(offer, ReceiptLevel.TRANSPORT)
        at.clock.at = offer.end
        await at.desk.tick()
        case = at.case(offer)
        assert case.state is OfferState.ABORTED
        assert ("did not confirm" if relayed else "did not reach") in case.problem
        assert await at.outbox() == [("accept", "delivered" if relayed else "void")]

    run(body)


@pytest.mark.parametrize(("fed_wh", "state"), [(-4900.0, "completed"), (-1000.0, "partial"), (None, "partial")])
def test_a_feed_counts_as_completed_only_where_power_was_fed(
    run: Run, make_offer: MakeOffer, fed_wh: float | None, state: str
) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await _accepted(at, offer)
        at.clock.at = offer.start
        await at.desk.tick()
        if fed_wh is not None:
            await at.desk.delivered(offer.key, fed_wh)
        at.clock.at = offer.end
        await at.desk.tick()
        case = at.case(offer)
        assert case.state == state
        assert (case.problem is None) == (state == "completed")
        assert await at.ledger.earned(offer.start) == (Decimal("2.40") if state == "completed" else 0)

    run(body)


def test_a_hub_that_slept_through_it_does_not_claim_success(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await _accepted(at, offer)
        at.clock.at = offer.end + HOUR
        await at.desk.tick()
        case = at.case(offer)
        assert case.state is OfferState.PARTIAL
        assert "did not run" in case.problem

    run(body)


def test_delivered_energy_is_kept_once_a_minute(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def feed(at: Any) -> None:
        await _accepted(at, offer)
        await at.desk.delivered(offer.key, -1.0)
        assert at.case(offer).delivered_wh is None, "it has not begun"
        at.clock.at = offer.start
        await at.desk.tick()
        changes = len(at.changes)
        for _ in range(120):
            at.clock.at += timedelta(seconds=1)
            await at.desk.delivered(offer.key, -1.0)
        assert at.case(offer).delivered_wh == -120.0
        assert len(at.changes) - changes <= 2

    async def after_a_kill(at: Any) -> None:
        assert -120.0 <= at.case(offer).delivered_wh <= -60.0

    run(feed)
    run(after_a_kill)


@pytest.mark.usecase("T2")
def test_local_safety_ends_an_agreed_request_and_says_so(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await _accepted(at, offer)
        at.clock.at = offer.start
        await at.desk.tick()
        await at.desk.abort(offer.key, "The car has reached 50 %.")
        await at.desk.abort(offer.key, "Again.")
        case = at.case(offer)
        assert (case.state, case.problem) == (OfferState.ABORTED, "The car has reached 50 %.")
        assert (case.decision.choice, case.decision.reason) == (Choice.WITHDRAW, "safety")
        assert at.desk.commitments(at.clock.at) == ()
        assert await at.outbox() == [("accept", "delivered"), ("withdraw", "waiting")]
        with pytest.raises(NotFound):
            await at.desk.abort("evc_sp/other", "x")

    run(body)


def _refuse_writes(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")


def _allow_writes(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = OFF")


def test_an_answer_that_cannot_be_kept_has_not_been_given(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await at.desk.receive(offer)
        await at.database.ledger.read(_refuse_writes)
        with pytest.raises(StoreUnavailable):
            await at.decide(offer, Choice.ACCEPT)
        assert at.case(offer).state is OfferState.PENDING
        await at.database.ledger.read(_allow_writes)
        await at.decide(offer, Choice.ACCEPT)
        assert await at.outbox() == [("accept", "waiting")]

    run(body)


def test_an_abort_works_without_a_disk_and_is_kept_later(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await _accepted(at, offer)
        at.clock.at = offer.start
        await at.desk.tick()
        await at.database.ledger.read(_refuse_writes)
        await at.desk.abort(offer.key, "The car was unplugged.")
        assert at.desk.commitments(at.clock.at) == ()
        with pytest.raises(StoreUnavailable):
            await at.desk.tick()
        await at.database.ledger.read(_allow_writes)
        await at.desk.tick()
        assert await at.outbox() == [("accept", "delivered"), ("withdraw", "waiting")]
        assert (await at.ledger.case(offer.key)).state is OfferState.ABORTED

    run(body)


def test_a_step_is_finished_even_where_its_caller_goes_away(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Any) -> None:
        await at.desk.receive(offer)
        deciding = asyncio.ensure_future(at.decide(offer, Choice.ACCEPT))
        await asyncio.sleep(0)
        deciding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deciding
        await at.desk.tick()
        assert at.case(offer).state is OfferState.ACCEPTED
        assert await at.outbox() == [("accept", "waiting")]

    run(body)


def test_the_undecided_come_first_and_old_ones_leave_memory(run: Run, make_offer: MakeOffer) -> None:
    async def body(at: Any) -> None:
        for number in range(103):
            offer = make_offer(offer_id=f"o{number}")
            await at.desk.receive(offer)
            if number:
                at.clock.at += timedelta(seconds=1)
                await at.decide(offer, Choice.DECLINE)
        await at.desk.tick()
        assert at.desk.cases[0].offer.offer_id == "o0"
        assert at.desk.cases[1].offer.offer_id == "o102"
        at.clock.at = make_offer().expires_at
        await at.desk.tick()
        assert len(at.desk.cases) == 100
        gone = make_offer(offer_id="o1")
        await at.desk.receive(gone)
        assert all(case.offer.key != gone.key for case in at.desk.cases), "an old one that comes again is still known"

    run(body)


def test_a_request_for_ever_does_not_overflow(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer(ends=datetime.max.replace(tzinfo=UTC))

    async def body(at: Any) -> None:
        await at.desk.receive(offer)
        await at.decide(offer, Choice.DECLINE)
        assert at.case(offer).state is OfferState.DECLINED

    run(body)
