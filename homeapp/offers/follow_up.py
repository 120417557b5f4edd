"""What came of an agreed request: measured against promised, and what the provider says about it."""

from dataclasses import replace
from datetime import datetime

from homeapp.model.offer import Binding, FollowUp, OfferCase, OfferState, Receipt
from homeapp.offers.money import earned_money, measured_wh, promised_money, promised_wh

_UNDER_WAY_OR_OVER = frozenset({OfferState.ACTIVE, OfferState.COMPLETED, OfferState.PARTIAL})
_ENDED_EARLY = frozenset({OfferState.ABORTED, OfferState.CANCELLED, OfferState.SUPERSEDED})


def with_follow_up(case: OfferCase, at: datetime, capacity_wh: float | None, *, measuring: bool) -> OfferCase:
    """``case`` with what has come of it until ``at``; unchanged where it never was under way.

    Where it is not ``measuring`` any more only the provider's word about it can change.
    """
    if not case.offer.kind.takes_power or case.offer.binding is Binding.MANDATORY or not _was_under_way(case):
        return case
    account = case.settlement
    # What the hub makes of the terms is an estimate; the provider's own account replaces it.
    told_money = account.amount if account is not None and account.currency == case.offer.currency else None
    known = None if measuring else case.follow_up
    if known is not None:
        earned = known.earned_money if told_money is None else told_money
        settled = replace(
            known, earned_money=earned, settled=account is not None, receipt=_receipt_sentence(case, account)
        )
        return replace(case, follow_up=settled)
    follow_up = FollowUp(
        promised_wh=promised_wh(case, capacity_wh),
        measured_wh=measured_wh(case),
        promised_money=promised_money(case, capacity_wh),
        earned_money=earned_money(case, at, capacity_wh) if told_money is None else told_money,
        currency=case.offer.currency,
        settled=account is not None,
        receipt=_receipt_sentence(case, account),
    )
    return replace(case, follow_up=follow_up)


def _was_under_way(case: OfferCase) -> bool:
    return case.state in _UNDER_WAY_OR_OVER or (case.state in _ENDED_EARLY and case.delivered_wh is not None)


def _receipt_sentence(case: OfferCase, account: Receipt | None) -> str:
    name, word = case.offer.sp_name, case.business
    if account is not None:
        energy = "" if account.energy_wh is None else f" {account.energy_wh / 1000:.2f} kWh"
        money = "" if account.amount is None else f" {account.amount:.2f} {account.currency}"
        return f"{name} accounts for{energy}{' and' if energy and money else ''}{money}."
    if word is None:
        return f"{name} has sent no word of its own about it; the amounts are this hub's."
    if word.confirmed:
        return f"{name} has confirmed your answer, but not yet what was delivered; the amounts are this hub's."
    return f"{name} has not agreed, or has taken its word back; the amounts are this hub's."
