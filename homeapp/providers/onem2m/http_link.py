"""The HTTP binding (TS-0009), for a system operator that offers no broker: mutual TLS.

The hub lies behind a router that lets nobody in, so nothing is notified over it; the inboxes are asked instead. Who the
hub is says ``X-M2M-Origin``; that only the holder of the client certificate may say so is up to the operator's front
end. The hub itself relies on neither: its messages are signed.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from http import HTTPMethod, HTTPStatus

import httpx
import msgspec

from homeapp.errors import MessageRejected, ProviderUnreachable
from homeapp.providers.onem2m.codec import MAX_PAYLOAD, RELEASE, Operation, Request, Response
from homeapp.providers.onem2m.transport import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    NO_ANSWER,
    Delivery,
    Inbound,
    LinkEnd,
    LinkEnded,
)
from homeapp.settings import SystemOperatorSettings

logger = logging.getLogger(__name__)

_METHODS = {
    Operation.CREATE: HTTPMethod.POST,
    Operation.RETRIEVE: HTTPMethod.GET,
    Operation.UPDATE: HTTPMethod.PUT,
    Operation.DELETE: HTTPMethod.DELETE,
}
_STEPS = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
_NOT_YOU = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class HttpBinding:
    """Links to the CSE at ``settings.http_url``."""

    notifies = False

    def __init__(self, settings: SystemOperatorSettings, tls: ssl.SSLContext) -> None:
        self._url = settings.http_url.rstrip("/")
        self._tls = tls

    def transport(self, notified: Callable[[Delivery], None]) -> "HttpLink":
        """A new link; nothing will be notified over it."""
        del notified
        return HttpLink(self._url, self._tls)

    def ended(self, end: LinkEnd) -> None:
        """Without effect: there is only one way to speak HTTP here."""


class HttpLink:
    """Implements ``Transport``; it has ended when the server cannot be connected to, is silent or sends the hub away.

    Args:
        url: base, https, without a slash at its end.
        tls: context of the mutual TLS.
    """

    def __init__(self, url: str, tls: ssl.SSLContext) -> None:
        self._url = url
        self._tls = tls
        self._client: httpx.AsyncClient | None = None
        self._answered = False
        self._ended: asyncio.Future[LinkEnded] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Prepare; the first request connects."""
        self._client = httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=_STEPS)

    async def ended(self) -> LinkEnded:
        return await asyncio.shield(self._ended)

    async def request(self, request: Request) -> Response:
        client = self._client
        if client is None or self._ended.done():
            raise LinkEnded(LinkEnd.LOST)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await self._exchange_twice(client, request)
        except TimeoutError as error:
            raise ProviderUnreachable(NO_ANSWER) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            logger.debug("system operator: HTTP failed: %s", error)
            end = _end(error)
            # What MQTT calls so too: under TLS 1.3 a client certificate is refused after the handshake.
            raise self._note_end(LinkEnd.SILENT if end is LinkEnd.LOST and not self._answered else end) from error

    def answer(self, delivery: Delivery) -> None:
        """Without effect: nothing is notified."""

    def acknowledge(self, message: Inbound) -> None:
        """Without effect: nothing is notified."""

    async def close(self, *, forget: bool) -> None:
        """Close the connections; the server keeps no session of them."""
        del forget
        self._note_end(LinkEnd.LOST)
        if self._client is not None:
            await self._client.aclose()

    async def _exchange_twice(self, client: httpx.AsyncClient, request: Request) -> Response:
        """A server may close a connection that has been idle just when a request is on its way: then once more."""
        try:
            return await self._exchange(client, request)
        except httpx.TransportError as error:
            if _end(error) is LinkEnd.TLS_FAILED or not self._answered:
                raise
            logger.debug("system operator: HTTP failed: %s", error)
            return await self._exchange(client, request)

    async def _exchange(self, client: httpx.AsyncClient, request: Request) -> Response:
        message = client.build_request(
            _METHODS[request.op],
            self._url + _path(request.to),
            params=_parameters(request),
            headers=_headers(request),
            content=None if request.pc is None else msgspec.json.encode(request.pc),
        )
        response = await client.send(message, stream=True)
        self._answered = True
        try:
            body = await _body(response)
        finally:
            await response.aclose()
        status = response.headers.get("X-M2M-RSC", "")
        if not status.isascii() or not status.isdigit() or len(status) > 5:
            raise self._not_the_cse(response.status_code)
        if response.headers.get("X-M2M-RI") != request.rqi:
            raise MessageRejected("schema", "An answer from the system operator belongs to another request.")
        return Response(rsc=int(status), rqi=request.rqi, pc=msgspec.Raw(body or b"null"))

    def _not_the_cse(self, status: int) -> ProviderUnreachable:
        """What stands before the CSE has answered in its place."""
        if status in _NOT_YOU:
            return self._note_end(LinkEnd.REFUSED)
        return ProviderUnreachable(f"The system operator's platform is not ready (HTTP {status}).")

    def _note_end(self, end: LinkEnd) -> LinkEnded:
        ended = LinkEnded(end)
        if not self._ended.done():
            self._ended.set_result(ended)
        return ended


def _path(to: str) -> str:
    """TS-0009 clause 6.2.2: absolute addresses begin with ``/_/``, those relative to the operator with ``/~/``."""
    if to.startswith("//"):
        return f"/_{to[1:]}"
    return f"/~{to}" if to.startswith("/") else f"/{to}"


def _parameters(request: Request) -> dict[str, str | int]:
    content = {} if request.rcn is None else {"rcn": request.rcn}
    return {**content, **(request.fc or {})}


def _headers(request: Request) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "X-M2M-Origin": request.fr,
        "X-M2M-RI": request.rqi,
        "X-M2M-RVI": RELEASE,
    }
    if request.pc is not None:
        # Only with a body: a CSE refuses a retrieval that names a type.
        kind = "" if request.ty is None else f";ty={request.ty:d}"
        headers["Content-Type"] = f"application/json{kind}"
    return headers


async def _body(response: httpx.Response) -> bytes:
    """Undecoded: a compressed answer was not asked for and would hide its size."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_PAYLOAD:
            raise MessageRejected("schema", "A message from the system operator is too large.")
    return bytes(body)


def _end(error: BaseException) -> LinkEnd:
    cause: BaseException | None = error
    while cause is not None:
        # Not any error of TLS: a connection that breaks off is one too.
        if isinstance(cause, ssl.SSLError) and ("CERTIFICATE" in str(cause.reason) or "ALERT" in str(cause.reason)):
            return LinkEnd.TLS_FAILED
        cause = cause.__cause__ or cause.__context__
    return LinkEnd.UNREACHABLE if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) else LinkEnd.LOST
