"""The demo street's charging station: an OCPP client over a websocket, with a car in its outlet."""

import asyncio
import base64
import logging
import random
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from homeapp.demo.charger.car import Car
from homeapp.demo.charger.charging_profile import ProfileRefused
from homeapp.demo.charger.charging_station import ChargingStation
from homeapp.demo.charger.dialect import About, Dialect
from homeapp.demo.charger.firmware import Trusted
from homeapp.demo.charger.memory import Memory, load, save
from homeapp.demo.charger.ocpp_schemas import Json, Version
from homeapp.demo.charger.rpc import CallRefused, ConnectionGone, Rpc
from homeapp.demo.charger.v2 import Ocpp2
from homeapp.demo.charger.v16 import Ocpp16
from homeapp.demo.charger.watch import Faults, Observation
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

Trust = ssl.SSLContext | Callable[[], ssl.SSLContext]
_TICK_S = 0.5
# Real seconds: however fast the clock runs, there are at most ten ticks in a real second.
_SHORTEST_TICK_S = 0.1
_MOST_RETRIES_APART = 2.0
_GROWTH = 1.5
_LARGEST_MESSAGE = 1 << 20


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
    ) -> None:
        self._id = station_id
        self._url = url
        self._version = Version(protocol)
        self._tls = tls
        self._clock = clock
        self._state_file = state_file
        self._retry_s = retry_s
        self._socket: ClientConnection | None = None
        self._unreachable = False
        self._saving = asyncio.Lock()
        self.car = car
        dialect: Dialect = Ocpp16() if self._version is Version.V16 else Ocpp2(self._version)
        memory = (None if state_file is None else load(state_file)) or Memory()
        if memory.password is None and password is not None:
            memory = replace(memory, password=password.encode())
        about = About(station_id=station_id, vendor=vendor, model=model, evses=evses)
        self._station = _wake(dialect, about, clock, car, memory, trusted or Trusted())

    @property
    def observation(self) -> Observation:
        """What can be seen of it now."""
        return self._station.observe()

    @property
    def history(self) -> deque[tuple[datetime, str]]:
        """Time and text of what has happened, newest last."""
        return self._station.watch.history

    @property
    def faults(self) -> Faults:
        """What is wrong with it; may be set at any time."""
        return self._station.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._station.faults = faults
        self._station.watch.note(f"faults: {faults}")

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            tasks.create_task(self._stay_connected())
            tasks.create_task(self._station.installer.run())

    def plug_in(self) -> None:
        """Put the cable into the car."""
        self._station.plug_in()

    def unplug(self) -> None:
        """Take the cable out of the car."""
        self._station.unplug()

    def present_card(self, token: str) -> None:
        """Hold a card to its reader."""
        self._station.present_card(token)

    def cut(self) -> None:
        """Drop the TCP connection at once, without a closing handshake."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def wait_for(self, predicate: Callable[[Observation], bool], timeout: float) -> Observation:  # noqa: ASYNC109 - part of the agreed surface
        """Wait until ``predicate`` holds, at most ``timeout`` seconds of real time.

        Raises:
            TimeoutError: it did not.
        """
        return await self._station.watch.wait_for(predicate, timeout)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            self._station.tick()
            await self._save()
            await self._clock.sleep(_TICK_S)
            await asyncio.sleep(max(0.0, _SHORTEST_TICK_S - (loop.time() - started)))

    async def _stay_connected(self) -> None:
        apart = self._retry_s
        while True:
            try:
                await self._connect_once()
                apart = self._retry_s
            except (OSError, TimeoutError, WebSocketException) as error:
                self._note_unreachable(error)
                apart = min(apart * _GROWTH, _MOST_RETRIES_APART * max(1.0, self._retry_s))
            await asyncio.sleep(random.uniform(0.5, 1.0) * apart)

    def _note_unreachable(self, error: Exception) -> None:
        if not self._unreachable:
            self._unreachable = True
            logger.info("%s: the CSMS is out of reach: %s", self._id, error)
            self._station.watch.note(f"cannot connect: {type(error).__name__}")

    async def _connect_once(self) -> None:
        headers = {}
        password = self._station.password
        if password is not None:
            encoded = base64.b64encode(self._id.encode() + b":" + password).decode()
            headers["Authorization"] = f"Basic {encoded}"
        async with connect(
            self._url,
            ssl=await self._trust(),
            subprotocols=[Subprotocol(self._version.value)],
            additional_headers=headers,
            max_size=_LARGEST_MESSAGE,
            close_timeout=2,
            proxy=None,
        ) as socket:
            if socket.subprotocol == self._version.value:
                await self._converse(socket)

    async def _trust(self) -> ssl.SSLContext | None:
        if not self._url.startswith("wss:"):
            return None
        if isinstance(self._tls, ssl.SSLContext):
            return self._tls
        return await asyncio.to_thread(self._tls or ssl.create_default_context)

    async def _converse(self, socket: ClientConnection) -> None:
        rpc = Rpc(socket, self._version, self._serve, lambda: self.faults.silent)
        self._socket, self._unreachable = socket, False
        logger.info("%s: connected", self._id)
        self._station.went_online()
        try:
            async with asyncio.TaskGroup() as tasks:
                speaking = tasks.create_task(self._speak(rpc))
                await rpc.run()
                speaking.cancel()
        finally:
            self._socket = None
            self._station.went_offline()
            logger.info("%s: connection lost", self._id)

    async def _speak(self, rpc: Rpc) -> None:
        station, outbox = self._station, self._station.outbox
        while True:
            message = await outbox.next(registered=lambda: station.registered, leaving=lambda: station.leaving)
            while self.faults.silent:
                await self._clock.sleep(_TICK_S)
            if message is None:
                await rpc.leave()
                return
            payload = message.payload()
            if payload is None:
                outbox.settled(message)
                continue
            try:
                answer = await rpc.call(message.message_id, message.action, payload)
            except ConnectionGone:
                return
            except CallRefused as refusal:
                outbox.settled(message)
                station.refused(message, str(refusal))
            except TimeoutError:
                outbox.unanswered(message)
            else:
                outbox.settled(message)
                if message.answered is not None:
                    message.answered(answer)

    async def _serve(self, action: str, payload: Json) -> Json:
        if self.faults.slow_s > 0:
            await self._clock.sleep(self.faults.slow_s)
        answer = self._station.serve(action, payload)
        # A station answers once its flash memory has it.
        await self._save()
        self._station.outbox.wake()
        return answer

    async def _save(self) -> None:
        if self._state_file is None:
            return
        async with self._saving:
            if self._station.unsaved:
                await asyncio.to_thread(save, self._state_file, self._station.take_memory())


def _wake(dialect: Dialect, about: About, clock: Clock, car: Car, memory: Memory, trusted: Trusted) -> ChargingStation:
    try:
        return ChargingStation(dialect=dialect, about=about, clock=clock, car=car, memory=memory, trusted=trusted)
    except (ProfileRefused, KeyError, TypeError, ValueError):
        # Its flash memory is of another version, or damaged: it forgets the profiles.
        kept = replace(memory, profiles=())
        return ChargingStation(dialect=dialect, about=about, clock=clock, car=car, memory=kept, trusted=trusted)
