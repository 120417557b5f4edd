"""OCPP-J from the station's side: CALL, CALLRESULT and CALLERROR over one websocket."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from homeapp.demo.charger.ocpp_schemas import Json, Version, request_problem, response_problem

CALL_TIMEOUT_S = 30.0
_CALL, _RESULT, _ERROR = 2, 3, 4


class CallRefused(Exception):
    """A CALL ends in a CALLERROR; either side may be the one that refuses."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


class ConnectionGone(Exception):
    """The websocket is closed."""


class Rpc:
    """One connection.

    Args:
        socket: open.
        version: whose schemas hold.
        serve: answers the CSMS's calls; raises CallRefused.
        mute: True while it says nothing and answers nothing; it still takes answers.
    """

    def __init__(
        self,
        socket: ClientConnection,
        version: Version,
        serve: Callable[[str, Json], Awaitable[Json]],
        mute: Callable[[], bool],
    ) -> None:
        self._socket = socket
        self._version = version
        self._serve = serve
        self._mute = mute
        self._waiting: dict[str, tuple[str, asyncio.Future[Json]]] = {}
        self._closed = False
        # The answer to a call goes out before anything that the call has set off.
        self._answering = asyncio.Lock()

    async def run(self) -> None:
        """Read until the socket closes."""
        try:
            async for text in self._socket:
                await self._frame(text)
        except (ConnectionClosed, ConnectionGone):
            return
        finally:
            self._closed = True
            for _, future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionGone())

    async def call(self, message_id: str, action: str, payload: Json) -> Json:
        """Make a call; the caller makes one at a time.

        Raises:
            CallRefused: answered with a CALLERROR, or the answer breaks its schema.
            ConnectionGone: no connection any more.
            TimeoutError: no answer in time.
        """
        async with self._answering:
            if self._closed:
                raise ConnectionGone
            future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
            self._waiting[message_id] = (action, future)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._send([_CALL, message_id, action, payload])
                return await future
        finally:
            del self._waiting[message_id]

    async def leave(self) -> None:
        """Close the websocket, but not between a call and its answer."""
        async with self._answering:
            await self._socket.close()

    async def _frame(self, text: str | bytes) -> None:
        match _read(text):
            case [int(kind), str(message_id), str(action), dict(payload)] if kind == _CALL:
                if not self._mute():
                    async with self._answering:
                        await self._send(await self._answer(message_id, action, payload))
            case [int(kind), str(message_id), dict(payload)] if kind == _RESULT:
                self._settle(message_id, payload)
            case [int(kind), str(message_id), str(code), *rest] if kind == _ERROR:
                description = rest[0] if rest and isinstance(rest[0], str) else ""
                self._settle(message_id, CallRefused(code, description))
            case [int(kind), *_] if kind > _ERROR:
                return
            case _ if self._version is not Version.V16:
                await self._send([_ERROR, "-1", "RpcFrameworkError", "not a message", {}])

    async def _answer(self, message_id: str, action: str, payload: Json) -> list[Any]:
        try:
            # An action without a schema is the server's to refuse.
            problem = request_problem(self._version, action, payload)
            if problem is not None and not problem.startswith("no schema"):
                raise CallRefused("FormatViolation", problem)
            return [_RESULT, message_id, await self._serve(action, payload)]
        except CallRefused as refusal:
            code = refusal.code
            if self._version is Version.V16 and code == "FormatViolation":
                code = "FormationViolation"
            return [_ERROR, message_id, code, refusal.description[:255], {}]

    def _settle(self, message_id: str, answer: Json | CallRefused) -> None:
        action, future = self._waiting.get(message_id, ("", None))
        if future is None or future.done():
            return
        if isinstance(answer, CallRefused):
            future.set_exception(answer)
            return
        problem = response_problem(self._version, action, answer)
        if problem is None:
            future.set_result(answer)
        else:
            future.set_exception(CallRefused("FormatViolation", problem))

    async def _send(self, frame: list[Any]) -> None:
        if self._mute():
            return
        try:
            await self._socket.send(json.dumps(frame, separators=(",", ":"), allow_nan=False))
        except ConnectionClosed as error:
            raise ConnectionGone from error


def _read(text: str | bytes) -> object:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(_text: str) -> float:
    raise ValueError("not a finite number")
