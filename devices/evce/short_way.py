"""Websockets with a short way for what nearly all messages are: a text that the socket takes at once.

The library guards each message against everything that can happen while it waits. Where there is nothing to wait for,
that costs more than the message.
"""

from collections.abc import AsyncIterable, Iterable

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.protocol import State
from websockets.typing import Data


class _ShortWay(Connection):
    async def send(self, message: Data | Iterable[Data] | AsyncIterable[Data], text: bool | None = None) -> None:  # noqa: FBT001 - the library's own
        waits = self.fragmented_send_waiter is not None or self.transport.is_closing()
        if waits or not isinstance(message, str) or text is not None or self.protocol.state is not State.OPEN:
            await super().send(message, text)
            return
        self.protocol.send_text(message.encode())
        self.send_data()
        if self.paused:
            await self.drain()


class StationSocket(_ShortWay, ServerConnection):
    """The hub's end of a station's connection."""


class CsmsSocket(_ShortWay, ClientConnection):
    """The hub's end of a connection to a CSMS."""
