"""The short way of a message into a websocket leaves nothing out that the long way does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from devices.evce.short_way import CsmsSocket, StationSocket
from kit.in_loop import in_loop

LARGE = "x" * (1 << 20)


@asynccontextmanager
async def both_ends() -> AsyncIterator[tuple[ServerConnection, ClientConnection]]:
    came: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def receive(socket: ServerConnection) -> None:
        came.set_result(socket)
        await socket.wait_closed()

    async with serve(receive, "127.0.0.1", 0, create_connection=StationSocket, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        async with connect(url, create_connection=CsmsSocket, compression=None, proxy=None, max_queue=1) as client:
            yield await came, client


def _other(ends: tuple[ServerConnection, ClientConnection], side: int) -> tuple[Connection, Connection]:
    return ends[side], ends[1 - side]


@pytest.mark.parametrize("side", [0, 1])
@in_loop
async def test_what_is_sent_arrives_whole_and_in_order(side: int) -> None:
    async with both_ends() as ends:
        near, far = _other(ends, side)
        sent: list[str | bytes] = ["ä" * 3, b"\x00\x01", "", "z"]
        for message in sent:
            await near.send(message)
        await near.send(iter(["in ", "pieces"]))
        assert [await far.recv() for _ in range(5)] == [*sent, "in pieces"]


@pytest.mark.parametrize("side", [0, 1])
@in_loop
async def test_who_does_not_read_makes_the_sender_wait(side: int) -> None:
    async with both_ends() as ends:
        near, far = _other(ends, side)
        far.transport.pause_reading()  # type: ignore[attr-defined]
        count = 0

        async def pour() -> None:
            nonlocal count
            while True:
                await near.send(LARGE)
                count += 1

        pouring = asyncio.create_task(pour())
        while not near.paused:
            await asyncio.sleep(0)
        stuck_at = count
        for _ in range(10):
            await asyncio.sleep(0)
        assert count == stuck_at
        assert not pouring.done()
        near.transport.abort()
        with pytest.raises(ConnectionClosed):
            await pouring
        far.transport.abort()


async def _closes(near: Connection, far: Connection) -> None:
    await near.close()


async def _is_closed(near: Connection, far: Connection) -> None:
    await far.close()
    await near.wait_closed()


@pytest.mark.parametrize("end", [_closes, _is_closed])
@in_loop
async def test_nothing_is_said_into_a_closed_socket(end: Callable[[Connection, Connection], Awaitable[None]]) -> None:
    async with both_ends() as ends:
        near, far = _other(ends, 0)
        await end(near, far)
        with pytest.raises(ConnectionClosed):
            await near.send("too late")


@in_loop
async def test_nothing_is_said_into_a_socket_that_is_being_closed() -> None:
    async with both_ends() as (near, far):
        far.transport.pause_reading()  # type: ignore[attr-defined]
        closing = asyncio.create_task(near.close())
        while near.state is State.OPEN:
            await asyncio.sleep(0)
        late = asyncio.create_task(near.send("too late"))
        await asyncio.sleep(0)
        far.transport.resume_reading()  # type: ignore[attr-defined]
        await closing
        with pytest.raises(ConnectionClosed):
            await late


@in_loop
async def test_who_goes_on_into_a_dropped_socket_is_told_so() -> None:
    async def go_on() -> None:
        for _ in range(100):
            await near.send("lost")

    async with both_ends() as (near, _):
        near.transport.abort()
        with pytest.raises(ConnectionClosed):
            await go_on()


@in_loop
async def test_a_message_comes_not_between_the_pieces_of_another() -> None:
    async with both_ends() as (near, far):
        go_on = asyncio.Event()

        async def pieces() -> AsyncIterator[str]:
            yield "one "
            await go_on.wait()
            yield "message"

        whole = asyncio.create_task(near.send(pieces()))
        while near.fragmented_send_waiter is None:
            await asyncio.sleep(0)
        other = asyncio.create_task(near.send("another"))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(whole, other)
        assert [await far.recv(), await far.recv()] == ["one message", "another"]
