"""Checks on a request: whether it makes sense."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from homeapp.model.offer import Binding, Job, Offer, OfferInterval, OfferKind

_MOST_MONEY = Decimal(10**9)
_IMPOSABLE = frozenset({OfferKind.CAPACITY_LIMIT, OfferKind.ALERT})
_INCOMPLETE = {
    OfferKind.POWER_FEED: "The request asks to feed power but does not say how much.",
    OfferKind.LOAD_SHED: "The request asks to charge less but does not say how much.",
    OfferKind.CAPACITY_LIMIT: "The request asks to charge less but does not say how much.",
    OfferKind.CHARGE_BOOST: "The request asks to charge now but does not say how much.",
    OfferKind.LOAD_SHIFT: "The request asks to charge at another time but does not say when and how much.",
    OfferKind.ALERT: "The request calls itself an alert and asks for power.",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


def why_invalid(offer: Offer) -> str | None:
    """A sentence saying why nobody can agree to ``offer``, or None where it is in order."""
    instants = [offer.issued_at, offer.expires_at, *(instant for item in offer.intervals for instant in _ends(item))]
    if not offer.intervals:
        return "The request names no time."
    if any(instant.tzinfo is None for instant in instants):
        return "The request names a time without its zone."
    if any(item.start >= item.end for item in offer.intervals):
        return "The request has a time span that ends before it begins."
    if any(before.end > after.start for before, after in pairwise(offer.intervals)):
        return "The time spans of the request are out of order or overlap."
    if offer.expires_at > offer.end:
        return "The request may be answered after its own end."
    if not all(map(math.isfinite, _numbers(offer))):
        return "The request contains a number that is none."
    if not all(map(_is_money, _amounts(offer))):
        return "The request names an amount that is no amount of money."
    if offer.binding is Binding.MANDATORY and offer.kind not in _IMPOSABLE and not offer.kind.is_job:
        return "Only a limit of the grid connection can be imposed; this needs your answer."
    return _why_job_is_invalid(offer) if offer.kind.is_job else _why_power_is_invalid(offer)


def without_absurd_money(offer: Offer) -> Offer:
    """``offer`` without terms that are no amount of money; nothing could be computed from that, not even a digest."""
    if all(map(_is_money, _amounts(offer))):
        return offer
    return replace(offer, reward=None, rewards=(), penalty=None, battery=None, cancellation=None)


def _why_job_is_invalid(offer: Offer) -> str | None:
    if offer.binding is Binding.MANDATORY:
        return "A job cannot be imposed; it needs your answer."
    if len(offer.intervals) != 1 or any(
        value is not None for item in offer.intervals for value in (item.setpoint_w, item.max_w)
    ):
        return "The request mixes a job with power."
    if offer.job is None or not _is_complete(offer.kind, offer.job):
        return "The request does not say what exactly is to be done."
    return None


def _is_complete(kind: OfferKind, job: Job) -> bool:
    match kind:
        case OfferKind.PART_ORDER:
            return bool(job.part)
        case OfferKind.CAR_SOFTWARE:
            sized = job.size_bytes > 0 and _SHA256.fullmatch(job.sha256) is not None
            return bool(job.version and job.manifest) and sized and job.location.startswith("https://")
        case OfferKind.CHARGER_SOFTWARE:
            return bool(job.version) and job.location.startswith("https://")
        case _:
            return True


def _why_power_is_invalid(offer: Offer) -> str | None:
    if offer.job is not None:
        return "The request mixes a job with power."
    if any(limit is not None and limit < 0 for item in offer.intervals for limit in (item.max_w, item.max_feed_w)):
        return "The request sets a limit below zero."
    setpoints = [item.setpoint_w for item in offer.intervals if item.setpoint_w is not None]
    limited = any(item.max_w is not None for item in offer.intervals)
    charges = any(power > 0 for power in setpoints)
    incomplete = {
        OfferKind.POWER_FEED: not setpoints or charges,
        OfferKind.LOAD_SHED: not limited,
        OfferKind.CAPACITY_LIMIT: not limited and all(item.max_feed_w is None for item in offer.intervals),
        OfferKind.CHARGE_BOOST: not charges,
        OfferKind.LOAD_SHIFT: not limited or not charges,
        OfferKind.ALERT: limited or bool(setpoints),
    }
    if incomplete[offer.kind]:
        return _INCOMPLETE[offer.kind]
    hidden = offer.kind not in (OfferKind.POWER_FEED, OfferKind.CAPACITY_LIMIT) and any(
        power < 0 for power in setpoints
    )
    return "The request asks to feed power without saying so." if hidden else None


def _numbers(offer: Offer) -> Iterable[float]:
    values = [offer.min_soc_pct, offer.max_feed_wh]
    for item in offer.intervals:
        values += [item.setpoint_w, item.max_w, item.energy_wh, item.max_feed_w]
    if offer.battery is not None:
        values += [offer.battery.guaranteed_soc_pct, offer.battery.max_feed_cycles]
    if offer.penalty is not None:
        values.append(offer.penalty.tolerance_pct)
    return (value for value in values if value is not None)


def _amounts(offer: Offer) -> Iterator[Decimal | None]:
    yield offer.reward
    for reward in offer.rewards:
        yield from (reward.amount, reward.cap)
    if offer.penalty is not None:
        yield offer.penalty.amount
    if offer.battery is not None and offer.battery.wear_compensation is not None:
        yield offer.battery.wear_compensation.amount
    if offer.cancellation is not None:
        yield offer.cancellation.owner_fee


def _is_money(amount: Decimal | None) -> bool:
    return amount is None or (amount.is_finite() and -_MOST_MONEY < amount < _MOST_MONEY)


def _ends(interval: OfferInterval) -> tuple[datetime, datetime]:
    return interval.start, interval.end
