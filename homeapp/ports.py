"""What the hub needs from outside, as Protocols: drivers and providers implement them, ``__main__`` joins them."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from homeapp.model.consent import DataClass
from homeapp.model.device import AdoptedDevice, Candidate
from homeapp.model.grid_report import ReportWish
from homeapp.model.health import HealthAlert, PartOrder, PevExamination, Position
from homeapp.model.live import LinkState
from homeapp.model.offer import Decision, Job, Offer, Receipt
from homeapp.model.readings import EvceCommand, EvceState, MeterReading
from homeapp.model.record import DataRecord
from homeapp.model.signed_reading import SignedReading
from homeapp.model.tariff import Tariff


class Clock(Protocol):
    """Hub time. All three run at the same speed, which in the demo street may be faster than the world's."""

    def now(self) -> datetime:
        """The civil time, aware UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin, never going back; for ages and leases."""

    async def sleep(self, seconds: float) -> None:
        """Sleep for ``seconds`` of this clock."""


class Discoverer(Protocol):
    """Watches the local network for one kind of device."""

    async def run(self, found: Callable[[Candidate], None]) -> None:
        """Report every device seen, and again when its address changes, until cancelled.

        Raises:
            DeviceError: the network cannot be watched.
        """


class Meter(Protocol):
    """One adopted smart meter."""

    @property
    def device_id(self) -> str:
        """The meter's stable id."""

    def readings(self) -> AsyncIterator[MeterReading]:
        """Connect and yield readings as they come, until cancelled.

        Raises:
            DeviceUnreachable: no link, or it fell silent; call again later.
            DeviceRefused: the credentials or the interface are refused; pair again.
            ProtocolError: it answers garbage; call again later.
        """


class MeterDriver(Protocol):
    """Makes meters of one protocol family."""

    @property
    def name(self) -> str:
        """Name in the registry; the part of the device id before the colon."""

    async def pair(self, candidate: Candidate) -> str | None:
        """Test the candidate and get credentials from it.

        Returns:
            The secret to keep, or None where the device needs none.

        Raises:
            PairingPending: somebody has to act at the device; call again within its window.
            DeviceError: it cannot be adopted; the sentence says why.
        """

    def open(self, device: AdoptedDevice, secret: str | None) -> Meter:
        """A meter at the device's last known address; no I/O yet."""


class Admission(StrEnum):
    """What the OCPP endpoint does with a station at the door."""

    ADOPTED = "adopted"
    KNOCKING = "knocking"
    """unknown: let in to introduce itself, nothing more"""
    REFUSED = "refused"
    """known, but its password is wrong"""


class StationRegister(Protocol):
    """What the hub knows of charging stations; the OCPP endpoint asks and tells it. None of these blocks."""

    def admission(self, device_id: str, password: str | None) -> Admission:
        """Whether a station with this identity and Basic password (None: none sent) may come in."""

    def is_adopted(self, device_id: str) -> bool:
        """Whether it is a device of this home; asked of those that need no password."""

    def vendor(self, device_id: str) -> str:
        """Its vendor, as it told when it was adopted; empty where that is not known."""

    def agreed_firmware(self, device_id: str, location: str, signature: str) -> bool:
        """Whether the owner has agreed to firmware at this address, with this signature, and its time has come."""

    def turned_away(self, device_id: str, sentence: str) -> None:
        """A station of this home was not let in because of its certificate; ``sentence`` is for the owner."""

    def authorizes(self, device_id: str, id_token: str) -> bool:
        """Whether this token may charge here."""

    def knocked(self, candidate: Candidate) -> None:
        """An unknown station has introduced itself (again)."""

    def changed(self, state: EvceState) -> None:
        """An adopted station's state has changed."""


