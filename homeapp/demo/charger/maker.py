"""The maker of the demo street's charger: signs software and hands it out over https."""

import asyncio
import base64
import hashlib
import ssl

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp.demo.charger.firmware import MAGIC
from homeapp.demo.http_server import LARGEST_HEAD, HttpAnswer, HttpRequest, serve_connection
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.model.offer import Job

HOST = "127.0.0.1"
_FILLING = 4096


class ChargerMaker:
    """A web server with packages on a port of its own choice.

    Args:
        web: the authority of the server's certificate; the charger has to trust it for loading.

    Attributes:
        served: paths that were asked for, in order.
    """

    def __init__(self, web: StreetAuthority) -> None:
        self.served: list[str] = []
        self._tls: ssl.SSLContext = web.server_context()
        self._authority = StreetAuthority()
        issued = self._authority.issue_client("Charger software")
        key = serialization.load_pem_private_key(issued.key_pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(type(key))
        self._key = key
        self._certificate = issued.certificate_pem.decode()
        self._packages: dict[str, bytes] = {}
        self._port = 0
        self._up = asyncio.Event()

    @property
    def ca_pem(self) -> bytes:
        """The authority of its signing certificate, PEM: it is in the charger from the factory."""
        return self._authority.ca_pem

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
                self._up.clear()
                server.close()

    async def started(self) -> None:
        """Wait until it serves."""
        await self._up.wait()

    def publish(self, version: str, *, signed: bool = True) -> Job:
        """A new version; it must have been started."""
        package = MAGIC + version.encode() + b"\n" + bytes(_FILLING)
        path = f"/charger-{version}.bin"
        self._packages[path] = package
        return Job(
            version=version,
            location=f"https://{HOST}:{self._port}{path}",
            sha256=hashlib.sha256(package).hexdigest(),
            size_bytes=len(package),
            signing_certificate=self._certificate if signed else "",
            signature=base64.b64encode(self._key.sign(package, ec.ECDSA(hashes.SHA256()))).decode() if signed else "",
        )

    def spoil(self, job: Job) -> None:
        """Somebody has changed the package after it was signed."""
        path = job.location.removeprefix(f"https://{HOST}:{self._port}")
        self._packages[path] = self._packages[path][:-1] + b"\1"

    async def _respond(self, request: HttpRequest) -> HttpAnswer:
        self.served.append(request.path)
        package = self._packages.get(request.path)
        return HttpAnswer(404, b"") if package is None else HttpAnswer(200, package)
