"""One client of the local socket: reads calls, answers each as it is done, pushes what has changed.

A reader that is slow or frozen costs nothing: only the newest value of each watched topic waits to be sent.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from homeapp import api
from homeapp.access.access_control import AccessControl
from homeapp.access.caller import Caller
from homeapp.errors import HomeappError

logger = logging.getLogger(__name__)

Handler = Callable[[Any, api.Role], Awaitable[object]]
"""Carries a call out for a caller of this role, which the call's own role has let through."""

MOST_FAILED_LOGINS = 10
_CALLS_AT_ONCE = 16
_WRITE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all connections share.

    Attributes:
        handlers: see ``homeapp.server.Server``, as ``current`` and ``hello``.
        publish: tells all connections that a topic has changed.
    """

    handlers: Mapping[type[api.Call[Any]], Handler]
    current: Callable[[api.Topic], api.Notification]
    hello: Callable[[api.Role], api.Hello]
    access: AccessControl
    publish: Callable[[api.Topic], None]


class Connection:
    """``serve`` until the client goes away."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: Service) -> None:
        self._reader = reader
        self._writer = writer
        self._service = service
        self._caller = Caller(service.access)
        self._watched: set[api.Topic] = set()
        self._dirty: set[api.Topic] = set()
        self._wake = asyncio.Event()
        self._calls = asyncio.Semaphore(_CALLS_AT_ONCE)

    def mark(self, topic: api.Topic) -> None:
        """The value of ``topic`` has changed."""
        if topic in self._watched:
            self._dirty.add(topic)
            self._wake.set()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    def abort(self) -> None:
        """Hang up without waiting for one who does not read."""
        self._writer.transport.abort()

    async def serve(self) -> None:
        """Answer and push until the client goes away."""
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = [tasks.create_task(self._push()), tasks.create_task(self._fall_back())]
                await self._read(tasks)
                for task in beside:
                    task.cancel()
        except* (ConnectionError, TimeoutError):
            logger.debug("local socket: a client went away")
        finally:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:
                logger.warning("local socket: a line of more than %d bytes; connection closed", api.MAX_LINE)
                return
            if not line:
                return
            try:
                request = api.decode_request(line)
            except api.BadLine as error:
                await self._send(api.encode_error(error.request_id, error))
                continue
            await self._calls.acquire()
            tasks.create_task(self._answer(request))

    async def _answer(self, request: api.Request) -> None:
        try:
            await self._send(await self._line_for(request))
        finally:
            self._calls.release()
        if self._caller.failed_logins >= MOST_FAILED_LOGINS:
            logger.warning("local socket: %d wrong PINs over one connection; closed", self._caller.failed_logins)
            self.close()

    async def _line_for(self, request: api.Request) -> bytes:
        try:
            return api.encode_result(request.id, await self._carry_out(request.call))
        except HomeappError as error:
            return api.encode_error(request.id, error)
        except Exception:
            # One call that fails must not take the connection and the other calls on it down.
            logger.exception("local socket: %s failed", request.call.method)
            return api.encode_error(request.id, HomeappError("The hub failed at this; see its log."))

    async def _carry_out(self, call: api.Call[Any]) -> object:
        caller = self._caller.permit(call.needs())
        if call.role is not api.Role.GUEST:
            self.mark(api.Topic.ACCESS)
        match call:
            case api.SayHello():
                return self._service.hello(caller)
            case api.Watch():
                self._watched.update(call.topics)
                self._dirty.update(call.topics)
                self._wake.set()
                return None
            case api.LogIn() | api.LogOut() | api.SetPin() | api.SetOpenRole():
                return await self._change_access(call)
        return await self._service.handlers[type(call)](call, caller)

    async def _change_access(self, call: api.Call[Any]) -> api.AccessView:
        try:
            match call:
                case api.LogIn():
                    await self._caller.log_in(call.as_role, call.pin)
                case api.LogOut():
                    self._caller.log_out()
                case api.SetPin():
                    await self._caller.set_pin(call.for_role, call.pin)
                case api.SetOpenRole():
                    await self._service.access.set_open_role(call.open_role)
        finally:
            # Also after a wrong PIN: all are to know that none is looked at for a while.
            self._service.publish(api.Topic.ACCESS)
        return self._caller.view

    async def _fall_back(self) -> None:
        while True:
            await self._caller.falls_back()
            self.mark(api.Topic.ACCESS)

    async def _push(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._dirty:
                topic = self._dirty.pop()
                value = self._caller.view if topic is api.Topic.ACCESS else self._service.current(topic)
                await self._send(api.encode_notification(topic, value))

    async def _send(self, line: bytes) -> None:
        self._writer.write(line)
        async with asyncio.timeout(_WRITE_TIMEOUT_S):
            await self._writer.drain()
