"""What is kept for chargers and decided about them: rights, cards, profiles, signed readings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from homeapp.model.signed_reading import SignedReading


class ProviderRights(Protocol):
    """What the owner lets the charging provider do with a station; none of these blocks."""

    def attached(self, device_id: str) -> None:
        """A provider has a way to this station."""

    def controls(self, device_id: str) -> bool:
        """Whether the provider may command it; False while the owner has taken control back."""

    def may_feed_w(self, at: datetime) -> float | None:
        """The power feed that the owner has approved for an instant, W > 0, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGroup:
    """The group that a card belongs to (1.6 parentIdTag, 2.x groupIdToken).

    Attributes:
        token: the group's own number.
        kind: its type in 2.x; empty where it is not known.
        is_master_pass: cards of it may end any transaction at this station, and begin none (C16).
    """

    token: str = field(repr=False)
    kind: str = ""
    is_master_pass: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVerdict:
    """What a provider says of a card.

    Attributes:
        token: idTag or idToken as it is read.
        allowed: it may charge; None where the provider takes it off its list.
        expires_at: the verdict holds until then, or None.
        group: that it belongs to, or None.
    """

    token: str = field(repr=False)
    allowed: bool | None
    expires_at: datetime | None = None
    group: TokenGroup | None = None


class TokenBook(Protocol):
    """Remembers what the provider says of cards, for the time when it cannot be asked; none of these blocks."""

    def is_households(self, token: str) -> bool:
        """Whether it is a card of the household, which needs nobody's word to charge at home."""

    def provider_list(self, device_id: str, verdicts: Sequence[TokenVerdict], *, full: bool) -> None:
        """The station has got a list from its provider, or changes to it."""

    def provider_judged(self, device_id: str, verdict: TokenVerdict) -> None:
        """The provider itself has decided about a card."""

    def group(self, device_id: str, token: str) -> TokenGroup | None:
        """The group of a card that the provider of this station allows, as it has said; None where it has none."""

    def master_pass(self, device_id: str, group: str) -> None:
        """The station takes cards of this group, and no other, for master passes; empty for none."""


class ProfileKeeper(Protocol):
    """Keeps what a provider has set for a station over a restart (OCPP 2.1, K01.FR.27).

    Raises (all operations):
        StoreUnavailable: it cannot be read or written.
    """

    async def begin(self) -> None:
        """Before anything else: what a provider of other settings has set must not come into force again."""

    async def load(self, device_id: str) -> str | None:
        """What was kept last, or None."""

    async def keep(self, device_id: str, kept: str) -> None:
        """Replace it; durable when this returns."""

    async def forget(self) -> None:
        """Delete what is kept of all stations; durable when this returns."""


class SignedReadingKeeper(Protocol):
    """Keeps what the meters of charging stations have signed, as it was received."""

    async def keep(self, device_id: str, transaction_id: str, readings: Sequence[SignedReading]) -> None:
        """Keep readings of one transaction; durable when this returns. One that is known already changes nothing.

        Raises:
            StoreUnavailable: they cannot be written; nothing of them is kept.
        """
