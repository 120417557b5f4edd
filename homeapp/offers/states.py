"""The state machine of a request: the one table of what may follow what, and what time alone brings about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from homeapp.model.offer import Binding, Choice, OfferCase, OfferKind, OfferState
from homeapp.offers.money import measured_wh, promised_wh

_S = OfferState
_ALWAYS = frozenset({_S.CANCELLED, _S.SUPERSEDED})

NEXT: Mapping[OfferState, frozenset[OfferState]] = {
    _S.RECEIVED: _ALWAYS | {_S.INVALID, _S.PENDING, _S.EXPIRED, _S.SCHEDULED},
    _S.PENDING: _ALWAYS | {_S.ACCEPTED, _S.DECLINED, _S.EXPIRED},
    _S.ACCEPTED: _ALWAYS | {_S.RELAYED, _S.REJECTED, _S.ABORTED, _S.SCHEDULED},
    _S.RELAYED: _ALWAYS | {_S.CONFIRMED, _S.REJECTED, _S.ACTIVE, _S.ABORTED},
    _S.CONFIRMED: _ALWAYS | {_S.SCHEDULED, _S.ABORTED},
    _S.SCHEDULED: _ALWAYS | {_S.ACTIVE, _S.ABORTED},
    _S.ACTIVE: _ALWAYS | {_S.COMPLETED, _S.PARTIAL, _S.ABORTED},
    _S.INVALID: frozenset(),
    _S.DECLINED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.COMPLETED: frozenset(),
    _S.PARTIAL: frozenset(),
    _S.ABORTED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.SUPERSEDED: frozenset(),
}
FINAL = frozenset(state for state, following in NEXT.items() if not following)
COMMITTED = frozenset({_S.ACCEPTED, _S.RELAYED, _S.CONFIRMED, _S.SCHEDULED, _S.ACTIVE})
"""The owner has said yes, or nobody was asked."""

LEAST_PART = 0.5
"""A request for energy that delivers less than this part of what was asked for counts as partial."""


def entered(case: OfferCase, *states: OfferState, at: datetime, problem: str | None = None) -> OfferCase:
    """``case`` after entering ``states`` one after the other; ``problem`` stays as it was where None is given.

    Raises:
        ValueError: the table does not allow it; a fault of the program.
    """
    state = case.state
    for following in states:
        if following not in NEXT[state]:
            raise ValueError(f"{case.offer.key}: {following} cannot follow {state}")
        state = following
    return replace(case, state=state, updated_at=at, problem=case.problem if problem is None else problem)


def steps_in_time(case: OfferCase, now: datetime, *, needs_confirmation: bool) -> tuple[OfferState, ...]:
    """The states that ``case`` enters because it is ``now``; none where nothing is due.

    Attributes:
        needs_confirmation: the provider sends its own word on an acceptance; before that nothing begins.
    """
    offer = case.offer
    if case.state in FINAL:
        return ()
    match case.state:
        case OfferState.RECEIVED:
            return _on_arrival(case, now)
        case OfferState.PENDING:
            return (_S.EXPIRED,) if now >= offer.expires_at else ()
        case OfferState.ACCEPTED:
            return (_S.ABORTED,) if now >= offer.end else ()
        case OfferState.RELAYED:
            if needs_confirmation:
                return (_S.ABORTED,) if now >= offer.end else ()
            return _under_way(case, now) if now >= offer.start else ()
        case OfferState.CONFIRMED:
            return (_S.SCHEDULED, *_under_way(case, now))
        case OfferState.SCHEDULED | OfferState.ACTIVE:
            return _under_way(case, now)
        case (
            OfferState.INVALID
            | OfferState.DECLINED
            | OfferState.EXPIRED
            | OfferState.REJECTED
            | OfferState.COMPLETED
            | OfferState.PARTIAL
            | OfferState.ABORTED
            | OfferState.CANCELLED
            | OfferState.SUPERSEDED
        ):
            return ()
        case _:
            assert_never(case.state)


def outcome_problem(case: OfferCase, steps: tuple[OfferState, ...]) -> str | None:
    """What to tell the owner about ``steps`` that time alone has brought, or None."""
    match steps:
        case (OfferState.ABORTED,) if case.state is OfferState.ACCEPTED:
            return f"Your answer did not reach {case.offer.sp_name} before the end."
        case (OfferState.ABORTED,):
            return f"{case.offer.sp_name} did not confirm it before the end, so nothing was done."
        case (*_, OfferState.ACTIVE, OfferState.PARTIAL):
            return "The hub did not run, or did not know of it, while this was due."
        case (OfferState.PARTIAL,) if case.offer.kind.is_job:
            return "It was not carried out in time."
        case (OfferState.PARTIAL,):
            done = "fed" if case.offer.kind is OfferKind.POWER_FEED else "charged"
            return f"Only {_flowed_wh(case) / 1000:.1f} of {_asked_wh(case) / 1000:.1f} kWh were {done}."
        case _:
            return None


def _on_arrival(case: OfferCase, now: datetime) -> tuple[OfferState, ...]:
    if case.offer.binding is Binding.MANDATORY:
        if now >= case.offer.end:
            return (_S.EXPIRED,)
        return (_S.SCHEDULED, _S.ACTIVE) if now >= case.offer.start else (_S.SCHEDULED,)
    return (_S.EXPIRED,) if now >= case.offer.expires_at else (_S.PENDING,)


def steps_after_yes(case: OfferCase, now: datetime) -> tuple[OfferState, ...]:
    """What follows a yes: where a contract takes silence for one, it holds before the provider has heard it.

    A job is carried out only once the provider has the yes, whatever the contract.
    """
    if case.offer.binding is not Binding.OPT_OUT or case.offer.kind.is_job:
        return (_S.ACCEPTED,)
    return (_S.ACCEPTED, _S.SCHEDULED, *_under_way(case, now))


def _under_way(case: OfferCase, now: datetime) -> tuple[OfferState, ...]:
    """From an agreed request on: its start and its end."""
    if case.state is OfferState.ACTIVE:
        if now < case.offer.end:
            return ()
        # A job that was carried out is no longer active.
        short = case.offer.kind.is_job or _flowed_wh(case) < LEAST_PART * _asked_wh(case)
        return (_S.PARTIAL,) if short else (_S.COMPLETED,)
    if now < case.offer.start:
        return ()
    return (_S.ACTIVE,) if now < case.offer.end else (_S.ACTIVE, _S.PARTIAL)


def _flowed_wh(case: OfferCase) -> float:
    return measured_wh(case) or 0.0


def _asked_wh(case: OfferCase) -> float:
    """0 for requests that only limit."""
    return promised_wh(case) or 0.0


def is_accepted(case: OfferCase) -> bool:
    """The owner's last word on it is yes."""
    return case.decision is not None and case.decision.choice is Choice.ACCEPT
