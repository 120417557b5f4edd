"""One HTTP link against servers that misbehave: each end has its name, and only the CSE is believed."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import MessageRejected, ProviderUnreachable
from homeapp.providers.onem2m import http_link
from homeapp.providers.onem2m.codec import MAX_PAYLOAD, Operation, Request, ResourceType, Response
from homeapp.providers.onem2m.http_link import HttpBinding, HttpLink
from homeapp.providers.onem2m.transport import LinkEnd, LinkEnded
from homeapp.settings import SystemOperatorSettings
from kit import cancelled_requests

pytestmark = cancelled_requests.MARKS

AUTHORITY = StreetAuthority()
RETRIEVE = Request(op=Operation.RETRIEVE, to="cse-in/hub-0001/inEvc", fr="Chub-0001", rqi="r-1", rcn=6, fc={"lvl": 1})
CREATE = Request(
    op=Operation.CREATE,
    to="id-in",
    fr="Chub-0001",
    rqi="r-1",
    ty=ResourceType.CONTENT_INSTANCE,
    pc={"m2m:cin": {"con": "x"}},
)


def answer(body: bytes = b"", *, status: str = "200 OK", rsc: str | None = "2000", rqi: str = "r-1") -> bytes:
    heads = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"X-M2M-RI: {rqi}", "Content-Type: application/json"]
    heads += [] if rsc is None else [f"X-M2M-RSC: {rsc}"]
    return "\r\n".join([*heads, "", ""]).encode() + body


class Server:
    """Gives one canned answer to each request; an empty one closes the connection, and after the last it is silent."""

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[bytes] = []
        self._answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while self._answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), b":0"
                )
                self.requests.append(head + await reader.readexactly(int(length.split(b":")[1])))
                told = self._answers.pop(0)
                if not told:
                    break
                writer.write(told)
                await writer.drain()
            else:
                await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def with_link(
    server: Server,
    body: Callable[[HttpLink], Awaitable[None]],
    *,
    tls: ssl.SSLContext | None = None,
    server_tls: ssl.SSLContext | None = None,
) -> None:
    async def main() -> None:
        listening = await asyncio.start_server(
            server.serve, "127.0.0.1", 0, ssl=server_tls or AUTHORITY.server_context()
        )
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            link = HttpLink(f"https://127.0.0.1:{port}", tls or AUTHORITY.client_context("Chub-0001"))
            await link.open()
            try:
                async with asyncio.timeout(20):
                    await body(link)
            finally:
                await link.close(forget=False)

    asyncio.run(main())


def test_requests_follow_ts_0009() -> None:
    server = Server(answer(b'{"m2m:cnt": {}}'), answer(rsc="2001"), answer(rsc="2002"))
    got: list[Response] = []

    async def body(link: HttpLink) -> None:
        got.append(await link.request(RETRIEVE))
        got.append(await link.request(CREATE))
        got.append(await link.request(Request(op=Operation.DELETE, to="/id-in/x", fr="Chub-0001", rqi="r-1")))

    with_link(server, body)
    assert [(item.rsc, bytes(item.pc)) for item in got] == [
        (2000, b'{"m2m:cnt": {}}'),
        (2001, b"null"),
        (2002, b"null"),
    ]
    retrieve, create, delete = (item.decode() for item in server.requests)
    assert retrieve.startswith("GET /cse-in/hub-0001/inEvc?rcn=6&lvl=1 HTTP/1.1\r\n")
    for header in ("X-M2M-Origin: Chub-0001", "X-M2M-RI: r-1", "X-M2M-RVI: 4", "Accept: application/json"):
        assert header.lower() in retrieve.lower()
    # A CSE refuses a retrieval that names a type.
    assert "content-type" not in retrieve.lower()
    assert create.startswith("POST /id-in HTTP/1.1\r\n")
    assert "content-type: application/json;ty=4\r\n" in create.lower()
    assert json.loads(create.split("\r\n\r\n")[1]) == {"m2m:cin": {"con": "x"}}
    assert delete.startswith("DELETE /~/id-in/x HTTP/1.1\r\n")
    assert http_link._path("//operator.example/id-in/x") == "/_/operator.example/id-in/x"


def failure(server: Server, **options: Any) -> tuple[Exception, LinkEnd | None]:
    """What one request raises, and how the link ended, if it has."""
    raised: list[Exception] = []
    ends: list[LinkEnd] = []

    async def body(link: HttpLink) -> None:
        with pytest.raises((ProviderUnreachable, MessageRejected)) as caught:
            await link.request(RETRIEVE)
        raised.append(caught.value)
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                ends.append((await link.ended()).end)
        if ends:
            with pytest.raises(LinkEnded):
                await link.request(RETRIEVE)

    with_link(server, body, **options)
    return raised[0], ends[0] if ends else None


@pytest.mark.parametrize(
    "told",
    [
        answer(rsc=None, status="502 Bad Gateway"),
        answer(rsc="two thousand"),
        answer(rsc="200000"),
        answer(rsc=None, status="302 Found"),
    ],
)
def test_what_is_not_the_cse_is_not_believed_and_tried_again(told: bytes) -> None:
    error, end = failure(Server(told))
    assert isinstance(error, ProviderUnreachable)
    assert not isinstance(error, LinkEnded)
    assert end is None


@pytest.mark.parametrize(
    "told",
    [
        answer(rqi="r-2"),
        answer(b"x" * (MAX_PAYLOAD + 1)),
    ],
)
def test_an_answer_that_is_not_as_agreed_is_rejected(told: bytes) -> None:
    error, end = failure(Server(told))
    assert isinstance(error, MessageRejected)
    assert end is None


@pytest.mark.parametrize(
    ("answers", "end"),
    [
        ((answer(rsc=None, status="401 Unauthorized"),), LinkEnd.REFUSED),
        ((answer(rsc=None, status="403 Forbidden"),), LinkEnd.REFUSED),
        ((b"",), LinkEnd.SILENT),
        ((b"\x00\x01\x02 nonsense\r\n\r\n",), LinkEnd.SILENT),
    ],
)
def test_each_end_has_its_name(answers: tuple[bytes, ...], end: LinkEnd) -> None:
    error, ended = failure(Server(*answers))
    assert isinstance(error, LinkEnded)
    assert (error.end, ended) == (end, end)


def test_a_connection_that_the_server_closes_meanwhile_is_made_again_unseen() -> None:
    async def body(link: HttpLink) -> None:
        assert (await link.request(RETRIEVE)).rsc == 2000
        assert (await link.request(RETRIEVE)).rsc == 2004

    server = Server(answer(), b"", answer(rsc="2004"))
    with_link(server, body)
    assert len(server.requests) == 3


def test_a_connection_that_worked_before_is_lost() -> None:
    async def body(link: HttpLink) -> None:
        assert (await link.request(RETRIEVE)).rsc == 2000
        with pytest.raises(LinkEnded) as caught:
            await link.request(RETRIEVE)
        assert caught.value.end is LinkEnd.LOST

    with_link(Server(answer(), b"", b""), body)


def test_a_server_that_is_silent_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_link, "ANSWER_TIMEOUT_S", 0.3)
    error, end = failure(Server())
    assert "does not answer" in str(error)
    assert end is None


def test_a_server_that_is_not_the_operators_is_told_nothing() -> None:
    server = Server(answer())
    error, end = failure(server, tls=StreetAuthority().client_context())
    assert (isinstance(error, LinkEnded), end) == (True, LinkEnd.TLS_FAILED)
    assert server.requests == []


def test_a_front_end_that_wants_the_hubs_certificate_gets_it_or_the_link_ends() -> None:
    strict = AUTHORITY.server_context(require_client=True)

    async def body(link: HttpLink) -> None:
        assert (await link.request(RETRIEVE)).rsc == 2000

    with_link(Server(answer()), body, server_tls=strict)
    server = Server(answer())
    _, end = failure(server, tls=AUTHORITY.client_context(), server_tls=strict)
    # Whether the refusal itself is seen is a matter of timing under TLS 1.3.
    assert end in (LinkEnd.TLS_FAILED, LinkEnd.SILENT)
    assert server.requests == []


def test_a_server_that_is_away_is_unreachable() -> None:
    settings = SystemOperatorSettings(ae_id="C", http_url="https://127.0.0.1:9/")

    async def main() -> None:
        binding = HttpBinding(settings, AUTHORITY.client_context())
        link = binding.transport(lambda _: None)
        with pytest.raises(LinkEnded):
            await link.request(RETRIEVE)
        await link.open()
        with pytest.raises(LinkEnded) as caught:
            await link.request(RETRIEVE)
        await link.close(forget=False)
        assert caught.value.end is LinkEnd.UNREACHABLE
        assert (await link.ended()).end is LinkEnd.UNREACHABLE
        assert not binding.notifies

    asyncio.run(main())
