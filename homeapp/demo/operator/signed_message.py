"""Messages between service providers and the hub: compact JWS (RFC 7515), signed by one, for one, for a while.

Protected header: ``alg`` ES256, ``kid`` the RFC 7638 thumbprint of the key, ``typ``. Claims for all: ``iss``, ``aud``,
``jti``, ``iat``, ``exp`` (s since the epoch, by the street's clock).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from homeapp.errors import MessageRejected

_ALGORITHM = "ES256"
_LARGEST = 65_536
_SKEW = timedelta(seconds=120)


class SigningKey:
    """An EC P-256 key pair that signs messages."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256")

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public key as JWK: ``kty``, ``crv``, ``x``, ``y``."""
        return {name: str(value) for name, value in self._key.as_dict(private=False).items()}

    def sign(self, typ: str, claims: Mapping[str, object]) -> str:
        """A compact JWS over ``claims``."""
        header = {"alg": _ALGORITHM, "kid": self._key.thumbprint(), "typ": typ}
        return jws.serialize_compact(header, json.dumps(claims), self._key, algorithms=[_ALGORITHM])


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who says something to whom, and for how long it holds."""

    issuer: str
    audience: str
    issued_at: datetime
    expires_at: datetime
    message_id: str

    def claims(self) -> dict[str, object]:
        """``iss``, ``aud``, ``jti``, ``iat``, ``exp``; whole seconds, the expiry rounded down."""
        return {
            "iss": self.issuer,
            "aud": self.audience,
            "jti": self.message_id,
            "iat": int(self.issued_at.timestamp()),
            "exp": int(self.expires_at.timestamp()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an inbound message has to be.

    Attributes:
        typ: for example ``decision+jws``.
        issuer: AE-ID of the sender.
        audience: AE-ID of the receiver.
        public_jwk: the sender's key.
    """

    typ: str
    issuer: str
    audience: str
    public_jwk: Mapping[str, str]


def type_of(compact: str) -> str:
    """The ``typ`` that a compact JWS claims, not verified; empty where it is none."""
    try:
        typ = jws.extract_compact(compact.encode()).headers().get("typ")
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        return ""
    return typ if isinstance(typ, str) else ""


def verify(compact: str, expected: Expected, now: datetime) -> dict[str, Any]:
    """The claims of a message that stands all checks.

    Raises:
        MessageRejected: with the code of the check that it failed.
    """
    if len(compact) > _LARGEST:
        raise MessageRejected("schema", "The message is larger than 64 kB.")
    claims = _signed_claims(compact, expected)
    if claims.get("iss") != expected.issuer:
        raise MessageRejected("issuer", f"The message is not from {expected.issuer}.")
    if claims.get("aud") != expected.audience:
        raise MessageRejected("audience", f"The message is not for {expected.audience}.")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int) or not isinstance(claims.get("jti"), str):
        raise MessageRejected("schema", "The message does not say when it was issued, until when it holds or its id.")
    if expires <= now.timestamp() or issued > (now + _SKEW).timestamp():
        raise MessageRejected("expired", "The message is too old, or from the future.")
    return claims


def _signed_claims(compact: str, expected: Expected) -> dict[str, Any]:
    try:
        key = ECKey.import_key(dict(expected.public_jwk))
        message = jws.deserialize_compact(compact, key, algorithms=[_ALGORITHM])
        claims = json.loads(message.payload)
    except (JoseError, ValueError, RecursionError) as error:
        raise MessageRejected("signature", "The signature of the message does not hold.") from error
    if not isinstance(claims, dict) or message.headers().get("typ") != expected.typ:
        raise MessageRejected("schema", f"The message is not of the type {expected.typ}.")
    return claims
