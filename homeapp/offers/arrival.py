"""A request comes in: the revision before it, what time says about it at once, and what the owner's rules answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from homeapp.model.offer import Binding, Offer, OfferCase, OfferState
from homeapp.model.standing_rule import Outcome, StandingRule
from homeapp.offers.changes import Wording, answer, arrived, revision_notice, step
from homeapp.offers.checks import why_invalid
from homeapp.offers.home import HomeFacts
from homeapp.offers.rules import Ruling, choice_of, ruling
from homeapp.offers.states import FINAL
from homeapp.store.offer_rows import CaseChange

_NO_CONTRACT = (
    "{name} takes silence for a yes to this, but none of your rules says that you have such a contract. Here silence "
    "is a no, and {name} is told so."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is known when a request comes in.

    Attributes:
        known: its newest revision so far, or None.
        others: all other requests that the desk holds.
        foreseen_pct: state of charge at departure that the plan foresees with it, or None.
    """

    offer: Offer
    known: OfferCase | None
    others: tuple[OfferCase, ...]
    foreseen_pct: float | None
    rules: tuple[StandingRule, ...]
    home: HomeFacts


def receive(
    arrival: Arrival, now: datetime, due: Callable[[OfferCase, datetime], tuple[OfferState, ...]]
) -> tuple[CaseChange, ...]:
    """The changes that it makes, in order; none where the limit in force must not give way to nonsense."""
    offer, known = arrival.offer, arrival.known
    invalid = why_invalid(offer)
    supersedes = known is not None and known.state not in FINAL
    if invalid is not None and supersedes and known is not None and known.offer.binding is Binding.MANDATORY:
        return ()
    changes = (step(known, OfferState.SUPERSEDED, now=now),) if supersedes and known is not None else ()
    case = arrived(offer, revised=known is not None, foreseen_pct=arrival.foreseen_pct)
    steps = (OfferState.INVALID,) if invalid else due(case, now)
    change = step(case, *steps, now=now, problem=invalid or revision_notice(known, steps))
    if steps != (OfferState.PENDING,):
        return (*changes, change)
    return (*changes, *_ruled(change, arrival, now))


def _ruled(change: CaseChange, arrival: Arrival, now: datetime) -> tuple[CaseChange, ...]:
    """The rules say yes or no at once, or say what silence will mean, or leave it to the owner."""
    case, known = change.case, arrival.known
    if known is not None and _owner_has_spoken(known):
        # Whoever has answered a request with his own hand is asked again about every change of it.
        return (change,)
    said = ruling(arrival.rules, case, arrival.others, arrival.home)
    choice = choice_of(said)
    if choice is None or said.rule is None:
        return (_left_to_owner(change, said),)
    how = Wording(word="rule", problem=None if choice.value == "accept" else said.why, rule=said.rule.rule_id)
    return change, answer(case, choice, f"rule:{said.rule.rule_id}", now, how)


def _left_to_owner(change: CaseChange, said: Ruling) -> CaseChange:
    case = change.case
    silence_is_yes = said.rule is not None and said.outcome is Outcome.ACCEPTED
    problem = case.problem
    if said.rule is not None and not silence_is_yes:
        problem = problem or f"Your rule leaves it to you: {said.why}"
    elif case.offer.binding is Binding.OPT_OUT and not silence_is_yes:
        problem = problem or _NO_CONTRACT.format(name=case.offer.sp_name)
    rule = said.rule.rule_id if said.rule is not None and silence_is_yes else ""
    return replace(change, case=replace(case, problem=problem, rule=rule))


def _owner_has_spoken(known: OfferCase) -> bool:
    by = known.decision.decided_by if known.decision is not None else "clock"
    return by != "clock" and not by.startswith("rule:")
