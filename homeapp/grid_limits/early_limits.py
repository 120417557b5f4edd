"""Imposed limits that are obeyed already while the ledger still takes them in: the disk must not delay them."""

from collections.abc import Iterable
from datetime import datetime

from homeapp.model.offer import Binding, Offer, OfferCase, OfferState
from homeapp.offers.checks import why_invalid


class EarlyLimits:
    """By key; each stays until the offer desk has it, or for its whole time where it cannot be kept."""

    def __init__(self) -> None:
        self._cases: dict[str, OfferCase] = {}

    def arrived(self, offer: Offer, known: Iterable[OfferCase], now: datetime) -> bool:
        """Obey ``offer`` from now on, where it imposes something new; whether it does."""
        newest = [case.offer.revision for case in (*known, *self._cases.values()) if case.offer.key == offer.key]
        is_news = all(revision < offer.revision for revision in newest)
        if offer.binding is not Binding.MANDATORY or not is_news or why_invalid(offer) or now >= offer.end:
            return False
        self._cases[offer.key] = OfferCase(
            offer=offer, digest=offer.digest(), state=OfferState.SCHEDULED, updated_at=now
        )
        return True

    def over(self, key: str) -> None:
        """The desk has it, or it was taken back."""
        self._cases.pop(key, None)

    def with_early(self, cases: tuple[OfferCase, ...], now: datetime) -> tuple[OfferCase, ...]:
        """``cases``, and in place of earlier revisions of the same what came since."""
        self._cases = {key: case for key, case in self._cases.items() if now < case.offer.end}
        if not self._cases:
            return cases
        return (*(case for case in cases if case.offer.key not in self._cases), *self._cases.values())
