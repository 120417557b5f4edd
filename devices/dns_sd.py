"""What is announced by DNS-SD (RFC 6763), made fit for the hub: cleaned, judged and put together per device.

Anybody on the network can announce anything. Nothing here proves who a device is; that is left to its driver.
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from homeapp.model.device import Candidate, DeviceKind

MOST_DEVICES = 128

_MOST_ENTRIES = 32
_LONGEST_KEY = 32
_LONGEST_VALUE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A device that announces itself with one of its services.

    Attributes:
        product: maker and model for people.
        preference: of two services of the same device, the higher one is used.
    """

    device_id: str
    kind: DeviceKind
    driver: str
    product: str
    preference: int = 0
    properties: dict[str, str] = field(default_factory=dict)


AnnouncementReader = Callable[[Mapping[str, str]], Announcement | None]
"""Reads the cleaned TXT record of one service type; None where it is of no use to the hub."""


class Sightings:
    """The devices announced so far, the best service of each; the longest unheard are forgotten first."""

    def __init__(self) -> None:
        self._best: dict[str, tuple[Announcement, Candidate]] = {}

    def note(self, announcement: Announcement, address: str, now: datetime) -> Candidate | None:
        """The candidate where this announcement brings news, else None.

        A lesser service of a known device is no news: nobody shall talk the hub down to a weaker protocol.
        """
        known = self._best.pop(announcement.device_id, None)
        if known is not None and known[0].preference > announcement.preference:
            self._best[announcement.device_id] = known
            return None
        candidate = Candidate(
            device_id=announcement.device_id,
            kind=announcement.kind,
            driver=announcement.driver,
            address=address,
            product=announcement.product,
            seen_at=now,
            properties=announcement.properties,
        )
        self._best[announcement.device_id] = (announcement, candidate)
        while len(self._best) > MOST_DEVICES:
            del self._best[next(iter(self._best))]
        is_news = known is None or replace(known[1], seen_at=now) != candidate
        return candidate if is_news else None


def clean_txt(txt: Mapping[bytes, bytes | None]) -> dict[str, str]:
    """A TXT record as short printable text; keys in lower case (RFC 6763 6.4), entries without a value left out."""
    cleaned: dict[str, str] = {}
    for raw_key, raw_value in list(txt.items())[:_MOST_ENTRIES]:
        key = _printable(raw_key, _LONGEST_KEY).lower()
        if key and raw_value is not None:
            cleaned.setdefault(key, _printable(raw_value, _LONGEST_VALUE))
    return cleaned


def best_address(addresses: Iterable[str], port: int | None, *, loopback: bool = False) -> str | None:
    """``host:port`` of the address to use, or None where none will do.

    IPv4 before IPv6, otherwise in the given order. Only addresses of a local network: an announcement must not send
    the hub to the internet, nor, unless ``loopback``, to itself. Link-local IPv6 addresses need a scope and are left
    out.
    """
    if port is None or not 0 < port < 65536:
        return None
    usable = [ip for ip in map(_address, addresses) if ip is not None and _is_local(ip, loopback=loopback)]
    usable.sort(key=lambda ip: ip.version)
    if not usable:
        return None
    return f"[{usable[0]}]:{port}" if usable[0].version == 6 else f"{usable[0]}:{port}"


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_local(ip: _Address, *, loopback: bool) -> bool:
    if ip.is_loopback:
        return loopback
    if ip.version == 6 and ip.is_link_local:
        return False
    return not (ip.is_global or ip.is_multicast or ip.is_unspecified or ip.is_reserved)


def _printable(raw: bytes, longest: int) -> str:
    text = raw[: longest * 4].decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()[:longest]
