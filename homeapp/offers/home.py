"""What the offer desk needs to know about the home, and what of it a request asks for that is not there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from homeapp.model.offer import Offer, OfferKind


def _heard(_sp_id: str) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFacts:
    """The home as it is now; what is not known stands in nobody's way.

    Attributes:
        charger: one is adopted.
        feed_refusal: why charger or car cannot feed power for good, a sentence; None where they can or may.
        feed_allowed: the connection may carry power out of the home.
        currency: ISO 4217, of the home's prices; empty while there are none.
        region: ISO 3166-1 or -2; empty where nobody has said it.
        time_zone: IANA name.
        soc_pct: of the car, or None while it is not known.
        floor_pct: never feed the car below this.
        capacity_wh: the car's usable battery, Wh; None while it is not known.
        feed_left_wh: what the owner's budget leaves for power feeds, Wh; None for no budget.
        hears: whether the owner shares so much with a provider (sp_id) that an answer can be sent to it.
    """

    charger: bool = True
    feed_refusal: str | None = None
    feed_allowed: bool = True
    currency: str = ""
    region: str = ""
    time_zone: str = "UTC"
    soc_pct: float | None = None
    floor_pct: float = 0.0
    capacity_wh: float | None = None
    feed_left_wh: float | None = None
    hears: Callable[[str], bool] = _heard


class HomeOutlook(Protocol):
    """The home as the desk sees it."""

    def facts(self) -> HomeFacts:
        """As it is now."""

    async def foreseen_pct(self, offer: Offer) -> float | None:
        """The state of charge at departure that the plan foresees if ``offer`` is agreed to; None where none does."""


class UnknownHome:
    """A home of which nothing is known."""

    def facts(self) -> HomeFacts:
        """Nothing that stands in anybody's way."""
        return HomeFacts()

    async def foreseen_pct(self, offer: Offer) -> float | None:  # noqa: ARG002 - the protocol's
        """There is no plan."""
        return None


def why_ineligible(offer: Offer, home: HomeFacts) -> tuple[str, ...]:
    """Sentences saying what ``offer`` asks for that this home cannot give; none where it can."""
    found = [
        _no_charger(offer, home),
        _no_feed(offer, home),
        _wrong_region(offer, home),
        _wrong_currency(offer, home),
        _unheard(offer, home),
    ]
    return tuple(sentence for sentence in found if sentence is not None)


def _no_charger(offer: Offer, home: HomeFacts) -> str | None:
    needed = offer.kind.takes_power or offer.kind is OfferKind.CHARGER_SOFTWARE
    return (
        "It needs a charger, and none is part of this home. Adopt one first." if needed and not home.charger else None
    )


def _no_feed(offer: Offer, home: HomeFacts) -> str | None:
    if offer.kind is not OfferKind.POWER_FEED:
        return None
    if not home.feed_allowed:
        return "This home's connection may not feed power to the grid; your installer has set it so."
    return home.feed_refusal


def _wrong_region(offer: Offer, home: HomeFacts) -> str | None:
    there, here = offer.region.upper(), home.region.upper()
    if not there or not here or here.startswith(there) or there.startswith(here):
        return None
    return f"It is for homes in {there}, and this home is in {here}."


def _wrong_currency(offer: Offer, home: HomeFacts) -> str | None:
    if not offer.currency or not home.currency or offer.currency == home.currency:
        return None
    return f"It pays in {offer.currency}, and this home's prices are in {home.currency}."


def _unheard(offer: Offer, home: HomeFacts) -> str | None:
    if home.hears(offer.sp_id):
        return None
    return (
        f"You share nothing with {offer.sp_name}, so it would never hear of your answer. Allow that it knows this home "
        "first, on the page Sharing."
    )
