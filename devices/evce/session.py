"""One connection of an adopted station: it is secured before anything else, and again whenever it has restarted."""

import asyncio
import contextlib
import functools
import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import msgspec

from devices.evce.capability import CapabilityKeeper, ForgetfulKeeper
from devices.evce.certificates import is_for_hub
from devices.evce.certification import Certification
from devices.evce.dialect import Dialect, Outgoing
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.kept_needs import KeptNeeds
from devices.evce.link import ACCEPTED, NOT_SUPPORTED, Link
from devices.evce.profiles import STACK_LEVEL, Unit
from devices.evce.rpc import ActionUnknown, Connection, Priority, Superseded, Throttle
from devices.evce.securing import TOLERANCE_A, Securing
from devices.evce.station import Station
from devices.evce.upstream.port import Upstream
from homeapp.errors import DeviceUnreachable, StoreUnavailable
from homeapp.ports import Clock, SignedReadingKeeper

logger = logging.getLogger(__name__)

INTRODUCTION_S = 3.0
"""A station that only lost its connection sends no BootNotification; after this it is secured all the same."""
RETRY_S = 30.0
CHECK_AFTER_S = 5.0
_METERING_SILENT = timedelta(seconds=45)
_METERING_CHECK_S = 15.0
_RATE, _BURST = 20.0, 100.0


