"""Who may connect to the demo CSMS, and what is checked at its door (security profiles 1 to 3)."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A station that the provider knows.

    Attributes:
        password: of Basic authentication; None where its client certificate says who it is (profile 3).
    """

    password: str | None = field(default=None, repr=False)


def station_name(path: str, root: str) -> str | None:
    """The identity at the end of the path of a websocket; None where the path is another one."""
    plain = urlsplit(path).path
    name = unquote(plain.removeprefix(f"{root}/"))
    return name if plain.startswith(f"{root}/") and name and "/" not in name else None


def verdict(
    accounts: Mapping[str, Account], name: str | None, authorization: str | None, certificate: Mapping[str, Any] | None
) -> HTTPStatus | None:
    """Why a station is refused, or None where it may come in.

    Args:
        accounts: stations by identity.
        name: the identity that it claims; None where it claims none.
        authorization: the header.
        certificate: the peer's, as ``ssl.SSLSocket.getpeercert`` tells it; None where it has shown none.
    """
    account = None if name is None else accounts.get(name)
    if name is None or account is None:
        return HTTPStatus.NOT_FOUND
    if account.password is None:
        return None if _common_name(certificate or {}) == name else HTTPStatus.UNAUTHORIZED
    user, password = _credentials(authorization or "")
    # Both are compared whatever the other one says.
    same = hmac.compare_digest(user, name.encode()) & hmac.compare_digest(password, account.password.encode())
    return None if same else HTTPStatus.UNAUTHORIZED


def _credentials(header: str) -> tuple[bytes, bytes]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return b"", b""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b"", b""
    return user, password


def _common_name(certificate: Mapping[str, Any]) -> str | None:
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return None
