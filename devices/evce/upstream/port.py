"""What the way to a CSMS is for a station's session, and what it needs of its neighbours in the driver."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from devices.evce.dialect import Dialect, Outgoing
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.link import Link
from devices.evce.outlet import Transaction
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version

AskProvider = Callable[[Outgoing], Awaitable[Payload]]
"""Makes a CALL to the CSMS and returns its answer; raises DeviceError."""


class Upstream(Protocol):
    """The way of one station to its CSMS, over all of the station's connections."""

    async def from_station(self, frame: Frame, local: Payload | None) -> Payload | msgspec.Raw:
        """What the station is answered, by the CSMS or by the hub.

        Args:
            frame: a CALL or SEND of the station; what it tells has been taken in by the hub already.
            local: the hub's own answer, or None where the hub does not serve the action.

        Raises:
            ActionUnknown: neither the hub nor the CSMS knows the action.
            Refusal: the CSMS refused it, or is away and nobody else can answer.
        """

    def connected(self, link: Link, dialect: Dialect) -> None:
        """The station has connected; an older connection of it means nothing any more."""

    def gone(self) -> None:
        """The station's newest connection has ended."""


class StationFacts(Protocol):
    """The station, as far as the way to its CSMS uses and changes what the hub knows of it."""

    @property
    def device_id(self) -> str:
        """The station's stable id."""

    @property
    def limits(self) -> StationLimits:
        """The limits of its circuit."""

    @property
    def transaction(self) -> Transaction | None:
        """The running transaction."""

    @property
    def permitted_w(self) -> float:
        """The most that its circuit carries and its provider permits, W."""

    @property
    def held_w(self) -> float | None:
        """The most that it may draw by what the hub has it hold, W; None while that is not known."""

    @property
    def limit_change_pct(self) -> float | None:
        """LimitChangeSignificance, %, from which on its CSMS wants to hear of a limit; None where it has none."""

    def provider_permits(self, limit_w: float | None, feed_w: float | None, *, control: bool) -> None:
        """What its provider permits and asks for now, and whether that counts; see EvceState."""

    def renamed(self, old: str, new: str) -> None:
        """1.6: the CSMS has named the transaction ``old`` otherwise, and the station goes by ``new``."""


class UpstreamSource(Protocol):
    """Knows the way of each station."""

    def upstream(self, station: StationFacts) -> Upstream:
        """The way of this station; always the same one for the same id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why the hub does not carry out a CALL of the provider.

    Attributes:
        reason: the ``reasonCode`` of 2.x, at most 20 characters.
        sentence: for the provider's operators, at most 255 characters.
    """

    reason: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A CALL of the provider that the hub has carried out itself.

    Attributes:
        answer: the CALLRESULT, valid against the schema of the version in use.
        then: CALLs to the provider that follow it, for instance ReportChargingProfiles; each valid likewise.
    """

    answer: Payload
    then: tuple[Outgoing, ...] = ()


class ProviderProfiles(Protocol):
    """The provider's charging profiles and DER controls, which the hub keeps in the station's place; one per station.

    The station never gets them: its own leased profile carries the least of all limits. Transaction ids are those that
    the station goes by (1.6 ids of the CSMS are translated before).
    """

    @property
    def provider_commands(self) -> bool:
        """The provider may start and stop charging; False while the owner has taken control back."""

    async def serve(self, frame: Frame, version: Version) -> Served:
        """Carry out a CALL that the policy calls CLAMP.

        Those are SetChargingProfile, ClearChargingProfile, GetCompositeSchedule, of 2.x GetChargingProfiles, and of 2.1
        UpdateDynamicSchedule, UsePriorityCharging, AFRRSignal, SetDERControl, GetDERControl and ClearDERControl.
        What the answer says is kept is durable when this returns.

        Raises:
            FieldError: a field that is needed is missing or of the wrong type.
            Refusal: it cannot be carried out, and the action's answer has no word for that.
        """

    async def starting(self, frame: Frame, version: Version) -> Refused | None:
        """A RemoteStartTransaction or RequestStartTransaction with a profile is about to go to the station without it.

        The profile is kept for the transaction that begins (2.x: with its ``remoteStartId``; 1.6: next on the
        connector). Not None where the profile is none for a start (K05.FR.02: TxProfile without a transaction); then
        nothing goes to the station.

        Raises:
            FieldError: a field that is needed is missing or of the wrong type.
        """

    def not_started(self, frame: Frame) -> None:
        """The station did not accept this start; its profile is forgotten."""

    def heard(self, frame: Frame, version: Version) -> None:
        """The station has said something, and the hub has taken in what it tells."""

    def renamed(self, old: str, new: str) -> None:
        """1.6: the transaction ``old`` goes by ``new`` from now on; told before the station is."""

    def csms_is(self, *, reachable: bool) -> None:
        """The way to the CSMS is up, or is down (K01.FR.101)."""

    def ask_by(self, ask: AskProvider) -> None:
        """How the CSMS is asked for the values of dynamic profiles (K28.FR.10)."""


class ProviderEnding(Protocol):
    """Ends what the provider has set for all stations, once the owner does not agree any more."""

    def end(self) -> None:
        """Out of force at once; idempotent."""

    async def erase(self) -> None:
        """Nothing of it is kept any more when this returns.

        Raises:
            StoreUnavailable: it cannot be written.
        """


class ProviderTokens(Protocol):
    """What the provider says of idTokens, for the time when it cannot be asked; none of these blocks."""

    def is_households(self, frame: Frame, version: Version) -> bool:
        """Whether a message of the station is about a card of the household, which needs nobody's word at home."""

    def list_sent(self, frame: Frame, version: Version) -> None:
        """The station has accepted this SendLocalList of the CSMS."""

    def judged(self, frame: Frame, answer: Payload, version: Version) -> None:
        """The CSMS itself has given this answer to an Authorize, StartTransaction or TransactionEvent."""

    def settings_told(self, frame: Frame, answer: Payload) -> None:
        """The station has answered this SetVariables or GetVariables of the CSMS."""

    def in_its_place(self, frame: Frame, local: Payload, version: Version) -> Payload:
        """The hub's own answer about a card, while the CSMS is away, with what that has said of the card's group."""


class FirmwareCheck(Protocol):
    """Looks at the provider's UpdateFirmware and SignedUpdateFirmware before the station gets them, byte for byte."""

    async def refusal(self, frame: Frame) -> Refused | None:
        """Why the station must not get it, or None."""


class StopKeeper(Protocol):
    """Keeps which transactions are yet to be stopped, by the ids that the stations know, over a restart of the hub.

    Raises (all operations):
        StoreUnavailable: it cannot be read or written.
    """

    async def load(self, device_id: str) -> tuple[str, ...]:
        """What was kept last of a station; empty where another CSMS has rejected them."""

    async def keep(self, device_id: str, transactions: Sequence[str]) -> None:
        """Replace it; durable when this returns."""

    async def forget(self) -> None:
        """Delete what is kept of all stations; durable when this returns."""


class HubRoot(Protocol):
    """The certificate that vouches for the hub towards the station."""

    def is_meant(self, certificate_hash_data: Mapping[str, Any]) -> bool:
        """Whether the ``certificateHashData`` of a DeleteCertificate names it."""
