"""The simulated station's connection to its CSMS: keeps it, and breaks it as the faults say."""

import asyncio
import base64
import functools
import logging
import random
import ssl
import uuid
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from homeapp.demo.charger.charging_station import ChargingStation
from homeapp.demo.charger.outbox import Message
from homeapp.demo.charger.rpc import Rpc
from homeapp.demo.ocpp.frames import CallRefused, ConnectionGone
from homeapp.demo.ocpp.schemas import Json, Version
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

Trust = ssl.SSLContext | Callable[[], ssl.SSLContext]
_MOST_RETRIES_APART = 2.0
_GROWTH = 1.5
_LARGEST_MESSAGE = 1 << 20
_LOOK_AGAIN_S = 0.5
_BASIC_AUTH_PROFILES = (1, 2)
_MUTUAL_TLS = 3
_PONG = 0x8A


class Connection(ClientConnection):
    """A websocket that can leave pings unanswered.

    Attributes:
        no_pong: whether it does now.
    """

    no_pong: Callable[[], bool] = staticmethod(lambda: False)

    def send_data(self) -> None:
        """Write what there is to write; of an empty entry the base class takes care."""
        if not self.no_pong():
            super().send_data()
            return
        for data in self.protocol.data_to_send():
            if data and data[0] != _PONG:
                self.transport.write(data)


