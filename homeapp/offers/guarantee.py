"""What a provider promises about the car's state of charge, and until when that stands."""

from datetime import UTC, datetime

from homeapp.model.offer import Offer, OfferCase, OfferState

_CARRIED_OUT = frozenset({OfferState.ACTIVE, OfferState.COMPLETED, OfferState.PARTIAL})
_ENDED_EARLY = frozenset({OfferState.ABORTED, OfferState.CANCELLED})


def guaranteed(offer: Offer) -> tuple[datetime, float] | None:
    """By when, UTC, the car has which state of charge, percent; None where the request promises none."""
    battery = offer.battery
    if battery is None or battery.guaranteed_soc_pct is None or battery.ready_by is None or not offer.kind.takes_power:
        return None
    return battery.ready_by.astimezone(UTC), min(100.0, max(0.0, battery.guaranteed_soc_pct))


def outlasts(case: OfferCase, now: datetime) -> bool:
    """The promise still stands though nothing more is asked for: what was fed for it has to come back in time.

    Where a request has ended early, by whomever, it does so only if something was fed by then.
    """
    promise = guaranteed(case.offer)
    if promise is None or now >= promise[0]:
        return False
    return case.state in _CARRIED_OUT or (case.state in _ENDED_EARLY and (case.delivered_wh or 0.0) < 0)
