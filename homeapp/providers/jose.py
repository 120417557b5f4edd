"""Compact JWS (RFC 7515): what the hub signs, and the checks on what providers have signed."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey

from homeapp.errors import MessageRejected, SecretStoreUnavailable, SettingsInvalid

MAX_SIZE = 64 * 1024
MAX_AHEAD = timedelta(seconds=120)
"""How far ``iat`` may lie in the future: clocks differ."""
MAX_LIFE = timedelta(days=7)
ALGORITHMS = ("ES256", "Ed25519")

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,128}")
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]
"""RFC 7519 NumericDate up to the year 9999, whole seconds."""


class HubSigner:
    """Signs with the hub's own EC P-256 key; implements ``homeapp.ports.Signer``.

    Raises:
        SecretStoreUnavailable: ``key_pem`` is not an EC P-256 private key.
    """

    def __init__(self, key_pem: str) -> None:
        try:
            key = ECKey.import_key(key_pem)
        except (JoseError, ValueError, TypeError) as error:
            raise SecretStoreUnavailable("The hub's own key is damaged. Restore it from a backup.") from error
        if key.curve_name != "P-256" or not key.is_private:
            raise SecretStoreUnavailable("The hub's own key is not an EC P-256 private key. Restore it from a backup.")
        self._key = key
        self.key_id = key.thumbprint()

    def sign(self, payload: bytes, typ: str) -> str:
        header = {"alg": "ES256", "kid": self.key_id, "typ": typ}
        return jws.serialize_compact(header, payload, self._key, algorithms=["ES256"])


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A provider's public key, the one algorithm that it may be used with, and its RFC 7638 thumbprint."""

    key: Key
    algorithm: str
    key_id: str


