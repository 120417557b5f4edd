"""Reading the websocket handshake of a station: who it says it is, and with what password."""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote

from websockets.datastructures import Headers

_PATH = re.compile(r"/(?:ocpp/)?(?P<station>[A-Za-z0-9._~:-]{1,48})")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){16,40}")
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
