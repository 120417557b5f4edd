"""What the owner lets the charging provider do; made before the hub and the drivers, which meet in it."""

from collections.abc import Callable, Iterable
from datetime import datetime

from homeapp.model.offer import OfferCase, OfferKind


class HomeRights:
    """Implements ``ProviderRights``; until a hub has joined, the provider may lower and have nothing fed.

    Attributes:
        attached_to: ids of the stations to which a provider has a way.
    """

    def __init__(self) -> None:
        self.attached_to: set[str] = set()
        self._owner_holds: Callable[[str], bool] = lambda _device_id: False
        self._agreed: Callable[[], Iterable[OfferCase]] = tuple

    def join(self, owner_holds: Callable[[str], bool], agreed: Callable[[], Iterable[OfferCase]]) -> None:
        """The hub is there: who has control in hand, and the requests that are agreed and not over."""
        self._owner_holds, self._agreed = owner_holds, agreed

    def attached(self, device_id: str) -> None:
        self.attached_to.add(device_id)

    def controls(self, device_id: str) -> bool:
        return not self._owner_holds(device_id)

    def may_feed_w(self, at: datetime) -> float | None:
        feeds = [
            -interval.setpoint_w
            for case in self._agreed()
            if case.offer.kind is OfferKind.POWER_FEED
            for interval in case.offer.intervals
            if interval.start <= at < interval.end and interval.setpoint_w is not None and interval.setpoint_w < 0
        ]
        return max(feeds, default=None)
