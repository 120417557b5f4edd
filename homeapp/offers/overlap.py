"""Who else has this time and this power: no flexibility is sold twice, to whomever."""

from collections.abc import Iterable

from homeapp.model.offer import Binding, Offer, OfferCase, OfferKind, OfferState
from homeapp.offers.states import COMMITTED


def clashes(case: OfferCase, others: Iterable[OfferCase]) -> tuple[OfferCase, ...]:
    """The requests, agreed or still to be decided, that cannot stand beside ``case``; those agreed first."""
    found = [other for other in others if _counts(other) and cannot_stand_together(case.offer, other.offer)]
    return tuple(sorted(found, key=lambda other: other.state is OfferState.PENDING))


def clash(case: OfferCase, others: Iterable[OfferCase]) -> str | None:
    """A sentence saying which accepted request stands in the way of ``case``, or None."""
    for other in clashes(case, others):
        if other.state in COMMITTED:
            return (
                f"It overlaps with “{other.offer.title}” of {other.offer.sp_name}, which you have accepted. "
                "Withdraw that one first to accept this one."
            )
    return None


def cannot_stand_together(one: Offer, two: Offer) -> bool:
    """Both at once would promise the same power twice, or promise what contradicts itself.

    Mandatory requests are no clash: they limit whatever was accepted. Neither are jobs, which take no power. A limit of
    the connection goes with everything but with charging more than it allows.
    """
    if one.key == two.key or Binding.MANDATORY in (one.binding, two.binding):
        return False
    if one.kind.takes_power and two.kind.takes_power:
        return any(a.start < b.end and b.start < a.end for a in one.intervals for b in two.intervals)
    if one.kind is OfferKind.CAPACITY_LIMIT:
        return _charges_beyond(two, one)
    return two.kind is OfferKind.CAPACITY_LIMIT and _charges_beyond(one, two)


def _charges_beyond(charging: Offer, limit: Offer) -> bool:
    return charging.kind.takes_power and any(
        a.setpoint_w is not None and b.max_w is not None and a.setpoint_w > b.max_w
        for a in charging.intervals
        for b in limit.intervals
        if a.start < b.end and b.start < a.end
    )


def _counts(case: OfferCase) -> bool:
    return case.state is OfferState.PENDING or case.state in COMMITTED
