"""One connection of an adopted station: it is secured before anything else, and again whenever it has restarted."""

import asyncio
import contextlib
import functools
import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import msgspec

from devices.evce import profiles
from devices.evce.dialect import Dialect, Outgoing
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.link import ACCEPTED, NOT_SUPPORTED, Link
from devices.evce.profiles import Unit
from devices.evce.rpc import ActionUnknown, Connection, Priority, Superseded, Throttle
from devices.evce.schemas import Version
from devices.evce.station import Station
from devices.evce.upstream.port import Upstream
from homeapp.errors import DeviceUnreachable
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

INTRODUCTION_S = 3.0
"""A station that only lost its connection sends no BootNotification; after this it is secured all the same."""
RETRY_S = 30.0
_METERING_SILENT = timedelta(seconds=45)
_METERING_CHECK_S = 15.0
_RATE, _BURST = 20.0, 100.0
_TOLERANCE_A = 0.5

_FLOOR_REFUSED = (
    "The charger does not accept its safe limit, so the hub does not control it. "
    "Allow smart charging in the charger's own settings, or restart it."
)
_FLOOR_UNANSWERED = (
    "The charger does not answer while it is being set up; the hub keeps trying. Restart it if this stays."
)
_SILENT = "The charger is connected but does not answer; the hub keeps trying. Restart it if this stays."
_MAX_IGNORED = (
    "The charger has accepted the limit of its circuit but reports a higher one. "
    "Check in its own settings that no other system controls it."
)


class Session:
    """One connection of one adopted station.

    Attributes:
        ready: the securing sequence is done; only then may the station be commanded.
        restarts: how often the station has started anew on this connection; what it held before is void.
        link: for CALLs.
    """

    def __init__(
        self,
        station: Station,
        dialect: Dialect,
        connection: Connection,
        clock: Clock,
        upstream: Upstream | None = None,
    ) -> None:
        self.ready = False
        self.restarts = 0
        self.link = Link(station.device_id, dialect, connection, self._serve, Throttle(clock, _RATE, _BURST))
        self.link.on_silence = functools.partial(station.problem, "silent")
        self._station = station
        self._dialect = dialect
        self._clock = clock
        self._upstream = upstream
        self._unit = Unit.AMPERE
        self._newest: Counter[str] = Counter()
        self._introduced = asyncio.Event()
        self._restarted = asyncio.Event()

    async def run(self) -> None:
        """Serve the station until its socket closes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                keepers = [tasks.create_task(self._keep_secured()), tasks.create_task(self._watch_metering())]
                await self.link.run()
                for keeper in keepers:
                    keeper.cancel()
        finally:
            self.ready = False

    async def install(self, purpose: str, make: Callable[[Unit], Payload], priority: Priority) -> str:
        """Install the profile that ``make`` makes for a unit; where that is refused, in the other unit.

        A newer profile of the same purpose takes the place of one that still waits. One of somebody else that is in
        the way (K01.FR.06) is removed.

        Returns:
            ``Accepted``, or the last refusal.

        Raises:
            DeviceUnreachable: no connection, or no answer in time.
            Superseded: a newer profile of the same purpose has taken its place.
        """
        self._newest[purpose] += 1
        mine = self._newest[purpose]
        status = ""
        for attempt in range(2):
            for unit in (self._unit, Unit.WATT if self._unit is Unit.AMPERE else Unit.AMPERE):
                if self._newest[purpose] != mine:
                    raise Superseded
                status, _ = await self.link.ask(Outgoing("SetChargingProfile", make(unit)), priority, purpose)
                if status == ACCEPTED:
                    self._unit = unit
                if status in (ACCEPTED, NOT_SUPPORTED):
                    return status
            if attempt or await self.link.call(self._dialect.clear(purpose), priority) != ACCEPTED:
                break
        return status

    async def _serve(self, frame: Frame) -> Payload | msgspec.Raw:
        # Control goes by what the station says, not by what the provider makes of it.
        local = self._take_in(frame)
        if self._upstream is not None:
            return await self._upstream.from_station(frame, local)
        if local is None:
            raise ActionUnknown(frame.action)
        return local

    def _take_in(self, frame: Frame) -> Payload | None:
        """The hub's own answer, or None where it does not serve the action."""
        try:
            answer = self._dialect.answer(frame.action, frame.payload, self._station)
        except ActionUnknown:
            answer = None
        if frame.action == "BootNotification":
            self.ready = False
            self.restarts += 1
            self._restarted.set()
        self._introduced.set()
        return answer

    async def _keep_secured(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INTRODUCTION_S):
                await self._introduced.wait()
        while True:
            self._restarted.clear()
            await self._secure()
            if not self._restarted.is_set():
                self.ready = True
                self._station.secure()
                logger.info("%s: its floor stands", self._station.device_id)
            await self._restarted.wait()

    async def _secure(self) -> None:
        while not await self._floor_stands():
            await self._clock.sleep(RETRY_S)
        self._station.floor_granted()
        with contextlib.suppress(DeviceUnreachable):
            await self._install_max()
        for trigger in self._dialect.triggers():
            with contextlib.suppress(DeviceUnreachable):
                await self.link.call(trigger)
        for choices in self._dialect.metering():
            with contextlib.suppress(DeviceUnreachable):
                await self._choose(choices)

    async def _floor_stands(self) -> bool:
        limits, version = self._station.limits, self._dialect.version
        try:
            status = await self.install(
                "TxDefaultProfile", lambda unit: profiles.floor(version, limits, unit), Priority.SAFETY
            )
        except DeviceUnreachable:
            self._station.problem("floor", _FLOOR_UNANSWERED)
            return False
        self._station.problem("floor", None if status == ACCEPTED else _FLOOR_REFUSED)
        return status == ACCEPTED

    async def _install_max(self) -> None:
        limits, version = self._station.limits, self._dialect.version
        purpose = "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile"
        status = await self.install(purpose, lambda unit: profiles.station_max(version, limits, unit), Priority.SAFETY)
        if status != ACCEPTED:
            logger.info("%s: keeps no limit of its circuit: %s", self._station.device_id, status)
            return
        status, answer = await self.link.ask(self._dialect.composite(1), Priority.HOUSEKEEPING)
        current = self._dialect.composite_current_a(answer, limits) if status == ACCEPTED else None
        exceeded = current is not None and current > limits.max_current_a + _TOLERANCE_A
        self._station.problem("max", _MAX_IGNORED if exceeded else None)

    async def _choose(self, choices: list[Outgoing]) -> None:
        for choice in choices:
            if await self.link.call(choice) == ACCEPTED:
                return
        logger.info("%s: refuses a setting of its sampling", self._station.device_id)

    async def _watch_metering(self) -> None:
        while True:
            await self._clock.sleep(_METERING_CHECK_S)
            target, power_at = self._station.target, self._station.state.power_at
            silent = power_at is None or self._clock.now() - power_at > _METERING_SILENT
            if self.ready and target is not None and silent:
                with contextlib.suppress(DeviceUnreachable):
                    await self.link.call(self._dialect.trigger_metering(target.evse))
