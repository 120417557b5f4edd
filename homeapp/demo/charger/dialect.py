"""What the versions of OCPP have in common for the simulated station, in words of none of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from homeapp.demo.charger.car import Car
from homeapp.demo.charger.charging_profile import Purpose
from homeapp.demo.charger.composite import Composite
from homeapp.demo.charger.firmware import FirmwareRequest, FirmwareStatus
from homeapp.demo.charger.ocpp_schemas import Json, Version
from homeapp.demo.charger.outlet import ChargingState, Sample
from homeapp.demo.charger.settings import Settings

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
class IdToken:
    """Who wants to charge; ``kind`` is the type that 2.x names."""

    value: str
    kind: str = "Central"


@dataclass(slots=True, kw_only=True)
class Transaction:
    """A running transaction.

    Attributes:
        key: its id in 2.x, where the station makes it.
        csms_id: its id in 1.6, where the CSMS does; None before that.
        next_seq: seqNo of its next event.
    """

    key: str
    evse: int
    token: IdToken
    started_at: datetime
    remote_start_id: int | None = None
    csms_id: int | None = None
    next_seq: int = 0
    may_feed: bool = True


class Phase(StrEnum):
    """eventType of 2.x."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEvent:
    """Something that has happened to a transaction.

    Attributes:
        trigger: triggerReason of 2.x.
        stopped: stoppedReason of 2.x, at the end.
        offline: it happened while there was no connection.
    """

    phase: Phase
    trigger: str
    transaction: Transaction
    seq_no: int
    state: ChargingState
    sample: Sample
    mode: str
    stopped: str | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletView:
    """An outlet as StatusNotification tells it; ``over`` is True between a transaction's end and the unplugging."""

    evse: int
    plugged: bool
    state: ChargingState
    over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which profiles to clear; None matches all."""

    profile_id: int | None = None
    evse: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None


class Wanted(StrEnum):
    """What TriggerMessage can ask for."""

    BOOT = "BootNotification"
    HEARTBEAT = "Heartbeat"
    STATUS = "StatusNotification"
    METER_VALUES = "MeterValues"
    TRANSACTION = "TransactionEvent"


class Operations(Protocol):
    """What a CSMS can have the station do; each returns at once."""

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

    def clear_profiles(self, selection: Selection) -> int:
        """ClearChargingProfile; returns how many were removed."""

    def composite_schedule(self, evse: int, duration_s: int) -> Sequence[tuple[int, Composite]]:
        """GetCompositeSchedule: begins in seconds from now, and what holds from there."""

    def request_start(self, evse: int, token: IdToken, remote_start_id: int | None, profile: Json | None) -> bool:
        """Start a transaction, or wait for the car to be plugged in; False where that is impossible."""

    def request_stop(self, transaction_id: str) -> bool:
        """Stop the transaction with this id; False where there is none."""

    def trigger(self, wanted: Wanted, evse: int | None) -> bool:
        """TriggerMessage; False where there is nothing to tell."""

    def reset(self, reason: str, *, when_idle: bool) -> bool:
        """Restart after the answer; False where a transaction has to end first."""

    def update_firmware(self, request: FirmwareRequest) -> str:
        """Begin to load and install; returns the status to answer with."""

    def unlock(self) -> None:
        """Unlock the connector, ending what runs there."""

    def new_password(self, password: bytes) -> None:
        """Keep it and come back with it."""

    def allow_transfer(self, modes: Sequence[str]) -> None:
        """Restrict how energy may flow in the running transaction (2.1)."""

    def now(self) -> datetime:
        """The station's clock."""


Handler = Callable[[Json, Operations], Json]


class Dialect(Protocol):
    """One version of OCPP: how a station says things, and what a CSMS means."""

    version: Version
    handlers: Mapping[str, Handler]

    def settings(self, about: About) -> Settings:
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
        """Its payload; None where the CSMS knows no such transaction."""

    def meter_values(self, evse: int, sample: Sample, running: Transaction | None, names: Sequence[str], /) -> Call:
        """MeterValues, asked for by a trigger."""

    def transaction_id(self, transaction: Transaction) -> str | None:
        """Its id on the wire, or None while it has none."""

    def learn_id(self, transaction: Transaction, answer: Json) -> None:
        """Take the transaction's id from the answer to its begin, where the CSMS makes it."""

    def firmware_status(self, request: FirmwareRequest, status: FirmwareStatus, /) -> Call | None:
        """FirmwareStatusNotification, or None where the version has no word for it."""

    def charging_needs(self, evse: int, car: Car, at: datetime, /) -> Call | None:
        """What the car has told about itself, or None where the version cannot say it."""

    def feeding_allowed(self, answer: Json, /) -> bool:
        """Whether an answer to Authorize allows feeding."""


def rfc3339(instant: datetime) -> str:
    """Milliseconds and Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def values(sample: Sample, names: Sequence[str]) -> list[tuple[str, float, str, str | None]]:
    """Measurand, value, unit and phase of what was asked for."""
    charging = sample.export_w == 0
    current_in, current_out = (sample.current_a, 0.0) if charging else (0.0, sample.current_a)
    found: list[tuple[str, float, str, str | None]] = []
    for name in names:
        match name:
            case "Power.Active.Import":
                found.append((name, round(sample.import_w, 1), "W", None))
            case "Power.Active.Export":
                found.append((name, round(sample.export_w, 1), "W", None))
            case "Current.Import" | "Current.Export":
                current = current_in if name == "Current.Import" else current_out
                found.extend((name, round(current, 2), "A", f"L{phase}") for phase in range(1, sample.phases + 1))
            case "Energy.Active.Import.Register":
                found.append((name, round(sample.import_wh, 1), "Wh", None))
            case "Energy.Active.Export.Register":
                found.append((name, round(sample.export_wh, 1), "Wh", None))
            case "SoC" if sample.soc_pct is not None:
                found.append((name, round(sample.soc_pct, 1), "Percent", None))
    return found
