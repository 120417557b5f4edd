"""When each imposed limit was received, and when the chargers had it: rows for the audit log."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from homeapp.grid_limits.imposed import interval_at
from homeapp.model.offer import Offer, OfferCase

_SAME_W = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A limit that every connected charger has accepted."""

    key: str
    limit_w: float
    received_at: datetime
    applied_at: datetime


class LimitLog:
    """Waits for the chargers' word on each limit that has come since the hub runs."""

    def __init__(self) -> None:
        self._received: dict[str, tuple[int, datetime]] = {}
        self._taken: dict[str, float] = {}

    def received(self, offer: Offer, now: datetime) -> None:
        """A limit has come."""
        self._received[offer.key] = (offer.revision, now)

    def taken(self, device_id: str, limit_w: float) -> None:
        """A charger has accepted this as the most it may draw."""
        self._taken[device_id] = limit_w

    def applied(self, cases: tuple[OfferCase, ...], connected: Collection[str], now: datetime) -> list[Applied]:
        """The limits that all chargers have by now; each is told once. Those that are gone are forgotten."""
        offers = {case.offer.key: case.offer for case in cases}
        rows: list[Applied] = []
        for key, (revision, received_at) in list(self._received.items()):
            offer = offers.get(key)
            if offer is None or offer.revision != revision:
                del self._received[key]
                continue
            item = interval_at(offer, now)
            if item is None or item.max_w is None:
                continue
            if all(self._taken.get(device_id, float("inf")) <= item.max_w + _SAME_W for device_id in connected):
                rows.append(Applied(key=key, limit_w=item.max_w, received_at=received_at, applied_at=now))
                del self._received[key]
        return rows