class StationCertificates(Protocol):
    """The hub as certificate authority of its stations (OCPP A00 to A05); asked by the OCPP endpoint.

    What says that it blocks is to be called in a thread of its own. Serial numbers are hexadecimal, lower case, without
    leading zeros, and of certificates that TLS has found to be of this authority and in force.
    """

    @property
    def authority_pem(self) -> str:
        """The certificate of the authority, PEM."""

    @property
    def organization(self) -> str:
        """The name of the organization in each certificate (A00.FR.509)."""

    @property
    def in_use(self) -> bool:
        """Whether any station has a certificate or had one, so that it is worth asking for it."""

    def objection(self, device_id: str, names: Collection[str], request_pem: str) -> str | None:
        """What is wrong with a request (PKCS#10, PEM) of a station, or None.

        Args:
            device_id: the station.
            names: its identity and serial number, one of which must be the common name, or that of its last one.
            request_pem: the request.
        """

    def sign(self, device_id: str, names: Collection[str], request_pem: str) -> str:
        """A new certificate and its authority's, PEM; the ones before it hold until it is first shown. Blocks.

        Raises:
            DeviceRefused: there is an objection.
            EnvironmentProblem: it cannot be noted in the data directory.
        """

    def refusal(self, device_id: str, serial: str | None) -> str | None:
        """Why a station that shows this certificate, or none, is not let in, for the log; None where it may be."""

    def shown_by(self, device_id: str, serial: str) -> None:
        """A station has come in with a certificate: from now on nothing less is enough (A05.FR.09). Blocks.

        Raises:
            EnvironmentProblem: it cannot be noted in the data directory.
        """

    def renewal_due(self, device_id: str) -> bool:
        """Whether its newest certificate is in force for less than 30 days."""

    def revoke(self, device_id: str) -> None:
        """None of its certificates holds any more; it is a stranger. Blocks.

        Raises:
            EnvironmentProblem: it cannot be noted in the data directory.
        """


class ProviderRights(Protocol):
    """What the owner lets the charging provider do with a station; none of these blocks."""

    def attached(self, device_id: str) -> None:
        """A provider has a way to this station."""

    def controls(self, device_id: str) -> bool:
        """Whether the provider may command it; False while the owner has taken control back."""

    def may_feed_w(self, at: datetime) -> float | None:
        """The power feed that the owner has approved for an instant, W > 0, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGroup:
    """The group that a card belongs to (1.6 parentIdTag, 2.x groupIdToken).

    Attributes:
        token: the group's own number.
        kind: its type in 2.x; empty where it is not known.
        is_master_pass: cards of it may end any transaction at this station, and begin none (C16).
    """

    token: str = field(repr=False)
    kind: str = ""
    is_master_pass: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVerdict:
    """What a provider says of a card.

    Attributes:
        token: idTag or idToken as it is read.
        allowed: it may charge; None where the provider takes it off its list.
        expires_at: the verdict holds until then, or None.
        group: that it belongs to, or None.
    """

    token: str = field(repr=False)
    allowed: bool | None
    expires_at: datetime | None = None
    group: TokenGroup | None = None


class TokenBook(Protocol):
    """Remembers what the provider says of cards, for the time when it cannot be asked; none of these blocks."""

    def is_households(self, token: str) -> bool:
        """Whether it is a card of the household, which needs nobody's word to charge at home."""

    def provider_list(self, device_id: str, verdicts: Sequence[TokenVerdict], *, full: bool) -> None:
        """The station has got a list from its provider, or changes to it."""

    def provider_judged(self, device_id: str, verdict: TokenVerdict) -> None:
        """The provider itself has decided about a card."""

    def group(self, device_id: str, token: str) -> TokenGroup | None:
        """The group of a card that the provider of this station allows, as it has said; None where it has none."""

    def master_pass(self, device_id: str, group: str) -> None:
        """The station takes cards of this group, and no other, for master passes; empty for none."""


class ProfileKeeper(Protocol):
    """Keeps what a provider has set for a station over a restart (OCPP 2.1, K01.FR.27).

    Raises (all operations):
        StoreUnavailable: it cannot be read or written.
    """

    async def begin(self) -> None:
        """Before anything else: what a provider of other settings has set must not come into force again."""

    async def load(self, device_id: str) -> str | None:
        """What was kept last, or None."""

    async def keep(self, device_id: str, kept: str) -> None:
        """Replace it; durable when this returns."""

    async def forget(self) -> None:
        """Delete what is kept of all stations; durable when this returns."""


class SignedReadingKeeper(Protocol):
    """Keeps what the meters of charging stations have signed, as it was received."""

    async def keep(self, device_id: str, transaction_id: str, readings: Sequence[SignedReading]) -> None:
        """Keep readings of one transaction; durable when this returns. One that is known already changes nothing.

        Raises:
            StoreUnavailable: they cannot be written; nothing of them is kept.
        """


class Evce(Protocol):
    """One adopted charging station."""

    @property
    def device_id(self) -> str:
        """The station's stable id."""

    @property
    def state(self) -> EvceState:
        """The newest state."""

    async def apply(self, command: EvceCommand) -> None:
        """Bring the station to ``command``; called every control cycle with the current wish.

        Idempotent: it talks to the station only when the wish has changed noticeably or half of the lease is over.
        A wish to charge starts a transaction where a car waits for one.

        Raises:
            DeviceUnreachable: the station is offline or did not answer in time.
            DeviceRefused: it rejected the limit.
            NotSupported: it cannot feed.
        """

    async def update_software(self, job: Job) -> None:
        """Have the station load and install software; how it goes on shows in ``state.software``.

        Where the job has a signature, the station is told to check it.

        Raises:
            DeviceUnreachable: the station is offline or did not answer in time.
            DeviceRefused: it charges or feeds just now, the job is incomplete, or the station does not take it.
        """


