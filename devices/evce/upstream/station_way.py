"""One station's way to its CSMS over all its connections: open while the station is there and the owner agrees."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from devices.evce.dialect import Dialect
from devices.evce.fields import Payload
from devices.evce.frames import Frame, MessageType
from devices.evce.link import Link
from devices.evce.rpc import ActionUnknown, RpcPeer
from devices.evce.schemas import Version
from devices.evce.upstream.csms_link import CsmsAccess, CsmsLink
from devices.evce.upstream.deauthorized import Deauthorized
from devices.evce.upstream.downward import Downward
from devices.evce.upstream.mirror import Mirror
from devices.evce.upstream.own_limit import OwnLimit
from devices.evce.upstream.policy import Direction, Treatment, rule
from devices.evce.upstream.port import (
    FirmwareCheck,
    HubRoot,
    ProviderEnding,
    ProviderProfiles,
    ProviderTokens,
    StationFacts,
    StopKeeper,
)
from devices.evce.upstream.registration import Registration, Standing
from devices.evce.upstream.transaction_ids import transaction_in
from devices.evce.upstream.upward import WRITE_THROUGH_S, Upward
from devices.evce.upstream.withheld import without_secrets
from homeapp.errors import DeviceUnreachable, StoreUnavailable
from homeapp.model.live import LinkState
from homeapp.ports import Clock, CsmsWay, StationOutbox

logger = logging.getLogger(__name__)

_REPORTS = frozenset(
    {
        "LogStatusNotification",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyMonitoringReport",
        "NotifyReport",
    }
)
"""What a station reports about a request, which may have been the hub's own."""
_PENDING = "The provider of charging has not accepted the charger yet. Ask it whether the charger is registered."
_REJECTED = "The provider of charging rejects the charger. Ask it to register the charger."
_DOUBTS = {Standing.PENDING: _PENDING, Standing.REJECTED: _REJECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every way stands on.

    Attributes:
        access: to the CSMS.
        mirrors: to those that only look on.
        profiles: makes or finds the provider's profiles of a station; None where there are none.
        ending: ends what the provider has set; None where nothing is kept of it.
        tokens: the provider's word about idTokens, by the station's id; None where nobody keeps it.
        firmware: looks at software for a station, by its id; None for signed software only.
        root: what the station trusts the hub by.
        tells_limits: a 2.x CSMS is told where the hub holds a station below what it permits.
        stops: keeps which transactions are yet to be stopped; None where a restart may forget them.
        write_through_s: real seconds that a station waits for the CSMS.
    """

    access: CsmsAccess
    outbox: StationOutbox
    clock: Clock
    mirrors: Sequence[CsmsAccess] = ()
    profiles: Callable[[StationFacts], ProviderProfiles] | None = None
    ending: ProviderEnding | None = None
    tokens: Callable[[str], ProviderTokens] | None = None
    firmware: Callable[[str], FirmwareCheck] | None = None
    root: HubRoot | None = None
    tells_limits: bool = False
    stops: StopKeeper | None = None
    write_through_s: float = WRITE_THROUGH_S


class StationWay:
    """Implements ``port.Upstream``; ``run`` until cancelled."""

    def __init__(self, station: StationFacts, around: Surroundings, way: CsmsWay) -> None:
        self._device_id = station.device_id
        self._outbox = around.outbox
        self._way = way
        tokens = around.tokens(self._device_id) if around.tokens else None
        identity = self._device_id.partition(":")[2]
        self._clock = around.clock
        self._link = CsmsLink(around.access, identity, around.clock, self._told)
        self._profiles_of = around.profiles
        self._profiles = profiles = around.profiles(station) if around.profiles else None
        self._deauthorized = Deauthorized(
            self._device_id, lambda: self._upward.station.transaction, lambda: self._station, way, around.stops
        )
        self._upward = Upward(
            station,
            way=way,
            outbox=around.outbox,
            clock=around.clock,
            tokens=tokens,
            silent=self._link.drop,
            rejected=self._deauthorized.reject,
            profiles=profiles,
            write_through_s=around.write_through_s,
        )
        self._own_limit = (
            OwnLimit(lambda: self._upward.station, around.clock, self._upward.call) if around.tells_limits else None
        )
        self._downward = Downward(
            self._upward,
            profiles=profiles,
            tokens=tokens,
            firmware=around.firmware(self._device_id) if around.firmware else None,
            root=around.root,
        )
        if profiles is not None:
            profiles.ask_by(self._upward.call)
            profiles.csms_is(reachable=False)
        self._mirrors = [
            Mirror(access, identity, around.clock, self, lambda: self._upward.copies.statuses)
            for access in around.mirrors
        ]
        self._station: Link | None = None
        self._version: Version | None = None
        self._boot: bytes | None = None
        self._moved = asyncio.Event()
        self._asking = asyncio.Lock()

    def station_is(self, station: StationFacts) -> None:
        """The station, as the hub knows it from now on."""
        self._upward.station = station
        if self._profiles_of is not None:
            self._profiles_of(station)

    def connected(self, link: Link, dialect: Dialect) -> None:
        if self._version is not dialect.version:
            self._boot = None
            self._upward.pause()
            self._upward.copies.forget_statuses()
        self._station, self._version = link, dialect.version
        self._upward.replay.version = dialect.version
        self._downward.link = link
        self.moved()

    def gone(self) -> None:
        self._station = self._downward.link = None
        self.moved()

    def moved(self) -> None:
        """Something that decides whether the way may be open has changed."""
        if not self._way.may_relay():
            self._upward.forget()
            self._deauthorized.forget()
            for mirror in self._mirrors:
                mirror.forget()
        self._moved.set()
        self._moved = asyncio.Event()

    async def from_station(self, frame: Frame, local: Payload | None) -> Payload | msgspec.Raw:
        self._deauthorized.heard()
        if self._profiles is not None:
            self._profiles.heard(frame, self._upward.version)
        if frame.action == "BootNotification":
            await self._introduced(frame)
        if frame.action == "StatusNotification":
            self._upward.copies.remember(frame)
        if frame.action == "NotifyReport":
            frame = msgspec.structs.replace(frame, raw=without_secrets(frame.action, frame.payload, frame.raw))
        if not self._way.may_relay():
            if local is None:
                raise ActionUnknown(frame.action)
            return local
        return await self._treated(frame, local)

    async def run(self) -> None:
        """Hold the way open while it may be, until cancelled."""
        await self._upward.replay.load()
        await self._deauthorized.load()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deauthorized.run())
            while True:
                await self._until(lambda: self._wanted is not None)
                version = self._wanted
                if version is not None:
                    await self._hold(version)

    async def introduction(self) -> bytes:
        async with self._asking:
            while self._boot is None:
                moved, version = self._moved, self._version
                if version is not None:
                    self._boot = await self._outbox.introduction(self._device_id, version)
                if self._boot is None:
                    await self._ask_for_introduction()
                if self._boot is None:
                    await moved.wait()
            return self._boot

    def left(self, action: str, payload: Mapping[str, Any], size_bytes: int) -> None:
        if not self._way.may_relay():
            raise DeviceUnreachable("The owner does not agree that this leaves the home.")
        self._way.left(action, payload, size_bytes)

    @property
    def _wanted(self) -> Version | None:
        """The version in which a way may be open now."""
        return self._version if self._station is not None and self._way.may_relay() else None

    async def _treated(self, frame: Frame, local: Payload | None) -> Payload | msgspec.Raw:
        found = rule(self._upward.version, Direction.UP, frame.action)
        treatment = Treatment.RELAY if found is None else found.of(frame.payload)
        if frame.type is MessageType.SEND:
            await self._upward.note(frame)
            self._mirror(frame, None)
            return {}
        match treatment:
            case Treatment.OUTBOX:
                answer = await self._upward.write_through(frame, local)
            case Treatment.RELAY:
                answer = await self._upward.ask(frame, local, known=found is not None)
            case Treatment.MIRROR:
                if frame.action != "BootNotification" and self._is_for_csms(frame):
                    self._upward.copy(frame)
                answer = local if local is not None else {}
            case _:
                if local is None:
                    raise ActionUnknown(frame.action)
                return local
        if frame.action != "BootNotification":
            self._mirror(frame, answer)
        return answer

    def _mirror(self, frame: Frame, answer: Payload | msgspec.Raw | None) -> None:
        if not self._mirrors or not self._is_for_csms(frame):
            return
        transaction = None
        if frame.action == "StartTransaction" and answer is not None:
            transaction = transaction_in(bytes(answer) if isinstance(answer, msgspec.Raw) else _encoded(answer))
        for mirror in self._mirrors:
            mirror.copy(frame, transaction)

    def _is_for_csms(self, frame: Frame) -> bool:
        request_id = frame.payload.get("requestId")
        return frame.action not in _REPORTS or request_id is None or self._downward.has_asked(request_id)

    async def _introduced(self, frame: Frame) -> None:
        known, self._boot = self._boot == frame.raw, frame.raw
        # Before anything is waited for: an introduction that begins meanwhile is already this one.
        if self._downward.registration is not None:
            self._downward.registration.due.set()
        for mirror in self._mirrors:
            mirror.introduce()
        self.moved()
        if known:
            return
        try:
            await self._outbox.keep_introduction(self._device_id, self._upward.version, frame.raw)
        except StoreUnavailable as error:
            logger.error("%s: what the charger says of itself is not kept: %s", self._device_id, error)

    async def _ask_for_introduction(self) -> None:
        """Many a station that only comes back says nothing of itself."""
        link = self._station
        if link is not None:
            try:
                await link.call(link.dialect.trigger_boot())
            except DeviceUnreachable as error:
                logger.info("%s: does not introduce itself: %s", self._device_id, error)

    async def _hold(self, version: Version) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                keepers = [tasks.create_task(self._keep(version))]
                keepers += [tasks.create_task(self._keep_mirror(mirror, version)) for mirror in self._mirrors]
                await self._until(lambda: self._wanted is not version)
                for keeper in keepers:
                    keeper.cancel()
        finally:
            self._told(LinkState.DOWN, None)

    async def _keep(self, version: Version) -> None:
        await self.introduction()
        await self._link.keep(version, self._downward.serve, self._use)

    async def _keep_mirror(self, mirror: Mirror, version: Version) -> None:
        await self.introduction()
        await mirror.keep(version)

    async def _use(self, peer: RpcPeer) -> None:
        registration = Registration(peer, self._clock, self, self._judged, self._link.drop)
        self._downward.registration = registration
        try:
            await registration.run(lambda: self._tell(peer))
        finally:
            self._downward.registration = None

    async def _tell(self, peer: RpcPeer) -> None:
        async with asyncio.TaskGroup() as tasks:
            if self._own_limit is not None and self._upward.version is not Version.V16:
                tasks.create_task(self._own_limit.watch())
            await self._upward.drain(peer)

    def _judged(self, standing: Standing) -> None:
        if standing is Standing.ACCEPTED:
            self._link.steady()
            self._told(LinkState.UP, None)
        else:
            self._told(LinkState.CONNECTING, _DOUBTS.get(standing))

    def _told(self, state: LinkState, problem: str | None) -> None:
        if self._profiles is not None:
            self._profiles.csms_is(reachable=state is LinkState.UP)
        self._way.link(self._device_id, state, problem)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._moved.wait()


def _encoded(payload: Payload) -> bytes:
    return msgspec.json.encode(payload)
