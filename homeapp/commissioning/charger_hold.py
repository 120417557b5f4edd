"""What a test of the charger imposes on control for a while, and how a charger's measured current is read."""

from collections.abc import Callable
from datetime import datetime, timedelta

from homeapp.model.offer import Binding, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.ports import Evce

_LONGEST = timedelta(minutes=12)
"""Whatever becomes of a test: it imposes nothing for longer."""


class ChargerHold:
    """Nothing, unless a test runs.

    Args:
        act: has control act at once.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._case: OfferCase | None = None
        self._silent_until: datetime | None = None

    def limit(self, limit_w: float, now: datetime) -> None:
        """All chargers together draw no more than this, W."""
        interval = OfferInterval(start=now, end=now + _LONGEST, max_w=limit_w)
        offer = Offer(
            offer_id="limit_test",
            revision=1,
            sp_id="commissioning",
            sp_name="Commissioning",
            kind=OfferKind.LOAD_SHED,
            binding=Binding.OWNER_DECIDES,
            issued_at=now,
            expires_at=interval.end,
            intervals=(interval,),
            title="Test of the charger's limit",
        )
        self._case = OfferCase(offer=offer, digest="", state=OfferState.ACTIVE, updated_at=now)
        self._act()

    def fall_silent(self, now: datetime) -> None:
        """No charger is commanded any more, as if the hub were gone."""
        self._silent_until = now + _LONGEST

    def end(self) -> None:
        """Impose nothing any more."""
        self._case = self._silent_until = None
        self._act()

    def commitments(self, now: datetime) -> tuple[OfferCase, ...]:
        """The limit, as a request that nobody has made; for control alone."""
        return (self._case,) if self._case is not None and now < self._case.offer.expires_at else ()

    def commandable(self, evce: Evce | None, now: datetime) -> Evce | None:
        """``evce``, or None while it is not to be commanded."""
        return None if self._silent_until is not None and now < self._silent_until else evce
