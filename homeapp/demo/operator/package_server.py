"""Where the street's software packages are fetched: https on this machine."""

import ssl
from dataclasses import dataclass
from hashlib import sha256

from homeapp.demo.http_server import HttpAnswer, HttpRequest
from homeapp.demo.https_server import HttpsServer


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


class PackageServer(HttpsServer):
    """Serves what is published, and nothing else.

    Attributes:
        fetched: paths that were asked for, oldest first.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(tls)
        self.fetched: list[str] = []
        self._packages: dict[str, bytes] = {}

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
            location=f"{self.origin}{path}",
            sha256=sha256(package).hexdigest(),
            size_bytes=len(package),
        )

    def replace(self, package: Package, content: bytes) -> None:
        """Serve something else in the place of ``package``, as a thief of the server would."""
        self._packages[package.location.removeprefix(self.origin)] = content

    async def _respond(self, request: HttpRequest) -> HttpAnswer:
        self.fetched.append(request.path)
        package = self._packages.get(request.path)
        if request.method != "GET" or package is None:
            return HttpAnswer(404, b"", content_type="text/plain")
        return HttpAnswer(200, package, content_type="application/octet-stream")
