"""The simulated station renews its software: it loads the package, checks its signature, installs it and starts anew.

A package is a line ``HOMEAPP-DEMO-FIRMWARE <version>`` and what follows. Signatures are SHA-256 with ECDSA or RSA-PSS
(OCPP 2.0.1 L01).
"""

import asyncio
import base64
import binascii
import logging
import re
import ssl
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from homeapp.ports import Clock

logger = logging.getLogger(__name__)

MAGIC = b"HOMEAPP-DEMO-FIRMWARE "
_LARGEST = 16 << 20
_TIMEOUT_S = 20.0
_VERSION = re.compile(r"[A-Za-z0-9._+-]{1,50}")
_LOOK_AGAIN_S = 2.0


class FirmwareStatus(StrEnum):
    """How far it has come; the words of OCPP."""

    DOWNLOADING = "Downloading"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADED = "Downloaded"
    SIGNATURE_VERIFIED = "SignatureVerified"
    INVALID_SIGNATURE = "InvalidSignature"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALLING = "Installing"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLED = "Installed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareRequest:
    """What a CSMS asks for.

    Attributes:
        request_id: to be told with each status, or None in the unsigned request of 1.6.
        signing_certificate, signature: PEM and Base64, or both empty.
    """

    location: str
    request_id: int | None = None
    signing_certificate: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """Whom the station trusts.

    Attributes:
        web: for the server that the package comes from; None for the machine's authorities.
        maker_pem: the authority of its maker, PEM, which has issued the signing certificate; None trusts any.
    """

    web: ssl.SSLContext | None = None
    maker_pem: bytes | None = None

    def accepts(self, request: FirmwareRequest) -> bool:
        """Whether the signing certificate is one of the maker's; True where there is none."""
        if not request.signing_certificate:
            return True
        try:
            certificate = x509.load_pem_x509_certificate(request.signing_certificate.encode())
            if self.maker_pem is not None:
                certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(self.maker_pem))
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


class FirmwareInstaller:
    """Carries out one request after the other.

    Args:
        trusted: whom to believe.
        clock: the street's.
        tell: called with each new status.
        busy: energy flows, so nothing may be installed.
        restart: called with the new version; the station is to start anew with it.
    """

    def __init__(
        self,
        *,
        trusted: Trusted,
        clock: Clock,
        tell: Callable[[FirmwareRequest, FirmwareStatus], None],
        busy: Callable[[], bool],
        restart: Callable[[FirmwareRequest, str], None],
    ) -> None:
        self._trusted = trusted
        self._clock = clock
        self._tell = tell
        self._busy = busy
        self._restart = restart
        self._request: FirmwareRequest | None = None
        self._asked = asyncio.Event()

    def ask(self, request: FirmwareRequest) -> str:
        """The status to answer a request with."""
        if not self._trusted.accepts(request):
            return "InvalidCertificate"
        if self._request is not None:
            return "Rejected"
        self._request = request
        self._asked.set()
        return "Accepted"

    async def run(self) -> None:
        """Install what is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            if self._request is not None:
                await self._carry_out(self._request)
                self._request = None

    async def _carry_out(self, request: FirmwareRequest) -> None:
        self._tell(request, FirmwareStatus.DOWNLOADING)
        try:
            package = await asyncio.to_thread(_fetch, request.location, self._trusted.web)
        except (OSError, ValueError) as error:
            logger.info("the package cannot be loaded: %s", error)
            self._tell(request, FirmwareStatus.DOWNLOAD_FAILED)
            return
        self._tell(request, FirmwareStatus.DOWNLOADED)
        if request.signing_certificate:
            if not is_signed(package, request.signing_certificate, request.signature):
                self._tell(request, FirmwareStatus.INVALID_SIGNATURE)
                return
            self._tell(request, FirmwareStatus.SIGNATURE_VERIFIED)
        await self._install(request, package)

    async def _install(self, request: FirmwareRequest, package: bytes) -> None:
        if self._busy():
            self._tell(request, FirmwareStatus.INSTALL_SCHEDULED)
            while self._busy():
                await self._clock.sleep(_LOOK_AGAIN_S)
        self._tell(request, FirmwareStatus.INSTALLING)
        version = version_in(package)
        if version is None:
            self._tell(request, FirmwareStatus.INSTALLATION_FAILED)
            return
        self._tell(request, FirmwareStatus.INSTALL_REBOOTING)
        self._restart(request, version)


def is_signed(package: bytes, certificate_pem: str, signature: str) -> bool:
    """Whether the key of the certificate has signed the package."""
    try:
        key = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, package, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            salted = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
            key.verify(raw, package, salted, hashes.SHA256())
        else:
            return False
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def version_in(package: bytes) -> str | None:
    """The version of a package, or None where it is none."""
    line = package[:128].partition(b"\n")[0]
    version = line.removeprefix(MAGIC).decode("ascii", errors="replace")
    return version if line.startswith(MAGIC) and _VERSION.fullmatch(version) else None


def _fetch(location: str, web: ssl.SSLContext | None) -> bytes:
    """Load a package. Blocks.

    Raises:
        OSError: it cannot be loaded.
        ValueError: not from https, or too large.
    """
    if not location.startswith("https://"):
        raise ValueError("not a secure address")
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=web or ssl.create_default_context())
    )
    with opener.open(location, timeout=_TIMEOUT_S) as answer:
        package: bytes = answer.read(_LARGEST + 1)
    if len(package) > _LARGEST:
        raise ValueError("too large")
    return package
