"""Serves the contract on the local socket.

A Unix domain socket of mode 0600; whoever connects must be the hub's own user or root (SO_PEERCRED). What each may do
is decided per connection (``homeapp.access.caller``).
"""

import asyncio
import hashlib
import logging
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from homeapp import api
from homeapp.access.access_control import AccessControl
from homeapp.connection import Connection, Handler, Service
from homeapp.errors import EnvironmentProblem

__all__ = ["MOST_CONNECTIONS", "Handler", "Server", "check_socket_directory", "socket_path"]

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 32
_HANG_UP_WITHIN_S = 1.0
_LONGEST_SOCKET_PATH = 100
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
        handlers: one per call class of ``homeapp.api`` but those about the connection itself; ``SayHello`` is
            answered by ``hello`` with the connection's role.
        access: what a connection begins with, and the PINs that raise it.
    """

    def __init__(
        self,
        path: Path,
        handlers: Mapping[type[api.Call[Any]], Handler],
        current: Callable[[api.Topic], api.Notification],
        hello: Callable[[api.Role], api.Hello],
        access: AccessControl,
    ) -> None:
        self._path = path
        self._service = Service(handlers=handlers, current=current, hello=hello, access=access, publish=self.publish)
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._is_ending = False

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
            self._is_ending = True
            server.close()
            self._path.unlink(missing_ok=True)
            await self._hang_up()

    async def _hang_up(self) -> None:
        """End all connections and what they have asked for; who reads gets what was answered already."""
        serving = tuple(self._connections.values())
        for connection, task in self._connections.items():
            connection.close()
            task.cancel()
        if serving:
            _, late = await asyncio.wait(serving, timeout=_HANG_UP_WITHIN_S)
            for connection in tuple(self._connections) if late else ():
                connection.abort()
            await asyncio.wait(serving)

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
        if self._is_ending:
            # Taken in the moment in which this ends: whoever it is asks the next hub.
            writer.close()
            return
        if not _is_own_user(writer.get_extra_info("socket")):
            logger.warning("local socket: a connection by another user was closed")
            writer.close()
            return
        if len(self._connections) >= MOST_CONNECTIONS:
            logger.warning("local socket: %d connections are open; one more was closed", MOST_CONNECTIONS)
            writer.close()
            return
        serving = asyncio.current_task()
        if serving is None:
            raise RuntimeError("a connection is served by a task of its own")
        connection = Connection(reader, writer, self._service)
        self._connections[connection] = serving
        try:
            await connection.serve()
        except asyncio.CancelledError:
            # The server is closing; asyncio would log a cancelled handler as an error.
            return
        finally:
            del self._connections[connection]


def _is_own_user(connection: socket.socket) -> bool:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    return uid in (os.getuid(), 0)
