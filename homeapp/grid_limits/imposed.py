"""Requests that impose a limit, as the hub obeys them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from homeapp.model.live import GridLimit
from homeapp.model.offer import Binding, Offer, OfferCase, OfferInterval, OfferKind

FOR_EVER = timedelta(days=3650)
"""A limit that ends later has no end, as far as people are concerned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTerms:
    """What is agreed for this home.

    Attributes:
        failsafe_w: holds while an operator that has imposed a limit is out of reach, W.
        failsafe_s: for so long, s.
        floor_w: no limit goes below it, W.
    """

    failsafe_w: float = 4200.0
    failsafe_s: float = 7200.0
    floor_w: float = 0.0


def is_imposed(offer: Offer) -> bool:
    """Nobody is asked: it is obeyed."""
    return offer.binding is Binding.MANDATORY or offer.kind is OfferKind.CAPACITY_LIMIT


def interval_at(offer: Offer, now: datetime) -> OfferInterval | None:
    """The interval that holds now and limits what may be drawn, or None."""
    return next((item for item in offer.intervals if item.start <= now < item.end and item.max_w is not None), None)


def not_below(case: OfferCase, floor_w: float) -> OfferCase:
    """``case`` with limits of at least ``floor_w``."""
    intervals = tuple(
        item if item.max_w is None else replace(item, max_w=max(item.max_w, floor_w)) for item in case.offer.intervals
    )
    return replace(case, offer=replace(case.offer, intervals=intervals))


def tightest(cases: tuple[OfferCase, ...], failsafes: tuple[OfferCase, ...], now: datetime) -> GridLimit | None:
    """The lowest of all imposed limits that hold now; of equal ones that of the operator itself."""
    limits = [
        GridLimit(
            value_w=item.max_w,
            since=item.start,
            until=item.end if item.end - now < FOR_EVER else None,
            source=case.offer.sp_name,
            failsafe=failsafe,
        )
        for failsafe, found in ((False, cases), (True, failsafes))
        for case in found
        if is_imposed(case.offer) and (item := interval_at(case.offer, now)) is not None and item.max_w is not None
    ]
    return min(limits, key=lambda limit: (limit.value_w, limit.failsafe), default=None)
