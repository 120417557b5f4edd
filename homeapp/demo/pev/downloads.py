"""Where the simulated manufacturer hands its software out, over HTTPS."""

import asyncio
import ssl

from homeapp.demo.http_server import LARGEST_HEAD, HttpAnswer, HttpRequest, serve_connection

HOST = "127.0.0.1"


class Downloads:
    """Files on a port of its own choice.

    Args:
        tls: of the server, with its certificate.

    Attributes:
        asked: the paths that were asked for, in order.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.asked: list[str] = []
        self._tls = tls
        self._files: dict[str, bytes] = {}
        self._port = 0
        self._up = asyncio.Event()

    def offer(self, name: str, content: bytes) -> str:
        """Hand ``content`` out from now on; returns its URL. It must have been started."""
        self._files[f"/{name}"] = content
        return f"https://{HOST}:{self._port}/{name}"

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as connections:

            def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connections.create_task(serve_connection(reader, writer, self._respond, None))

            server = await asyncio.start_server(
                accepted, HOST, self._port, ssl=self._tls, limit=LARGEST_HEAD, ssl_shutdown_timeout=1.0
            )
            self._port = server.sockets[0].getsockname()[1]
            self._up.set()
            try:
                await asyncio.Event().wait()
            finally:
                server.close()

    async def started(self) -> None:
        """Wait until it serves."""
        await self._up.wait()

    async def _respond(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request.path)
        content = self._files.get(request.path)
        return HttpAnswer(404, b"") if content is None else HttpAnswer(200, content)
