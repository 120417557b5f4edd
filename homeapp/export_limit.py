"""Limits on what the home may feed into the grid (OpenADR: EXPORT_CAPACITY_LIMIT), as far as they bind the chargers."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from homeapp.load.load_guard import Allowance
from homeapp.model.offer import OfferCase


def feed_limit_w(commitments: Iterable[OfferCase], now: datetime) -> float | None:
    """The most W that may be fed now, by requests that are mandatory or agreed to; None for no limit."""
    intervals = [item for case in commitments for item in case.offer.intervals if item.start <= now < item.end]
    return min((item.max_feed_w for item in intervals if item.max_feed_w is not None), default=None)


def under_export_limit(allowance: Allowance, limit_w: float | None, watts_per_ampere: float) -> Allowance:
    """What is left of an allowance.

    What the home itself uses is not added to the limit: it may end at any moment, the feed only after a while.
    """
    if limit_w is None:
        return allowance
    return replace(allowance, feed_a=max(0.0, min(allowance.feed_a, limit_w / watts_per_ampere)))
