"""Where the simulated station's CSMS is: network connection profiles and their priority (2.x B09, B10; 1.6 A05)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from homeapp.demo.ocpp.schemas import Json, Version

MOST_SLOTS = 5
ATTEMPTS = 3
"""Failed attempts with one profile before the next one of the priority list is tried."""
_VERSIONS = {"OCPP16": Version.V16, "OCPP20": Version.V201, "OCPP201": Version.V201, "OCPP21": Version.V21}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkProfile:
    """One way to a CSMS.

    Attributes:
        url: with the station's identity at its end.
        security_profile: 1 Basic authentication, 2 over TLS, 3 TLS with a client certificate.
    """

    url: str
    security_profile: int


class Network:
    """Its network profiles; the factory's is in slot 1.

    Args:
        factory: that profile.
        version: that the station speaks.
        identity: of the station.
        kept: from its last life.

    Attributes:
        active: slot in use.
        priority: slots in the order in which they are tried after a restart.
        unsaved: something has changed.
    """

    def __init__(self, factory: NetworkProfile, version: Version, identity: str, kept: Json | None = None) -> None:
        self._version = version
        self._identity = identity
        self._slots = {1: factory}
        self.priority: tuple[int, ...] = (1,)
        if kept:
            self._slots |= {int(slot): NetworkProfile(**entry) for slot, entry in kept["slots"].items()}
            self.priority = tuple(kept["priority"])
        self.active = self.priority[0]
        self._failures = 0
        self._before: NetworkProfile | None = None
        self._raised = bool(kept) and "1" in (kept or {})["slots"]
        self.unsaved = False

    @property
    def current(self) -> NetworkProfile:
        """The one in use."""
        return self._slots[self.active]

    def set(self, slot: int, connection: Json) -> str:
        """SetNetworkProfile; returns the status to answer with."""
        url = connection["ocppCsmsUrl"]
        security = connection["securityProfile"]
        # B09.FR.04: no way back to less security. A profile in use is not pulled away (B09.FR.01).
        fits = 1 <= slot <= MOST_SLOTS and slot != self.active and security >= self.current.security_profile
        if not fits or not url.startswith(("ws://", "wss://")) or connection["ocppTransport"] != "JSON":
            return "Rejected"
        if _VERSIONS.get(connection.get("ocppVersion", ""), self._version) is not self._version:
            return "Rejected"
        identity = connection.get("identity", self._identity)
        self._slots[slot] = NetworkProfile(url=f"{url.rstrip('/')}/{identity}", security_profile=security)
        self.unsaved = True
        return "Accepted"

    def prioritise(self, text: str) -> bool:
        """NetworkConfigurationPriority, slots with commas between; False where one of them is empty."""
        slots = [part.strip() for part in text.split(",")]
        if not all(part.isascii() and part.isdigit() and int(part) in self._slots for part in slots):
            return False
        self.priority, self.unsaved = tuple(int(part) for part in slots), True
        return True

    def raise_security(self, profile: int) -> bool:
        """SecurityProfile of 1.6: upwards only, from the next connection on; back if that does not come about."""
        if not self.current.security_profile < profile <= 3:
            return False
        self._before = self.current
        url = self.current.url.replace("ws://", "wss://", 1) if profile > 1 else self.current.url
        self._slots[self.active] = replace(self.current, url=url, security_profile=profile)
        self._failures, self._raised, self.unsaved = 0, True, True
        return True

    def restarted(self) -> None:
        """After a restart the first of the priority list is tried."""
        self.active, self._failures = self.priority[0], 0

    def connected(self) -> None:
        """The current one works."""
        self._failures, self._before = 0, None

    def failed(self) -> None:
        """The current one does not work; after some attempts it is the next one's turn."""
        self._failures += 1
        if self._failures < ATTEMPTS:
            return
        self._failures = 0
        if self._before is not None:
            self._slots[self.active], self._before = self._before, None
            self._raised, self.unsaved = False, True
            return
        order: Sequence[int] = self.priority
        place = order.index(self.active) if self.active in order else -1
        self.active = order[(place + 1) % len(order)]

    def to_json(self) -> Json:
        """What outlives a power cut."""
        return {
            # Slot 1 is the factory's unless its security was raised.
            "slots": {str(slot): asdict(entry) for slot, entry in self._slots.items() if slot != 1 or self._raised},
            "priority": list(self.priority),
        }
