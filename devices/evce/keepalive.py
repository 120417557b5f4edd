"""Finds dead sockets of stations: by pings, or by TCP's own probes where a station is known to answer no pings.

A few stations answer no ping at all, others only when they are not busy. It shows when a ping goes unanswered although
the station was heard of just before or even after it. After ``STRIKES`` of those without one pong in between, the next
connections of a station that has answered before get fewer pings, and those of any other none; this is kept.
"""

import asyncio
import contextlib
import logging
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Protocol

from websockets.exceptions import ConnectionClosed

logger = logging.getLogger(__name__)

STRIKES = 3
SLOWER = 3.0
"""So many times as long as usually is between two pings to a station that answers only some of them."""
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


class PingBook(Protocol):
    """Keeps how often each station was found to bear a ping, over a restart of the hub."""

    async def every_s(self, device_id: str, usual_s: float) -> float | None:
        """Seconds between two pings; 0 for none at all, None for a station of which nothing is known."""

    async def found(self, device_id: str, every_s: float) -> None:
        """From its next connection on it gets a ping so often."""


@dataclass(slots=True)
class _Known:
    """What is known of one station's way with pings.

    Attributes:
        every_s: between two of them; 0 for none.
        answers: it has answered one in this life of the hub.
        strikes: since its last pong.
    """

    every_s: float
    answers: bool = False
    strikes: int = 0


class Keepalive:
    """What is known of the stations' way with pings, over all their connections.

    Args:
        every_s: usually between two pings, s of real time as all here.
        patience_s: for a pong.
        book: what was found earlier; of stations that it does not know, nothing outlives the hub.
    """

    def __init__(self, book: PingBook | None = None, *, every_s: float = 20.0, patience_s: float = 20.0) -> None:
        self._book = book
        self._every_s = every_s
        self._patience_s = patience_s
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def every_s(self, device_id: str) -> float:
        """So often this station gets a ping, s; 0 for never."""
        known = self._known.get(device_id)
        return self._every_s if known is None else known.every_s

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
        kept_s = await self._book.every_s(device_id, self._every_s) if self._book is not None else None
        every_s = self.every_s(device_id) if kept_s is None else kept_s
        if kept_s is not None:
            self._of(device_id).every_s = kept_s
        if every_s == 0:
            _have_tcp_probe(connection.transport.get_extra_info("socket"))
            return
        with contextlib.suppress(ConnectionClosed):
            while await self._alive(device_id, connection, heard, every_s):
                pass
            logger.info("%s: its connection is dead and is dropped", device_id)
            connection.transport.abort()

    async def _alive(self, device_id: str, connection: Socket, heard: Heard, every_s: float) -> bool:
        await asyncio.sleep(every_s)
        sent_at = asyncio.get_running_loop().time()
        pong = await connection.ping()
        try:
            async with asyncio.timeout(self._patience_s):
                await pong
        except TimeoutError:
            if heard.ever and sent_at - heard.at < every_s + self._patience_s:
                await self._strike(device_id)
            return heard.at > sent_at
        known = self._of(device_id)
        known.strikes, known.answers = 0, True
        return True

    async def _strike(self, device_id: str) -> None:
        known = self._of(device_id)
        known.strikes += 1
        if known.strikes < STRIKES or known.every_s == 0:
            return
        slower_s = self._every_s * SLOWER
        known.every_s = slower_s if known.answers and known.every_s < slower_s else 0.0
        known.strikes, known.answers = 0, False
        often = f"one every {known.every_s:g} s" if known.every_s else "none"
        logger.warning("%s: answers pings late or never; its next connections get %s", device_id, often)
        if self._book is not None:
            await self._book.found(device_id, known.every_s)

    def _of(self, device_id: str) -> _Known:
        known = self._known.setdefault(device_id, _Known(self._every_s))
        self._known.move_to_end(device_id)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return known


def _have_tcp_probe(tcp: socket.socket) -> None:
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        # Not every system lets them be chosen; its own are slower.
        option = getattr(socket, name, None)
        if option is not None:
            tcp.setsockopt(socket.IPPROTO_TCP, option, value)
