"""How the demo CSMS takes in what stations tell, whatever the version: into the books, and the answer from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from homeapp.demo.csms.books import Received, StationBook
from homeapp.demo.ocpp.frames import CallRefused
from homeapp.demo.ocpp.instants import rfc3339
from homeapp.demo.ocpp.schemas import Json

Breached = Callable[[str], None]
"""Takes the sentence of a breach by the station that is being served."""


@dataclass(slots=True, kw_only=True)
class Policy:
    """What the provider's answers depend on; may be changed at any time.

    Attributes:
        registration: status that answers BootNotification.
        interval_s: between heartbeats, or until the next BootNotification; s of the street's clock.
        tokens: authorisation list, status (in the words of 2.x) by token in lower case.
        unknown_token: status of all other tokens.
        allowed_transfer: allowedEnergyTransfer of an accepted token (2.1); empty to say nothing of it.
        needs: status that answers NotifyEVChargingNeeds.
        dynamic: scheduleUpdate by chargingProfileId, for PullDynamicScheduleUpdate (2.1).
        sign: makes a certificate chain, PEM, of a station's identity and its CSR; None to reject SignCertificate.
    """

    registration: str = "Accepted"
    interval_s: int = 300
    tokens: dict[str, str] = field(default_factory=dict)
    unknown_token: str = "Invalid"  # noqa: S105 - a status, not a token
    allowed_transfer: tuple[str, ...] = ()
    needs: str = "Accepted"
    dynamic: dict[int, Json] = field(default_factory=dict)
    sign: Callable[[str, str], str] | None = None

    def standing(self, token: str) -> str:
        """Status of a token; idTokens are case-insensitive."""
        return self.tokens.get(token.casefold(), self.unknown_token)

    def accept(self, token: str) -> None:
        """Put a token on the list."""
        self.tokens[token.casefold()] = "Accepted"


Handler = Callable[[StationBook, Received], Json]


class Intake(Protocol):
    """One version of OCPP: what an action means for the books."""

    handlers: Mapping[str, Handler]
    """By action; each returns the payload of the answer."""

    def belongs_to_transaction(self, action: str, payload: Json) -> bool:
        """Whether it has to arrive, however long that takes."""


def take(intake: Intake, station: StationBook, received: Received) -> Json:
    """Enter a CALL into the books and answer it.

    Raises:
        CallRefused: the station may not say this now, or the CSMS does not know the action.
    """
    handler = intake.handlers.get(received.action)
    if handler is None:
        raise CallRefused("NotImplemented", "this CSMS does not serve the action")
    if not station.registered and received.action not in ("BootNotification", "SignCertificate"):
        # 2.0.1 B02.FR.09; 1.6 4.2.
        raise CallRefused("SecurityError", "the station is not registered")
    answer = handler(station, received)
    station.calls.append(received)
    return answer


def boot(policy: Policy, station: StationBook, received: Received) -> Json:
    """BootNotification, which all versions answer alike."""
    station.boots.append(received.payload)
    station.registered = policy.registration == "Accepted"
    return {
        "status": policy.registration,
        "currentTime": rfc3339(received.arrived_at),
        "interval": policy.interval_s,
    }


def heartbeat(_station: StationBook, received: Received) -> Json:
    """Heartbeat."""
    return {"currentTime": rfc3339(received.arrived_at)}


def nothing_to_say(_station: StationBook, _received: Received) -> Json:
    """What is only kept."""
    return {}


def security_event(station: StationBook, received: Received) -> Json:
    """SecurityEventNotification."""
    station.security_events.append(received.payload)
    return {}


def firmware(station: StationBook, received: Received) -> Json:
    """FirmwareStatusNotification and its signed sister of 1.6."""
    station.firmware.append(received.payload)
    return {}


def data_transfer(_station: StationBook, _received: Received) -> Json:
    """DataTransfer: this provider has no agreement with any vendor."""
    return {"status": "UnknownVendorId"}
