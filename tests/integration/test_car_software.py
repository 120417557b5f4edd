"""Car software: what the manufacturer signed, and nothing else, from where it was agreed, over real TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.errors import MessageRejected, ProviderRefused, ProviderUnreachable
from homeapp.jobs import car_software
from homeapp.jobs.car_software import check_manifest, fetch_package
from homeapp.model.offer import Job

PAYLOAD = bytes(range(256)) * 40
MANUFACTURER = SigningKey()
AUTHORITY = StreetAuthority()


def manifest(key: SigningKey, *, version: str, payload: bytes) -> str:
    """The manufacturer's word about a package."""
    claims = {"version": version, "sha256": sha256(payload).hexdigest(), "size_bytes": len(payload)}
    return key.sign("package+jws", claims)


JOB = Job(
    version="2.1",
    location="https://127.0.0.1:1/2.1.bin",
    sha256=sha256(PAYLOAD).hexdigest(),
    size_bytes=len(PAYLOAD),
    manifest=manifest(MANUFACTURER, version="2.1", payload=PAYLOAD),
)


@pytest.mark.usecase("S1", "W9")
def test_the_manufacturers_own_word_is_taken() -> None:
    check_manifest(JOB, MANUFACTURER.public_jwk)


@pytest.mark.usecase("S1", "W6")
@pytest.mark.parametrize(
    ("job", "code"),
    [
        (replace(JOB, manifest=manifest(SigningKey(), version="2.1", payload=PAYLOAD)), "signature"),
        (replace(JOB, manifest=MANUFACTURER.sign("offer+jws", {"version": "2.1"})), "signature"),
        (replace(JOB, manifest=MANUFACTURER.sign("package+jws", {"version": "2.1"})), "signature"),
        (replace(JOB, manifest=""), "signature"),
        (replace(JOB, manifest="a.b.c"), "signature"),
        (replace(JOB, manifest=manifest(MANUFACTURER, version="2.0", payload=PAYLOAD)), "value"),
        (replace(JOB, manifest=manifest(MANUFACTURER, version="2.1", payload=PAYLOAD[1:])), "value"),
        (replace(JOB, size_bytes=car_software.LARGEST_PACKAGE + 1), "schema"),
    ],
)
def test_everything_else_is_not(job: Job, code: str) -> None:
    with pytest.raises(MessageRejected) as refusal:
        check_manifest(job, MANUFACTURER.public_jwk)
    assert refusal.value.code == code


def test_a_damaged_key_trusts_nobody() -> None:
    with pytest.raises(MessageRejected):
        check_manifest(JOB, {"kty": "EC", "crv": "P-256", "x": "AA"})


@given(st.text(max_size=200))
def test_arbitrary_manifests_are_refused(text: str) -> None:
    with pytest.raises(MessageRejected):
        check_manifest(replace(JOB, manifest=text), MANUFACTURER.public_jwk)


def fetched(job: Job, tls: ssl.SSLContext) -> bytes:
    return asyncio.run(fetch_package(job, tls))


def with_answer(answer: bytes, body: Callable[[str], Awaitable[None]]) -> None:
    """A server that says the same to everyone, whatever it was asked."""

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(say, "127.0.0.1", 0, ssl=AUTHORITY.server_context())
        async with server:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/2.1.bin"

    async def main() -> None:
        async with serving() as url:
            await body(url)

    asyncio.run(main())


def ok(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content


@pytest.mark.usecase("S1", "W6")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ok(PAYLOAD[:-1]), ProviderRefused),
        (ok(PAYLOAD[:-1] + b"!"), ProviderRefused),
        (ok(PAYLOAD * 50), ProviderRefused),
        (b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:2/\r\nContent-Length: 0\r\n\r\n", ProviderRefused),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", ProviderUnreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10240\r\n\r\nabc", ProviderUnreachable),
        (b"no http\r\n\r\n", ProviderUnreachable),
    ],
    ids=["short", "changed", "long", "redirected", "missing", "cut", "garbage"],
)
def test_what_is_not_the_agreed_software_is_not_taken(answer: bytes, error: type[Exception]) -> None:
    async def body(url: str) -> None:
        with pytest.raises(error, match=r"\.$"):
            await fetch_package(replace(JOB, location=url), AUTHORITY.client_context())

    with_answer(answer, body)


def test_a_server_that_cannot_prove_who_it_is() -> None:
    async def body(url: str) -> None:
        with pytest.raises(ProviderUnreachable):
            await fetch_package(replace(JOB, location=url), StreetAuthority().client_context())

    with_answer(ok(PAYLOAD), body)


@pytest.mark.parametrize("location", ["http://127.0.0.1/x", "https://user@127.0.0.1/x", "https:///x", "ftp://h/x"])
def test_only_plain_https_is_asked(location: str) -> None:
    with pytest.raises(ProviderRefused, match="https"):
        fetched(replace(JOB, location=location), AUTHORITY.client_context())


def test_nobody_there() -> None:
    with pytest.raises(ProviderUnreachable):
        fetched(JOB, AUTHORITY.client_context())


@pytest.mark.usecase("S1")
def test_the_agreed_software_is_taken() -> None:
    async def body(url: str) -> None:
        job = replace(JOB, location=url)
        assert await fetch_package(job, AUTHORITY.client_context()) == PAYLOAD

    with_answer(ok(PAYLOAD), body)
