"""OCPP-J from the CSMS's side, strictly: one websocket to a station, and every frame judged by the public schemas."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from homeapp.demo.csms.faults import CsmsFaults
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
from homeapp.ports import Clock

CALL_TIMEOUT_S = 30.0
_LONGEST_ID = 36
# A station that has given up on an answer may make its next CALL; sooner it may not.
_SHORTEST_PATIENCE_S = 5.0
_BOTH = {"NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "GenericError"}
_BOTH |= {"PropertyConstraintViolation", "TypeConstraintViolation"}
_CODES_2 = _BOTH | {"FormatViolation", "MessageTypeNotSupported", "OccurrenceConstraintViolation", "RpcFrameworkError"}
_CODES = {
    Version.V16: _BOTH | {"FormationViolation", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"},
    Version.V201: _CODES_2,
    Version.V21: _CODES_2,
}


class AnswerLost(Exception):
    """A CALL has taken effect, and the connection is to break before its answer is sent."""


@dataclass(frozen=True, slots=True)
class _Call:
    message_id: str
    action: str
    payload: Json


class StationLink:
    """One open websocket.

    Args:
        serve: takes message id, action and payload of a CALL and returns the answer; raises CallRefused, AnswerLost.
        streamed: takes action and payload of a SEND (2.1).
        breached: takes the sentence of each breach.
        faults: what is wrong now.
    """

    def __init__(
        self,
        socket: ServerConnection,
        version: Version,
        clock: Clock,
        *,
        serve: Callable[[str, str, Json], Json],
        streamed: Callable[[str, Json], None],
        breached: Callable[[str], None],
        faults: Callable[[], CsmsFaults],
    ) -> None:
        self.version = version
        self._socket = socket
        self._clock = clock
        self._serve = serve
        self._streamed = streamed
        self._breached = breached
        self._faults = faults
        self._calls: asyncio.Queue[_Call] = asyncio.Queue()
        self._serving_since: float | None = None
        self._calling = asyncio.Lock()
        self._waiting: dict[str, tuple[str, bool, asyncio.Future[Json]]] = {}
        self._given_up: set[str] = set()
        self._frozen = False
        self._closed = False

    async def run(self) -> None:
        """Read and answer until the socket closes."""
        try:
            async with asyncio.TaskGroup() as tasks:
                answering = tasks.create_task(self._answer_all())
                await self._read_all()
                answering.cancel()
        finally:
            self._closed = True
            for _, _, future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionGone())

    def cut(self) -> None:
        """Drop the TCP connection at once, without a closing handshake."""
        self._socket.transport.abort()

    def freeze(self) -> None:
        """Half-open: the TCP connection stays, nothing is read from it any more (no ping either), nothing is sent."""
        self._frozen = True
        self._socket.transport.pause_reading()

    async def call(
        self, action: str, payload: Json, *, checked: bool = True, timeout_s: float = CALL_TIMEOUT_S
    ) -> Json:
        """Make a CALL, one at a time.

        Args:
            action: of the CALL.
            payload: of the CALL.
            timeout_s: real seconds from sending to the answer.
            checked: what goes out must pass its schema; False to send what no schema knows.

        Raises:
            ValueError: the payload breaks its schema.
            CallRefused: answered with a CALLERROR, or with what breaks the answer's schema.
            ConnectionGone: no connection any more.
            TimeoutError: no answer in time.
        """
        problem = request_problem(self.version, action, payload) if checked else None
        if problem is not None:
            raise ValueError(f"{action}: {problem}")
        async with self._calling:
            if self._closed:
                raise ConnectionGone
            message_id = str(uuid.uuid4())
            future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
            self._waiting[message_id] = (action, checked, future)
            try:
                async with asyncio.timeout(timeout_s):
                    await self._send([CALL, message_id, action, payload])
                    return await future
            except TimeoutError:
                self._given_up.add(message_id)
                raise
            finally:
                del self._waiting[message_id]

    async def send_text(self, text: str) -> None:
        """Send any text.

        Raises:
            ConnectionGone: no connection any more.
        """
        if self._frozen or self._faults().silent:
            return
        try:
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise ConnectionGone from error

    async def _read_all(self) -> None:
        try:
            async for text in self._socket:
                if not self._faults().silent:
                    await self._frame(text)
        except (ConnectionClosed, ConnectionGone):
            return

    async def _frame(self, text: str | bytes) -> None:
        match read_frame(text):
            case [int(kind), str(message_id), str(action), dict(payload)] if kind == CALL:
                self._called(_Call(message_id, action, payload))
            case [int(kind), str(message_id), dict(payload)] if kind == RESULT:
                await self._answered(message_id, payload)
            case [int(kind), str(message_id), str(code), str(), dict()] if kind == ERROR:
                self._refused(message_id, code)
            case [int(kind), str(), str(), str(), dict()] if kind == RESULT_ERROR and self.version is Version.V21:
                self._breached("an answer of this CSMS was refused with a CALLRESULTERROR")
            case [int(kind), str(), str(action), dict(payload)] if kind == SEND and self.version is Version.V21:
                self._sent(action, payload)
            case _:
                self._breached("not a message of OCPP-J")
                if self.version is not Version.V16:
                    await self._send([ERROR, "-1", "RpcFrameworkError", "not a message", {}])

    def _called(self, call: _Call) -> None:
        now = asyncio.get_running_loop().time()
        if self._serving_since is not None and now - self._serving_since < _SHORTEST_PATIENCE_S:
            self._breached(f"{call.action} before the CALL in front of it was answered")
        if not 0 < len(call.message_id) <= _LONGEST_ID:
            self._breached(f"{call.action} with a message id that is not of 1 to {_LONGEST_ID} characters")
        self._serving_since = now
        self._calls.put_nowait(call)

    def _sent(self, action: str, payload: Json) -> None:
        # The schemas name this one after the action alone: it has no answer.
        if action == "NotifyPeriodicEventStream":
            self._streamed(action, payload)
        else:
            self._breached(f"{action} is nothing to SEND")

    async def _answer_all(self) -> None:
        while True:
            call = await self._calls.get()
            slow_s = self._faults().slow_s
            if slow_s > 0:
                await self._clock.sleep(slow_s)
            try:
                answer = self._answer(call)
                self._serving_since = None if self._calls.empty() else self._serving_since
                await self._send(answer)
            except AnswerLost:
                self.cut()
                return
            except ConnectionGone:
                return

    def _answer(self, call: _Call) -> list[Any]:
        try:
            problem = request_problem(self.version, call.action, call.payload)
            if problem is not None and problem.startswith("no schema"):
                self._breached("an action that the version does not have")
                raise CallRefused("NotImplemented", "the version has no such action")
            if problem is not None:
                self._breached(f"{call.action}: {problem}")
                raise CallRefused("FormationViolation" if self.version is Version.V16 else "FormatViolation", problem)
            if (code := self._faults().call_error) is not None:
                raise CallRefused(code, "this CSMS is in trouble")
            answer = self._serve(call.message_id, call.action, call.payload)
        except CallRefused as refusal:
            return [ERROR, call.message_id, refusal.code, refusal.description[:255], {}]
        problem = response_problem(self.version, call.action, answer)
        if problem is not None:
            self._breached(f"the CSMS's own answer to {call.action}: {problem}")
        return [RESULT, call.message_id, answer]

    async def _answered(self, message_id: str, payload: Json) -> None:
        waiting = self._waiting_for(message_id)
        if waiting is None:
            return
        action, checked, future = waiting
        problem = response_problem(self.version, action, payload) if checked else None
        if problem is None:
            future.set_result(payload)
            return
        self._breached(f"answer to {action}: {problem}")
        future.set_exception(CallRefused("FormatViolation", problem))
        if self.version is Version.V21:
            await self._send([RESULT_ERROR, message_id, "FormatViolation", problem, {}])

    def _refused(self, message_id: str, code: str) -> None:
        if code not in _CODES[self.version]:
            self._breached("a CALLERROR with a code that the version does not have")
        if message_id == "-1":
            self._breached("a frame of this CSMS could not be read")
            return
        waiting = self._waiting_for(message_id)
        if waiting is not None:
            waiting[2].set_exception(CallRefused(code))

    def _waiting_for(self, message_id: str) -> tuple[str, bool, asyncio.Future[Json]] | None:
        waiting = self._waiting.get(message_id)
        if waiting is None or waiting[2].done():
            if message_id not in self._given_up:
                self._breached("an answer to nothing that was asked")
            return None
        return waiting

    async def _send(self, frame: list[Any]) -> None:
        await self.send_text(written(frame))
