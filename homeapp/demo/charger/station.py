"""The demo street's charging station: an OCPP client over a websocket, with a car in its outlet."""

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.build import Build
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.charging_profile import ProfileRefused
from homeapp.demo.charger.charging_station import ChargingStation
from homeapp.demo.charger.dialect import About, Dialect
from homeapp.demo.charger.faults import Faults
from homeapp.demo.charger.firmware import Trusted
from homeapp.demo.charger.memory import Memory, load, save
from homeapp.demo.charger.network import NetworkProfile
from homeapp.demo.charger.station_link import StationLink, Trust
from homeapp.demo.charger.v2 import Ocpp2
from homeapp.demo.charger.v16 import Ocpp16
from homeapp.demo.charger.watch import Observation, Watch
from homeapp.demo.ocpp.schemas import Json, Version
from homeapp.ports import Clock

_TICK_S = 0.5
# Real seconds: however fast the clock runs, there are at most ten ticks in a real second.
_SHORTEST_TICK_S = 0.1
_MOST_BREACHES = 1000


class DemoStation:
    """A charging station that keeps a connection to a CSMS and charges by the profiles that it has.

    Args:
        station_id: its identity; also the user of Basic authentication.
        url: of the CSMS, with the identity at its end.
        protocol: ``ocpp1.6``, ``ocpp2.0.1`` or ``ocpp2.1``.
        tls: whom to trust, or what tells that before each connection; None for the machine's authorities, and for ws.
        password: from the factory; one that a CSMS has set takes its place.
        clock: the street's.
        car: at its first EVSE, not plugged in yet.
        state_file: its flash memory; None for a station that forgets.
        vendor, model: as it introduces itself.
        evses: how many it has; only the first one ever has a car.
        trusted: whose software it takes, and from where.
        retry_s: real seconds from a lost connection to the first attempt, at most.
        abilities: what its model can do.
        security_profile: of its factory's way to the CSMS; None for 2 over wss and 1 over ws.
        client_certificate: chain and key that it came with, PEM, for security profile 3.
        seed: of what happens at random.

    Attributes:
        breaches: sentences of rules that were broken on the wire, newest last; each begins with ``csms`` or
            ``station``. What a fault makes wrong on purpose is none.
    """

    def __init__(
        self,
        *,
        station_id: str,
        url: str,
        protocol: str,
        tls: Trust | None,
        password: str | None,
        clock: Clock,
        car: Car,
        state_file: Path | None,
        vendor: str,
        model: str,
        evses: int = 1,
        retry_s: float = 1.0,
        trusted: Trusted | None = None,
        abilities: Abilities | None = None,
        security_profile: int | None = None,
        client_certificate: tuple[bytes, bytes] | None = None,
        seed: int | None = None,
    ) -> None:
        self._version = Version(protocol)
        self._clock = clock
        self._state_file = state_file
        self._password = password
        self._saving = asyncio.Lock()
        self._random = random.Random(seed)
        self._ticked = clock.monotonic()
        self._dark_until: float | None = None
        self._reborn = asyncio.Event()
        self.car = car
        self.breaches: deque[str] = deque(maxlen=_MOST_BREACHES)
        self._about = About(station_id=station_id, vendor=vendor, model=model, evses=evses)
        by_scheme = 2 if url.startswith("wss:") else 1
        self._build = Build(
            abilities=abilities or Abilities(),
            trusted=trusted or Trusted(),
            network=NetworkProfile(url=url, security_profile=security_profile or by_scheme),
            certificate=client_certificate,
        )
        self._watch = Watch(self._now, self._observe)
        self._station = self._wake(Faults())
        self._link = StationLink(
            station_id=station_id,
            version=self._version,
            station=lambda: self._station,
            tls=tls,
            clock=clock,
            save=self._save,
            breach=self.breaches.append,
            retry_s=retry_s,
        )

    @property
    def observation(self) -> Observation:
        """What can be seen of it now."""
        return self._observe()

    @property
    def history(self) -> deque[tuple[datetime, str]]:
        """Time and text of what has happened, newest last."""
        return self._watch.history

    @property
    def meter_key(self) -> bytes:
        """Public key of a meter that signs, DER; empty for another."""
        return self._station.public_meter_key

    @property
    def faults(self) -> Faults:
        """What is wrong with it; may be set at any time."""
        return self._station.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._station.faults = faults
        self._watch.note(f"faults: {faults}")

    async def run(self) -> None:
        """Live until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tick())
                tasks.create_task(self._link.run())
                tasks.create_task(self._run_installer())
        finally:
            if self._state_file is not None and self._station.unsaved and self._dark_until is None:
                save(self._state_file, self._station.take_memory())

    def plug_in(self) -> None:
        """Put the cable into the car."""
        self._station.plug_in()

    def unplug(self) -> None:
        """Take the cable out of the car."""
        self._station.unplug()

    def present_card(self, token: str) -> None:
        """Hold a card to its reader."""
        self._station.present_card(token)

    def press_priority(self, *, active: bool) -> None:
        """Press its button for priority charging (2.1)."""
        self._station.press_priority(active=active)

    def cut(self) -> None:
        """Drop the TCP connection at once, without a closing handshake."""
        self._link.cut()

    def half_open(self) -> None:
        """Go dumb on the open connection, which stays open for ever, and come with a new one."""
        self._watch.note("half-open connection left behind")
        self._link.half_open()

    def power_cut(self, off_s: float = 5.0) -> None:
        """Take the power away for ``off_s`` of the street's clock; then it starts from what its flash memory holds."""
        self._watch.note("power cut")
        self._dark_until = self._clock.monotonic() + off_s
        self._station.lose_power()
        self._link.powered = False
        self._link.cut()

    def tell(self, trigger: str) -> None:
        """Send TransactionEvent Updated with this triggerReason (2.x), if a transaction runs."""
        self._station.tell(trigger)

    async def call(self, action: str, payload: Json) -> Json:
        """Make any call; returns the answer.

        Raises:
            CallRefused: answered with a CALLERROR, or the answer breaks its schema.
            ConnectionGone: there is no connection.
            TimeoutError: no answer within 30 s.
        """
        return await self._link.call(action, payload)

    async def wait_for(self, predicate: Callable[[Observation], bool], timeout: float) -> Observation:  # noqa: ASYNC109 - part of the agreed surface
        """Wait until ``predicate`` holds, at most ``timeout`` seconds of real time.

        Raises:
            TimeoutError: it did not.
        """
        return await self._watch.wait_for(predicate, timeout)

    def _now(self) -> datetime:
        return self._station.now()

    def _observe(self) -> Observation:
        return self._station.observe()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            if self._dark_until is None:
                self._station.tick()
                self._drop_at_random()
                await self._save()
            elif self._clock.monotonic() >= self._dark_until:
                self._power_up()
            await self._clock.sleep(_TICK_S)
            await asyncio.sleep(max(0.0, _SHORTEST_TICK_S - (loop.time() - started)))

    async def _run_installer(self) -> None:
        while True:
            station = self._station
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(station.installer.run())
                self._reborn.clear()
                await self._reborn.wait()
                running.cancel()

    def _drop_at_random(self) -> None:
        now = self._clock.monotonic()
        elapsed_s, self._ticked = now - self._ticked, now
        every_s = self.faults.drop_every_s
        if every_s > 0 and self._random.random() < -math.expm1(-elapsed_s / every_s):
            self._watch.note("connection dropped at random")
            self._link.cut()

    def _power_up(self) -> None:
        self._dark_until = None
        # The cable is where it was left, whatever flash memory says.
        self._station = self._wake(replace(self.faults, refuse_clear=False), plugged=self.observation.plugged)
        self._watch.note("power is back")
        self._link.power_back()
        self._reborn.set()

    def _wake(self, faults: Faults, *, plugged: bool | None = None) -> ChargingStation:
        """The station as it comes up from its flash memory; ``plugged`` is None where only that knows it."""
        memory = (None if self._state_file is None else load(self._state_file)) or Memory()
        if plugged is not None:
            memory = replace(memory, plugged=plugged)
        if memory.password is None and self._password is not None:
            memory = replace(memory, password=self._password.encode())
        try:
            station = self._make(memory)
        except (ProfileRefused, KeyError, TypeError, ValueError, AttributeError):
            # Its flash memory is of another version, or damaged: it keeps its password and its software.
            rest = Memory(password=memory.password, firmware=memory.firmware, plugged=memory.plugged)
            station = self._make(rest)
        station.faults = faults
        return station

    def _make(self, memory: Memory) -> ChargingStation:
        dialect: Dialect = Ocpp16() if self._version is Version.V16 else Ocpp2(self._version)
        station = ChargingStation(
            dialect=dialect,
            about=self._about,
            clock=self._clock,
            car=self.car,
            memory=memory,
            build=self._build,
            watch=self._watch,
        )
        station.show_live_settings()
        return station

    async def _save(self) -> None:
        if self._state_file is None:
            return
        async with self._saving:
            if self._station.unsaved and self._dark_until is None:
                writing = asyncio.ensure_future(asyncio.to_thread(save, self._state_file, self._station.take_memory()))
                try:
                    await asyncio.shield(writing)
                except asyncio.CancelledError:
                    # What is being written is written to the end, or the next life would begin with an older memory.
                    await writing
                    raise
