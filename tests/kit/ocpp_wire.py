"""The message exchange over a socket of the tests' own, seen from the peer's end."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from devices.evce.fields import FieldError, Payload
from devices.evce.frames import Frame
from devices.evce.rpc import ActionUnknown, Priority, Refusal, RpcPeer, Serve, Throttle
from devices.evce.schemas import Version
from homeapp.clock import SystemClock


class Wire:
    """The socket, seen from the peer's end.

    Attributes:
        texts: every frame that the hub has sent, as it was sent.
        sent: the same frames, read.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.sent: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._incoming: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    async def send(self, message: str) -> None:
        self.texts.append(message)
        self.sent.put_nowait(json.loads(message))

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while (raw := await self._incoming.get()) is not None:
            yield raw

    def says(self, *frame: Any) -> None:
        self.says_text(json.dumps(frame))

    def says_text(self, text: str | bytes) -> None:
        self._incoming.put_nowait(text)

    def hangs_up(self) -> None:
        self._incoming.put_nowait(None)

    async def next(self) -> list[Any]:
        return await asyncio.wait_for(self.sent.get(), 10)


def fast() -> Throttle:
    return Throttle(SystemClock(), 1e6, 1e6)


class Exchange:
    """A peer of the hub that serves a little of everything, or what ``serve`` serves."""

    def __init__(
        self, version: Version = Version.V201, serve: Serve | None = None, throttle: Throttle | None = None
    ) -> None:
        self.wire = Wire()
        self.served: list[str] = []
        self.peer = RpcPeer("x", version, self.wire, serve or self._serve, throttle or fast())

    async def _serve(self, frame: Frame) -> Payload | msgspec.Raw:
        self.served.append(frame.action)
        match frame.action:
            case "Heartbeat":
                return {"currentTime": "2026-01-15T12:00:00Z"}
            case "DataTransfer":
                return {"status": "no such status"}
            case "Authorize":
                raise FieldError("idToken must be an object")
            case "SecurityEventNotification":
                return {}
            case "SignCertificate":
                raise Refusal("SecurityError", "not here", msgspec.Raw(b'{"a":1.0}'))
        raise ActionUnknown(frame.action)

    def calls(self, action: str, priority: Priority, replaces: str | None = None) -> "asyncio.Task[Payload]":
        payload = {} if action == "ClearCache" else {"type": "Immediate"}
        return asyncio.create_task(self.peer.call(action, payload, priority=priority, replaces=replaces))


async def exchanging(exchange: Exchange, body: Callable[[Exchange], Awaitable[None]]) -> None:
    """Do something while the exchange runs."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(exchange.peer.run())
        try:
            await asyncio.wait_for(body(exchange), 20)
        finally:
            exchange.wire.hangs_up()


def run(body: Callable[[Exchange], Awaitable[None]], version: Version = Version.V201) -> None:
    async def main() -> None:
        await exchanging(Exchange(version), body)

    asyncio.run(main())
