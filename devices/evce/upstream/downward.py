"""What the CSMS asks of a station: passed on byte for byte, but for what the hub keeps to itself or carries out."""

import logging
from collections import OrderedDict
from typing import Any

import msgspec

from devices.evce.dialect import Outgoing
from devices.evce.fields import Payload, mapping
from devices.evce.frames import Frame, MessageType
from devices.evce.link import ACCEPTED, Link
from devices.evce.rpc import ActionUnknown, Refusal
from devices.evce.schemas import Version
from devices.evce.upstream.policy import Direction, Rule, Treatment, known_actions, rule
from devices.evce.upstream.port import FirmwareCheck, HubRoot, ProviderProfiles, ProviderTokens, Refused
from devices.evce.upstream.refusals import passed_on, refusal, unreachable
from devices.evce.upstream.registration import Registration, Standing
from devices.evce.upstream.settings_split import Split
from devices.evce.upstream.upward import Upward
from devices.evce.upstream.withheld import without_secrets
from homeapp.errors import DeviceUnreachable

logger = logging.getLogger(__name__)

_MOST_REMEMBERED = 256
_NO_CONTROL = Refused(reason="NotInControl", sentence="The owner has taken control of the station back.")
_NOT_ACCEPTED = Refused(reason="NotRegistered", sentence="The station is not accepted by this CSMS yet (B02.FR.05).")
_NO_PROFILES = Refused(reason="NotEnabled", sentence="The hub keeps no charging profiles for this CSMS.")
_UNSIGNED = Refused(reason="Unsigned", sentence="The hub passes on signed software only.")
_OWN_LEG = Refused(
    reason="NotAllowed", sentence="The hub stands between the station and this CSMS and looks after its own leg."
)


