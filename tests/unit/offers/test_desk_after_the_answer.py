"""What becomes of an answered request: receipts, refusals, its end, and a disk that fails."""

import asyncio
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from homeapp.errors import NotFound, StoreUnavailable
from homeapp.model.offer import (
    Choice,
    OfferState,
    Receipt,
    ReceiptLevel,
)
from homeapp.store.offer_rows import Failure
from kit.offer_desk import Desk, MakeOffer, Run

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_the_providers_word_may_overtake_the_receipt_of_the_transport(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
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

    async def body(at: Desk) -> None:
        await at.agreed(offer, confirmed=False)
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

    async def body(at: Desk) -> None:
        await at.agreed(offer, confirmed=False)
        at.clock.at = offer.start
        assert len(at.desk.commitments(at.clock.at)) == 1
        await at.desk.tick()
        assert at.case(offer).state is OfferState.ACTIVE

    run(body)


def test_a_request_that_promises_a_confirmation_waits_for_it(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer(sp_id="grid_sp", confirms=True)

    async def body(at: Desk) -> None:
        await at.agreed(offer, confirmed=False)
        await at.at(offer.start)
        assert at.case(offer).state is OfferState.RELAYED
        assert at.desk.commitments(at.clock.at) == ()
        await at.answer(offer, ReceiptLevel.BUSINESS)
        assert at.case(offer).state is OfferState.ACTIVE

    run(body)


def test_a_provider_that_does_not_agree(run: Run, make_offer: MakeOffer) -> None:
    offer, other = make_offer(), make_offer(offer_id="o2", begins=datetime(2026, 11, 23, 16, tzinfo=UTC))

    async def body(at: Desk) -> None:
        await at.agreed(offer, confirmed=False)
        await at.answer(offer, ReceiptLevel.BUSINESS, confirmed=False, reason="fully booked")
        case = at.case(offer)
        assert (case.state, case.problem) == (OfferState.REJECTED, "EVC provider has not agreed: fully booked")
        assert await at.outbox() == [("accept", "delivered")]
        await at.agreed(other)
        await at.answer(other, ReceiptLevel.BUSINESS, confirmed=False)
        case = at.case(other)
        assert (case.state, case.problem) == (
            OfferState.CANCELLED,
            "EVC provider has taken its confirmation back.",
        )

    run(body)


def test_receipts_of_others_and_for_nothing_change_nothing(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
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

    async def body(at: Desk) -> None:
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

    async def body(at: Desk) -> None:
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

    async def body(at: Desk) -> None:
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

    async def body(at: Desk) -> None:
        await at.agreed(offer)
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

    async def body(at: Desk) -> None:
        await at.agreed(offer)
        at.clock.at = offer.end + HOUR
        await at.desk.tick()
        case = at.case(offer)
        assert case.state is OfferState.PARTIAL
        assert "did not run" in case.problem

    run(body)


def test_delivered_energy_is_kept_once_a_minute(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def feed(at: Desk) -> None:
        await at.agreed(offer)
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

    async def after_a_kill(at: Desk) -> None:
        assert -120.0 <= at.case(offer).delivered_wh <= -60.0

    run(feed)
    run(after_a_kill)


@pytest.mark.usecase("T2")
def test_local_safety_ends_an_agreed_request_and_says_so(run: Run, make_offer: MakeOffer) -> None:
    offer = make_offer()

    async def body(at: Desk) -> None:
        await at.agreed(offer)
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

    async def body(at: Desk) -> None:
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

    async def body(at: Desk) -> None:
        await at.agreed(offer)
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

    async def body(at: Desk) -> None:
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
    async def body(at: Desk) -> None:
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

    async def body(at: Desk) -> None:
        await at.desk.receive(offer)
        await at.decide(offer, Choice.DECLINE)
        assert at.case(offer).state is OfferState.DECLINED

    run(body)