class Session:
    """One connection of one adopted station.

    Attributes:
        ready: the securing sequence is done; only then may the station be commanded.
        restarts: how often the station has started anew on this connection; what it held before is void.
        link: for CALLs.
        securing: for what is learnt of the station.
        unit: the chargingRateUnit that it took last.
        contradicted: by its own composite schedule it does not hold the limit that it has accepted; None before it
            was asked.
    """

    def __init__(
        self,
        station: Station,
        dialect: Dialect,
        connection: Connection,
        clock: Clock,
        keeper: CapabilityKeeper | None = None,
        upstream: Upstream | None = None,
        certification: Certification | None = None,
        signed_keeper: SignedReadingKeeper | None = None,
        kept_needs: KeptNeeds | None = None,
    ) -> None:
        self.ready = False
        self.restarts = 0
        self.unit = Unit.AMPERE
        self.contradicted: bool | None = None
        self.link = Link(station.device_id, dialect, connection, self._serve, Throttle(clock, _RATE, _BURST))
        self.link.on_silence = functools.partial(station.problem, "silent")
        self.securing = Securing(station, dialect, self.link, self.install, keeper or ForgetfulKeeper(), clock.sleep)
        self._station = station
        self._dialect = dialect
        self._clock = clock
        self._certification = certification
        self._upstream = upstream
        self._signed_keeper = signed_keeper
        self._kept_needs = kept_needs or KeptNeeds(station, ForgetfulKeeper())
        self._newest: Counter[str] = Counter()
        self._introduced = asyncio.Event()
        self._restarted = asyncio.Event()
        self._to_secure = asyncio.Event()
        self._to_check = asyncio.Event()
        self._expected: tuple[int, float] = (0, 0.0)

    async def run(self) -> None:
        """Serve the station until its socket closes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                watches = (self._keep_secured(), self._watch_metering(), self._watch_limits())
                keepers = [tasks.create_task(watch) for watch in watches]
                if self._certification is not None:
                    keepers.append(tasks.create_task(self._certification.run(self.link)))
                await self.link.run()
                for keeper in keepers:
                    keeper.cancel()
        finally:
            self.ready = False

    async def install(
        self,
        purpose: str,
        make: Callable[[Unit], Payload],
        priority: Priority,
        stack_level: int = STACK_LEVEL,
        *,
        units: tuple[Unit, ...] = (),
        beside: int | None = None,
    ) -> str:
        """Install the profile that ``make`` makes for a unit; where that is refused, in the other unit.

        A newer profile of the same purpose and level takes the place of one that still waits. One of somebody else that
        is in the way (K01.FR.06) is removed.

        Args:
            purpose: chargingProfilePurpose.
            make: makes the request.
            priority: of the CALL.
            stack_level: of the profile.
            units: the only ones to try; both where none is given, the one that was taken last first.
            beside: the EVSE, where it is not the leading one: there it takes the place of nothing elsewhere.

        Returns:
            ``Accepted``, or the last refusal.

        Raises:
            DeviceUnreachable: no connection, or no answer in time.
            Superseded: a newer profile of the same purpose has taken its place.
        """
        place = f"{purpose} {stack_level}" if beside is None else f"{purpose} {stack_level} at {beside}"
        self._newest[place] += 1
        mine = self._newest[place]
        status = ""
        for attempt in range(2):
            for unit in units or (self.unit, self.unit.other):
                if self._newest[place] != mine:
                    raise Superseded
                status, _ = await self.link.ask(Outgoing("SetChargingProfile", make(unit)), priority, place)
                if status == ACCEPTED and not units:
                    self.unit = unit
                    self._station.limited_in(unit)
                if status in (ACCEPTED, NOT_SUPPORTED):
                    return status
            # To clear is to clear at all EVSEs.
            if attempt or beside is not None:
                break
            if await self.link.call(self._dialect.clear(purpose, stack_level), priority) != ACCEPTED:
                break
        return status

    def expect(self, evse: int, limit_a: float, *, check: bool) -> None:
        """The station has accepted a limit, A per phase; with ``check`` its composite schedule is asked for soon."""
        self._expected = evse, limit_a
        if check:
            self._to_check.set()

    async def _serve(self, frame: Frame) -> Payload | msgspec.Raw:
        # Control goes by what the station says, not by what the provider makes of it.
        local = self._take_in(frame)
        if self._signed_keeper is not None:
            await self._keep_signed(self._signed_keeper)
        await self._kept_needs.keep()
        if self._upstream is not None:
            return await self._upstream.from_station(frame, local)
        if local is None:
            raise ActionUnknown(frame.action)
        return local

    async def _keep_signed(self, keeper: SignedReadingKeeper) -> None:
        """Before the station is answered, because afterwards it forgets them."""
        try:
            await self._station.signed.keep(self._station.device_id, keeper)
        except StoreUnavailable as error:
            # They are tried again with its next message; a station whose meter is not believed must still charge.
            self._station.problem("signed", f"What the charger's meter has signed cannot be kept yet: {error}")
        else:
            self._station.problem("signed", None)

    def _take_in(self, frame: Frame) -> Payload | None:
        """The hub's own answer, or None where it does not serve the action."""
        if self._certification is not None:
            self._certification.heard(frame.action, frame.payload)
            if is_for_hub(frame.action, frame.payload):
                return self._certification.serve(frame.payload)
        try:
            answer = self._dialect.answer(frame.action, frame.payload, self._station)
        except ActionUnknown:
            answer = None
        if frame.action == "BootNotification":
            self.ready = False
            self.restarts += 1
            self._restarted.set()
        self._introduced.set()
        if self._restarted.is_set() or self._station.outlets.floor_outdated:
            self._to_secure.set()
        return answer

    async def _keep_secured(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INTRODUCTION_S):
                await self._introduced.wait()
        self.unit = (await self.securing.recall()).unit
        await self._kept_needs.recall()
        while True:
            self._restarted.clear()
            while not await self.securing.floor_stands():
                await self._clock.sleep(RETRY_S)
            await self.securing.look_around()
            if not self._restarted.is_set():
                self.ready = True
                self._station.secure()
                logger.info("%s: its floor stands", self._station.device_id)
            await self._until_restart()

    async def _until_restart(self) -> None:
        """Until the station starts anew; meanwhile the floor follows the number of EVSEs that have shown themselves."""
        while not self._restarted.is_set():
            self._to_secure.clear()
            while self._station.outlets.floor_outdated and not await self.securing.floor_stands():
                await self._clock.sleep(RETRY_S)
            if not self._restarted.is_set():
                await self._to_secure.wait()

    async def _watch_limits(self) -> None:
        while True:
            await self._to_check.wait()
            # Stations take a moment until a new profile shows in the composite schedule.
            await self._clock.sleep(CHECK_AFTER_S)
            self._to_check.clear()
            with contextlib.suppress(DeviceUnreachable):
                await self._check_limit()

    async def _check_limit(self) -> None:
        evse, before_a = self._expected
        status, answer = await self.link.ask(self._dialect.composite(evse), Priority.HOUSEKEEPING)
        current_a = None
        if status == ACCEPTED:
            self._station.schedule_begins(self._dialect.composite_begins(answer))
            current_a = self._dialect.composite_current_a(answer, self._station.limits)
        # While it was being asked, another limit may have come to hold.
        limit_a = max(before_a, self._expected[1])
        self.contradicted = current_a is not None and current_a > limit_a + TOLERANCE_A

    async def _watch_metering(self) -> None:
        while True:
            await self._clock.sleep(_METERING_CHECK_S)
            for evse in self._station.silent_evses(_METERING_SILENT) if self.ready else ():
                with contextlib.suppress(DeviceUnreachable):
                    await self.link.call(self._dialect.trigger_metering(evse))
