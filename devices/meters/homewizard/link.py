"""The HTTP link to a HomeWizard meter, with every failure of it told as a device error."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from devices.meters.homewizard.measurement import LARGEST_ANSWER
from homeapp.errors import DeviceError, DeviceUnreachable, ProtocolError

ANSWER_WITHIN_S = 5.0
"""Real seconds that a meter has for one answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how one generation of the API is spoken.

    Attributes:
        authority: host and port as they stand in a URL.
        context: trusts the maker's authority; None for plain HTTP.
        certificate_name: common name that the certificate must carry.
        headers: sent with each request.
    """

    authority: str
    context: ssl.SSLContext | None = None
    certificate_name: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def base_url(self) -> str:
        """Without a slash at the end."""
        return f"{'http' if self.context is None else 'https'}://{self.authority}"


class HttpLink:
    """Requests over one kept-alive connection."""

    def __init__(self, client: httpx.AsyncClient, endpoint: Endpoint) -> None:
        self._client = client
        self._endpoint = endpoint

    async def request(self, method: str, path: str, json: object = None) -> Answer:
        """Ask once.

        Raises:
            DeviceUnreachable: no complete answer in time, or the other side is not the meter.
            ProtocolError: the answer is no HTTP or is longer than a meter's answers are.
        """
        name = self._endpoint.certificate_name
        extensions = {} if name is None else {"sni_hostname": name}
        url = self._endpoint.base_url + path
        try:
            async with (
                asyncio.timeout(ANSWER_WITHIN_S),
                self._client.stream(method, url, json=json, extensions=extensions) as response,
            ):
                return Answer(response.status_code, await _body(response))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise link_error(error, self._endpoint.authority) from error


@asynccontextmanager
async def http_link(endpoint: Endpoint) -> AsyncGenerator[HttpLink, None]:
    """Open a link; nothing is sent before the first request."""
    # A context is passed for plain HTTP too: making httpx's own would read the machine's certificates.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if endpoint.context is None else endpoint.context
    async with httpx.AsyncClient(
        verify=context,
        # Compressed answers are not wanted: a small one can become large.
        headers={"Accept-Encoding": "identity", **endpoint.headers},
        timeout=ANSWER_WITHIN_S,
        limits=httpx.Limits(max_connections=1),
        follow_redirects=False,
        trust_env=False,
    ) as client:
        yield HttpLink(client, endpoint)


def authority(address: str, default_port: int) -> str:
    """``address`` as it stands in a URL, its port added where it has none.

    Raises:
        DeviceUnreachable: it is no literal IP address with an optional port.
    """
    text, port_text = address, ""
    if address.startswith("["):
        # A link-local address carries its scope, which may hold anything: what is behind the bracket is no part of it.
        text, _, port_text = address[1:].partition("]")
    elif address.count(":") == 1:
        text, colon, port_text = address.partition(":")
        port_text = colon + port_text
    try:
        host, port = ipaddress.ip_address(text), int(port_text.removeprefix(":")) if port_text else default_port
    except ValueError as error:
        raise DeviceUnreachable(f"{address!r} is not the address of a meter, such as 192.168.1.20.") from error
    if not 0 < port < 65536:
        raise DeviceUnreachable(f"{address!r} is not the address of a meter: its port is out of range.")
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"


def link_error(error: BaseException, where: str) -> DeviceError:
    """The device error that tells of a failed connection to ``where``."""
    if _is_certificate_error(error):
        return DeviceUnreachable(
            f"What answers at {where} cannot prove that it is this meter. Check that the meter has kept its address."
        )
    if isinstance(error, httpx.RemoteProtocolError):
        if "without sending" in str(error):
            return DeviceUnreachable(f"The meter at {where} stopped in the middle of its answer.")
        return ProtocolError(f"What answers at {where} does not speak as a meter does. Restart the meter.")
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return DeviceUnreachable(f"The meter at {where} does not answer in time. Check its power and its Wi-Fi.")
    return DeviceUnreachable(f"The meter at {where} cannot be reached. Check its power and its Wi-Fi.")


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise ProtocolError("The meter sent an answer that is far too long. Restart the meter.")
    return bytes(body)
