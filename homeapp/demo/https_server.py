"""An HTTPS server on the loopback interface: what the simulated peers have in common."""

import asyncio
import functools
import ssl
from abc import ABC, abstractmethod

from homeapp.demo.connections import Connections
from homeapp.demo.http_server import LARGEST_HEAD, HttpAnswer, HttpRequest, serve_connection

HOST = "127.0.0.1"


class HttpsServer(ABC):
    """Takes a free port when it is first run, and the same one when it is run again."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._port = 0
        self._up = asyncio.Event()

    @property
    def origin(self) -> str:
        """``https://host:port``; it must have been started."""
        return f"https://{HOST}:{self._port}"

    async def run(self) -> None:
        """Serve until cancelled; may be called again."""
        async with asyncio.TaskGroup() as tasks:
            connections = Connections(tasks, functools.partial(serve_connection, answer=self._respond, stream=None))
            server = await asyncio.start_server(
                connections.accepted, HOST, self._port, ssl=self._tls, limit=LARGEST_HEAD, ssl_shutdown_timeout=1.0
            )
            self._port = server.sockets[0].getsockname()[1]
            self._up.set()
            try:
                await asyncio.Event().wait()
            finally:
                self._up.clear()
                server.close()
                connections.close()

    async def started(self) -> None:
        """Wait until it serves."""
        await self._up.wait()

    @abstractmethod
    async def _respond(self, request: HttpRequest) -> HttpAnswer | None:
        """The HTTP API; None stands for not answering at all."""
