"""Reading a station's handshake: who it says it is, by what password or certificate, and how it has found the hub."""

import asyncio
import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote

from websockets.datastructures import Headers
from websockets.http11 import Request

_PATH = re.compile(r"/(?:ocpp/)?(?P<station>[A-Za-z0-9._~:-]{1,48})")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){16,40}")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,253}")
_LONGEST_HEADER = 512


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an Authorization header carries."""

    user: str
    password: str


def station_of(path: str) -> str | None:
    """The station identity in ``/<id>`` or ``/ocpp/<id>``, or None where there is none of 1..48 allowed characters."""
    match = _PATH.fullmatch(unquote(path.partition("?")[0]))
    station = match["station"] if match else None
    return None if station in (None, "ocpp", ".", "..") else station


def credentials_of(headers: Headers) -> Credentials | None:
    """The Basic credentials (RFC 7617), or None where there are none that can be read."""
    values = headers.get_all("Authorization")
    if len(values) != 1 or len(values[0]) > _LONGEST_HEADER:
        return None
    scheme, _, encoded = values[0].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    # An identity may hold colons itself; the password of the hub never does.
    if colon and ":" in password:
        user, _, password = f"{user}:{password}".rpartition(":")
    return Credentials(user, password) if colon else None


def passwords_meant(password: str) -> tuple[str, ...]:
    """What a station may mean by it: some 1.6 stations send the hex text of their key instead of its bytes."""
    if not _HEX.fullmatch(password):
        return (password,)
    try:
        return (password, bytes.fromhex(password).decode())
    except UnicodeDecodeError:
        return (password,)


def certificate_serial(transport: asyncio.BaseTransport) -> str | None:
    """The serial number of the certificate that TLS has verified, lower case hexadecimal; None where none was shown."""
    tls = transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert() if tls is not None else None
    return str(certificate["serialNumber"]).lower().lstrip("0") if certificate else None


def url_of(request: Request, *, encrypted: bool) -> str:
    """The address by which a station has found the hub, without its identity; empty where it does not tell its host."""
    hosts = request.headers.get_all("Host")
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        return ""
    folder = "/ocpp" if request.path.startswith("/ocpp/") else ""
    return f"{'wss' if encrypted else 'ws'}://{hosts[0]}{folder}"
