"""One HTTP request and its answer, bounded in size and time; what goes wrong, as sentences."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from homeapp.errors import ProviderUnreachable

_STEP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A status, the headers and the body as it came, not decompressed."""

    status: int
    headers: httpx.Headers
    body: bytes


@asynccontextmanager
async def http_client(
    context: ssl.SSLContext, accept: str = "application/json"
) -> AsyncGenerator[httpx.AsyncClient, None]:
    """A client that follows no redirects and takes nothing from the environment (proxies, .netrc)."""
    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=_STEP_TIMEOUT_S, headers=headers) as client:
        yield client


async def answer_to(
    client: httpx.AsyncClient, request: httpx.Request, *, name: str, limit: int, timeout_s: float
) -> HttpAnswer:
    """Send a request and read its answer.

    Args:
        client: see ``http_client``.
        request: what to send.
        name: of who should answer, for sentences.
        limit: of the body, bytes.
        timeout_s: for all of it, real time.

    Raises:
        ProviderUnreachable: no answer in time, a broken one, or one larger than ``limit``.
    """
    try:
        async with asyncio.timeout(timeout_s):
            response = await client.send(request, stream=True)
            try:
                body = await _body(response, name, limit)
                return HttpAnswer(status=response.status_code, headers=response.headers, body=body)
            finally:
                await response.aclose()
    except (httpx.HTTPError, OSError) as error:
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
            raise ProviderUnreachable(
                f"The server that answers for {name} could not prove who it is, and the hub has told it nothing. "
                "Check its address and the certificate authority that the hub was given for it."
            ) from error
        raise ProviderUnreachable(f"{name} does not answer. The hub tries again.") from error


def is_own_certificate_refused(error: BaseException) -> bool:
    """Whether the other side has said (TLS alert) that it does not accept the hub's certificate."""
    reasons = [cause.reason or "" for cause in _causes(error) if isinstance(cause, ssl.SSLError)]
    return any("ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason) for reason in reasons)


async def _body(response: httpx.Response, name: str, limit: int) -> bytes:
    """Undecoded: a compressed answer was not asked for and would hide its size."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise ProviderUnreachable(f"{name} sends more data than it may. The hub has ignored it and tries again.")
    return bytes(body)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
