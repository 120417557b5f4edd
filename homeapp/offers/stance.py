"""How the home stands to a request, for those whom it may be told."""

from collections.abc import Iterable

from homeapp.model.grid_report import Stance
from homeapp.model.offer import Choice, OfferCase, OfferState
from homeapp.offers.states import COMMITTED

_NOT_TAKING_PART = (OfferState.DECLINED, OfferState.EXPIRED, OfferState.ABORTED)


def stance_to(cases: Iterable[OfferCase], key: str) -> Stance:
    """How the home stands to the request ``key``; it has opted out where the owner has, or has let it pass."""
    case = next((case for case in cases if case.offer.key == key), None)
    if case is None:
        return Stance.NONE
    if case.state in COMMITTED:
        return Stance.TAKES_PART
    withdrawn = case.decision is not None and case.decision.choice is Choice.WITHDRAW
    return Stance.OPTED_OUT if withdrawn or case.state in _NOT_TAKING_PART else Stance.NONE
