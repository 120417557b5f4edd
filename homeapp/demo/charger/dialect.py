"""What the versions of OCPP have in common for the simulated station, in words of none of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.certificates import CertificateStore
from homeapp.demo.charger.charging_profile import Profile, Purpose
from homeapp.demo.charger.composite import Composite
from homeapp.demo.charger.event_streams import EventStreams
from homeapp.demo.charger.firmware import FirmwareRequest, FirmwareStatus
from homeapp.demo.charger.local_list import LocalList
from homeapp.demo.charger.network import Network
from homeapp.demo.charger.outlet import ChargingState, Sample
from homeapp.demo.charger.settings import Settings
from homeapp.demo.charger.transaction import IdToken, Phase, Transaction, TransactionEvent
from homeapp.demo.ocpp.schemas import Json, Version

Call = tuple[str, Json]
"""An action and its payload."""
LONGEST_COMPOSITE_S = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a station says of itself."""

    station_id: str
    vendor: str
    model: str
    firmware: str = "1.0.0"
    evses: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletView:
    """An outlet as StatusNotification tells it; ``over`` is True between a transaction's end and the unplugging."""

    evse: int
    plugged: bool
    state: ChargingState
    over: bool
    operative: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which profiles; None matches all."""

    profile_id: int | None = None
    evse: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None


class Wanted(StrEnum):
    """What TriggerMessage can ask for, in the words of 2.x."""

    BOOT = "BootNotification"
    HEARTBEAT = "Heartbeat"
    STATUS = "StatusNotification"
    METER_VALUES = "MeterValues"
    TRANSACTION = "TransactionEvent"
    FIRMWARE = "FirmwareStatusNotification"
    LOG = "LogStatusNotification"
    DIAGNOSTICS = "DiagnosticsStatusNotification"
    SIGN = "SignChargingStationCertificate"


class Operations(Protocol):
    """What a CSMS can have the station do; each returns at once.

    Attributes:
        tokens, certificates, network, streams: parts that a CSMS speaks to directly.
    """

    tokens: LocalList
    certificates: CertificateStore
    network: Network
    streams: EventStreams

    @property
    def version(self) -> Version:
        """The version spoken."""

    @property
    def registered(self) -> bool:
        """The last BootNotification was accepted."""

    @property
    def settings(self) -> Settings:
        """Configuration."""

    @property
    def transaction(self) -> Transaction | None:
        """The running transaction."""

    def has_evse(self, evse: int) -> bool:
        """Whether there is such an EVSE; 0 is the whole station."""

    def install_profile(self, evse: int, payload: Json) -> None:
        """SetChargingProfile.

        Raises:
            ProfileRefused: it does not hold.
        """

    def profiles(self, selection: Selection, ids: Sequence[int] | None) -> Sequence[Profile]:
        """GetChargingProfiles."""

    def update_profile(self, profile_id: int, values: Json) -> None:
        """UpdateDynamicSchedule.

        Raises:
            ProfileRefused: it cannot be updated so.
        """

    def clear_profiles(self, selection: Selection) -> int:
        """ClearChargingProfile; returns how many were removed."""

    def composite_schedule(self, evse: int, duration_s: int) -> Sequence[tuple[int, Composite]]:
        """GetCompositeSchedule: begins in seconds from now, and what holds from there."""

    def use_priority(self, transaction_id: str, *, active: bool) -> str:
        """UsePriorityCharging; returns the status to answer with."""

    def request_start(self, evse: int, token: IdToken, remote_start_id: int | None, profile: Json | None) -> bool:
        """Start a transaction, or wait for the car to be plugged in; False where that is impossible."""

    def request_stop(self, transaction_id: str) -> bool:
        """Stop the transaction with this id; False where there is none."""

    def messages_wait(self, transaction_id: str | None) -> bool:
        """Whether messages of this transaction, or of any where None, have not been answered yet."""

    def trigger(self, wanted: Wanted, evse: int | None) -> bool:
        """TriggerMessage; False where there is nothing to tell."""

    def say(self, action: str, payload: Json) -> None:
        """Send a message after the answer."""

    def reset(self, reason: str, *, when_idle: bool, resume: bool = False) -> bool:
        """Restart after the answer, ending the transaction or resuming it; False where it has to end first."""

    def change_availability(self, evse: int, *, operative: bool) -> str:
        """ChangeAvailability; returns the status to answer with."""

    def update_firmware(self, request: FirmwareRequest) -> str:
        """Begin to load and install; returns the status to answer with."""

    def unlock(self) -> None:
        """Unlock the connector, ending what runs there."""

    def new_password(self, password: bytes) -> None:
        """Keep it and come back with it."""

    def new_security_profile(self, profile: int) -> bool:
        """SecurityProfile of 1.6: come back with it; False where that cannot be."""

    def take_signed(self, chain_pem: str) -> bool:
        """CertificateSigned; False where it does not hold."""

    def allow_transfer(self, modes: Sequence[str]) -> None:
        """Restrict how energy may flow in the running transaction (2.1)."""

    def now(self) -> datetime:
        """The station's clock."""


Handler = Callable[[Json, Operations], Json]


class Dialect(Protocol):
    """One version of OCPP: how a station says things, and what a CSMS means."""

    version: Version
    handlers: Mapping[str, Handler]

    def settings(self, about: About, abilities: Abilities) -> Settings:
        """Factory settings."""

    def boot(self, about: About, reason: str, /) -> Call:
        """BootNotification."""

    def status(self, view: OutletView) -> str:
        """The connector's status in this version's words."""

    def status_notification(self, evse: int, status: str, at: datetime) -> Call:
        """StatusNotification."""

    def station_outlets(self, about: About) -> Sequence[int]:
        """What has a status of its own."""

    def authorize(self, token: IdToken) -> Call:
        """Authorize."""

    def accepted(self, answer: Json) -> bool:
        """Whether an answer accepts the token; True where it says nothing of it."""

    def event_action(self, phase: Phase, trigger: str, /) -> str | None:
        """The action that tells such an event of a transaction; None where the version has none."""

    def event_payload(self, event: TransactionEvent, measurands: Sequence[str]) -> Json | None:
        """Its payload, with a transactionId of None where that is not known yet; None where there is nothing to say."""

    def meter_values(self, evse: int, sample: Sample, running: Transaction | None, names: Sequence[str], /) -> Call:
        """MeterValues, asked for by a trigger."""

    def transaction_id(self, transaction: Transaction) -> str | None:
        """Its id on the wire, or None while it has none."""

    def learn_id(self, transaction: Transaction, answer: Json) -> None:
        """Take the transaction's id from the answer to its begin, where the CSMS makes it."""

    def firmware_status(self, request: FirmwareRequest, status: FirmwareStatus, /) -> Call | None:
        """FirmwareStatusNotification, or None where the version has no word for it."""

    def firmware_idle(self) -> Call:
        """FirmwareStatusNotification while nothing is installed."""

    def sign_certificate(self, csr_pem: str) -> Call:
        """SignCertificate."""

    def security_event(self, kind: str, at: datetime) -> Call:
        """SecurityEventNotification."""

    def charging_needs(self, evse: int, car: Car, at: datetime, /) -> Call | None:
        """What the car has told about itself, or None where the version cannot say it."""

    def feeding_allowed(self, answer: Json, /) -> bool:
        """Whether an answer to Authorize allows feeding."""
