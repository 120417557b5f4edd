"""What the owner lets leave the home, and what has left it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DataClass(StrEnum):
    """Kinds of personal data; each is agreed to, per provider, on its own. Nothing is agreed to from the start."""

    IDENTITY = "identity"
    """that this hub is a customer, its pseudonymous numbers, and the owner's answers; without it there is no link"""
    CHARGING = "charging"
    """when the car is plugged in and charges, with how much power, and its state of charge"""
    METERING = "metering"
    """energy per quarter hour and per charging period or power-feed cycle"""
    HEALTH = "health"
    """what a health check of the car has found"""
    LOCATION = "location"
    """where the car is, coarsely"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The owner's newest word about one kind of data for one provider.

    Attributes:
        text_version: of the words that were agreed to.
        by: the role that decided.
    """

    sp_id: str
    data_class: DataClass
    granted: bool
    text_version: int
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What has left the home for one provider, of one kind.

    Attributes:
        fields: names of all that was ever in it, sorted.
        size_bytes: on the wire, of all messages together.
    """

    count: int
    size_bytes: int
    fields: tuple[str, ...]
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingEntry:
    """One kind of data for one provider, as the owner sees it.

    Attributes:
        text: what agreeing means, in plain words.
        fields: what may be in it at most.
        outdated: the owner agreed to older words, which do not count any more.
        changed_at: when the owner decided last, or None.
        disclosed: None where nothing has left yet.
    """

    data_class: DataClass
    text: str
    text_version: int
    fields: tuple[str, ...]
    granted: bool
    outdated: bool = False
    changed_at: datetime | None = None
    disclosed: Disclosed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSharing:
    """Everything about one provider; ``entries`` has the kinds that it asks for, IDENTITY first."""

    sp_id: str
    name: str
    entries: tuple[SharingEntry, ...]
