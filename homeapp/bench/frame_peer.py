"""One end of an OCPP-J connection that speaks frames, and takes no answer that it has not asked for."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import msgspec
from websockets.exceptions import ConnectionClosed

from homeapp.errors import ProtocolError

CALL_TIMEOUT_S = 30.0
Json = dict[str, Any]


class Socket(Protocol):
    """The part of a websocket that is used."""

    async def send(self, message: str) -> None:
        """Send one text frame."""

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The frames that come in, until the socket closes."""


class FramePeer:
    """Calls, and answers CALLs by ``serve``; at most one of its CALLs should be out at a time.

    Attributes:
        broken_rules: sentences on what the other end did against the standard.
    """

    def __init__(self, socket: Socket, serve: Callable[[str, Json], Json], prefix: str) -> None:
        self.broken_rules: list[str] = []
        self._socket = socket
        self._serve = serve
        self._prefix = prefix
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._seen: set[str] = set()

    async def read(self) -> None:
        """Take frames until the socket closes."""
        try:
            async for text in self._socket:
                await self._take(msgspec.json.decode(text))
        except ConnectionClosed:
            pass
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ProtocolError("The connection broke in the midst of a measurement."))

    async def call(self, action: str, payload: Json | msgspec.Raw) -> Json:
        """The result of a CALL.

        Raises:
            ProtocolError: a CALLERROR came back, or the connection broke.
            TimeoutError: nothing came back.
        """
        message_id = f"{self._prefix}-{next(self._numbers)}"
        self._waiting[message_id] = answer = asyncio.get_running_loop().create_future()
        await self._socket.send(msgspec.json.encode([2, message_id, action, payload]).decode())
        async with asyncio.timeout(CALL_TIMEOUT_S):
            result: Json = await answer
        return result

    async def _take(self, frame: list[Any]) -> None:
        kind, message_id, *rest = frame
        if kind == 2:
            if message_id in self._seen:
                self.broken_rules.append(f"the id of a {rest[0]} had been used before")
            self._seen.add(message_id)
            await self._socket.send(msgspec.json.encode([3, message_id, self._serve(*rest)]).decode())
            return
        waiting = self._waiting.pop(message_id, None)
        if waiting is None or waiting.done():
            self.broken_rules.append(f"an answer came that nothing waited for (type {kind})")
        elif kind == 3:
            waiting.set_result(rest[0])
        else:
            waiting.set_exception(ProtocolError(f"A CALLERROR came back: {rest[0]} {rest[1]}"))