class EvceEndpoint(Protocol):
    """The server that charging stations connect to."""

    async def run(self, register: StationRegister) -> None:
        """Serve until cancelled.

        Raises:
            EnvironmentProblem: the port cannot be opened.
        """

    def evce(self, device_id: str) -> Evce | None:
        """The adopted station, or None while it has not connected since start."""

    async def enrol(self, device_id: str) -> str:
        """Give a knocking station a new password and return it; the station is expected to come back with it.

        Raises:
            DeviceUnreachable: it is not connected.
            DeviceRefused: it does not accept a password.
        """

    async def drop(self, device_id: str) -> None:
        """Close the station's connection, so that it comes back and is judged anew."""

    async def raise_security(self, device_id: str) -> None:
        """Give the station a certificate of its own and let it use that instead of its password (A02, A05).

        Returns once the station has begun to change over; that it did not succeed becomes a problem of the station.

        Raises:
            DeviceUnreachable: it is not connected, or did not answer in time.
            DeviceRefused: it is in use, or does not play along; nothing has changed then.
            NotSupported: its connection is not encrypted.
        """

    async def forget(self, device_id: str) -> None:
        """The station is no longer of this home: its certificates are revoked and its connection is closed.

        Raises:
            EnvironmentProblem: that cannot be noted in the data directory.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class StationMessage:
    """A message of a charging station for its provider's CSMS.

    Attributes:
        message_id: the station's own; a repetition has the same one.
        action: name in the standard.
        payload: JSON, byte for byte as the station has sent it.
        periodic: one of many measurements; such are dropped first where too much waits.
        transaction: 1.6 StartTransaction: the id that the hub has given the transaction, else None.
        number: its place in the outbox; 0 before it is in it.
    """

    message_id: str
    action: str
    payload: bytes
    periodic: bool = False
    transaction: int | None = None
    number: int = 0


class StationOutbox(Protocol):
    """What charging stations have told and their CSMS has not heard yet, in order per station.

    Raises (all operations):
        StoreUnavailable: it cannot be read or written.
    """

    async def begin(self) -> None:
        """Before anything else: what waits for a CSMS of other settings must not lie about any longer."""

    async def put(self, device_id: str, message: StationMessage) -> int | None:
        """Keep a message; durable on return. One that is or was in it, with the same id and content, changes nothing.

        Returns:
            The ``transaction`` that is kept with it, which for a repetition is the one of the first time.
        """

    async def first_waiting(self, device_id: str) -> StationMessage | None:
        """The oldest that waits."""

    async def delivered(self, device_id: str, message: StationMessage, csms_transaction: int | None = None) -> None:
        """The CSMS has answered; ``csms_transaction`` is its id for ``message.transaction``, kept with it."""

    async def failed(self, device_id: str, message: StationMessage) -> int:
        """The CSMS has refused it or stayed silent; how often so far."""

    async def give_up(self, device_id: str, message: StationMessage) -> None:
        """It will never be taken; it no longer stands in the way of the others."""

    async def void(self) -> int:
        """Nothing of any station is to leave any more; returns how much waited."""

    async def transactions(self, device_id: str) -> Mapping[int, int]:
        """The CSMS's ids of 1.6 transactions by the hub's ids, the latest few hundred."""

    async def keep_introduction(self, device_id: str, protocol: str, payload: bytes) -> None:
        """Keep the payload of the station's newest BootNotification, in place of an older one."""

    async def introduction(self, device_id: str, protocol: str) -> bytes | None:
        """The payload of its newest BootNotification in this version of the protocol, or None."""


class CsmsWay(Protocol):
    """What the hub lets out of the home to a CSMS, and learns of it; none of these blocks."""

    def may_relay(self) -> bool:
        """Whether the owner agrees that what the charging station says leaves the home."""

    def left(self, action: str, payload: Mapping[str, Any], size_bytes: int) -> None:
        """A message is leaving the home; noted for the owner."""

    def link(self, device_id: str, state: LinkState, problem: str | None = None) -> None:
        """The way of this station to the CSMS has changed; ``problem`` is a sentence."""

    def notice(self, code: str, sentence: str) -> None:
        """Something to tell the owner."""


