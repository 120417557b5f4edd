"""The OCPP-J message exchange over one websocket, on raw frames.

One CALL of ours is outstanding at a time; the others wait by priority, and a newer limit takes the place of one that
still waits. CALLs of the station are answered in the order they come in, a repeated one from memory.
"""

import asyncio
import hashlib
import heapq
import itertools
import logging
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import msgspec
from websockets.exceptions import ConnectionClosed

from devices.evce import frames, schemas
from devices.evce.fields import FieldError, Payload
from devices.evce.frames import BadFrame, Frame, MessageType
from devices.evce.schemas import Version
from homeapp.errors import DeviceUnreachable, ProtocolError
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

CALL_TIMEOUT_S = 30.0
_SEND_TIMEOUT_S = 30.0
_REMEMBERED_ANSWERS = 64
_MOST_QUEUED = 64
_MOST_BAD_FRAMES = 100


class Priority(IntEnum):
    """Order among waiting CALLs; the smallest goes first."""

    LIMIT = 0
    TRANSACTION = 1
    HOUSEKEEPING = 2


class CallRefused(Exception):
    """The station answered a CALL with a CALLERROR.

    Attributes:
        code: the error code of the standard, for instance ``NotImplemented``.
    """

    def __init__(self, action: str, code: str, description: str) -> None:
        super().__init__(f"{action}: {code} {description}".strip())
        self.code = code


class CallTimeout(Exception):
    """The station did not answer a CALL in time."""


class Superseded(Exception):
    """A newer CALL has taken the place of one that still waited."""


class ActionUnknown(Exception):
    """The hub does not serve this action."""


