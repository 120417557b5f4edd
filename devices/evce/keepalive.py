"""Finds dead sockets of stations: by pings, or by TCP's own probes where a station is known to answer no pings.

A few stations answer no ping at all. It shows when a ping goes unanswered although the station was heard of just
before or even after it. After ``STRIKES`` of those without one pong in between, its next connections get no pings.
"""

import asyncio
import contextlib
import logging
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

from websockets.exceptions import ConnectionClosed

logger = logging.getLogger(__name__)

STRIKES = 3
_MOST_REMEMBERED = 256
_PROBES = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 3}
"""Of TCP (RFC 9293 par. 3.8.4): s of silence before the first, s between two, and how many may fail."""


class Socket(Protocol):
    """The part of a websocket that is watched."""

    @property
    def transport(self) -> asyncio.Transport:
        """Below it."""

    async def send(self, message: str) -> None:
        """Send one text frame."""

    async def ping(self) -> Awaitable[float]:
        """Send a ping; what it gives ends with the pong."""

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The frames that come in, until the socket closes."""


class Heard:
    """A socket that knows when it was heard of last (the ``rpc.Connection`` of a session).

    Attributes:
        at: of the event loop's time, s.
        ever: a frame has come.
    """

    def __init__(self, connection: Socket) -> None:
        self.at = asyncio.get_running_loop().time()
        self.ever = False
        self._connection = connection

    async def send(self, message: str) -> None:
        await self._connection.send(message)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        loop = asyncio.get_running_loop()
        async for frame in self._connection:
            self.at = loop.time()
            self.ever = True
            yield frame


class Keepalive:
    """What is known of the stations' way with pings, over all their connections.

    Args:
        every_s: between two pings, s of real time as all here.
        patience_s: for a pong.
    """

    def __init__(self, *, every_s: float = 20.0, patience_s: float = 20.0) -> None:
        self._every_s = every_s
        self._patience_s = patience_s
        self._strikes: OrderedDict[str, int] = OrderedDict()

    def pings(self, device_id: str) -> bool:
        """Whether this station gets pings."""
        return self._strikes.get(device_id, 0) < STRIKES

    @contextlib.asynccontextmanager
    async def watching(self, device_id: str, connection: Socket) -> AsyncIterator[Heard]:
        """Use the socket; it is dropped as soon as it is found dead."""
        heard = Heard(connection)
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(self._watch(device_id, connection, heard))
            try:
                yield heard
            finally:
                watcher.cancel()

    async def _watch(self, device_id: str, connection: Socket, heard: Heard) -> None:
        if not self.pings(device_id):
            _have_tcp_probe(connection.transport.get_extra_info("socket"))
            return
        with contextlib.suppress(ConnectionClosed):
            while await self._alive(device_id, connection, heard):
                pass
            logger.info("%s: its connection is dead and is dropped", device_id)
            connection.transport.abort()

    async def _alive(self, device_id: str, connection: Socket, heard: Heard) -> bool:
        await asyncio.sleep(self._every_s)
        sent_at = asyncio.get_running_loop().time()
        pong = await connection.ping()
        try:
            async with asyncio.timeout(self._patience_s):
                await pong
        except TimeoutError:
            if heard.ever and sent_at - heard.at < self._every_s + self._patience_s:
                self._strike(device_id)
            return heard.at > sent_at
        self._strikes.pop(device_id, None)
        return True

    def _strike(self, device_id: str) -> None:
        self._strikes[device_id] = self._strikes.get(device_id, 0) + 1
        self._strikes.move_to_end(device_id)
        if len(self._strikes) > _MOST_REMEMBERED:
            self._strikes.popitem(last=False)
        if not self.pings(device_id):
            logger.warning("%s: answers no pings; its next connections get none (said once)", device_id)


def _have_tcp_probe(tcp: socket.socket) -> None:
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        # Not every system lets them be chosen; its own are slower.
        option = getattr(socket, name, None)
        if option is not None:
            tcp.setsockopt(socket.IPPROTO_TCP, option, value)
