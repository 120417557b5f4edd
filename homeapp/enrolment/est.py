"""Enrolment over Secure Transport, client side (RFC 7030, as clarified by RFC 8951).

What is used of it: /cacerts, /simpleenroll with HTTP Basic, /simplereenroll with the certificate that is still good.
The request is not bound to the TLS connection (clause 3.5): TLS 1.3 has no ``tls-unique``.
"""

import base64
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from homeapp.errors import ProviderRefused, ProviderUnreachable
from homeapp.https import HttpAnswer, answer_to, http_client, is_own_certificate_refused
from homeapp.identity.unreadable import UNREADABLE

MAX_ANSWER = 256 * 1024
_TIMEOUT_S = 15.0
_CERTIFICATES = "application/pkcs7-mime"
_REQUEST_HEADERS = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
_RETRY_AFTER_S = 3600
_LONGEST_RETRY_S = 7 * 86_400


class EnrolmentPending(ProviderUnreachable):
    """A person at the operator has to agree first; ask again, with the same request.

    Attributes:
        retry_after_s: not before so many seconds of real time.
    """

    def __init__(self, retry_after_s: int) -> None:
        minutes = -(-retry_after_s // 60)
        super().__init__(
            f"The system operator looks at the request first. Try again in {minutes} min, with the same user name."
        )
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What the operator has given for one enrolment."""

    user: str
    password: str = field(repr=False)


class EstClient:
    """One operator's enrolment server.

    Args:
        url: ending in ``/.well-known/est`` or ``/.well-known/est/<label>``.
        name: of the operator, for sentences.

    Raises (all operations):
        ProviderUnreachable: no answer, or one that cannot be used; try again later.
        ProviderRefused: final until a person does something.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url.rstrip("/")
        self._name = name

    async def authorities(self, context: ssl.SSLContext) -> Sequence[x509.Certificate]:
        """Certificates of the operator's authorities (clause 4.1); they are no reason to trust anybody."""
        async with http_client(context, accept=_CERTIFICATES) as client:
            return self._certificates(await self._send(client, client.build_request("GET", f"{self._url}/cacerts")))

    async def enrol(self, context: ssl.SSLContext, csr_pem: str, login: Login) -> Sequence[x509.Certificate]:
        """The first certificate (clause 4.2.1).

        Args:
            context: trusts the operator.
            csr_pem: PKCS#10.
            login: sent only after the server has proved who it is.

        Raises:
            EnrolmentPending: a person at the operator has to agree first.
        """
        # RFC 7617: the first colon ends the user name.
        if ":" in login.user or not login.user or not login.password:
            raise ProviderRefused("Enter the user name, without a colon, and the password that the operator has given.")
        auth = httpx.BasicAuth(login.user, login.password)
        return await self._request("simpleenroll", context, csr_pem, auth)

    async def reenrol(self, context: ssl.SSLContext, csr_pem: str) -> Sequence[x509.Certificate]:
        """A newer certificate (clause 4.2.2).

        Args:
            context: shows the one that is still good.
            csr_pem: PKCS#10 with the same subject.

        Raises:
            EnrolmentPending: a person at the operator has to agree first.
        """
        return await self._request("simplereenroll", context, csr_pem, None)

    async def _request(
        self, operation: str, context: ssl.SSLContext, csr_pem: str, auth: httpx.BasicAuth | None
    ) -> Sequence[x509.Certificate]:
        der = x509.load_pem_x509_csr(csr_pem.encode()).public_bytes(serialization.Encoding.DER)
        async with http_client(context, accept=_CERTIFICATES) as client:
            request = client.build_request(
                "POST", f"{self._url}/{operation}", content=base64.encodebytes(der), headers=_REQUEST_HEADERS
            )
            if auth is not None:
                request = next(auth.auth_flow(request))
            return self._certificates(await self._send(client, request))

    async def _send(self, client: httpx.AsyncClient, request: httpx.Request) -> HttpAnswer:
        try:
            return await answer_to(client, request, name=self._name, limit=MAX_ANSWER, timeout_s=_TIMEOUT_S)
        except ProviderUnreachable as error:
            if is_own_certificate_refused(error):
                raise ProviderRefused(
                    f"{self._name} does not accept the hub's certificate. Enrol the hub again, with a new password."
                ) from error
            raise

    def _certificates(self, answer: HttpAnswer) -> Sequence[x509.Certificate]:
        self._check_status(answer)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if kind != _CERTIFICATES:
                raise ValueError(kind)
            der = base64.b64decode(b"".join(answer.body.split()), validate=True)
            return pkcs7.load_der_pkcs7_certificates(der)
        except UNREADABLE as error:
            raise self._unusable(answer.status) from error

    def _check_status(self, answer: HttpAnswer) -> None:
        match answer.status:
            case httpx.codes.OK:
                return
            case httpx.codes.ACCEPTED:
                raise EnrolmentPending(_retry_after_s(answer.headers.get("retry-after", "")))
            case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
                raise ProviderRefused(
                    f"{self._name} does not accept this user name and password. Each is good once; ask for others."
                )
            case status if httpx.codes.is_client_error(status) and status != httpx.codes.TOO_MANY_REQUESTS:
                raise ProviderRefused(
                    f"{self._name} does not enrol this hub (status {status}). Ask whether it knows the hub."
                )
            case status:
                raise self._unusable(status)

    def _unusable(self, status: int) -> ProviderUnreachable:
        return ProviderUnreachable(
            f"{self._name} answers in a way that the hub cannot use (status {status}). Try again later."
        )


def _retry_after_s(text: str) -> int:
    """Seconds; a date is not waited for to the second."""
    asked = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else _RETRY_AFTER_S
    return min(max(asked, 1), _LONGEST_RETRY_S)