class Connection(Protocol):
    """The part of a websocket that the exchange uses."""

    async def send(self, message: str) -> None:
        """Send one text frame."""

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The frames that come in, until the socket closes."""


Answer = Callable[[str, Payload], Payload]
"""Serves a CALL; raises FieldError or ActionUnknown."""


@dataclass(order=True, slots=True)
class _Waiting:
    priority: Priority
    order: int
    action: str = field(compare=False)
    payload: Payload = field(compare=False)
    replaces: str | None = field(compare=False)
    result: asyncio.Future[Payload] = field(compare=False)


@dataclass(slots=True)
class Throttle:
    """A token bucket: ``rate`` messages per second of hub time, ``burst`` at once; who is faster has to wait."""

    clock: Clock
    rate: float
    burst: float
    _tokens: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = self.burst
        self._at = self.clock.monotonic()

    async def take(self) -> None:
        """Wait for the next token."""
        now = self.clock.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate) - 1
        self._at = now
        if self._tokens < 0:
            await self.clock.sleep(-self._tokens / self.rate)


class RpcPeer:
    """The hub's end of the exchange with one station.

    Attributes:
        silent_calls: CALLs in a row that were not answered in time.
    """

    def __init__(
        self,
        name: str,
        version: Version,
        connection: Connection,
        answer: Answer,
        throttle: Throttle,
    ) -> None:
        self.silent_calls = 0
        self._name = name
        self._version = version
        self._connection = connection
        self._answer = answer
        self._throttle = throttle
        self._order = itertools.count()
        self._queue: list[_Waiting] = []
        self._queued = asyncio.Event()
        self._outstanding: tuple[str, asyncio.Future[Frame]] | None = None
        self._answered: OrderedDict[tuple[str, str, bytes], str] = OrderedDict()
        self._complained: set[str] = set()
        self._bad_frames = 0
        self._closed = False

    async def run(self) -> None:
        """Exchange messages until the socket closes or the station is past bearing; raises nothing."""
        try:
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(self._send_calls())
                await self._receive_all()
                sender.cancel()
        except* (ConnectionClosed, TimeoutError):
            logger.debug("%s: the socket is gone", self._name)
        finally:
            self._closed = True
            for waiting in self._queue:
                _fail(waiting.result, self._gone())
            self._queue.clear()

    async def call(
        self,
        action: str,
        payload: Payload,
        *,
        priority: Priority = Priority.HOUSEKEEPING,
        replaces: str | None = None,
    ) -> Payload:
        """Send a CALL and wait for its answer.

        Args:
            action: name in the standard.
            payload: camelCase, valid against the schema of the version in use.
            priority: its place in the queue.
            replaces: CALLs with the same word that still wait are dropped.

        Raises:
            CallRefused: answered with a CALLERROR.
            CallTimeout: not answered in time.
            Superseded: a newer one took its place.
            DeviceUnreachable: the socket is closed, or too much waits already.
            ProtocolError: the payload breaks the schema.
        """
        problem = schemas.request_problem(self._version, action, payload)
        if problem:
            raise ProtocolError(f"The hub made an invalid {action} for the charger ({problem}); nothing was sent.")
        if self._closed or len(self._queue) >= _MOST_QUEUED:
            raise self._gone()
        if replaces is not None:
            self._drop_queued(replaces)
        result: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, _Waiting(priority, next(self._order), action, payload, replaces, result))
        self._queued.set()
        return await result

    def _drop_queued(self, word: str) -> None:
        for waiting in [item for item in self._queue if item.replaces == word]:
            self._queue.remove(waiting)
            _fail(waiting.result, Superseded())
        heapq.heapify(self._queue)

    async def _send_calls(self) -> None:
        while True:
            while not self._queue:
                self._queued.clear()
                await self._queued.wait()
            waiting = heapq.heappop(self._queue)
            if not waiting.result.done():
                try:
                    await self._exchange(waiting)
                finally:
                    _fail(waiting.result, self._gone())

    async def _exchange(self, waiting: _Waiting) -> None:
        message_id = str(uuid.uuid4())
        reply: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._outstanding = (message_id, reply)
        try:
            await self._send(frames.encode_call(message_id, waiting.action, waiting.payload))
            await asyncio.wait([reply], timeout=CALL_TIMEOUT_S)
        finally:
            self._outstanding = None
        self.silent_calls = 0 if reply.done() else self.silent_calls + 1
        if not reply.done():
            logger.warning("%s: no answer to %s", self._name, waiting.action)
            _fail(waiting.result, CallTimeout(waiting.action))
            return
        answer = reply.result()
        if answer.type is MessageType.CALLERROR:
            _fail(waiting.result, CallRefused(waiting.action, answer.code, answer.description))
            return
        self._check_result(waiting.action, answer.payload)
        if not waiting.result.done():
            waiting.result.set_result(answer.payload)

    async def _send(self, frame: str) -> None:
        async with asyncio.timeout(_SEND_TIMEOUT_S):
            await self._connection.send(frame)

    async def _receive_all(self) -> None:
        async for raw in self._connection:
            await self._throttle.take()
            try:
                reply = self._receive(frames.decode(raw))
            except BadFrame as error:
                reply = self._complain_about(error)
            if reply is not None:
                await self._send(reply)
            if self._bad_frames > _MOST_BAD_FRAMES:
                logger.warning("%s: more than %d bad frames; connection dropped", self._name, _MOST_BAD_FRAMES)
                return

    def _receive(self, frame: Frame) -> str | None:
        match frame.type:
            case MessageType.CALL:
                return self._serve(frame)
            case MessageType.SEND:
                self._take_note(frame)
            case MessageType.CALLRESULT | MessageType.CALLERROR:
                self._settle(frame)
            case MessageType.CALLRESULTERROR:
                logger.warning("%s: could not use an answer: %s %s", self._name, frame.code, frame.description)
        return None

    def _settle(self, frame: Frame) -> None:
        if self._outstanding is None or self._outstanding[0] != frame.id or self._outstanding[1].done():
            logger.info("%s: an answer that nothing waits for was dropped %s", self._name, frame.code)
        else:
            self._outstanding[1].set_result(frame)

    def _serve(self, call: Frame) -> str:
        # A heartbeat has no effect, and stations that use one id for all would get an old time from memory.
        key = (call.id, call.action, hashlib.sha256(msgspec.json.encode(call.payload)).digest())
        if key in self._answered and call.action != "Heartbeat":
            logger.info("%s: a repeated %s was answered from memory", self._name, call.action)
            return self._answered[key]
        reply = self._reply_to(call)
        self._answered[key] = reply
        if len(self._answered) > _REMEMBERED_ANSWERS:
            self._answered.popitem(last=False)
        return reply

    def _reply_to(self, call: Frame) -> str:
        self._check_request(call)
        try:
            payload = self._answer(call.action, call.payload)
        except ActionUnknown:
            return frames.encode_error(call.id, "NotImplemented", f"{call.action} is not served here")
        except FieldError as error:
            self._complain_once(call.action, str(error))
            code = "FormationViolation" if self._version is Version.V16 else "FormatViolation"
            return frames.encode_error(call.id, code, str(error))
        problem = schemas.response_problem(self._version, call.action, payload)
        if problem:
            logger.error("%s: the hub's own answer to %s is invalid: %s", self._name, call.action, problem)
            return frames.encode_error(call.id, "InternalError", "the answer could not be made")
        return frames.encode_result(call.id, payload)

    def _take_note(self, message: Frame) -> None:
        self._check_request(message)
        try:
            self._answer(message.action, message.payload)
        except (ActionUnknown, FieldError):
            logger.debug("%s: an unanswerable %s was left out", self._name, message.action)

    def _complain_about(self, error: BadFrame) -> str | None:
        self._bad_frames += 1
        self._complain_once("frame", str(error))
        if not error.answerable:
            return None
        if self._version is not Version.V16:
            # 2.1 part 4 par. 4.2.3: where the id cannot be read, "-1" stands for it.
            return frames.encode_error(error.message_id or "-1", "RpcFrameworkError", str(error))
        return frames.encode_error(error.message_id, "GenericError", str(error)) if error.message_id else None

    def _check_request(self, frame: Frame) -> None:
        problem = schemas.request_problem(self._version, frame.action, frame.payload)
        if problem:
            self._complain_once(frame.action, problem)

    def _check_result(self, action: str, payload: Payload) -> None:
        problem = schemas.response_problem(self._version, action, payload)
        if problem:
            self._complain_once(f"{action} result", problem)

    def _complain_once(self, about: str, problem: str) -> None:
        if about not in self._complained and len(self._complained) < _REMEMBERED_ANSWERS:
            self._complained.add(about)
            logger.warning("%s: %s does not follow the standard: %s (said once)", self._name, about, problem)

    def _gone(self) -> DeviceUnreachable:
        return DeviceUnreachable("The charger is not connected; wait until it comes back or check its network.")


def _fail(result: asyncio.Future[Payload], error: Exception) -> None:
    if not result.done():
        result.set_exception(error)
