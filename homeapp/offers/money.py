"""What a request is worth by its own terms: promised, earned for what was measured, lost by stopping."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import assert_never

from homeapp.model.offer import Offer, OfferCase, OfferKind
from homeapp.model.offer_terms import Penalty, PenaltyBasis, Reward, RewardBasis, WearUnit
from homeapp.offers.commitment import committed

_CENT = Decimal("0.01")
_HOUR = timedelta(hours=1)
_NOTHING = Decimal(0)
_AS_GOOD_AS_WHOLE = 0.95
"""What meters, ramps and the hub's own samples swallow costs nobody a reward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How much of a request was or will be carried out.

    Attributes:
        part: of what was promised, 0..1, by energy where the request is about energy, else by time.
        energy_wh: delivered, Wh >= 0; None where the request is not about energy or nothing says what it would have
            been without it.
        hours: under way.
        missing_wh: of what was promised, Wh >= 0.
        capacity_wh: of the car's battery, or None while it is not known.
    """

    part: float
    energy_wh: float | None
    hours: float
    missing_wh: float = 0.0
    capacity_wh: float | None = None


def promised_wh(case: OfferCase, capacity_wh: float | None = None) -> float | None:
    """Energy to be fed, or to be charged because of the request, Wh >= 0; None where it asks for none."""
    offer = committed(case, capacity_wh).offer
    sign = -1 if offer.kind is OfferKind.POWER_FEED else 1
    spans = [
        min(sign * item.setpoint_w * ((item.end - item.start) / _HOUR), item.energy_wh or float("inf"))
        for item in offer.intervals
        if item.setpoint_w is not None and sign * item.setpoint_w > 0
    ]
    if not spans or not offer.kind.takes_power or offer.kind is OfferKind.LOAD_SHED:
        return None
    total = sum(spans)
    capped = offer.kind is OfferKind.POWER_FEED and offer.max_feed_wh is not None
    return min(total, offer.max_feed_wh or 0.0) if capped else total


def measured_wh(case: OfferCase) -> float | None:
    """Energy fed, or charged, during it so far, Wh >= 0; what flowed the other way does not count."""
    if case.delivered_wh is None:
        return None
    return max(0.0, -case.delivered_wh if case.offer.kind is OfferKind.POWER_FEED else case.delivered_wh)


def promised_money(case: OfferCase, capacity_wh: float | None = None) -> Decimal | None:
    """What the whole of it is worth; None where its terms name no money."""
    if not _names_money(case.offer):
        return None
    delivery = Delivery(
        part=1.0, energy_wh=promised_wh(case, capacity_wh), hours=_hours(case.offer, None), capacity_wh=capacity_wh
    )
    return _cents(_rewards(case.offer, delivery))


def earned_money(case: OfferCase, at: datetime, capacity_wh: float | None = None) -> Decimal | None:
    """What it is worth by its terms if it ends ``at``, after penalties; None where its terms name no money."""
    if not _names_money(case.offer):
        return None
    delivery = delivered(case, at, capacity_wh)
    return _cents(_kept(case.offer, delivery) - penalty(case.offer, delivery))


def reward_kept(case: OfferCase, at: datetime, capacity_wh: float | None = None) -> Decimal | None:
    """The same before penalties."""
    return _cents(_kept(case.offer, delivered(case, at, capacity_wh))) if _names_money(case.offer) else None


def delivered(case: OfferCase, at: datetime, capacity_wh: float | None = None) -> Delivery:
    """What was carried out until ``at``."""
    promised, measured = promised_wh(case, capacity_wh), measured_wh(case)
    whole, hours = _hours(case.offer, None), _hours(case.offer, at)
    if promised is None:
        return Delivery(part=hours / whole if whole else 0.0, energy_wh=None, hours=hours, capacity_wh=capacity_wh)
    flowed = measured or 0.0
    return Delivery(
        part=min(1.0, flowed / promised) if promised else 1.0,
        energy_wh=min(flowed, promised),
        hours=hours,
        missing_wh=max(0.0, promised - flowed),
        capacity_wh=capacity_wh,
    )


def penalty(offer: Offer, delivery: Delivery) -> Decimal:
    """What delivering no more than this costs, 0 or more."""
    terms = offer.penalty
    if terms is None or not _is_short(terms, delivery):
        return _NOTHING
    match terms.basis:
        case PenaltyBasis.PER_KWH_SHORTFALL:
            tolerated = terms.tolerance_pct / 100 * (delivery.missing_wh + (delivery.energy_wh or 0.0))
            return _cents(terms.amount * _kwh(max(0.0, delivery.missing_wh - tolerated)))
        case PenaltyBasis.FIXED:
            return terms.amount
        case PenaltyBasis.FORFEIT_REWARD:
            return _NOTHING
        case _:
            assert_never(terms.basis)


def per_kwh(case: OfferCase, capacity_wh: float | None = None) -> Decimal | None:
    """What one kWh of it brings by its terms; None where it asks for no energy or names no money."""
    energy, money = promised_wh(case, capacity_wh), promised_money(case, capacity_wh)
    return None if not energy or money is None else money / _kwh(energy)


def _kept(offer: Offer, delivery: Delivery) -> Decimal:
    terms = offer.penalty
    if terms is not None and terms.basis is PenaltyBasis.FORFEIT_REWARD and _is_short(terms, delivery):
        return _NOTHING
    return _rewards(offer, delivery)


def _is_short(terms: Penalty, delivery: Delivery) -> bool:
    return delivery.part < 1 - terms.tolerance_pct / 100


def _names_money(offer: Offer) -> bool:
    paid = any(reward.basis is not RewardBasis.POINTS for reward in offer.rewards)
    return (
        offer.reward is not None or paid or (offer.battery is not None and offer.battery.wear_compensation is not None)
    )


def _rewards(offer: Offer, delivery: Delivery) -> Decimal:
    fixed = (offer.reward or _NOTHING) * _part(delivery)
    return fixed + sum((_reward(item, delivery) for item in offer.rewards), _NOTHING) + _wear(offer, delivery)


def _reward(reward: Reward, delivery: Delivery) -> Decimal:
    match reward.basis:
        case RewardBasis.PER_EVENT:
            units = _part(delivery)
        case RewardBasis.PER_KWH:
            units = _kwh(delivery.energy_wh or 0.0)
        case RewardBasis.PER_HOUR:
            units = Decimal(str(delivery.hours))
        case RewardBasis.PER_CYCLE:
            units = _cycles(delivery)
        case RewardBasis.POINTS:
            return _NOTHING
        case _:
            assert_never(reward.basis)
    amount = reward.amount * units
    return amount if reward.cap is None else min(amount, reward.cap)


def _wear(offer: Offer, delivery: Delivery) -> Decimal:
    terms = offer.battery.wear_compensation if offer.battery is not None else None
    if terms is None or offer.kind is not OfferKind.POWER_FEED:
        return _NOTHING
    return terms.amount * (_kwh(delivery.energy_wh or 0.0) if terms.per is WearUnit.KWH else _cycles(delivery))


def _part(delivery: Delivery) -> Decimal:
    return Decimal(1) if delivery.part >= _AS_GOOD_AS_WHOLE else Decimal(str(delivery.part))


def _cycles(delivery: Delivery) -> Decimal:
    return Decimal(str((delivery.energy_wh or 0.0) / delivery.capacity_wh)) if delivery.capacity_wh else _NOTHING


def _hours(offer: Offer, until: datetime | None) -> float:
    spans = [(item.start, item.end if until is None else min(item.end, until)) for item in offer.intervals]
    return sum((end - start) / _HOUR for start, end in spans if end > start)


def _kwh(wh: float) -> Decimal:
    return Decimal(str(wh)) / 1000


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)
