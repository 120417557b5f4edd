"""OCPP-J from the station's side: CALL, CALLRESULT, CALLERROR, CALLRESULTERROR and SEND over one websocket.

Everything is checked against the schemas, its own messages, too; whatever breaks a rule is told as a breach.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from homeapp.demo.charger.disorder import disordered
from homeapp.demo.charger.faults import Faults
from homeapp.demo.ocpp.frames import (
    CALL,
    ERROR,
    RESULT,
    RESULT_ERROR,
    SEND,
    CallRefused,
    ConnectionGone,
    read_frame,
    written,
)
from homeapp.demo.ocpp.schemas import Json, Version, request_problem, response_problem

CALL_TIMEOUT_S = 30.0
_NO_SCHEMA = "no schema"
_EXPIRED = 100


class Rpc:
    """One connection.

    Args:
        socket: open.
        version: whose schemas hold.
        serve: answers the CSMS's calls; raises CallRefused.
        faults: what is wrong with the station now.
        breach: takes a sentence for each rule that somebody breaks; it begins with ``csms`` or ``station``.
    """

    def __init__(
        self,
        socket: ClientConnection,
        version: Version,
        serve: Callable[[str, Json], Awaitable[Json]],
        faults: Callable[[], Faults],
        breach: Callable[[str], None],
    ) -> None:
        self._socket = socket
        self._version = version
        self._serve = serve
        self._faults = faults
        self._breach = breach
        self._waiting: dict[str, tuple[str, asyncio.Future[Json]]] = {}
        self._expired: dict[str, None] = {}
        self._calls: asyncio.Queue[tuple[str, str, Json]] = asyncio.Queue()
        self._unanswered = 0
        self._closed = False
        self._turn = asyncio.Lock()
        # The answer to a call goes out before anything that the call has set off.
        self._answering = asyncio.Lock()

    async def run(self) -> None:
        """Read and serve until the socket closes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(self._serve_calls())
                await self._read()
                serving.cancel()
        finally:
            self._closed = True
            for _, future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionGone())

    async def call(self, message_id: str, action: str, payload: Json) -> Json:
        """Make a call; one after the other.

        Raises:
            CallRefused: answered with a CALLERROR, or the answer breaks its schema.
            ConnectionGone: no connection any more.
            TimeoutError: no answer in time.
        """
        faults = self._faults()
        if action != faults.illegal_action:
            self._check("CALL", action, request_problem(self._version, action, payload), "station")
        # Eight hexadecimal digits of it make a number that every JSON parser takes.
        wire_id: str | int = int(message_id.replace("-", "")[:8], 16) if faults.integer_ids else message_id
        if faults.one_id_for_all:
            wire_id = 1 if faults.integer_ids else "1"
        frame = [CALL, wire_id, action, disordered(faults, self._version, action, payload)]
        async with self._turn:
            answer = await self._exchange(str(wire_id), action, frame)
            if faults.repeat_calls:
                again = await self._exchange(str(wire_id), action, frame)
                # A heartbeat has no effect; its answer may tell the time of the repetition.
                if again != answer and action != "Heartbeat":
                    self._breach(f"csms: {action} is answered otherwise when it is repeated")
            return answer

    async def send(self, message_id: str, action: str, payload: Json) -> None:
        """A SEND of 2.1.

        Raises:
            ConnectionGone: no connection any more.
        """
        self._check("SEND", action, request_problem(self._version, action, payload), "station")
        await self._write([SEND, message_id, action, payload])

    async def leave(self) -> None:
        """Close the websocket, but not between a call and its answer."""
        async with self._answering:
            await self._socket.close()

    async def _exchange(self, key: str, action: str, frame: list[Any]) -> Json:
        async with self._answering:
            if self._closed:
                raise ConnectionGone
            future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
            self._waiting[key] = (action, future)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._write(frame)
                return await future
        except TimeoutError:
            self._expired = dict([*self._expired.items(), (key, None)][-_EXPIRED:])
            raise
        finally:
            del self._waiting[key]

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                await self._frame(text)
        except (ConnectionClosed, ConnectionGone):
            return

    async def _serve_calls(self) -> None:
        try:
            while True:
                message_id, action, payload = await self._calls.get()
                async with self._answering:
                    await self._write(await self._answer(message_id, action, payload))
                    self._unanswered -= 1
        except ConnectionGone:
            return

    async def _frame(self, text: str | bytes) -> None:
        match read_frame(text):
            case [int(kind), str(message_id), str(action), dict(payload)] if kind == CALL:
                if not self._faults().silent:
                    self._unanswered += 1
                    if self._unanswered > 1:
                        self._breach(f"csms: {action} is called before the last call was answered")
                    self._calls.put_nowait((message_id, action, payload))
            case [int(kind), str() | int() as message_id, dict(payload)] if kind == RESULT:
                await self._settle(str(message_id), payload)
            case [int(kind), str() | int() as message_id, str(code), *rest] if kind == ERROR:
                description = rest[0] if rest and isinstance(rest[0], str) else ""
                await self._settle(str(message_id), CallRefused(code, description))
            case [int(kind), str(message_id), str(code), *_] if kind == RESULT_ERROR and self._version is Version.V21:
                self._breach(f"csms: the answer to {message_id} is said to be wrong: {code}")
            case [int(kind), *_] if kind > ERROR:
                return
            case _:
                self._breach("csms: not a message")
                if self._version is not Version.V16:
                    await self._write([ERROR, "-1", "RpcFrameworkError", "not a message", {}])

    async def _answer(self, message_id: str, action: str, payload: Json) -> list[Any]:
        try:
            # An action without a schema is the server's to refuse.
            problem = request_problem(self._version, action, payload)
            self._check("CALL", action, problem, "csms")
            if problem is not None and not problem.startswith(_NO_SCHEMA):
                raise CallRefused("FormatViolation", problem)
            answer = await self._serve(action, payload)
            self._check("CALLRESULT", action, response_problem(self._version, action, answer), "station")
            return [RESULT, message_id, answer]
        except CallRefused as refusal:
            code = refusal.code
            if self._version is Version.V16 and code == "FormatViolation":
                code = "FormationViolation"
            return [ERROR, message_id, code, refusal.description[:255], {}]

    async def _settle(self, key: str, answer: Json | CallRefused) -> None:
        action, future = self._waiting.get(key, ("", None))
        if future is None or future.done():
            if key not in self._expired:
                self._breach("csms: an answer to nothing that was called")
            return
        if isinstance(answer, CallRefused):
            future.set_exception(answer)
            return
        problem = response_problem(self._version, action, answer)
        self._check("CALLRESULT", action, problem, "csms")
        if problem is None:
            future.set_result(answer)
            return
        future.set_exception(CallRefused("FormatViolation", problem))
        if self._version is Version.V21:
            await self._write([RESULT_ERROR, key, "FormatViolation", problem[:255], {}])

    def _check(self, kind: str, action: str, problem: str | None, side: str) -> None:
        if problem is not None:
            self._breach(f"{side}: {kind} {action}: {problem}")

    async def _write(self, frame: list[Any]) -> None:
        if self._faults().silent:
            return
        try:
            await self._socket.send(written(frame))
        except ConnectionClosed as error:
            raise ConnectionGone from error
