"""Serves the contract on the local socket.

A Unix domain socket of mode 0600; whoever connects must be the hub's own user or root (SO_PEERCRED). A reader that
is slow or frozen costs nothing: per connection only the newest value of each watched topic waits to be sent.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from homeapp import api
from homeapp.errors import EnvironmentProblem, HomeappError, NotAllowed

logger = logging.getLogger(__name__)

Handler = Callable[[Any], Awaitable[object]]
_LONGEST_SOCKET_PATH = 100
_WRITE_TIMEOUT_S = 30.0
_SHARED_PREFIX = "homeapp-"


def socket_path(data_dir: Path) -> Path:
    """Where the hub of this data directory listens; short enough for a socket address."""
    path = data_dir.resolve() / "hub.sock"
    if len(str(path).encode()) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    # Root asks the hub of another user at that user's place.
    uid = data_dir.stat().st_uid if data_dir.exists() else os.getuid()
    return Path(tempfile.gettempdir()) / f"{_SHARED_PREFIX}{uid}" / f"{digest}.sock"


def check_socket_directory(path: Path) -> None:
    """Anybody can make a directory in the one for temporary files first, and put a hub of his own into it.

    Raises:
        EnvironmentProblem: the directory of ``path`` is such a one.
    """
    directory = path.parent
    if directory.parent != Path(tempfile.gettempdir()) or not directory.name.startswith(_SHARED_PREFIX):
        return
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return
    is_own = str(found.st_uid) == directory.name.removeprefix(_SHARED_PREFIX)
    if not (is_own and stat.S_ISDIR(found.st_mode) and found.st_mode & 0o077 == 0):
        raise EnvironmentProblem(
            f"{directory} belongs to somebody else or can be changed by others. Remove it, or choose a data directory "
            "with a shorter path."
        )


class Server:
    """Answers calls with ``handlers`` and pushes ``current(topic)`` to those who watch.

    Attributes:
        handlers: one per call class of ``homeapp.api``; ``SayHello`` is handed the connection's role by ``hello``.
    """

    def __init__(
        self,
        path: Path,
        handlers: Mapping[type[api.Call[Any]], Handler],
        current: Callable[[api.Topic], api.Notification],
        hello: Callable[[api.Role], api.Hello],
    ) -> None:
        self._path = path
        self._handlers = handlers
        self._current = current
        self._hello = hello
        self._connections: set[_Connection] = set()

    def publish(self, topic: api.Topic) -> None:
        """The value of ``topic`` has changed."""
        for connection in self._connections:
            connection.mark(topic)

    async def run(self, started: Callable[[], None]) -> None:
        """Serve until cancelled; ``started`` is called once the socket accepts connections.

        Raises:
            EnvironmentProblem: the socket cannot be made.
        """
        server = await asyncio.start_unix_server(self._accept, sock=self._private_socket(), limit=api.MAX_LINE)
        try:
            started()
            await asyncio.Event().wait()
        finally:
            # Not server.wait_closed(): since Python 3.12 it waits until every client has gone by itself.
            server.close()
            for connection in list(self._connections):
                connection.close()
            self._path.unlink(missing_ok=True)

    def _private_socket(self) -> socket.socket:
        """Bound and of mode 0600 before anybody can connect; one that a dead hub has left is replaced."""
        made = socket.socket(socket.AF_UNIX)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_socket_directory(self._path)
            self._path.unlink(missing_ok=True)
            made.bind(os.fspath(self._path))
            self._path.chmod(0o600)
        except OSError as error:
            made.close()
            raise EnvironmentProblem(
                f"The local socket {self._path} cannot be made: {error.strerror}. Move away what is there, or mend the "
                "rights of its directory."
            ) from error
        except EnvironmentProblem:
            made.close()
            raise
        return made

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        role = _role_of_peer(writer.get_extra_info("socket"))
        if role is None:
            logger.warning("local socket: a connection by another user was closed")
            writer.close()
            return
        connection = _Connection(reader, writer, role, self._handlers, self._current, self._hello)
        self._connections.add(connection)
        try:
            await connection.serve()
        except asyncio.CancelledError:
            # The server is closing; asyncio would log a cancelled handler as an error.
            return
        finally:
            self._connections.discard(connection)


class _Connection:
    """One client: reads requests, answers each as it is done, pushes what has changed."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        role: api.Role,
        handlers: Mapping[type[api.Call[Any]], Handler],
        current: Callable[[api.Topic], api.Notification],
        hello: Callable[[api.Role], api.Hello],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._role = role
        self._handlers = handlers
        self._current = current
        self._hello = hello
        self._watched: set[api.Topic] = set()
        self._dirty: set[api.Topic] = set()
        self._wake = asyncio.Event()
        self._calls: asyncio.Semaphore = asyncio.Semaphore(16)

    def mark(self, topic: api.Topic) -> None:
        if topic in self._watched:
            self._dirty.add(topic)
            self._wake.set()

    def close(self) -> None:
        self._writer.close()

    async def serve(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                pusher = tasks.create_task(self._push())
                await self._read(tasks)
                pusher.cancel()
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
        if not self._role.covers(call.role):
            raise NotAllowed(f"This needs the role {call.role}; you are here as {self._role}.")
        if isinstance(call, api.SayHello):
            return self._hello(self._role)
        if isinstance(call, api.Watch):
            self._watched.update(call.topics)
            self._dirty.update(call.topics)
            self._wake.set()
            return None
        return await self._handlers[type(call)](call)

    async def _push(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._dirty:
                topic = self._dirty.pop()
                await self._send(api.encode_notification(topic, self._current(topic)))

    async def _send(self, line: bytes) -> None:
        self._writer.write(line)
        async with asyncio.timeout(_WRITE_TIMEOUT_S):
            await self._writer.drain()


def _role_of_peer(connection: socket.socket) -> api.Role | None:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    return api.Role.INSTALLER if uid in (os.getuid(), 0) else None
