"""The OCPP-J message exchange over one websocket, on raw frames; the same at the hub's end to a station and to a CSMS.

One CALL of ours is outstanding at a time, the others wait by priority. CALLs of the peer are served in their order, in
a task of their own, so that serving one may wait for another peer while answers keep flowing. What the hub makes is
checked against the schemas; what others made is passed on byte for byte.
"""

import asyncio
import contextlib
import functools
import logging

import msgspec
from websockets.exceptions import ConnectionClosed

from devices.evce import frames, schemas
from devices.evce.calls_in import CallsIn, TooManyCalls, format_violation
from devices.evce.calls_out import Call, CallsOut
from devices.evce.conformity import Conformity
from devices.evce.fields import Payload
from devices.evce.frames import BadFrame, Frame, MessageType
from devices.evce.rpc_terms import (
    ActionUnknown,
    CallRefused,
    CallTimeout,
    Connection,
    Priority,
    Refusal,
    Serve,
    Superseded,
)
from devices.evce.schemas import Version
from devices.evce.throttle import Throttle
from devices.evce.time_limit import TimeLimit
from homeapp.errors import DeviceUnreachable, ProtocolError

__all__ = [
    "ActionUnknown",
    "CallRefused",
    "CallTimeout",
    "Connection",
    "Priority",
    "Refusal",
    "RpcPeer",
    "Serve",
    "Superseded",
    "Throttle",
]

logger = logging.getLogger(__name__)

CALL_TIMEOUT_S = 30.0
STATION_AWAY = "The charger is not connected; wait until it comes back or check its network."
_SEND_TIMEOUT_S = 30.0
_MOST_BAD_FRAMES = 100


