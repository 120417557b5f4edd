"""Where the street's software packages are fetched: https on this machine."""

import asyncio
import ssl
from dataclasses import dataclass
from hashlib import sha256

from homeapp.demo.http_server import LARGEST_HEAD, HttpAnswer, HttpRequest, serve_connection

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A piece of software that can be fetched.

    Attributes:
        location: https URL.
        sha256: of the package, hexadecimal.
        manifest: compact JWS by the manufacturer over version, size and hash; empty where it has not signed it.
    """

    version: str
    location: str
    sha256: str
    size_bytes: int
    manifest: str = ""


class PackageServer:
    """Serves what is published, and nothing else.

    Attributes:
        fetched: paths that were asked for, oldest first.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.fetched: list[str] = []
        self._tls = tls
        self._packages: dict[str, bytes] = {}
        self._port = 0
        self._up = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as connections:

            def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connections.create_task(serve_connection(reader, writer, self._answer, None))

            server = await asyncio.start_server(
                accepted, _HOST, self._port, ssl=self._tls, limit=LARGEST_HEAD, ssl_shutdown_timeout=1.0
            )
            self._port = server.sockets[0].getsockname()[1]
            self._up.set()
            try:
                await asyncio.Event().wait()
            finally:
                self._up.clear()
                server.close()

    async def started(self) -> None:
        """Wait until it serves."""
        await self._up.wait()

    def publish(self, name: str, version: str, package: bytes) -> Package:
        """Let ``package`` be fetched; to be called while it serves.

        Args:
            name: of what the software is for, for example ``charger``.
            version: of the software.
            package: the software itself.
        """
        path = f"/{name}/{version}.bin"
        self._packages[path] = package
        return Package(
            version=version,
            location=f"https://{_HOST}:{self._port}{path}",
            sha256=sha256(package).hexdigest(),
            size_bytes=len(package),
        )

    def replace(self, package: Package, content: bytes) -> None:
        """Serve something else in the place of ``package``, as a thief of the server would."""
        self._packages[package.location.removeprefix(f"https://{_HOST}:{self._port}")] = content

    async def _answer(self, request: HttpRequest) -> HttpAnswer:
        self.fetched.append(request.path)
        package = self._packages.get(request.path)
        if request.method != "GET" or package is None:
            return HttpAnswer(404, b"", content_type="text/plain")
        return HttpAnswer(200, package, content_type="application/octet-stream")