class StationUpstreams(Protocol):
    """The ways of all charging stations to their provider's CSMS."""

    async def run(self, way: CsmsWay) -> None:
        """Keep them open while they may be, until cancelled."""

    def consent_changed(self) -> None:
        """``CsmsWay.may_relay`` may say something else now; a way that may not be open any more is closed at once."""

    async def void(self) -> int:
        """What waits for the CSMS is not to leave any more; returns how much that was.

        Raises:
            StoreUnavailable: it cannot be written.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMessage:
    """A decision on its way out; ``decision.decision_id`` makes it idempotent.

    Attributes:
        offer: the revision that was decided about.
        not_after: useless after this.
        again: how often it was dated wrongly and has to be sent anew.
    """

    decision: Decision
    offer: Offer
    not_after: datetime
    again: int = 0


class ProviderInbox(Protocol):
    """Where providers put what comes in; whatever is put here is durable when the call returns."""

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        """New prices; replaces the ones of the same provider."""

    async def offer(self, offer: Offer) -> None:
        """A verified request. Known (id, revision) pairs are ignored; a higher revision supersedes."""

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        """The provider has taken a request back."""

    def open_offers(self, sp_id: str) -> Collection[str]:
        """Ids of the provider's requests that are not over, as far as the hub knows; also from before a restart."""

    async def receipt(self, receipt: Receipt) -> None:
        """The provider's own word about a decision."""

    async def health(self, alert: HealthAlert) -> None:
        """A defect of the car, or its repair."""

    async def part_order(self, order: PartOrder) -> None:
        """How a part order stands; replaces what was known of the same order."""

    def report_wishes(self, sp_id: str, wishes: Collection[ReportWish]) -> None:
        """What the provider asks to be told, in place of what it asked before."""

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        """Remember a message id; True where it was known already (a replay or a duplicate)."""

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        """An inbound message failed a check; logged and shown."""

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        """The way to the provider changed."""


class Provider(Protocol):
    """One service provider and the way to it."""

    @property
    def sp_id(self) -> str:
        """``grid_sp``, ``evc_sp`` or ``pev_sp``."""

    @property
    def name(self) -> str:
        """The provider's name for people, as configured."""

    async def run(self, inbox: ProviderInbox) -> None:
        """Keep the link up and pass on what comes in, until cancelled.

        Survives lost links by itself, with back-off and full jitter.

        Raises:
            ProviderRefused: the credentials are refused; needs a person.
        """

    async def deliver(self, message: DecisionMessage) -> Receipt:
        """Hand a decision over.

        Returns:
            A TRANSPORT receipt; handing over the same decision again returns one too and has no second effect.

        Raises:
            ProviderUnreachable: try again later.
            ProviderRefused: final.
        """

    async def disclose(self, record: DataRecord) -> int:
        """Hand a record over; handing over the same record again has no second effect.

        Whether it may leave has been checked.

        Returns:
            Its size on the wire, bytes.

        Raises:
            ProviderUnreachable: try again later.
            ProviderRefused: final; also where this provider has no use for this kind of record.
        """

    async def erase(self, data_classes: Collection[DataClass]) -> None:
        """Delete what was handed over of these kinds, as far as the protocol can.

        Raises:
            ProviderUnreachable: try again later.
            NotSupported: the protocol has no way to delete; only the provider itself can.
        """


class Pev(Protocol):
    """The car, over the data link in the plug or by radio; each call connects and disconnects by itself.

    Raises (all operations):
        DeviceUnreachable: it is not plugged in, asleep or silent.
        DeviceRefused: it does not allow this.
        ProtocolError: it answers garbage.
    """

    async def examine(self) -> PevExamination:
        """Read its identity and look for defects (ISO 14229-1 services 0x22 and 0x19); changes nothing."""

    async def locate(self) -> Position | None:
        """Where it is, or None where it does not tell."""

    async def install(self, package: bytes, version: str) -> None:
        """Transfer and activate software (services 0x34, 0x36, 0x37, 0x31); returns when the car runs ``version``.

        Raises:
            DeviceRefused: the car refuses the package, for instance its signature.
        """


class Signer(Protocol):
    """Signs with the hub's own EC P-256 key."""

    @property
    def key_id(self) -> str:
        """RFC 7638 thumbprint of the public key."""

    def sign(self, payload: bytes, typ: str) -> str:
        """A compact JWS (RFC 7515), alg ES256, with ``typ`` and ``kid`` in its protected header."""
