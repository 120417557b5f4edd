"""One HTTPS request and its answer, bounded in size and time."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from homeapp.errors import MessageRejected, ProviderUnreachable
from homeapp.providers.grid_sp.objects import read_json

MAX_ANSWER = 1024 * 1024
_TIMEOUT_S = 20.0
_STEP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An HTTP request; ``form`` and ``content`` (JSON) exclude each other.

    Attributes:
        token: bearer token, or None.
    """

    method: str
    url: str
    params: dict[str, str] | None = None
    form: dict[str, str] | None = None
    content: object = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and the body."""

    status: int
    body: bytes

    def content(self) -> Any:
        """The body as JSON with ``Decimal`` numbers; None where it is none."""
        try:
            return read_json(self.body)
        except MessageRejected:
            return None


def client_context(ca_file: str) -> ssl.SSLContext:
    """TLS 1.2 or newer; the server's certificate and name are always checked. Blocks.

    Args:
        ca_file: PEM file of the only authority to trust, or empty for the system's.

    Raises:
        ProviderUnreachable: the file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=str(Path(ca_file)) if ca_file else None)
    except (OSError, ValueError) as error:
        raise ProviderUnreachable(
            f"{ca_file} is missing or contains no certificate. Put the provider's certificate authority there."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@asynccontextmanager
async def http_client(context: ssl.SSLContext) -> AsyncGenerator[httpx.AsyncClient, None]:
    """A client that follows no redirects and takes nothing from the environment (proxies, .netrc)."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=_STEP_TIMEOUT_S, headers=headers) as client:
        yield client


async def exchange(client: httpx.AsyncClient, call: Call, name: str) -> Answer:
    """Send a request and read its answer.

    Args:
        client: see ``http_client``.
        call: what to send.
        name: the provider's, for sentences.

    Raises:
        ProviderUnreachable: no answer in time, a broken one, or one larger than 1 MB.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            response = await client.send(_request(client, call), stream=True)
            try:
                return Answer(response.status_code, await _body(response, name))
            finally:
                await response.aclose()
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        if _is_distrust(error):
            raise ProviderUnreachable(
                f"The server that answers for {name} could not prove who it is, and the hub has told it nothing. "
                "Check its address and the certificate authority in the settings."
            ) from error
        raise ProviderUnreachable(f"{name} does not answer. The hub tries again.") from error


def _request(client: httpx.AsyncClient, call: Call) -> httpx.Request:
    headers = {} if call.token is None else {"Authorization": f"Bearer {call.token}"}
    return client.build_request(
        call.method, call.url, params=call.params, data=call.form, json=call.content, headers=headers
    )


async def _body(response: httpx.Response, name: str) -> bytes:
    """Undecoded: a compressed answer was not asked for and would hide its size."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise ProviderUnreachable(f"{name} sends more data than it may. The hub has ignored it and tries again.")
    return bytes(body)


def _is_distrust(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