class Downward:
    """Serves one station's CSMS.

    Attributes:
        link: to the station, or None while it is away.
        registration: at the CSMS, or None while there is no way to it.
    """

    def __init__(
        self,
        upward: Upward,
        *,
        profiles: ProviderProfiles | None,
        tokens: ProviderTokens | None,
        firmware: FirmwareCheck | None,
        root: HubRoot | None,
    ) -> None:
        self.link: Link | None = None
        self.registration: Registration | None = None
        self._upward = upward
        self._profiles = profiles
        self._tokens = tokens
        self._firmware = firmware
        self._root = root
        self._requests: OrderedDict[int, None] = OrderedDict()

    def has_asked(self, request_id: object) -> bool:
        """Whether the CSMS has made a request of this id; the hub makes some of its own."""
        return request_id in self._requests

    async def serve(self, frame: Frame) -> Payload | msgspec.Raw:
        """Serve a CALL of the CSMS (``rpc.Serve``)."""
        if frame.type is not MessageType.CALL:
            raise ActionUnknown(frame.action)
        if not self._upward.is_agreed:
            # What came over a connection that is just being closed.
            raise Refusal("SecurityError", "the owner does not agree any more")
        found = rule(self._version, Direction.DOWN, frame.action)
        standing = self.registration.standing if self.registration else Standing.UNKNOWN
        if standing is Standing.REJECTED:
            # B03.FR.08: it has nothing to say to a station that it has rejected.
            raise Refusal("SecurityError", "the station is rejected")
        if found is None:
            return await self._relay_unknown(frame)
        if found.commands and (refused := self._no_command(standing)) is not None:
            return refusal(self._version, frame.action, refused)
        match found.of(frame.payload):
            case Treatment.TERMINATE:
                return await self._terminate(frame, found)
            case Treatment.CLAMP:
                return await self._clamp(frame)
            case Treatment.LOCAL:
                return self._local(frame)
            case _:
                return await self._pass_on(frame, found)

    @property
    def _version(self) -> Version:
        return self._upward.version

    def _no_command(self, standing: Standing) -> Refused | None:
        if standing is Standing.PENDING:
            return _NOT_ACCEPTED
        if self._profiles is not None and not self._profiles.provider_commands:
            return _NO_CONTROL
        return None

    async def _terminate(self, frame: Frame, found: Rule) -> Payload | msgspec.Raw:
        refused = Refused(reason=found.reason, sentence=found.sentence)
        if frame.action != "SetVariables":
            return refusal(self._version, frame.action, refused)
        split = Split(frame.payload, refused)
        if split.relayed is None:
            return split.merged([])
        answer = await self._station_answer(frame, msgspec.json.encode(split.relayed))
        results = answer.payload.get("setVariableResult")
        return split.merged(results if isinstance(results, list) else [])

    async def _clamp(self, frame: Frame) -> Payload | msgspec.Raw:
        profiles = self._profiles
        is_start = frame.action in ("RequestStartTransaction", "RemoteStartTransaction")
        if profiles is None:
            if is_start:
                return refusal(self._version, frame.action, _NO_PROFILES)
            raise Refusal("NotSupported", _NO_PROFILES.sentence)
        if is_start:
            return await self._start(frame, profiles)
        served = await profiles.serve(self._with_known_transaction(frame), self._version)
        for call in served.then:
            self._upward.say(call)
        return served.answer

    async def _start(self, frame: Frame, profiles: ProviderProfiles) -> Payload | msgspec.Raw:
        refused = await profiles.starting(frame, self._version)
        if refused is not None:
            return refusal(self._version, frame.action, refused)
        rest = {name: value for name, value in frame.payload.items() if name != "chargingProfile"}
        try:
            answer = await self._station_answer(frame, msgspec.json.encode(rest))
        except Refusal:
            profiles.not_started(frame)
            raise
        if answer.payload.get("status") != ACCEPTED:
            profiles.not_started(frame)
        return msgspec.Raw(answer.raw)

    def _with_known_transaction(self, frame: Frame) -> Frame:
        profile = mapping(frame.payload, "csChargingProfiles")
        number = profile.get("transactionId")
        if self._version is not Version.V16 or not isinstance(number, int):
            return frame
        known = {**profile, "transactionId": self._upward.replay.ids.of_station(number)}
        return _with_payload(frame, {"csChargingProfiles": known})

    def _local(self, frame: Frame) -> Payload:
        """What the CSMS wants triggered is said to it by the hub itself, not by the station."""
        match frame.payload.get("requestedMessage"):
            case "BootNotification":
                if self.registration is not None:
                    self.registration.due.set()
            case "Heartbeat":
                self._upward.say(Outgoing("Heartbeat"))
            case _:
                return refusal(self._version, frame.action, _OWN_LEG)
        return {"status": ACCEPTED}

    async def _pass_on(self, frame: Frame, found: Rule) -> Payload | msgspec.Raw:
        refused = await self._refused(frame, found)
        if refused is not None:
            return refusal(self._version, frame.action, refused)
        self._remember(frame.payload.get("requestId"))
        raw = frame.raw
        if frame.action == "RemoteStopTransaction":
            raw = self._upward.replay.ids.to_station(raw)
        answer = await self._station_answer(frame, raw)
        if frame.action == "SendLocalList" and self._tokens and answer.payload.get("status") == ACCEPTED:
            self._tokens.list_sent(frame, self._version)
        if frame.action == "GetTransactionStatus" and not self._upward.drained:
            # E14: what waits at the hub has not been delivered either.
            return answer.payload | {"messagesInQueue": True}
        return msgspec.Raw(without_secrets(frame.action, answer.payload, answer.raw))

    async def _refused(self, frame: Frame, found: Rule) -> Refused | None:
        if frame.action == "DeleteCertificate":
            meant = self._root is not None and self._root.is_meant(mapping(frame.payload, "certificateHashData"))
            return _OWN_LEG if meant else None
        if not found.checked:
            return None
        if self._firmware is not None:
            return await self._firmware.refusal(frame)
        plain = self._version is Version.V16 and frame.action == "UpdateFirmware"
        return _UNSIGNED if plain or (frame.action == "UpdateFirmware" and not _is_signed(frame.payload)) else None

    async def _relay_unknown(self, frame: Frame) -> msgspec.Raw:
        if frame.action.casefold() in known_actions():
            # A station that is not strict about names or versions would do what the table keeps from it.
            raise ActionUnknown(frame.action)
        return msgspec.Raw((await self._station_answer(frame, frame.raw)).raw)

    async def _station_answer(self, frame: Frame, raw: bytes) -> Frame:
        """The station's CALLRESULT.

        Raises:
            Refusal: its CALLERROR, or it is away.
        """
        if self.link is None:
            raise unreachable(self._version, "station offline")
        try:
            answer = await self.link.relay(frame, raw)
        except DeviceUnreachable as error:
            raise unreachable(self._version, "station offline") from error
        if answer.type is not MessageType.CALLRESULT:
            raise passed_on(answer)
        if self._tokens is not None and frame.action in ("SetVariables", "GetVariables"):
            self._tokens.settings_told(frame, answer.payload)
        return answer

    def _remember(self, request_id: Any) -> None:
        if isinstance(request_id, int):
            self._requests[request_id] = None
            if len(self._requests) > _MOST_REMEMBERED:
                self._requests.popitem(last=False)


def _is_signed(payload: Payload) -> bool:
    firmware = mapping(payload, "firmware")
    return bool(firmware.get("signature")) and bool(firmware.get("signingCertificate"))


def _with_payload(frame: Frame, changed: Payload) -> Frame:
    payload = frame.payload | changed
    return Frame(frame.type, frame.id, frame.action, payload, raw=msgspec.json.encode(payload))
