"""Silence on a request whose provider takes it for a yes: it is one only where the owner's own rule says so."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from homeapp.model.offer import Choice, OfferCase
from homeapp.offers.changes import Wording, answer
from homeapp.offers.home import HomeFacts, why_ineligible
from homeapp.offers.overlap import clash
from homeapp.store.offer_rows import CaseChange

NO_IN_TIME = timedelta(minutes=2)
"""A no has to be with the provider before its deadline, or it counts the silence as a yes."""


def silence_of(case: OfferCase, others: Iterable[OfferCase], home: HomeFacts, now: datetime) -> CaseChange | None:
    """The clock's answer to a pending request with ``Binding.OPT_OUT``, or None while the owner has time.

    Taking part needs the rule that was in force when the request came, and nothing that stands in the way now.
    """
    obstacle = " ".join(why_ineligible(case.offer, home)) or clash(case, others)
    if case.rule and obstacle is None:
        if now < case.offer.expires_at:
            return None
        return answer(case, Choice.ACCEPT, "clock", now, Wording(word="contract", rule=case.rule))
    if now < case.offer.expires_at - NO_IN_TIME:
        return None
    return answer(
        case, Choice.DECLINE, "clock", now, Wording(word="notParticipating", problem=obstacle or case.problem)
    )
