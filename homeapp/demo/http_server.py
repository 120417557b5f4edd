"""HTTP/1.1 and websocket on the same connection, as small as the simulated peers need them."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import h11
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

LARGEST_HEAD = 16 * 1024
_LARGEST_BODY = 64 * 1024
_GONE = (ConnectionError, TimeoutError, ssl.SSLError)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer, JSON unless it says otherwise.

    Attributes:
        cut: close the connection after half of the body.
        headers: besides content type and length.
    """

    status: int
    body: bytes
    cut: bool = False
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class DemoWebsocket:
    """The meter's end of an open websocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: ServerProtocol) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = protocol
        self._texts: deque[str] = deque()
        host, port = writer.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"

    async def receive(self) -> str | None:
        """The next text message; None once the websocket is closed."""
        while not self._texts:
            if self._protocol.state is not State.OPEN:
                return None
            data = await self._read()
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self._texts.extend(
                bytes(event.data).decode(errors="replace")
                for event in self._protocol.events_received()
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT
            )
            await self._flush()
        return self._texts.popleft()

    async def send(self, text: str) -> None:
        """Send a text message; nothing happens once the websocket is closed."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(text.encode())
            await self._flush()

    async def send_half(self, text: str) -> None:
        """Send the first half of a frame, then cut the connection."""
        if self._protocol.state is not State.OPEN:
            return
        self._protocol.send_text(text.encode())
        frame = b"".join(self._protocol.data_to_send())
        self._writer.write(frame[: len(frame) // 2])
        with contextlib.suppress(*_GONE):
            await self._writer.drain()
        self._writer.close()

    async def close(self) -> None:
        """Start the closing handshake."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            await self._flush()

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)
        with contextlib.suppress(*_GONE):
            await self._writer.drain()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(4096)
        except _GONE:
            return b""


async def serve_connection(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answer: Callable[[HttpRequest], Awaitable[HttpAnswer | None]],
    stream: Callable[[DemoWebsocket], Awaitable[None]] | None,
) -> None:
    """Serve one client until it goes.

    Args:
        reader: created with a limit of ``LARGEST_HEAD``.
        writer: closed at the end.
        answer: the HTTP API; None stands for not answering at all.
        stream: serves an open websocket, or None where there is no websocket.
    """
    try:
        while (head := await _head(reader)) is not None:
            if stream is not None and b"upgrade: websocket" in head.lower():
                if (websocket := await _accept(reader, writer, head)) is not None:
                    await stream(websocket)
                return
            if not await _exchange(reader, writer, head, answer):
                return
    except (*_GONE, h11.RemoteProtocolError):
        # A client that goes away, or sends nonsense, is not answered.
        return
    finally:
        writer.close()
        with contextlib.suppress(*_GONE):
            await writer.wait_closed()


async def _head(reader: asyncio.StreamReader) -> bytes | None:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None


async def _accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> DemoWebsocket | None:
    protocol = ServerProtocol()
    protocol.receive_data(head)
    for event in protocol.events_received():
        if isinstance(event, Request):
            protocol.send_response(protocol.accept(event))
    for data in protocol.data_to_send():
        writer.write(data)
    await writer.drain()
    return DemoWebsocket(reader, writer, protocol) if protocol.state is State.OPEN else None


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    head: bytes,
    answer: Callable[[HttpRequest], Awaitable[HttpAnswer | None]],
) -> bool:
    """One request and its answer; True where another request may follow."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
    connection.receive_data(head)
    request = await _request(reader, connection)
    if request is None:
        return False
    response = await answer(request)
    if response is None:
        await reader.read()
        return False
    headers = [
        ("Content-Type", response.content_type),
        ("Content-Length", str(len(response.body))),
        *response.headers,
    ]
    writer.write(connection.send(h11.Response(status_code=response.status, headers=headers)) or b"")
    if response.cut:
        writer.write(response.body[: len(response.body) // 2])
        await writer.drain()
        return False
    writer.write(connection.send(h11.Data(data=response.body)) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    return connection.our_state is h11.DONE


async def _request(reader: asyncio.StreamReader, connection: h11.Connection) -> HttpRequest | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(4096))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _LARGEST_BODY:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            return HttpRequest(head.method.decode(), head.target.decode("latin-1"), headers, bytes(body))
        else:
            return None
