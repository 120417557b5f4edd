"""What the owner has taken upon the home, where that is less than what the provider asks for."""

import math
from collections.abc import Iterable
from dataclasses import replace

from homeapp.model.offer import Decision, Offer, OfferCase, OfferInterval, OfferKind


def why_not_committed(offer: Offer, committed_w: float | None, committed_wh: float | None) -> str | None:
    """A sentence saying why nobody can commit to this much of ``offer``, or None where it can be."""
    told = [value for value in (committed_w, committed_wh) if value is not None]
    if not told:
        return None
    if not offer.kind.takes_power:
        return "This request can only be accepted as a whole."
    if any(not math.isfinite(value) or value < 0 for value in told):
        return "Less than nothing cannot be promised."
    if committed_w is not None and (refusal := _why_not_power(offer, committed_w)) is not None:
        return refusal
    if committed_wh is not None and (offer.kind is not OfferKind.POWER_FEED or committed_wh == 0):
        return "Only of a power feed can a part of the energy be promised; to promise nothing, decline it."
    return None


def committed(case: OfferCase, capacity_wh: float | None = None) -> OfferCase:
    """``case`` with the power and the energy that hold for this home: what was committed and what the terms cap.

    ``digest`` stays that of the request as it was shown.
    """
    offer, decision = case.offer, case.decision
    most_wh = _least((offer.max_feed_wh, decision.committed_wh if decision else None, _by_cycles(offer, capacity_wh)))
    if decision is not None and decision.committed_w is not None:
        offer = replace(offer, intervals=tuple(_lowered(item, decision) for item in offer.intervals))
    if most_wh != offer.max_feed_wh:
        offer = replace(offer, max_feed_wh=most_wh)
    return case if offer is case.offer else replace(case, offer=offer)


def _why_not_power(offer: Offer, power_w: float) -> str | None:
    asked = [abs(item.setpoint_w) for item in offer.intervals if item.setpoint_w is not None]
    if offer.kind is OfferKind.LOAD_SHED:
        limits = [item.max_w for item in offer.intervals if item.max_w is not None]
        too_low = any(power_w < limit for limit in limits)
        return "You cannot promise to charge with less than what is asked for." if too_low else None
    if power_w == 0:
        return "To promise nothing, decline it."
    if power_w > max(asked, default=0.0):
        return "You cannot promise more power than what is asked for."
    return None


def _lowered(item: OfferInterval, decision: Decision) -> OfferInterval:
    most_w = decision.committed_w
    if most_w is None:
        return item
    if item.setpoint_w is not None:
        return replace(item, setpoint_w=math.copysign(min(abs(item.setpoint_w), most_w), item.setpoint_w))
    return item if item.max_w is None else replace(item, max_w=max(item.max_w, most_w))


def _by_cycles(offer: Offer, capacity_wh: float | None) -> float | None:
    cycles = offer.battery.max_feed_cycles if offer.battery is not None else None
    return None if cycles is None or capacity_wh is None else cycles * capacity_wh


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)
