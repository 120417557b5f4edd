"""Calls a running hub over the local socket: for the command line and for tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from homeapp import api
from homeapp.errors import EnvironmentProblem, HubNotRunning, NotAllowed
from homeapp.server import check_socket_directory

R = TypeVar("R")

_CALL_TIMEOUT_S = 60.0
_AGAIN_PAUSE_S = 0.2
_NO_ANSWER = "The hub did not answer. See its log, or start it again."


class Client:
    """One connection; made by ``connect``.

    Attributes:
        path: of the hub's local socket.
        latest: the newest value of each watched topic.
        refused_for: the role that the last call refused with ``NotAllowed`` needs; None before there was one.
    """

    def __init__(self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[api.Response | None]] = {}
        self._last_id = 0
        self._gone = False
        self._changed = asyncio.Condition()
        self.latest: dict[api.Topic, api.Notification] = {}
        self.refused_for: api.Role | None = None

    async def call(self, call: api.Call[R]) -> R:
        """Carry out one call.

        Raises:
            HomeappError: what the hub answered, as the same class.
            HubNotRunning: the hub went away or did not answer in time.
        """
        self._last_id += 1
        request_id = self._last_id
        future: asyncio.Future[api.Response | None] = asyncio.get_running_loop().create_future()
        if self._gone:
            raise HubNotRunning(_NO_ANSWER)
        self._waiting[request_id] = future
        try:
            self._writer.write(api.encode_call(request_id, call))
            async with asyncio.timeout(_CALL_TIMEOUT_S):
                await self._writer.drain()
                response = await future
        except (ConnectionError, TimeoutError) as error:
            raise HubNotRunning(_NO_ANSWER) from error
        finally:
            self._waiting.pop(request_id, None)
        if response is None:
            raise HubNotRunning(_NO_ANSWER)
        if response.error is not None:
            if isinstance(response.error, NotAllowed):
                self.refused_for = call.needs()
            raise response.error
        result: R = api.decode_value(response.result, call.answer)
        return result

    async def watch(self, *topics: api.Topic) -> None:
        """Keep ``latest`` up to date on these topics."""
        await self.call(api.Watch(topics=topics))

    async def wait_until(self, done: Callable[[], Any], timeout_s: float) -> Any:
        """Wait until ``done()`` (asked after each notification) is truthy, and return that.

        Raises:
            TimeoutError: it never was.
            HubNotRunning: the hub went away.
        """
        async with asyncio.timeout(timeout_s), self._changed:
            while not (value := done()):
                if self._gone:
                    raise HubNotRunning(_NO_ANSWER)
                await self._changed.wait()
            return value

    async def hung_up(self) -> None:
        """Wait until the hub closes the connection, as it does where it ends or begins anew."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._gone)

    async def read(self) -> None:
        """Hand on what the hub sends until it goes away or breaks the contract; for ``connect`` alone."""
        # A line over the limit is a ValueError.
        with contextlib.suppress(OSError, ValueError, api.BadLine):
            await self._hand_on()
        self._gone = True
        for future in self._waiting.values():
            if not future.done():
                future.set_result(None)
        async with self._changed:
            self._changed.notify_all()

    async def _hand_on(self) -> None:
        while line := await self._reader.readline():
            message = api.decode_incoming(line)
            if isinstance(message, api.Pushed):
                async with self._changed:
                    self.latest[message.topic] = message.value
                    self._changed.notify_all()
                continue
            future = self._waiting.get(message.id) if message.id is not None else None
            if future is not None and not future.done():
                future.set_result(message)


@contextlib.asynccontextmanager
async def connect(path: Path) -> AsyncIterator[Client]:
    """A connection to the hub that listens at ``path``.

    Raises:
        HubNotRunning: nobody listens there.
        EnvironmentProblem: another user's hub listens there, or anybody could.
    """
    check_socket_directory(path)
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=api.MAX_LINE)
    except PermissionError as error:
        raise EnvironmentProblem(
            f"This user may not talk to the hub at {path}. Use the account that the hub runs as."
        ) from error
    except OSError as error:
        raise HubNotRunning("No hub runs with this data directory. Start one with: homeapp hub") from error
    client = Client(path, reader, writer)
    reading = asyncio.create_task(client.read())
    try:
        yield client
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def connect_again(before: Client, stack: contextlib.AsyncExitStack, within_s: float) -> Client:
    """A connection to the hub that takes the place of the one that ``before`` is connected to; ``stack`` closes it.

    Raises:
        HubNotRunning: there is none within this time.
        EnvironmentProblem: as ``connect``.
    """
    try:
        async with asyncio.timeout(within_s):
            await before.hung_up()
            while True:
                try:
                    return await stack.enter_async_context(connect(before.path))
                except HubNotRunning:
                    await asyncio.sleep(_AGAIN_PAUSE_S)
    except TimeoutError as error:
        raise HubNotRunning("The hub did not come back. Its log says why; start it with: homeapp hub") from error
