"""Stations and their CSMS with nothing but the message exchange between: here its own cost is measured.

There is no session, no policy and no rate cap, so nothing guards a station. It listens on the loopback interface only.
"""

import asyncio

import msgspec
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from devices.evce.frames import LARGEST_FRAME, Frame, MessageType
from devices.evce.rpc import Refusal, RpcPeer, Throttle
from devices.evce.schemas import Version
from devices.evce.short_way import CsmsSocket, StationSocket
from homeapp.ports import Clock

_UNLIMITED = 1e9


class BareRelay:
    """For each station that connects, a connection to the CSMS under the same path.

    Attributes:
        port: where it listens once it has started.
    """

    def __init__(self, csms_url: str, clock: Clock) -> None:
        self.port = 0
        self._csms_url = csms_url
        self._clock = clock
        self._started = asyncio.Event()

    async def started(self) -> None:
        """Wait until stations can connect."""
        await self._started.wait()

    async def run(self) -> None:
        """Relay until cancelled."""
        async with serve(
            self._receive,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol(version.value) for version in Version],
            compression=None,
            max_size=LARGEST_FRAME,
            create_connection=StationSocket,
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._started.set()
            await server.wait_closed()

    async def _receive(self, station_socket: ServerConnection) -> None:
        request = station_socket.request
        version = Version(str(station_socket.subprotocol))
        async with connect(
            f"{self._csms_url}{request.path if request else ''}",
            subprotocols=[Subprotocol(version.value)],
            compression=None,
            max_size=LARGEST_FRAME,
            proxy=None,
            create_connection=CsmsSocket,
        ) as csms_socket:

            async def to_csms(frame: Frame) -> msgspec.Raw:
                return _result(await csms.relay(frame.action, frame.raw, message_id=frame.id))

            async def to_station(frame: Frame) -> msgspec.Raw:
                return _result(await station.relay(frame.action, frame.raw))

            station = RpcPeer("station", version, station_socket, to_csms, self._throttle())
            csms = RpcPeer("CSMS", version, csms_socket, to_station, self._throttle())
            async with asyncio.TaskGroup() as tasks:
                upward = tasks.create_task(csms.run())
                await station.run()
                upward.cancel()

    def _throttle(self) -> Throttle:
        return Throttle(self._clock, _UNLIMITED, _UNLIMITED)


def _result(answer: Frame) -> msgspec.Raw:
    if answer.type is MessageType.CALLERROR:
        raise Refusal(answer.code, answer.description, msgspec.Raw(answer.raw))
    return msgspec.Raw(answer.raw)
