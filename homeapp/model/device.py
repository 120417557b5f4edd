"""Devices on the local network: seen, and adopted."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from homeapp.model.charger import ChargerView


class DeviceKind(StrEnum):
    """What a device is to the hub."""

    METER = "meter"
    EVCE = "evce"


class DeviceLink(StrEnum):
    """How a device stands with the hub."""

    FOUND = "found"
    """seen on the network, not adopted"""
    KNOCKING = "knocking"
    """it connected by itself and waits to be adopted"""
    PAIRING = "pairing"
    """adoption has begun; somebody has to act at the device"""
    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    REFUSED = "refused"
    """it refuses the hub's credentials: pair again"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A device that was seen and may be adopted.

    Attributes:
        device_id: stable over address changes, ``<driver>:<serial>``.
        driver: name in the driver registry (``homewizard``, ``ocpp``).
        address: ``host:port`` where it was seen last; host is a literal IP address.
        product: maker and model for people.
        properties: what it announced (mDNS TXT, BootNotification), already length-limited and plain text.
    """

    device_id: str
    kind: DeviceKind
    driver: str
    address: str
    product: str
    seen_at: datetime
    link: DeviceLink = DeviceLink.FOUND
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedDevice:
    """A device that the owner or installer has adopted; kept in the ledger, its secret in the SecretStore.

    Attributes:
        name: what people call it.
        address: where it was seen last; only a hint, discovery refreshes it.
    """

    device_id: str
    kind: DeviceKind
    driver: str
    name: str
    address: str
    product: str
    adopted_at: datetime
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One row of the devices list, adopted or not.

    Attributes:
        adopted: True once adopted.
        problem: a sentence saying what is wrong and what to do, or None.
        seen_age_s: seconds since anything was heard of it, or None.
        charger: more about an adopted charger, or None.
    """

    device_id: str
    kind: DeviceKind
    driver: str
    name: str
    product: str
    address: str
    link: DeviceLink
    adopted: bool
    problem: str | None = None
    seen_age_s: float | None = None
    properties: dict[str, str] = field(default_factory=dict)
    charger: ChargerView | None = None
