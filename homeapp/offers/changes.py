"""Pure functions from one request and what happens to it to the change that is kept."""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferCase, OfferState, Receipt, ReceiptLevel
from homeapp.offers.checks import without_absurd_money
from homeapp.offers.states import COMMITTED, FINAL, entered, is_accepted, outcome_problem, steps_after_yes
from homeapp.ports import DecisionMessage
from homeapp.store.offer_rows import CaseChange, Failure, Undelivered

ANSWER_GRACE = timedelta(hours=1)
"""How long after the end of a request an answer other than a yes is still worth handing over."""

Steps = tuple[OfferState, ...]


def step(case: OfferCase, *steps: OfferState, now: datetime, problem: str | None = None) -> CaseChange:
    """``case`` enters ``steps``; where it ends by anything but an answer, its unsent answers are void."""
    changed = entered(case, *steps, at=now, problem=problem)
    ends = bool(steps) and changed.state in FINAL
    return CaseChange(case=changed, steps=steps, ended_at=now if ends else None, void_unsent=ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What goes with an answer.

    Attributes:
        word: the reason, one word, for the provider; or empty.
        problem: a sentence for the owner, or None.
        rule: id of the owner's rule behind it, or empty.
        committed_w, committed_wh: see ``Decision``.
    """

    word: str = ""
    problem: str | None = None
    rule: str = ""
    committed_w: float | None = None
    committed_wh: float | None = None


_PLAIN = Wording()


def arrived(offer: Offer, *, revised: bool, foreseen_pct: float | None = None) -> OfferCase:
    """The case of a request that has just come in; to be moved on at once."""
    offer = without_absurd_money(offer)
    return OfferCase(
        offer=offer,
        digest=offer.digest(),
        state=OfferState.RECEIVED,
        updated_at=offer.issued_at,
        revised=revised,
        foreseen_pct=foreseen_pct,
    )


def revision_notice(known: OfferCase | None, steps: Steps) -> str | None:
    """What to tell the owner where a new revision asks again what was agreed before, or None."""
    if known is None or known.state not in COMMITTED or steps != (OfferState.PENDING,):
        return None
    return f"{known.offer.sp_name} has changed this request; your earlier answer no longer holds."


def answer(case: OfferCase, choice: Choice, by: str, now: datetime, how: Wording = _PLAIN) -> CaseChange:
    """A decision, the state that it leads to and its place in the outbox."""
    offer = case.offer
    decision = Decision(
        decision_id=str(uuid.uuid4()),
        offer_key=offer.key,
        offer_revision=offer.revision,
        offer_digest=case.digest,
        choice=choice,
        decided_at=now,
        decided_by=by,
        reason=how.word,
        committed_w=how.committed_w,
        committed_wh=how.committed_wh,
    )
    # A yes that comes too late binds nobody, but where silence is one.
    hurried = choice is Choice.ACCEPT and offer.binding is not Binding.OPT_OUT
    not_after = offer.expires_at if hurried else _later(offer.end, ANSWER_GRACE)
    # Receipts and problems belong to the decision before.
    decided = replace(case, decision=decision, transport=None, business=None, problem=None, rule=how.rule or case.rule)
    change = step(decided, *_after(choice, case, now), now=now, problem=how.problem)
    message = DecisionMessage(decision=decision, offer=offer, not_after=not_after)
    return replace(change, decision=message, void_unsent=False)


def late(case: OfferCase, choice: Choice, now: datetime) -> CaseChange:
    """An answer that came too late: it changes nothing and goes nowhere, but it is not forgotten."""
    problem = f"Your answer ({choice}) came too late and was not sent; {case.offer.sp_name} counts it as none."
    return CaseChange(case=replace(case, problem=problem, updated_at=now), refused=choice)


def taken_back(case: OfferCase, now: datetime) -> str | None:
    """What to tell the owner where the provider takes back what was agreed, or None."""
    if case.state not in COMMITTED:
        return None
    terms = case.offer.cancellation
    if terms is not None and terms.provider_until is not None and now > terms.provider_until:
        return f"{case.offer.sp_name} has taken this request back, later than its own terms allow."
    return f"{case.offer.sp_name} has taken this request back."


def timed(case: OfferCase, steps: Steps, now: datetime) -> CaseChange:
    """What time alone has brought about; silence is an answer of its own."""
    if steps == (OfferState.EXPIRED,):
        return answer(case, Choice.NO_RESPONSE, "clock", now)
    return step(case, *steps, now=now, problem=outcome_problem(case, steps))


def not_delivered(case: OfferCase, failure: Undelivered, now: datetime) -> CaseChange:
    """A yes that never arrives binds nobody; the provider is told in case only the receipt was lost."""
    if case.state is not OfferState.ACCEPTED:
        return CaseChange(case=replace(case, problem=failure.sentence, updated_at=now), told=failure.decision_id)
    match failure.failure:
        case Failure.REFUSED:
            change = step(case, OfferState.REJECTED, now=now, problem=failure.sentence)
        case Failure.LATE:
            wording = Wording(word="late", problem=failure.sentence)
            change = answer(case, Choice.WITHDRAW, "clock", now, wording)
        case _:
            assert_never(failure.failure)
    return replace(change, told=failure.decision_id)


def with_receipt(case: OfferCase, receipt: Receipt) -> tuple[OfferCase, Steps, str | None] | None:
    """``case`` bearing ``receipt``, the states that it enters by it and what to tell; None where it is nothing new."""
    match receipt.level:
        case ReceiptLevel.TRANSPORT:
            if case.transport is not None:
                return None
            steps = (OfferState.RELAYED,) if case.state is OfferState.ACCEPTED else ()
            return replace(case, transport=receipt), steps, None
        case ReceiptLevel.BUSINESS:
            if case.business is not None and case.business.confirmed == receipt.confirmed:
                return None
            return replace(case, business=receipt), *_by_the_providers_word(case, receipt)
        case ReceiptLevel.SETTLEMENT:
            # Whatever it says about the money: where the request stands it does not change.
            return None if _same_account(case.settlement, receipt) else (replace(case, settlement=receipt), (), None)
        case _:
            assert_never(receipt.level)


def _by_the_providers_word(case: OfferCase, receipt: Receipt) -> tuple[Steps, str | None]:
    """It may overtake the receipt of the transport."""
    if not is_accepted(case) or case.state in FINAL:
        return (), None
    awaited = case.state in (OfferState.ACCEPTED, OfferState.RELAYED)
    relayed = (OfferState.RELAYED,) if case.state is OfferState.ACCEPTED else ()
    if receipt.confirmed:
        return ((*relayed, OfferState.CONFIRMED) if awaited else ()), None
    reason = f": {receipt.reason}" if receipt.reason else "."
    if awaited:
        return (*relayed, OfferState.REJECTED), f"{case.offer.sp_name} has not agreed{reason}"
    return (OfferState.CANCELLED,), f"{case.offer.sp_name} has taken its confirmation back{reason}"


def _same_account(known: Receipt | None, receipt: Receipt) -> bool:
    return known is not None and replace(known, received_at=receipt.received_at) == receipt


def _after(choice: Choice, case: OfferCase, now: datetime) -> Steps:
    match choice:
        case Choice.ACCEPT:
            return steps_after_yes(case, now)
        case Choice.DECLINE:
            return (OfferState.DECLINED,)
        case Choice.NO_RESPONSE:
            return (OfferState.EXPIRED,)
        case Choice.WITHDRAW:
            return (OfferState.ABORTED,)
        case Choice.ACKNOWLEDGE:
            return ()
        case _:
            assert_never(choice)


def _later(instant: datetime, span: timedelta) -> datetime:
    """Requests "for ever" end where the calendar does."""
    return instant + span if instant < datetime.max.replace(tzinfo=UTC) - span else instant