class RpcPeer:
    """The hub's end of the exchange with one station or one CSMS."""

    def __init__(
        self,
        name: str,
        version: Version,
        connection: Connection,
        serve: Serve,
        throttle: Throttle,
        *,
        call_timeout_s: float | None = None,
        absence: str = STATION_AWAY,
    ) -> None:
        """Take a connection.

        Args:
            name: of the peer, for the log.
            version: the version agreed on.
            connection: the open socket.
            serve: serves the peer's CALLs and SENDs.
            throttle: how fast the peer may be.
            call_timeout_s: seconds that an answer may take; ``CALL_TIMEOUT_S`` where it is None.
            absence: the sentence for people where the socket is closed.
        """
        self._name = name
        self._version = version
        self._connection = connection
        self._throttle = throttle
        self._call_timeout_s = call_timeout_s
        self._absence = absence
        self._conformity = Conformity(name, version)
        self._out = CallsOut(name, self._send, absence)
        self._in = CallsIn(name, version, serve, self._send, throttle, self._conformity)
        self._bad_frames = 0
        self._sending = 0
        self._stuck = asyncio.Event()
        self._send_limit = TimeLimit(self._stuck.set)
        self._closed = False

    @property
    def silent_calls(self) -> int:
        """CALLs in a row that were not answered in time."""
        return self._out.silent_calls

    async def run(self) -> None:
        """Exchange messages until the socket closes or the peer is past bearing."""
        try:
            async with asyncio.TaskGroup() as tasks:
                workers = [tasks.create_task(self._out.run()), tasks.create_task(self._in.run())]
                workers.append(tasks.create_task(self._watch_sending()))
                await self._receive_all()
                for worker in workers:
                    worker.cancel()
        except* (ConnectionClosed, _Stuck):
            logger.debug("%s: the socket is gone", self._name)
        finally:
            self._closed = True
            self._send_limit.close()
            self._out.close()

    async def call(
        self,
        action: str,
        payload: Payload,
        *,
        priority: Priority = Priority.HOUSEKEEPING,
        replaces: str | None = None,
    ) -> Payload:
        """Send a CALL and wait for its result.

        A result that breaks its schema is given back all the same, unless something that it must have is missing or of
        the wrong type: nobody could use that one, and a 2.1 peer is told so by a CALLRESULTERROR.

        Args:
            action: name in the standard.
            payload: camelCase, valid against the schema of the version in use.
            priority: its place in the queue.
            replaces: CALLs with the same word that still wait are dropped.

        Raises:
            CallRefused: answered with a CALLERROR, or with a result that nobody could use.
            CallTimeout: not answered in time.
            Superseded: a newer one took its place.
            DeviceUnreachable: the socket is closed, or too much waits already.
            ProtocolError: the payload breaks the schema.
        """
        self._must_be_valid(action, payload)
        timeout_s = self._timeout_s()
        answer = await self._out.make(
            Call(action=action, payload=payload, priority=priority, timeout_s=timeout_s, replaces=replaces)
        )
        if answer.type is MessageType.CALLERROR:
            raise CallRefused(action, answer.code, answer.description)
        problem = self._conformity.check_result(action, answer.payload)
        if problem and schemas.response_unusable(self._version, action, answer.payload):
            code = format_violation(self._version)
            if self._version is Version.V21:
                await self._tell(frames.encode_result_error(answer.id, code, problem))
            raise CallRefused(action, code, problem)
        return answer.payload

    async def relay(
        self,
        action: str,
        raw: bytes,
        *,
        priority: Priority = Priority.PROVIDER,
        message_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Frame:
        """Pass somebody else's CALL on, its payload byte for byte, and return the CALLRESULT or CALLERROR.

        Nothing is checked on the way out: whoever made the payload answers for it. A result that breaks its schema is
        logged once.

        Args:
            action: name in the standard.
            raw: the payload, the ``raw`` of a frame.
            priority: its place in the queue.
            message_id: where the CALL may be a repetition, its id; else a new UUID is taken.
            timeout_s: seconds that sending it and the answer may take.

        Raises:
            CallTimeout: not answered in time.
            DeviceUnreachable: the socket is closed, or too much waits already.
        """
        answer = await self._out.make(
            Call(
                action=action,
                payload=msgspec.Raw(raw),
                priority=priority,
                timeout_s=self._timeout_s() if timeout_s is None else timeout_s,
                message_id=message_id or "",
            )
        )
        if answer.type is MessageType.CALLRESULT:
            self._conformity.check_result(action, answer.payload)
        return answer

    def relay_soon(
        self, action: str, raw: bytes, *, priority: Priority = Priority.PROVIDER, message_id: str
    ) -> asyncio.Future[Frame]:
        """``relay`` without waiting for anything: the future has what that returns or raises.

        Raises:
            DeviceUnreachable: the socket is closed, or too much waits already.
        """
        answer = self._out.queue(
            Call(
                action=action,
                payload=msgspec.Raw(raw),
                priority=priority,
                timeout_s=self._timeout_s(),
                message_id=message_id,
            )
        )
        answer.add_done_callback(functools.partial(self._look_at, action))
        return answer

    def _look_at(self, action: str, answer: asyncio.Future[Frame]) -> None:
        # Asked for even where nobody wants it any more, so that it counts as seen.
        if answer.cancelled() or answer.exception() is not None:
            return
        frame = answer.result()
        if frame.type is MessageType.CALLRESULT:
            self._conformity.check_result(action, frame.payload)

    async def send(self, action: str, payload: Payload | msgspec.Raw) -> None:
        """Send a SEND of 2.1, which is never answered and waits for nothing; a ``msgspec.Raw`` goes byte for byte.

        Raises:
            DeviceUnreachable: the socket is closed.
            ProtocolError: the payload breaks the schema, or the version knows no SEND.
        """
        if self._version is not Version.V21:
            raise ProtocolError(f"{self._version.value} has no message without an answer; {action} was not sent.")
        if not isinstance(payload, msgspec.Raw):
            self._must_be_valid(action, payload)
        if self._closed:
            raise DeviceUnreachable(self._absence)
        try:
            await self._send(frames.encode_send(action, payload))
        except ConnectionClosed as error:
            raise DeviceUnreachable(self._absence) from error

    def _timeout_s(self) -> float:
        return CALL_TIMEOUT_S if self._call_timeout_s is None else self._call_timeout_s

    def _must_be_valid(self, action: str, payload: Payload) -> None:
        problem = schemas.request_problem(self._version, action, payload)
        if problem:
            raise ProtocolError(f"The hub made an invalid {action} ({problem}); nothing was sent.")

    async def _send(self, frame: str) -> None:
        self._sending += 1
        self._send_limit.begin(_SEND_TIMEOUT_S)
        try:
            await self._connection.send(frame)
        finally:
            self._sending -= 1
            if self._sending == 0:
                self._send_limit.end()

    async def _watch_sending(self) -> None:
        await self._stuck.wait()
        raise _Stuck

    async def _tell(self, frame: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._send(frame)

    async def _receive_all(self) -> None:
        async for raw in self._connection:
            try:
                await self._receive(frames.decode(raw))
            except BadFrame as error:
                await self._throttle.take()
                await self._complain_about(error)
            except TooManyCalls:
                logger.warning("%s: it does not wait for answers to its CALLs; connection dropped", self._name)
                return
            if self._bad_frames > _MOST_BAD_FRAMES:
                logger.warning("%s: more than %d bad frames; connection dropped", self._name, _MOST_BAD_FRAMES)
                return

    async def _receive(self, frame: Frame) -> None:
        match frame.type:
            case MessageType.CALL:
                # Who is too fast has to wait where it is served, so that answers to the hub need not.
                self._in.put(frame)
            case MessageType.SEND:
                await self._throttle.take()
                self._in.put(frame)
            case MessageType.CALLRESULT | MessageType.CALLERROR:
                if not self._out.settle(frame):
                    logger.info("%s: an answer that nothing waits for was dropped %s", self._name, frame.code)
                    await self._throttle.take()
            case MessageType.CALLRESULTERROR:
                logger.warning("%s: could not use an answer: %s %s", self._name, frame.code, frame.description)
                await self._throttle.take()

    async def _complain_about(self, error: BadFrame) -> None:
        self._bad_frames += 1
        self._conformity.complain_once("frame", str(error))
        if error.type is MessageType.CALLRESULT and error.message_id:
            await self._settle_without_result(error.message_id, str(error))
        elif error.answerable and self._version is not Version.V16:
            # 2.1 part 4 par. 4.2.3: where the id cannot be read, "-1" stands for it.
            await self._send(frames.encode_error(error.message_id or "-1", "RpcFrameworkError", str(error)))
        elif error.answerable and error.message_id:
            await self._send(frames.encode_error(error.message_id, "GenericError", str(error)))

    async def _settle_without_result(self, message_id: str, problem: str) -> None:
        code = format_violation(self._version)
        settled = self._out.settle(Frame(MessageType.CALLERROR, message_id, code=code, description=problem, raw=b"{}"))
        if settled and self._version is Version.V21:
            await self._send(frames.encode_result_error(message_id, code, problem))


class _Stuck(Exception):
    """The socket does not take a frame any more."""
