"""The maker of the demo street's charger: signs software and hands it out over https."""

import base64
import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp.demo.charger.firmware import MAGIC
from homeapp.demo.http_server import HttpAnswer, HttpRequest
from homeapp.demo.https_server import HttpsServer
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.model.offer import Job

_FILLING = 4096


class ChargerMaker(HttpsServer):
    """A web server with packages on a port of its own choice.

    Args:
        web: the authority of the server's certificate; the charger has to trust it for loading.

    Attributes:
        served: paths that were asked for, in order.
    """

    def __init__(self, web: StreetAuthority) -> None:
        super().__init__(web.server_context())
        self.served: list[str] = []
        self._authority = StreetAuthority()
        issued = self._authority.issue_client("Charger software")
        key = serialization.load_pem_private_key(issued.key_pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(type(key))
        self._key = key
        self._certificate = issued.certificate_pem.decode()
        self._packages: dict[str, bytes] = {}

    @property
    def ca_pem(self) -> bytes:
        """The authority of its signing certificate, PEM: it is in the charger from the factory."""
        return self._authority.ca_pem

    def publish(self, version: str, *, signed: bool = True) -> Job:
        """A new version; it must have been started."""
        package = MAGIC + version.encode() + b"\n" + bytes(_FILLING)
        path = f"/charger-{version}.bin"
        self._packages[path] = package
        return Job(
            version=version,
            location=f"{self.origin}{path}",
            sha256=hashlib.sha256(package).hexdigest(),
            size_bytes=len(package),
            signing_certificate=self._certificate if signed else "",
            signature=base64.b64encode(self._key.sign(package, ec.ECDSA(hashes.SHA256()))).decode() if signed else "",
        )

    def spoil(self, job: Job) -> None:
        """Somebody has changed the package after it was signed."""
        path = job.location.removeprefix(self.origin)
        self._packages[path] = self._packages[path][:-1] + b"\1"

    async def _respond(self, request: HttpRequest) -> HttpAnswer:
        self.served.append(request.path)
        package = self._packages.get(request.path)
        return HttpAnswer(404, b"") if package is None else HttpAnswer(200, package)
