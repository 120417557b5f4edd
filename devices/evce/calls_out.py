"""The CALLs that the hub makes over one connection: one is outstanding at a time, the others wait by priority."""

import asyncio
import heapq
import itertools
import logging
import uuid
from dataclasses import dataclass, field

import msgspec
from websockets.exceptions import ConnectionClosed

from devices.evce import frames
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.rpc_terms import CallTimeout, Priority, Send, Superseded
from devices.evce.time_limit import TimeLimit
from homeapp.errors import DeviceUnreachable

logger = logging.getLogger(__name__)

_MOST_QUEUED = 64


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A CALL to make.

    Attributes:
        priority: its place among those that wait.
        timeout_s: seconds that sending it and its answer may take.
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
    message_id: str = field(compare=False)
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
        self._turn = asyncio.Event()
        self._outstanding: _Waiting | None = None
        self._limit = TimeLimit(self._not_answered)
        self._closed = False

    async def make(self, call: Call) -> Frame:
        """Send a CALL when its turn comes and return its CALLRESULT or CALLERROR.

        Raises:
            CallTimeout: not answered in time.
            Superseded: a newer one took its place.
            DeviceUnreachable: the socket is closed, or too much waits already.
        """
        waiting = self._taken_in(call)
        if self._outstanding is None and not self._queue:
            await self._put_out(waiting)
        else:
            heapq.heappush(self._queue, waiting)
        return await waiting.answer

    def queue(self, call: Call) -> asyncio.Future[Frame]:
        """``make`` without waiting for anything: the future has what that returns or raises.

        Raises:
            DeviceUnreachable: the socket is closed, or too much waits already.
        """
        waiting = self._taken_in(call)
        heapq.heappush(self._queue, waiting)
        if self._outstanding is None:
            self._turn.set()
        return waiting.answer

    def settle(self, frame: Frame) -> bool:
        """Give an answer to the CALL that waits for it; False where none does."""
        settled = self._outstanding
        if settled is None or settled.message_id != frame.id:
            return False
        self.silent_calls = 0
        self._next_turn()
        if not settled.answer.done():
            settled.answer.set_result(frame)
        return True

    async def run(self) -> None:
        """Send what waits, one after the other, without end."""
        while True:
            await self._turn.wait()
            self._turn.clear()
            while self._outstanding is None and self._queue:
                waiting = heapq.heappop(self._queue)
                if not waiting.answer.done():
                    await self._put_out(waiting)

    def close(self) -> None:
        """The socket is gone: whoever waits is told so."""
        self._closed = True
        self._limit.close()
        for waiting in (*self._queue, *([self._outstanding] if self._outstanding else [])):
            _fail(waiting.answer, DeviceUnreachable(self._absence))
        self._queue.clear()
        self._outstanding = None

    def _taken_in(self, call: Call) -> "_Waiting":
        if self._closed or len(self._queue) >= _MOST_QUEUED:
            raise DeviceUnreachable(self._absence)
        if call.replaces is not None:
            self._drop_queued(call.replaces)
        message_id = call.message_id or str(uuid.uuid4())
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        return _Waiting(call.priority, next(self._order), message_id, call, answer)

    def _drop_queued(self, word: str) -> None:
        for waiting in [item for item in self._queue if item.call.replaces == word]:
            self._queue.remove(waiting)
            _fail(waiting.answer, Superseded())
        heapq.heapify(self._queue)

    async def _put_out(self, waiting: _Waiting) -> None:
        call = waiting.call
        self._outstanding = waiting
        self._limit.begin(call.timeout_s)
        try:
            await self._send(frames.encode_call(waiting.message_id, call.action, call.payload))
        except ConnectionClosed:
            # The exchange finds that out by itself; here it only means that there will be no answer.
            _fail(waiting.answer, DeviceUnreachable(self._absence))

    def _not_answered(self) -> None:
        silent = self._outstanding
        if silent is None:
            return
        self.silent_calls += 1
        logger.warning("%s: no answer to %s", self._name, silent.call.action)
        self._next_turn()
        _fail(silent.answer, CallTimeout(silent.call.action))

    def _next_turn(self) -> None:
        self._outstanding = None
        self._limit.end()
        if self._queue:
            self._turn.set()


def _fail(answer: asyncio.Future[Frame], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
