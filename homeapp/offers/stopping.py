"""What it costs to stop an agreed request now, by its own terms."""

from datetime import datetime
from decimal import Decimal

from homeapp.model.offer import OfferCase
from homeapp.model.standing_rule import StopTerms
from homeapp.offers.money import delivered, measured_wh, penalty, promised_money, promised_wh, reward_kept


def stop_terms(case: OfferCase, now: datetime, capacity_wh: float | None) -> StopTerms:
    """The price of stopping ``case``, which is agreed and not over, ``now``."""
    promised, kept = promised_money(case, capacity_wh), reward_kept(case, now, capacity_wh)
    lost = None if promised is None or kept is None else max(Decimal(0), promised - kept)
    fee = _fee(case, now, capacity_wh)
    energy = promised_wh(case, capacity_wh)
    return StopTerms(
        sentence=" ".join(filter(None, (_delivered(case, energy), _lost(case, lost), _to_pay(case, fee)))),
        reward_lost=lost,
        fee=fee,
        currency=case.offer.currency,
        delivered_wh=None if energy is None else measured_wh(case) or 0.0,
        promised_wh=energy,
    )


def _fee(case: OfferCase, now: datetime, capacity_wh: float | None) -> Decimal | None:
    """None where the terms name neither a fee nor a penalty."""
    offer, terms = case.offer, case.offer.cancellation
    if offer.penalty is None and (terms is None or terms.owner_fee is None):
        return None
    if terms is not None and terms.owner_until is not None and now < terms.owner_until:
        return Decimal(0)
    fee = terms.owner_fee if terms is not None and terms.owner_fee is not None else Decimal(0)
    return fee + penalty(offer, delivered(case, now, capacity_wh))


def _delivered(case: OfferCase, promised: float | None) -> str:
    if promised is None:
        return ""
    flowed = (measured_wh(case) or 0.0) / 1000
    return f"{flowed:.1f} of {promised / 1000:.1f} kWh are delivered."


def _lost(case: OfferCase, lost: Decimal | None) -> str:
    if lost is None:
        return "No reward is stated, so none is lost."
    return f"By stopping now you give up {lost:.2f} {case.offer.currency} of the reward."


def _to_pay(case: OfferCase, fee: Decimal | None) -> str:
    if fee is None:
        return f"{case.offer.sp_name} names no fee for it."
    if fee == 0:
        return "Stopping now costs nothing besides."
    return f"{case.offer.sp_name} charges {fee:.2f} {case.offer.currency} for it."
