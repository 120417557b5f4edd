"""One HTTPS request and its answer, bounded in size and time."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from homeapp.errors import MessageRejected, ProviderUnreachable
from homeapp.https import answer_to
from homeapp.providers.grid_sp.objects import read_json

MAX_ANSWER = 1024 * 1024
_TIMEOUT_S = 20.0

Params = Mapping[str, str | list[str]]
"""Of a query; a list makes the same name several times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An HTTP request; ``form`` and ``content`` (JSON) exclude each other.

    Attributes:
        token: bearer token, or None.
    """

    method: str
    url: str
    params: Params | None = None
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


async def exchange(client: httpx.AsyncClient, call: Call, name: str) -> Answer:
    """Send a request and read its answer.

    Args:
        client: see ``homeapp.https.http_client``.
        call: what to send.
        name: the provider's, for sentences.

    Raises:
        ProviderUnreachable: no answer in time, a broken one, or one larger than 1 MB.
    """
    try:
        request = _request(client, call)
    except httpx.InvalidURL as error:
        raise ProviderUnreachable(f"The address of {name} in the settings is not proper. Correct it.") from error
    answer = await answer_to(client, request, name=name, limit=MAX_ANSWER, timeout_s=_TIMEOUT_S)
    return Answer(answer.status, answer.body)


def _request(client: httpx.AsyncClient, call: Call) -> httpx.Request:
    headers = {} if call.token is None else {"Authorization": f"Bearer {call.token}"}
    return client.build_request(
        call.method, call.url, params=call.params, data=call.form, json=call.content, headers=headers
    )
