"""Checks on a request: whether it makes sense, and whether it clashes with another."""

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from homeapp.model.offer import Binding, Job, Offer, OfferCase, OfferInterval, OfferKind
from homeapp.offers.states import COMMITTED

_MOST_MONEY = Decimal(10**9)
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
    if not _is_money(offer.reward):
        return "The request promises a reward that is no amount of money."
    return _why_job_is_invalid(offer) if offer.kind.is_job else _why_power_is_invalid(offer)


def clash(case: OfferCase, others: Iterable[OfferCase]) -> str | None:
    """A sentence saying which accepted request overlaps with ``case``, or None.

    Mandatory requests are no clash: they limit whatever was accepted. Neither are jobs: they take no power.
    """
    if case.offer.kind.is_job:
        return None
    for other in others:
        if other.offer.key == case.offer.key or other.offer.binding is Binding.MANDATORY or other.offer.kind.is_job:
            continue
        if other.state in COMMITTED and _overlap(case.offer, other.offer):
            return (
                f"It overlaps with “{other.offer.title}” of {other.offer.sp_name}, which you have accepted. "
                "Withdraw that one first to accept this one."
            )
    return None


def without_absurd_reward(offer: Offer) -> Offer:
    """``offer`` without a reward that is no amount of money; nothing could be computed from that, not even a digest."""
    return offer if _is_money(offer.reward) else replace(offer, reward=None)


def _overlap(one: Offer, two: Offer) -> bool:
    return any(a.start < b.end and b.start < a.end for a in one.intervals for b in two.intervals)


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
    if any(item.max_w is not None and item.max_w < 0 for item in offer.intervals):
        return "The request sets a charging limit below zero."
    setpoints = [item.setpoint_w for item in offer.intervals if item.setpoint_w is not None]
    match offer.kind:
        case OfferKind.POWER_FEED:
            if not setpoints or any(power > 0 for power in setpoints):
                return "The request asks to feed power but does not say how much."
        case OfferKind.LOAD_SHED | OfferKind.CAPACITY_LIMIT:
            if all(item.max_w is None for item in offer.intervals):
                return "The request asks to charge less but does not say how much."
    return None


def _numbers(offer: Offer) -> Iterable[float]:
    values = [offer.min_soc_pct, offer.max_feed_wh]
    values += [value for item in offer.intervals for value in (item.setpoint_w, item.max_w)]
    return (value for value in values if value is not None)


def _is_money(amount: Decimal | None) -> bool:
    return amount is None or (amount.is_finite() and -_MOST_MONEY < amount < _MOST_MONEY)


def _ends(interval: OfferInterval) -> tuple[datetime, datetime]:
    return interval.start, interval.end