def verification_key(jwk: Mapping[str, str]) -> VerificationKey:
    """Read a provider's public signing key (RFC 7517; EC P-256 or Ed25519).

    Raises:
        SettingsInvalid: it is neither, or it contains the private part.
    """
    kinds: dict[tuple[str | None, str | None], tuple[type[ECKey] | type[OKPKey], str]] = {
        ("EC", "P-256"): (ECKey, "ES256"),
        ("OKP", "Ed25519"): (OKPKey, "Ed25519"),
    }
    kind = kinds.get((jwk.get("kty"), jwk.get("crv")))
    if kind is None:
        raise SettingsInvalid(
            "A provider's key must be a JWK of type EC P-256 or OKP Ed25519. Ask the provider for it."
        )
    if "d" in jwk:
        raise SettingsInvalid(
            "A provider's key must be its public one: it has the member d. Ask the provider for another key."
        )
    wanted: dict[str, str | list[str]] = {name: jwk[name] for name in ("kty", "crv", "x", "y") if name in jwk}
    try:
        key: Key = kind[0].import_key(wanted)
        return VerificationKey(key, kind[1], key.thumbprint())
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SettingsInvalid("A provider's key is damaged. Ask the provider for it again.") from error


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only these three: a key or its address inside the message (jwk, jku, x5c, x5u) and crit are refused."""

    alg: str
    kid: str
    typ: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedClaims:
    """What a provider has signed.

    Attributes:
        typ: one of the allowed types.
        key_id: RFC 7638 thumbprint of the key that signed.
        claims: all members of the payload, unchecked.
        digest: SHA-256, hex, of what the signature covers.
    """

    typ: str
    key_id: str
    claims: dict[str, Any]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedMessage:
    """What a provider has signed, checked for everything but its content.

    Attributes:
        typ: one of the allowed types.
        claims: all members of the payload; strings and numbers in it are still unchecked.
        jti: the message's id, 1 to 128 printable ASCII characters without blank.
        key_id: RFC 7638 thumbprint of the key that signed.
        digest: SHA-256, hex, of what the signature covers; tells messages with the same id apart.
    """

    typ: str
    claims: dict[str, Any]
    jti: str
    issued_at: datetime
    expires_at: datetime
    key_id: str = ""
    digest: str = ""


def read_header(compact: str) -> Header:
    """The protected header of a compact JWS, unchecked but for size and form.

    Raises:
        MessageRejected: ``schema``.
    """
    if len(compact) > MAX_SIZE:
        raise _rejected("schema", "it is too large")
    if not _COMPACT.fullmatch(compact):
        raise _rejected("schema", "it is not a signed message")
    segment = compact.partition(".")[0]
    try:
        return msgspec.json.decode(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), type=Header)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _rejected("schema", "its header is not as agreed") from error


def signed_claims(compact: str, *, keys: Sequence[VerificationKey], allowed_types: Collection[str]) -> SignedClaims:
    """Check size, form, type, algorithm, key and signature, in this order.

    Raises:
        MessageRejected: with code ``schema`` or ``signature``.
    """
    header = read_header(compact)
    if header.typ not in allowed_types:
        raise _rejected("schema", "it is of a kind that this provider may not send")
    key = next((key for key in keys if key.key_id == header.kid), None)
    if header.alg not in ALGORITHMS or (key is not None and key.algorithm != header.alg):
        raise _rejected("signature", "it is signed with a method that is not allowed")
    if key is None:
        raise _rejected("signature", "it is signed with a key that is not the provider's")
    digest = sha256(compact.rpartition(".")[0].encode("ascii")).hexdigest()
    return SignedClaims(typ=header.typ, key_id=key.key_id, claims=_claims(compact, key), digest=digest)


def verify(
    compact: str,
    *,
    keys: Sequence[VerificationKey],
    allowed_types: Collection[str],
    issuer: str,
    audience: str,
    now: datetime,
) -> VerifiedMessage:
    """Check a message in this order: size, form, type, algorithm, key, signature, issuer, audience, time.

    Args:
        compact: the message as it came in.
        keys: of the one provider who may have sent it.
        allowed_types: for ``typ`` in the protected header.
        issuer: who must have signed it (``iss``).
        audience: for whom it must be (``aud``).
        now: hub time.

    Raises:
        MessageRejected: with code ``schema``, ``signature``, ``issuer``, ``audience``, ``expired`` or ``clock``.
    """
    signed = signed_claims(compact, keys=keys, allowed_types=allowed_types)
    claims = signed.claims
    if claims.get("iss") != issuer:
        raise _rejected("issuer", "it names somebody else as its sender")
    if claims.get("aud") != audience:
        raise _rejected("audience", "it is meant for somebody else")
    issued_at, expires_at = _life(claims, now)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _MESSAGE_ID.fullmatch(jti):
        raise _rejected("schema", "it has no proper message number")
    return VerifiedMessage(
        typ=signed.typ,
        claims=claims,
        jti=jti,
        issued_at=issued_at,
        expires_at=expires_at,
        key_id=signed.key_id,
        digest=signed.digest,
    )


def _rejected(code: str, because: str) -> MessageRejected:
    return MessageRejected(code, f"A message was refused because {because}. Nothing was done with it.")


def _claims(compact: str, key: VerificationKey) -> dict[str, Any]:
    try:
        payload = jws.deserialize_compact(compact, key.key, algorithms=[key.algorithm]).payload
    except (JoseError, ValueError) as error:
        raise _rejected("signature", "its signature does not fit: it may be forged or damaged") from error
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _rejected("schema", "its content is not as agreed") from error


def _life(claims: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime]:
    try:
        issued_at, expires_at = msgspec.convert((claims.get("iat"), claims.get("exp")), tuple[_Seconds, _Seconds])
    except msgspec.ValidationError as error:
        raise _rejected("schema", "it does not say from when and until when it holds") from error
    begin, end = datetime.fromtimestamp(issued_at, UTC), datetime.fromtimestamp(expires_at, UTC)
    if end <= now:
        raise _rejected("expired", "it is out of date, unless the hub's clock is ahead")
    if begin > now + MAX_AHEAD:
        raise _rejected("clock", "it is dated in the future; check the hub's clock")
    if end - begin > MAX_LIFE:
        raise _rejected("expired", "it claims to hold for longer than seven days")
    return begin, end
