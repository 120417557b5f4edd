"""What enrolment servers get wrong: refused with a sentence, and what was kept stays."""

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from homeapp.demo.http_server import LARGEST_HEAD, HttpAnswer, HttpRequest, serve_connection
from homeapp.demo.operator.est_server import EstServer
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.enrolling import Enrolling
from homeapp.enrolment.est import Login
from homeapp.enrolment.revocation import Revocation
from homeapp.errors import MessageRejected, ProviderRefused, ProviderUnreachable
from homeapp.model.pairing import Enrolment
from homeapp.pairing.descriptor import read_descriptor
from kit import cancelled_requests
from kit.enrolling_street import HUB, KEY_PEM, MovedClock, Street, Told, described, on_a_street, running

pytestmark = cancelled_requests.MARKS


@pytest.mark.usecase("W4")
def test_a_list_that_is_kept_from_the_hub_opens_no_door(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        with pytest.raises(ProviderUnreachable, match="list of revoked"):
            await street.enrol()
        await street.revocation().fetch(street.descriptor)
        await street.enrol()
        await street.server.__aexit__()
        street.clock.put_forward(timedelta(days=2))
        async with running(street.revocation().run()):
            assert await street.told.notices.get() == "revocation_list_missing.evc_sp"

    on_a_street(tmp_path, body, with_list=True)


NOT_SIGNED = bytes.fromhex("300b06092a864886f70d010701")
"""PKCS #7 that is proper, but of the kind ``data``."""


GOOD_PKCS7 = "application/pkcs7-mime; smime-type=certs-only"
REDIRECT = HttpAnswer(302, b"", headers=(("Location", "https://127.0.0.1:1/"),))


@contextlib.asynccontextmanager
async def canned(authority: StreetAuthority, answer: Callable[[HttpRequest], HttpAnswer]) -> AsyncIterator[str]:
    """A server that says what it is told to; its base address."""

    async def respond(request: HttpRequest) -> HttpAnswer:
        return answer(request)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_connection(reader, writer, respond, None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server_context(), limit=LARGEST_HEAD)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/.well-known/est"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (HttpAnswer(200, b"", content_type="text/html"), ProviderUnreachable, "cannot use"),
        (HttpAnswer(200, b"!!", content_type=GOOD_PKCS7), ProviderUnreachable, "cannot use"),
        (HttpAnswer(200, base64.b64encode(b"garbage"), content_type=GOOD_PKCS7), ProviderUnreachable, "cannot use"),
        (HttpAnswer(200, base64.b64encode(NOT_SIGNED), content_type=GOOD_PKCS7), ProviderUnreachable, "cannot use"),
        (HttpAnswer(200, b"A" * 300_000, content_type=GOOD_PKCS7), ProviderUnreachable, "more data"),
        (HttpAnswer(200, b"A" * 300_000, content_type=GOOD_PKCS7, cut=True), ProviderUnreachable, "not answer"),
        (HttpAnswer(204, b""), ProviderUnreachable, "cannot use"),
        (REDIRECT, ProviderUnreachable, "cannot use"),
        (HttpAnswer(400, b"\x1b[2J"), ProviderRefused, "status 400"),
        (HttpAnswer(403, b""), ProviderRefused, "password"),
        (HttpAnswer(429, b""), ProviderUnreachable, "cannot use"),
        (HttpAnswer(500, b""), ProviderUnreachable, "cannot use"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, HttpAnswer) else "",
)
def test_servers_that_misbehave_get_a_sentence(
    tmp_path: Path, answer: HttpAnswer, error: type[Exception], words: str
) -> None:
    async def main() -> None:
        authority = StreetAuthority()
        async with canned(authority, lambda _: answer) as url:
            descriptor = read_descriptor(described(authority, est_url=url))
            with pytest.raises(error, match=words):
                await Enrolling(FlowCertificates(tmp_path, KEY_PEM)).enrol(descriptor, Login(user=HUB, password="once"))

    asyncio.run(main())


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("whose", ["another hub's", "a foreign authority's", "an expired one"])
def test_a_certificate_that_is_not_for_the_hub_is_refused_whoever_sends_it(tmp_path: Path, whose: str) -> None:
    async def main() -> None:
        authority = StreetAuthority()
        async with EstServer(authority) as server:

            def answer(request: HttpRequest) -> HttpAnswer:
                csr = x509.load_der_x509_csr(base64.b64decode(request.body)) if request.body else None
                pem = csr.public_bytes(Encoding.PEM) if csr else b""
                made = {
                    "another hub's": lambda: authority.issue_client(HUB).certificate_pem,
                    "a foreign authority's": lambda: StreetAuthority().sign_request(pem, HUB),
                    "an expired one": lambda: authority.sign_request(pem, HUB, life=timedelta(days=-1)),
                }
                found = [x509.load_pem_x509_certificate(made[whose]() if csr else authority.ca_pem)]
                der = pkcs7.serialize_certificates(found, Encoding.DER)
                return HttpAnswer(200, base64.b64encode(der), content_type=GOOD_PKCS7)

            async with canned(authority, answer) as url:
                descriptor = read_descriptor(described(authority, est_url=url))
                certificates = FlowCertificates(tmp_path, KEY_PEM)
                with pytest.raises(ProviderRefused, match="cannot be used"):
                    await Enrolling(certificates).enrol(descriptor, Login(user=HUB, password="once"))
                assert certificates.standing(descriptor).enrolment is Enrolment.NEEDED
            assert server.issued == {}

    asyncio.run(main())


def shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Once; unlike an asyncio server it says why it does not want to."""
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
        pass


@pytest.mark.usecase("W4")
def test_a_server_that_does_not_accept_the_hubs_certificate_needs_a_person(tmp_path: Path) -> None:
    async def body(street: Street) -> None:
        await street.enrol()
        context = StreetAuthority().server_context(require_client=True, credentials=street.authority.issue_server())
        # In TLS 1.3 the refusal comes after the handshake and may be lost where the connection is reset.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/.well-known/est"
            descriptor = read_descriptor(described(street.authority, est_url=url))
            shaking = asyncio.create_task(asyncio.to_thread(shake_hands, listener, context))
            with pytest.raises(ProviderRefused, match="does not accept the hub's certificate"):
                await street.enrolling.renew(descriptor)
            await shaking

    on_a_street(tmp_path, body)


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (404, b"", ProviderUnreachable),
        (200, b"x" * 2_000_000, ProviderUnreachable),
        (200, b"garbage", MessageRejected),
    ],
)
def test_lists_that_are_none_are_not_kept(tmp_path: Path, status: int, content: bytes, error: type[Exception]) -> None:
    async def main() -> None:
        authority, told = StreetAuthority(), Told()
        async with canned(authority, lambda _: HttpAnswer(status, content)) as url:
            descriptor = read_descriptor(described(authority, crl_url=url))
            certificates = FlowCertificates(tmp_path, KEY_PEM)
            revocation = Revocation(
                certificates=certificates,
                flows=lambda: asyncio.sleep(0, (descriptor,)),
                clock=MovedClock(),
                changed=told.flow,
                notice=told.notice,
            )
            with pytest.raises(error):
                await revocation.fetch(descriptor)
            assert certificates.revocation_list(descriptor) is None

    asyncio.run(main())
