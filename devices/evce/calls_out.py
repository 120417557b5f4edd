"""The CALLs that the hub makes over one connection: one is outstanding at a time, the others wait by priority."""

import asyncio
import heapq
import itertools
import logging
import uuid
from dataclasses import dataclass, field

import msgspec

from devices.evce import frames
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.rpc_terms import CallTimeout, Priority, Send, Superseded
from homeapp.errors import DeviceUnreachable

logger = logging.getLogger(__name__)

_MOST_QUEUED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A CALL to make.

    Attributes:
        priority: its place among those that wait.
        timeout_s: seconds that its answer may take once it is on the wire.
        replaces: CALLs with the same word that still wait are dropped.
        message_id: a new UUID where it is empty.
    """

    action: str
    payload: Payload | msgspec.Raw
    priority: Priority
    timeout_s: float
    replaces: str | None = None
    message_id: str = ""


@dataclass(order=True, slots=True)
class _Waiting:
    priority: Priority
    order: int
    call: Call = field(compare=False)
    answer: asyncio.Future[Frame] = field(compare=False)


class CallsOut:
    """The queue of CALLs to one peer and the one that is outstanding.

    Attributes:
        silent_calls: CALLs in a row that were not answered in time.
    """

    def __init__(self, name: str, send: Send, absence: str) -> None:
        self.silent_calls = 0
        self._name = name
        self._send = send
        self._absence = absence
        self._order = itertools.count()
        self._queue: list[_Waiting] = []
        self._queued = asyncio.Event()
        self._outstanding: tuple[str, asyncio.Future[Frame]] | None = None
        self._closed = False

    async def make(self, call: Call) -> Frame:
        """Send a CALL when its turn comes and return its CALLRESULT or CALLERROR.

        Raises:
            CallTimeout: not answered in time.
            Superseded: a newer one took its place.
            DeviceUnreachable: the socket is closed, or too much waits already.
        """
        if self._closed or len(self._queue) >= _MOST_QUEUED:
            raise DeviceUnreachable(self._absence)
        if call.replaces is not None:
            self._drop_queued(call.replaces)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, _Waiting(call.priority, next(self._order), call, answer))
        self._queued.set()
        return await answer

    def settle(self, frame: Frame) -> bool:
        """Give an answer to the CALL that waits for it; False where none does."""
        if self._outstanding is None or self._outstanding[0] != frame.id or self._outstanding[1].done():
            return False
        self._outstanding[1].set_result(frame)
        return True

    async def run(self) -> None:
        """Send what waits, one after the other, without end."""
        while True:
            while not self._queue:
                self._queued.clear()
                await self._queued.wait()
            waiting = heapq.heappop(self._queue)
            if not waiting.answer.done():
                try:
                    await self._exchange(waiting)
                finally:
                    _fail(waiting.answer, DeviceUnreachable(self._absence))

    def close(self) -> None:
        """The socket is gone: whoever waits is told so."""
        self._closed = True
        for waiting in self._queue:
            _fail(waiting.answer, DeviceUnreachable(self._absence))
        self._queue.clear()

    def _drop_queued(self, word: str) -> None:
        for waiting in [item for item in self._queue if item.call.replaces == word]:
            self._queue.remove(waiting)
            _fail(waiting.answer, Superseded())
        heapq.heapify(self._queue)

    async def _exchange(self, waiting: _Waiting) -> None:
        call = waiting.call
        message_id = call.message_id or str(uuid.uuid4())
        reply: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._outstanding = (message_id, reply)
        try:
            await self._send(frames.encode_call(message_id, call.action, call.payload))
            await asyncio.wait([reply], timeout=call.timeout_s)
        finally:
            self._outstanding = None
        if not reply.done():
            self.silent_calls += 1
            logger.warning("%s: no answer to %s", self._name, call.action)
            _fail(waiting.answer, CallTimeout(call.action))
            return
        self.silent_calls = 0
        if not waiting.answer.done():
            waiting.answer.set_result(reply.result())


def _fail(answer: asyncio.Future[Frame], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
