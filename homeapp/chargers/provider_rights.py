"""Where hub and drivers meet about the charging provider: what the owner lets it do, and what it says of cards."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from homeapp.model.offer import OfferCase, OfferKind
from homeapp.ports import TokenBook, TokenGroup, TokenVerdict


class HomeRights:
    """Implements ``ProviderRights`` and ``TokenBook``; made before hub and drivers.

    Until a hub has joined, the provider may lower and have nothing fed, and what it says of cards is not kept.

    Attributes:
        attached_to: ids of the stations to which a provider has a way.
    """

    def __init__(self) -> None:
        self.attached_to: set[str] = set()
        self._owner_holds: Callable[[str], bool] = lambda _device_id: False
        self._agreed: Callable[[], Iterable[OfferCase]] = tuple
        self._book: TokenBook | None = None

    def join(
        self, owner_holds: Callable[[str], bool], agreed: Callable[[], Iterable[OfferCase]], book: TokenBook
    ) -> None:
        """The hub is there: who has control in hand, the requests that are agreed and not over, its book of cards."""
        self._owner_holds, self._agreed, self._book = owner_holds, agreed, book

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

    def is_households(self, token: str) -> bool:
        return self._book is not None and self._book.is_households(token)

    def provider_list(self, device_id: str, verdicts: Sequence[TokenVerdict], *, full: bool) -> None:
        if self._book is not None:
            self._book.provider_list(device_id, verdicts, full=full)

    def provider_judged(self, device_id: str, verdict: TokenVerdict) -> None:
        if self._book is not None:
            self._book.provider_judged(device_id, verdict)

    def group(self, device_id: str, token: str) -> TokenGroup | None:
        return None if self._book is None else self._book.group(device_id, token)

    def master_pass(self, device_id: str, group: str) -> None:
        if self._book is not None:
            self._book.master_pass(device_id, group)
