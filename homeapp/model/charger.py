"""Who controls a charger, and which cards it takes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from homeapp.model.readings import LimitControl, SoftwareUpdate


class ControlSpan(StrEnum):
    """For how long somebody at home takes control back from the charging provider."""

    HOUR = "hour"
    DEPARTURE = "departure"
    """until the next departure, as the goal has it"""
    UNTIL_GIVEN_BACK = "until_given_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerControl:
    """Somebody at home has taken control of a charger back.

    Attributes:
        until: when it ends by itself, or None for not.
        by: the role that took it (``homeapp.api.Role``).
    """

    since: datetime
    until: datetime | None
    by: str


class InControl(StrEnum):
    """Whose word a charger follows at the moment, below the fuse and the grid operator."""

    HUB = "hub"
    """the plan and what was agreed to"""
    PROVIDER = "provider"
    """the charging provider's limit holds besides"""
    OWNER = "owner"
    """the provider's commands are out of force for a while"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerView:
    """What the screen tells of an adopted charger.

    Attributes:
        limits: how finely it can be limited.
        has_provider: a charging provider has a way to it.
        provider_limit_w: most charging power that the provider permits now, W, or None.
        provider_feed_w: power feed that the provider asks for now, W >= 0, or None.
        owner_control: who has taken control back, or None.
        feed_refusal: a sentence that says why it cannot feed, or None.
        software: the last update, or None.
        card_needed: it charges only after a known card was shown.
        unknown_card_at: when an unknown card was shown there that can be added now, or None.
        security_profile: of its connection (OCPP 2.1 part 2, A00), 1 to 3, or None while it is away.
    """

    in_control: InControl
    limits: LimitControl
    has_provider: bool = False
    provider_limit_w: float | None = None
    provider_feed_w: float | None = None
    owner_control: OwnerControl | None = None
    feed_refusal: str | None = None
    software: SoftwareUpdate | None = None
    card_needed: bool = False
    unknown_card_at: datetime | None = None
    security_profile: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A card, key fob or app of the household; its number is kept only as a keyed hash."""

    name: str
    added_at: datetime
