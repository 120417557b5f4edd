"""The system operator's registration authority: certificates over EST (RFC 7030), and its list of revoked ones.

TLS on loopback. Who enrols for the first time has a user name (the AE-ID) and a password that is good once; who enrols
again shows the certificate that is still good.
"""

import asyncio
import base64
import binascii
import hmac
import secrets
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from homeapp.demo.http_server import LARGEST_HEAD, HttpAnswer, HttpRequest, serve_connection
from homeapp.demo.operator.child_process import free_loopback_ports
from homeapp.demo.operator.pki import Credentials, StreetAuthority
from homeapp.errors import MessageRejected

_BASE = "/.well-known/est/"
_LIST_PATH = "/revoked.crl"
_PKCS7 = "application/pkcs7-mime; smime-type=certs-only"
_BASE64 = (("Content-Transfer-Encoding", "base64"),)


class EstServer:
    """Use as an async context manager: inside, it answers.

    Attributes:
        certificate_life: of the certificates that are issued from now on; None for the authority's own.
        list_life: of the lists of revoked certificates that are made from now on.
        pending_s: where set, requests wait for a person, and are to be repeated after so many seconds.
        issued: the newest certificate, PEM, by AE-ID.
    """

    def __init__(self, authority: StreetAuthority, *, credentials: Credentials | None = None) -> None:
        self.certificate_life: timedelta | None = None
        self.list_life = timedelta(days=1)
        self.pending_s: int | None = None
        self.issued: dict[str, bytes] = {}
        self._authority = authority
        self._credentials = credentials
        self._passwords: dict[str, str] = {}
        self._list: tuple[datetime, bytes] | None = None
        self._server: asyncio.Server | None = None
        (self._port,) = free_loopback_ports(1)

    @property
    def url(self) -> str:
        """For ``est_url`` in a descriptor."""
        return f"https://127.0.0.1:{self._port}{_BASE.rstrip('/')}"

    @property
    def crl_url(self) -> str:
        """For ``crl_url`` in a descriptor."""
        return f"https://127.0.0.1:{self._port}{_LIST_PATH}"

    def one_time_password(self, ae_id: str) -> str:
        """What the operator tells a customer, whose user name is the AE-ID; replaces an unused one."""
        self._passwords[ae_id] = secrets.token_urlsafe(12)
        return self._passwords[ae_id]

    def revoke(self, ae_id: str) -> bytes:
        """Put the newest certificate of this AE on the list, and return it; the broker has to be told by itself."""
        certificate = self.issued[ae_id]
        self._authority.revoke(certificate)
        self.forget_list()
        return certificate

    def forget_list(self) -> None:
        """Make a new list of revoked certificates at the next request for it."""
        self._list = None

    async def __aenter__(self) -> "EstServer":
        """Begin to answer."""
        context = await asyncio.to_thread(self._authority.server_context, credentials=self._credentials)
        context.load_verify_locations(cadata=self._authority.ca_pem.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=context, limit=LARGEST_HEAD)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Answer no more; the address stays the same when it begins again."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        await serve_connection(reader, writer, partial(self._answer, shown), None)

    async def _answer(self, shown: bytes | None, request: HttpRequest) -> HttpAnswer:
        match request.method, request.path.removeprefix(_BASE):
            case "GET", "cacerts":
                return _certificates(self._authority.ca_pem)
            case "POST", "simpleenroll":
                return self._enrol(request, self._user(request))
            case "POST", "simplereenroll":
                return self._enrol(request, self._known(shown))
            case "GET", path if path == _LIST_PATH:
                return HttpAnswer(200, self._current_list(), content_type="application/pkix-crl")
            case _:
                return _plain(404, "Not found.")

    def _enrol(self, request: HttpRequest, ae_id: str | None) -> HttpAnswer:
        if ae_id is None:
            challenge = (("WWW-Authenticate", 'Basic realm="enrolment"'),)
            return HttpAnswer(401, b"Who are you?", content_type="text/plain", headers=challenge)
        if self.pending_s is not None:
            return HttpAnswer(202, b"", content_type="text/plain", headers=(("Retry-After", str(self.pending_s)),))
        try:
            csr = x509.load_der_x509_csr(base64.b64decode(b"".join(request.body.split()), validate=True))
            pem = csr.public_bytes(Encoding.PEM)
            certificate = self._authority.sign_request(pem, ae_id, life=self.certificate_life)
        except (MessageRejected, ValueError, binascii.Error) as error:
            return _plain(400, str(error))
        self._passwords.pop(ae_id, None)
        self.issued[ae_id] = certificate
        return _certificates(certificate)

    def _user(self, request: HttpRequest) -> str | None:
        """Who has logged in with a password (RFC 7617)."""
        scheme, _, coded = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except ValueError:
            return None
        right = self._passwords.get(user)
        known = scheme.lower() == "basic" and right is not None
        return user if known and hmac.compare_digest(password.encode(), str(right).encode()) else None

    def _known(self, shown: bytes | None) -> str | None:
        """Whose certificate TLS has verified; None where it was revoked."""
        if shown is None:
            return None
        certificate = x509.load_der_x509_certificate(shown)
        if self._authority.has_revoked(certificate.serial_number):
            return None
        return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    def _current_list(self) -> bytes:
        now = datetime.now(UTC)
        if self._list is None or self._list[0] <= now:
            self._list = now + self.list_life / 2, self._authority.revocation_list(self.list_life)
        return self._list[1]


def _certificates(pem: bytes) -> HttpAnswer:
    der = pkcs7.serialize_certificates(x509.load_pem_x509_certificates(pem), Encoding.DER)
    return HttpAnswer(200, base64.encodebytes(der), content_type=_PKCS7, headers=_BASE64)


def _plain(status: int, words: str) -> HttpAnswer:
    return HttpAnswer(status, words.encode(), content_type="text/plain")
