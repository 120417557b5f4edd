"""Dead sockets are found, and stations that answer no pings are left in peace."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable
from unittest.mock import create_autospec

from devices.evce.keepalive import SLOWER, STRIKES, Keepalive

EVERY_S = 0.03


class Line:
    """The socket of a station that answers pings or not, and talks or not."""

    def __init__(self, *, pongs: bool, talks: bool) -> None:
        self.transport = create_autospec(asyncio.Transport)
        self.tcp = socket.socket()
        self.transport.get_extra_info.return_value = self.tcp
        self.dropped = asyncio.Event()
        self.transport.abort.side_effect = self.dropped.set
        self.pinged = 0
        self._pongs = pongs
        self._talks = talks

    async def send(self, message: str) -> None:
        raise AssertionError(message)

    async def ping(self) -> Awaitable[float]:
        self.pinged += 1
        pong: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        if self._pongs:
            pong.set_result(0.0)
        return pong

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        yield "the first frame"
        while self._talks and not self.dropped.is_set():
            await asyncio.sleep(EVERY_S / 5)
            yield "a frame"
        await self.dropped.wait()


async def _connect(keepalive: Keepalive, line: Line, pings: int) -> None:
    """One connection, until it is dropped or so many pings have been sent."""
    try:
        async with asyncio.timeout(10), keepalive.watching("x", line) as heard:
            async for _ in heard:
                if line.pinged >= pings:
                    return
    finally:
        line.tcp.close()


def test_a_socket_without_a_sign_of_life_is_dropped() -> None:
    async def main() -> None:
        keepalive = Keepalive(every_s=EVERY_S, patience_s=EVERY_S)
        line = Line(pongs=False, talks=False)
        await _connect(keepalive, line, 100)
        assert line.dropped.is_set()
        assert line.pinged == 1
        assert keepalive.every_s("x") == EVERY_S, "once is no proof"

    asyncio.run(main())


def test_a_station_that_talks_and_answers_no_pings_keeps_its_connection_and_gets_none_on_the_next() -> None:
    async def main() -> None:
        keepalive = Keepalive(every_s=EVERY_S, patience_s=EVERY_S)
        line = Line(pongs=False, talks=True)
        await _connect(keepalive, line, STRIKES + 1)
        assert not line.dropped.is_set()
        assert keepalive.every_s("x") == 0
        assert keepalive.every_s("y") == EVERY_S
        line = Line(pongs=False, talks=False)
        async with keepalive.watching("x", line):
            await asyncio.sleep(0)
            assert line.tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        line.tcp.close()
        assert not line.pinged

    asyncio.run(main())


def test_a_quiet_station_that_answers_no_pings_is_known_after_a_few_connections() -> None:
    async def main() -> None:
        keepalive = Keepalive(every_s=EVERY_S, patience_s=EVERY_S)
        for _ in range(STRIKES):
            assert keepalive.every_s("x") == EVERY_S
            await _connect(keepalive, Line(pongs=False, talks=False), 100)
        assert keepalive.every_s("x") == 0

    asyncio.run(main())


def test_a_pong_wipes_the_slate() -> None:
    async def main() -> None:
        keepalive = Keepalive(every_s=EVERY_S, patience_s=EVERY_S)
        for _ in range(3):
            for _ in range(STRIKES - 1):
                await _connect(keepalive, Line(pongs=False, talks=False), 100)
            line = Line(pongs=True, talks=True)
            await _connect(keepalive, line, 2)
            assert not line.dropped.is_set()
            assert keepalive.every_s("x") == EVERY_S

    asyncio.run(main())


def test_a_station_that_answers_only_some_gets_fewer_and_one_that_then_answers_none_gets_none() -> None:
    async def main() -> None:
        keepalive = Keepalive(every_s=EVERY_S, patience_s=EVERY_S)
        for found_s in (EVERY_S * SLOWER, 0.0):
            await _connect(keepalive, Line(pongs=True, talks=True), 2)
            await _connect(keepalive, Line(pongs=False, talks=True), STRIKES + 1)
            assert keepalive.every_s("x") == found_s

    asyncio.run(main())


class Book:
    """Implements ``PingBook``."""

    def __init__(self) -> None:
        self.kept: dict[str, float] = {}

    async def every_s(self, device_id: str, usual_s: float) -> float | None:
        return self.kept.get(device_id)

    async def found(self, device_id: str, every_s: float) -> None:
        self.kept[device_id] = every_s


def test_what_was_found_in_an_earlier_life_of_the_hub_holds_from_the_first_connection_on() -> None:
    async def main() -> None:
        book = Book()
        await _connect(Keepalive(book, every_s=EVERY_S, patience_s=EVERY_S), Line(pongs=False, talks=True), STRIKES + 1)
        assert book.kept == {"x": 0.0}
        line = Line(pongs=False, talks=False)
        async with Keepalive(book, every_s=EVERY_S, patience_s=EVERY_S).watching("x", line):
            await asyncio.sleep(0)
            assert line.tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        line.tcp.close()
        assert not line.pinged

    asyncio.run(main())


def test_what_is_remembered_of_stations_has_an_end() -> None:
    async def main() -> None:
        keepalive = Keepalive()
        for number in range(1000):
            await keepalive._strike(str(number))
        assert len(keepalive._known) == 256

    asyncio.run(main())
