"""The CALLs and SENDs of a peer: served one after the other, in the order they came, a repeated CALL from memory.

Serving may wait for somebody else, because answers to the hub's own CALLs do not come through here. The standard
allows a peer one unanswered CALL (OCPP 2.1 part 4 par. 4.1.1). One that heaps them up loses its connection rather than
a message: what was not answered it has to send again.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict, deque

import msgspec

from devices.evce import frames, schemas
from devices.evce.conformity import Conformity
from devices.evce.fields import FieldError
from devices.evce.frames import Frame, MessageType
from devices.evce.rpc_terms import ActionUnknown, CallTimeout, Refusal, Send, Serve
from devices.evce.schemas import Version
from devices.evce.throttle import Throttle
from homeapp.errors import HomeappError

logger = logging.getLogger(__name__)

MOST_UNANSWERED = 64
_REMEMBERED_ANSWERS = 64
_REMEMBERED_BYTES = 1 << 20


class TooManyCalls(Exception):
    """The peer does not wait for its answers."""


class CallsIn:
    """The queue of what a peer wants served."""

    def __init__(
        self, name: str, version: Version, serve: Serve, send: Send, throttle: Throttle, conformity: Conformity
    ) -> None:
        self._name = name
        self._version = version
        self._serve = serve
        self._send = send
        self._throttle = throttle
        self._conformity = conformity
        self._queue: deque[Frame] = deque()
        self._queued = asyncio.Event()
        self._answered: OrderedDict[tuple[str, str, bytes], str] = OrderedDict()
        self._answered_size = 0

    def put(self, frame: Frame) -> None:
        """Take a CALL or SEND in; a SEND that comes while the queue is full is left out, as its sender must expect.

        Raises:
            TooManyCalls: a CALL came while the queue is full.
        """
        if len(self._queue) < MOST_UNANSWERED:
            self._queue.append(frame)
            self._queued.set()
        elif frame.type is MessageType.CALL:
            raise TooManyCalls
        else:
            self._conformity.complain_once(frame.action, "more of it than can be taken in")

    async def run(self) -> None:
        """Serve what comes, without end."""
        while True:
            while not self._queue:
                self._queued.clear()
                await self._queued.wait()
            frame = self._queue.popleft()
            if frame.type is MessageType.SEND:
                await self._take_note(frame)
            else:
                await self._throttle.take()
                await self._send(await self._reply_to(frame))

    async def _reply_to(self, call: Frame) -> str:
        key = (call.id, call.action, hashlib.sha256(call.raw).digest())
        reply = self._answered.get(key)
        if reply is not None:
            logger.info("%s: a repeated %s was answered from memory", self._name, call.action)
            return reply
        try:
            reply = await self._served(call)
        except (CallTimeout, HomeappError) as error:
            # Not remembered: repeated, it may be served.
            logger.warning("%s: %s could not be served: %s", self._name, call.action, error)
            return frames.encode_error(call.id, "InternalError", "it cannot be served now")
        # A heartbeat has no effect, and stations that use one id for all would get an old time from memory.
        if call.action != "Heartbeat":
            self._remember(key, reply)
        return reply

    def _remember(self, key: tuple[str, str, bytes], reply: str) -> None:
        self._answered[key] = reply
        self._answered_size += len(reply)
        while len(self._answered) > _REMEMBERED_ANSWERS or self._answered_size > _REMEMBERED_BYTES:
            if len(self._answered) == 1:
                return
            _, forgotten = self._answered.popitem(last=False)
            self._answered_size -= len(forgotten)

    async def _served(self, call: Frame) -> str:
        self._conformity.check_request(call.action, call.payload)
        try:
            result = await self._serve(call)
        except ActionUnknown:
            return frames.encode_error(call.id, "NotImplemented", f"{call.action} is not served here")
        except FieldError as error:
            self._conformity.complain_once(call.action, str(error))
            return frames.encode_error(call.id, format_violation(self._version), str(error))
        except Refusal as refusal:
            return frames.encode_error(call.id, refusal.code, refusal.description, refusal.details)
        if not isinstance(result, msgspec.Raw):
            problem = schemas.response_problem(self._version, call.action, result)
            if problem:
                logger.error("%s: the hub's own answer to %s is invalid: %s", self._name, call.action, problem)
                return frames.encode_error(call.id, "InternalError", "the answer could not be made")
        return frames.encode_result(call.id, result)

    async def _take_note(self, message: Frame) -> None:
        self._conformity.check_request(message.action, message.payload)
        try:
            await self._serve(message)
        except (ActionUnknown, CallTimeout, FieldError, HomeappError, Refusal):
            logger.debug("%s: an unanswerable %s was left out", self._name, message.action)


def format_violation(version: Version) -> str:
    """The error code for a payload that breaks its schema; 1.6 writes it in its own way."""
    return "FormationViolation" if version is Version.V16 else "FormatViolation"
