"""What the three OCPP versions have in common, in words of none of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from devices.evce.capability import Capability
from devices.evce.fields import Payload
from devices.evce.metering import Sample
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from homeapp.model.offer import Job
from homeapp.model.readings import SoftwareStage

HUB_ID_TAG = "homeapp"
"""The public name under which the hub starts transactions."""
SAMPLE_INTERVAL_S = 10


class Reported(StrEnum):
    """What a station says of a connector or a transaction; 2.x ``Occupied`` and 1.6 ``Preparing`` are OCCUPIED."""

    AVAILABLE = "available"
    OCCUPIED = "occupied"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    SUSPENDED_EVSE = "suspended_evse"
    FINISHING = "finishing"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What a BootNotification tells, as plain text of limited length."""

    vendor: str
    model: str
    serial: str = ""
    firmware: str = ""


class TransactionReport(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of life of a transaction.

    Attributes:
        evse: EVSE (1.6: connector) it runs at.
        sequence: 2.x seqNo; an older report does not undo a newer one. None in 1.6.
        told_at: when it was made by the station's clock, be it ever so wrong, or None.
        began: this report is of its very beginning.
        reported: the charging state told, or None.
        start_wh: import register at the beginning, Wh, or None while unknown.
        late: sent from the station's memory after it was offline, so its measurements are old.
    """

    transaction_id: str
    evse: int
    sequence: int | None = None
    began: bool = False
    reported: Reported | None = None
    samples: Sequence[Sample] = ()
    start_wh: float | None = None
    late: bool = False
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingNeeds:
    """What the car has told the station (ISO 15118).

    Attributes:
        max_charge_w, max_feed_w: W >= 0, or None where it does not tell.
        feed_phases_w: the same of feeding for L1..L3 where it tells the phases apart, else empty.
        transfer: requestedEnergyTransfer, or empty.
        transfers: availableEnergyTransfer.
        target_soc_pct: %, or None.
        target_wh, least_wh, most_wh: energy that it wants until it leaves, Wh; to be fed where negative; or None.
        least_feeding_wh, most_feeding_wh: between these it may be used for power feed (V2X), Wh, or None.
        departure: when it wants to leave, or None.
    """

    max_charge_w: float | None = None
    max_feed_w: float | None = None
    soc_pct: float | None = None
    feed_phases_w: tuple[float, ...] = ()
    transfer: str = ""
    transfers: tuple[str, ...] = ()
    target_soc_pct: float | None = None
    target_wh: float | None = None
    least_wh: float | None = None
    most_wh: float | None = None
    least_feeding_wh: float | None = None
    most_feeding_wh: float | None = None
    departure: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareReport:
    """How far a station has come with its software.

    Attributes:
        request_id: of the request that it is about, or None where the station does not say.
        problem: a sentence where the stage is FAILED.
    """

    stage: SoftwareStage
    request_id: int | None = None
    problem: str | None = None


class Listener(Protocol):
    """Takes what a station reports; none of these blocks."""

    @property
    def admitted(self) -> bool:
        """The station is adopted; otherwise it may introduce itself and nothing more."""

    @property
    def limits(self) -> StationLimits:
        """The limits of the station's circuit."""

    def now(self) -> datetime:
        """Hub time."""

    def booted(self, introduction: Introduction) -> None:
        """The station has started."""

    def heard(self) -> None:
        """It has said something of no further interest."""

    def clock_shows(self, at: datetime | None) -> None:
        """A message that was made just now bears this time of the station's clock, be it ever so wrong."""

    def authorizes(self, token: str, /) -> bool:
        """Whether this token may charge here."""

    def connector_is(self, evse: int, reported: Reported, stamp: datetime | None) -> None:
        """A connector's status; ``evse`` 0 is the whole station."""

    def began(self, report: TransactionReport, fingerprint: str, /) -> str:
        """1.6: a transaction has begun; returns its id, the same one for the same fingerprint."""

    def runs(self, report: TransactionReport) -> None:
        """A transaction goes on."""

    def ended(self, transaction_id: str, samples: Sequence[Sample]) -> None:
        """A transaction is over; of the samples only the energy still counts."""

    def metered(self, samples: Sequence[Sample], evse: int = 0) -> None:
        """Measurements that belong to no transaction in particular; ``evse`` 0 is the whole station."""

    def needs(self, needs: ChargingNeeds, evse: int = 0, /) -> bool:
        """The wishes and abilities of the car there; True where a charging profile can follow at once."""

    def present_setpoint(self, profile_id: int, /) -> Payload | None:
        """2.1: the setpoint fields of a Dynamic profile of the hub as of now; None where there is no such profile."""

    def profiles_are(self, request_id: int, ids: Sequence[int], *, more: bool) -> None:
        """2.x: a part of a report of the profiles in the station; ``more`` of it follows."""

    def software_is(self, report: SoftwareReport) -> None:
        """An update of the station's software goes on."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A CALL to make.

    Attributes:
        payload: camelCase, as the schema wants it.
    """

    action: str
    payload: Payload = field(default_factory=dict)


class Dialect(Protocol):
    """One OCPP version."""

    @property
    def version(self) -> Version:
        """The version."""

    def answer(self, action: str, payload: Payload, listener: Listener) -> Payload:
        """Serve a CALL of the station.

        Raises:
            ActionUnknown: the hub does not serve it.
            FieldError: a needed field is missing or of the wrong type.
        """

    def triggers(self, evses: int) -> list[Outgoing]:
        """CALLs that have a station of so many EVSEs tell how it stands."""

    def trigger_status(self, evse: int) -> Outgoing | None:
        """2.x: has it tell the status of an EVSE; in 1.6 it tells of all with one CALL."""

    def trigger_boot(self) -> Outgoing:
        """Has it introduce itself."""

    def trigger_metering(self, evse: int) -> Outgoing:
        """Has it measure now."""

    def metering(self) -> list[list[Outgoing]]:
        """Settings for sampling; of each inner list the first one that the station accepts is enough."""

    def password(self, password: str) -> Outgoing:
        """Gives the station a new Basic password."""

    def start(self, evse: int) -> Outgoing:
        """Starts a transaction in the hub's name."""

    def stop(self, transaction_id: str) -> Outgoing:
        """Stops a transaction."""

    def update_software(self, job: Job, request_id: int, now: datetime) -> Outgoing:
        """Has it load and install software at once; signed where the job has a signature."""

    def clear(self, purpose: str, stack_level: int | None) -> Outgoing:
        """Removes the profiles of a purpose, of one stack level or of all."""

    def report_profiles(self, request_id: int, purpose: str, /) -> Outgoing | None:
        """2.x: has the station report its profiles of a purpose."""

    def clear_one(self, profile_id: int, /) -> Outgoing:
        """Removes one profile."""

    def probe(self) -> list[Outgoing]:
        """CALLs that ask what the station can do; few, as some stations restart under a flood of questions."""

    def probed(self, answers: Sequence[Payload]) -> Capability:
        """What the answers to ``probe`` say; an empty answer says nothing."""

    def transaction_status(self, transaction_id: str, /) -> Outgoing | None:
        """2.x: asks whether a transaction still runs."""

    def availability(self, evse: int, *, operative: bool) -> Outgoing:
        """Takes an EVSE out of service, or puts it back."""

    def update_setpoint(self, profile_id: int, setpoint: Payload, /) -> Outgoing | None:
        """2.1: gives a Dynamic profile other setpoint fields."""

    def allow_transfers(self, transaction_id: str, /) -> Outgoing | None:
        """2.1: lets the car of a transaction negotiate a transfer that goes both ways (Q02.FR.05)."""

    def composite(self, evse: int) -> Outgoing:
        """Asks for the limit that results from all profiles."""

    def composite_current_a(self, answer: Payload, limits: StationLimits) -> float | None:
        """The present limit in an answer to ``composite``, A per phase; None where the station does not say."""

    def composite_begins(self, answer: Payload) -> datetime | None:
        """Since when the limit in an answer to ``composite`` holds by the station's clock, mostly now; or None."""

    def settled(self, answer: Payload) -> str:
        """The status in an answer of a station, for instance ``Accepted``; empty where there is none."""