class StationLink:
    """One station's way to its CSMS.

    Args:
        station_id: its identity.
        version: of OCPP.
        station: that lives now; a power cut puts another one in its place.
        tls: whom to trust, or what tells that before each connection; None for the machine's authorities.
        clock: the street's.
        save: writes the station's memory if it has changed.
        breach: takes a sentence for each broken rule.
        retry_s: real seconds from a lost connection to the first attempt, at most.
    """

    def __init__(
        self,
        *,
        station_id: str,
        version: Version,
        station: Callable[[], ChargingStation],
        tls: Trust | None,
        clock: Clock,
        save: Callable[[], Awaitable[None]],
        breach: Callable[[str], None],
        retry_s: float,
    ) -> None:
        self._id = station_id
        self._version = version
        self._current = station
        self._tls = tls
        self._clock = clock
        self._save = save
        self._breach = breach
        self._retry_s = retry_s
        self._socket: ClientConnection | None = None
        self._rpc: Rpc | None = None
        self._abandon = asyncio.Event()
        self._abandoned: list[ClientConnection] = []
        self._unreachable = False
        self._shut_out = False
        self.powered = True

    def cut(self) -> None:
        """Drop the TCP connection at once, without a closing handshake."""
        if self._socket is not None:
            self._socket.transport.abort()

    def half_open(self) -> None:
        """Read and write no more on this socket, leave it open, and come with a new one."""
        socket = self._socket
        if socket is None:
            return
        socket.transport.pause_reading()
        if socket.keepalive_task is not None:
            socket.keepalive_task.cancel()
        self._abandoned.append(socket)
        self._abandon.set()

    def power_back(self) -> None:
        """Power is there again after a cut: whatever kept it away is forgotten."""
        self.powered, self._shut_out = True, False

    async def call(self, action: str, payload: Json) -> Json:
        """Make any call.

        Raises:
            CallRefused: see ``Rpc.call``.
            ConnectionGone: there is no connection.
            TimeoutError: no answer in time.
        """
        if self._rpc is None:
            raise ConnectionGone
        return await self._rpc.call(str(uuid.uuid4()), action, payload)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            await self._stay_connected()
        finally:
            for socket in self._abandoned:
                socket.transport.abort()

    async def _stay_connected(self) -> None:
        apart = self._retry_s
        while True:
            while not self.powered or (self._shut_out and self._current().faults.stays_away_after_close):
                await self._clock.sleep(_LOOK_AGAIN_S)
            try:
                await self._connect_once()
                apart = self._retry_s
            except (OSError, TimeoutError, WebSocketException) as error:
                self._note_unreachable(error)
                self._current().network.failed()
                apart = min(apart * _GROWTH, _MOST_RETRIES_APART * max(1.0, self._retry_s))
            await asyncio.sleep(random.uniform(0.5, 1.0) * apart)

    def _note_unreachable(self, error: Exception) -> None:
        if self._unreachable:
            return
        self._unreachable = True
        logger.info("%s: the CSMS is out of reach: %s", self._id, error)
        self._current().watch.note(f"cannot connect: {type(error).__name__}")
        if isinstance(error, ssl.SSLCertVerificationError):
            self._current().security_event("InvalidCsmsCertificate")

    async def _connect_once(self) -> None:
        station = self._current()
        profile, headers = station.network.current, {}
        if station.password is not None and profile.security_profile in _BASIC_AUTH_PROFILES:
            encoded = base64.b64encode(self._id.encode() + b":" + station.password).decode()
            headers["Authorization"] = f"Basic {encoded}"
        socket = await connect(
            profile.url,
            ssl=await self._trust(station),
            subprotocols=[Subprotocol(self._version.value)],
            additional_headers=headers,
            compression="deflate" if station.abilities.offers_deflate else None,
            max_size=_LARGEST_MESSAGE,
            close_timeout=2,
            proxy=None,
            create_connection=Connection,
        )
        try:
            if socket.subprotocol == self._version.value:
                if isinstance(socket, Connection):
                    socket.no_pong = lambda: self._current().faults.no_pong
                await self._converse(socket)
        finally:
            if socket not in self._abandoned:
                await socket.close()

    async def _trust(self, station: ChargingStation) -> ssl.SSLContext | None:
        profile = station.network.current
        if not profile.url.startswith("wss:"):
            return None
        base = self._tls
        if not isinstance(base, ssl.SSLContext):
            base = await asyncio.to_thread(base or ssl.create_default_context)
        mutual = profile.security_profile == _MUTUAL_TLS
        return await asyncio.to_thread(functools.partial(station.certificates.context, base, mutual=mutual))

    async def _converse(self, socket: ClientConnection) -> None:
        station = self._current()
        rpc = Rpc(socket, self._version, self._serve, lambda: self._current().faults, self._breach)
        self._socket, self._rpc, self._unreachable = socket, rpc, False
        self._abandon.clear()
        logger.info("%s: connected", self._id)
        station.went_online()
        try:
            async with asyncio.TaskGroup() as tasks:
                speaking = tasks.create_task(self._speak(rpc, station))
                giving_up = tasks.create_task(self._abandon.wait())
                reading = tasks.create_task(rpc.run())
                await asyncio.wait({reading, giving_up}, return_when=asyncio.FIRST_COMPLETED)
                for task in (speaking, giving_up, reading):
                    task.cancel()
        finally:
            self._socket = self._rpc = None
            self._shut_out = socket.protocol.close_rcvd is not None and not station.leaving
            # A power cut has put another station in its place, which has never been connected.
            if station is self._current():
                station.went_offline()
            logger.info("%s: connection lost", self._id)

    async def _speak(self, rpc: Rpc, station: ChargingStation) -> None:
        outbox = station.outbox
        while True:
            message = await outbox.next(registered=lambda: station.registered, leaving=lambda: station.leaving)
            while station.faults.silent:
                await self._clock.sleep(_LOOK_AGAIN_S)
            if message is None:
                await rpc.leave()
                return
            payload = message.payload()
            if payload is None:
                outbox.settled(message)
                continue
            # What must not be lost is in flash memory before it goes out.
            await self._save()
            try:
                await self._say(rpc, station, message, payload)
            except ConnectionGone:
                return

    async def _say(self, rpc: Rpc, station: ChargingStation, message: Message, payload: Json) -> None:
        outbox = station.outbox
        if message.one_way:
            outbox.settled(message)
            await rpc.send(message.message_id, message.action, payload)
            return
        try:
            answer = await rpc.call(message.message_id, message.action, payload)
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
        station = self._current()
        if station.faults.slow_s > 0:
            await self._clock.sleep(station.faults.slow_s)
        answer = station.serve(action, payload)
        # A station answers once its flash memory has it.
        await self._save()
        station.outbox.wake()
        return answer
