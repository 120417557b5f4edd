"""CSMSs that speak frames and nothing else, and the way of one simulated station to them."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from devices.evce import schemas
from devices.evce.dialect import Outgoing
from devices.evce.frames import Frame
from devices.evce.schemas import Version
from devices.evce.upstream.port import Refused, Served
from homeapp.model.live import LinkState

Json = dict[str, Any]
BOOTED = {"status": "Accepted", "currentTime": "2027-01-15T12:00:00Z", "interval": 3600}
Answer = Json | Callable[[Json], Json | None] | None


class CsmsError(Exception):
    """The hub answered a CALL with a CALLERROR."""


class RawCsms:
    """Takes stations in, notes what they say, answers from ``answers``; an answer of None is silence.

    Attributes:
        heard: (message id, action, payload as text), in order of arrival, over all connections.
        knocks: path and headers of each handshake.
        status: refuse handshakes with this HTTP status.
        certificate: of the newest connection, as the ssl module tells it.
        redirect: send whoever knocks there.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []
        self.knocks: list[tuple[str, Headers]] = []
        self.status: int | None = None
        self.redirect: str | None = None
        self.answers: dict[str, Answer] = {"BootNotification": BOOTED}
        self.errors: dict[str, list[Any]] = {}
        self.held: list[tuple[ServerConnection, str]] = []
        self.connection: ServerConnection | None = None
        self.connections = 0
        self.certificate: dict[str, Any] = {}
        self.port = 0
        self._waiting: dict[str, asyncio.Future[list[Any]]] = {}
        self._news = asyncio.Event()

    @contextlib.asynccontextmanager
    async def open(self, **options: Any) -> AsyncIterator[None]:
        protocols = [Subprotocol(version.value) for version in Version]
        async with serve(
            self._receive, "127.0.0.1", self.port, subprotocols=protocols, process_request=self._judge, **options
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            try:
                yield
            finally:
                self.cut()

    def cut(self) -> None:
        """The connection breaks."""
        if self.connection is not None:
            self.connection.transport.abort()

    async def call(self, action: str, payload: Json | str, message_id: str | None = None) -> Any:
        """Ask the hub; a text goes out as it is. The answer as text (its payload), or CsmsError."""
        message_id = message_id or str(uuid.uuid4())
        self._waiting[message_id] = future = asyncio.get_running_loop().create_future()
        body = payload if isinstance(payload, str) else json.dumps(payload)
        assert self.connection is not None
        version = Version(str(self.connection.subprotocol))
        await self.connection.send(f'[2,"{message_id}","{action}",{body}]')
        async with asyncio.timeout(10):
            frame = await future
        if frame[0] == 4:
            raise CsmsError(frame[2], frame[3])
        problem = schemas.response_problem(version, action, json.loads(frame[2]))
        assert problem is None, (action, problem)
        return frame[2]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_heard(self, action: str, count: int = 1) -> list[Json]:
        await self.until(lambda: len(self.of(action)) >= count)
        return self.of(action)

    def of(self, action: str) -> list[Json]:
        return [json.loads(payload) for _, name, payload in self.heard if name == action]

    async def release(self) -> None:
        """Answer what was held back in silence, in order."""
        held, self.held = self.held, []
        for connection, reply in held:
            with contextlib.suppress(ConnectionClosed):
                await connection.send(reply)

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        self.knocks.append((request.path, request.headers))
        self._news.set()
        if self.redirect is not None:
            response = connection.respond(302, "")
            response.headers["Location"] = self.redirect
            return response
        return connection.respond(self.status, "No.\n") if self.status else None

    async def _receive(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.connections += 1
        self.certificate = connection.transport.get_extra_info("peercert") or {}
        version = Version(str(connection.subprotocol))
        self._news.set()
        with contextlib.suppress(ConnectionClosed):
            async for text in connection:
                await self._take(connection, version, str(text))
        if self.connection is connection:
            self.connection = None
        self._news.set()

    async def _take(self, connection: ServerConnection, version: Version, text: str) -> None:
        frame = json.loads(text)
        if frame[0] in (3, 4):
            self._waiting.pop(frame[1]).set_result([*frame[:2], payload_text(text)] if frame[0] == 3 else frame)
            return
        _, message_id, action, payload = frame
        known = schemas.request_problem(version, action, payload)
        assert known is None, (action, known)
        self.heard.append((message_id, action, payload_text(text)))
        self._news.set()
        if frame[0] == 6:
            return
        if action in self.errors:
            await connection.send(json.dumps([4, message_id, *self.errors[action]]))
            return
        answer = self.answers.get(action, {})
        body = answer(payload) if callable(answer) else answer
        if body is None:
            self.held.append((connection, json.dumps([3, message_id, {}])))
        else:
            await connection.send(json.dumps([3, message_id, body]))


def payload_text(text: str) -> str:
    """The last element of a frame as it stands in the text; the earlier ones hold no bracket."""
    return text[text.index("{") : text.rindex("]")].strip()


class Way:
    """Implements ``homeapp.ports.CsmsWay``."""

    def __init__(self) -> None:
        self.allowed = True
        self.out: list[tuple[str, int]] = []
        self.links: list[tuple[LinkState, str | None]] = []
        self.notices: dict[str, str] = {}
        self.wake = asyncio.Event()

    def may_relay(self) -> bool:
        return self.allowed

    def left(self, action: str, _payload: Mapping[str, Any], size_bytes: int) -> None:
        self.out.append((action, size_bytes))

    def link(self, _device_id: str, state: LinkState, problem: str | None = None) -> None:
        self.links.append((state, problem))
        self.wake.set()

    def notice(self, code: str, sentence: str) -> None:
        self.notices[code] = sentence
        self.wake.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.wake.clear()
                await self.wake.wait()


class NotingProfiles:
    """Implements ``port.ProviderProfiles``: notes what it is asked, and accepts it."""

    def __init__(self, answers: Mapping[str, Json]) -> None:
        self.provider_commands = True
        self.served: list[tuple[str, Json]] = []
        self.starts: list[Json] = []
        self.failed: list[Json] = []
        self.refuses: Refused | None = None
        self.then: tuple[Outgoing, ...] = ()
        self._answers = answers

    async def serve(self, frame: Frame, _version: Version) -> Served:
        self.served.append((frame.action, frame.payload))
        return Served(answer=self._answers[frame.action], then=self.then)

    async def starting(self, frame: Frame, _version: Version) -> Refused | None:
        self.starts.append(frame.payload)
        return self.refuses

    def not_started(self, frame: Frame) -> None:
        self.failed.append(frame.payload)

    def heard(self, _frame: Frame, _version: Version) -> None:
        pass

    def renamed(self, _old: str, _new: str) -> None:
        pass

    def csms_is(self, *, reachable: bool) -> None:
        pass

    def ask_by(self, _ask: object) -> None:
        pass
