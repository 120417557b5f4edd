"""Why an answer cannot be taken now, in a sentence for the person who gave it."""

from datetime import datetime
from typing import assert_never

from homeapp.model.offer import Binding, Choice, OfferCase, OfferState
from homeapp.offers.states import COMMITTED, is_accepted


def why_not(case: OfferCase, choice: Choice, now: datetime) -> str | None:
    """A sentence saying why ``choice`` is not possible now, or None where it is."""
    match choice:
        case Choice.ACCEPT | Choice.DECLINE:
            return _why_not_answer(case, now)
        case Choice.WITHDRAW:
            return _why_not_withdraw(case)
        case Choice.ACKNOWLEDGE:
            return _why_not_acknowledge(case)
        case Choice.NO_RESPONSE:
            return "No response is what the clock answers; accept or decline the request."
        case _:
            assert_never(choice)


def is_late(case: OfferCase, choice: Choice, now: datetime) -> bool:
    """It is the owner's to answer, and was until a moment ago."""
    if choice not in (Choice.ACCEPT, Choice.DECLINE) or case.offer.binding is Binding.MANDATORY:
        return False
    return case.state is OfferState.EXPIRED or (case.state is OfferState.PENDING and now >= case.offer.expires_at)


def _why_not_answer(case: OfferCase, now: datetime) -> str | None:
    if case.offer.binding is Binding.MANDATORY:
        return f"This is set by {case.offer.sp_name} and holds without your answer."
    match case.state:
        case OfferState.PENDING:
            too_late = now >= case.offer.expires_at
            return "It is too late to answer this request." if too_late else None
        case OfferState.EXPIRED:
            return "It is too late to answer this request."
        case OfferState.CANCELLED | OfferState.SUPERSEDED:
            return f"{case.offer.sp_name} has taken this request back."
        case OfferState.INVALID | OfferState.RECEIVED:
            return "This request is not in order and cannot be answered."
        case (
            OfferState.ACCEPTED
            | OfferState.DECLINED
            | OfferState.RELAYED
            | OfferState.CONFIRMED
            | OfferState.REJECTED
            | OfferState.SCHEDULED
            | OfferState.ACTIVE
            | OfferState.COMPLETED
            | OfferState.PARTIAL
            | OfferState.ABORTED
        ):
            return "This request has already been answered."
        case _:
            assert_never(case.state)


def _why_not_withdraw(case: OfferCase) -> str | None:
    if case.offer.binding is Binding.MANDATORY:
        return f"This is set by {case.offer.sp_name} and cannot be declined."
    if case.state in COMMITTED and is_accepted(case):
        return None
    return "There is nothing to withdraw: this request is not accepted, or it is over."


def _why_not_acknowledge(case: OfferCase) -> str | None:
    if case.offer.binding is not Binding.MANDATORY:
        return "This request wants an answer: accept or decline it."
    if case.decision is not None:
        return "You have already acknowledged it."
    return None if case.state in COMMITTED else "It is over."
