"""Compact JWE (RFC 7516) around compact JWS: what is only for the provider's eyes, and what is only for the hub's.

One way of doing it: ECDH-ES in direct key agreement (RFC 7518 section 4.6) and A256GCM, without compression. The
signature is inside, so that nobody but the receiver learns who has signed what.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from homeapp.errors import MessageRejected, SecretStoreUnavailable, SettingsInvalid
from homeapp.providers.jose import MAX_SIZE, read_header

ALGORITHMS = ("ECDH-ES", "A256GCM")
_MAX_CIPHERTEXT = (MAX_SIZE * 4 + 2) // 3
_MAX_HEADER = 1024
MAX_SEALED_SIZE = _MAX_HEADER + _MAX_CIPHERTEXT + 64
"""The largest signed message, sealed."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]{1,1024})\.\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}")
"""Direct key agreement has no encrypted key; A256GCM has 96 bits of IV and 128 bits of tag."""
_Coordinate = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]


class _Registry(jwe.JWERegistry):
    max_protected_header_length = _MAX_HEADER
    max_ciphertext_length = _MAX_CIPHERTEXT


_REGISTRY = _Registry(algorithms=ALGORITHMS)


class _EphemeralKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: _Coordinate
    y: _Coordinate


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of these and nothing else: ``zip``, ``crit`` and keys or addresses of keys are refused."""

    alg: Literal["ECDH-ES"]
    enc: Literal["A256GCM"]
    kid: str
    epk: _EphemeralKey
    cty: str


class Seal:
    """Encrypts to one receiver.

    Attributes:
        key_id: RFC 7638 thumbprint of the receiver's key.

    Raises:
        SettingsInvalid: ``recipient`` is not the public part of an EC P-256 key.
    """

    def __init__(self, recipient: Mapping[str, str]) -> None:
        if (recipient.get("kty"), recipient.get("crv")) != ("EC", "P-256") or "d" in recipient:
            raise SettingsInvalid("A provider's key for encryption must be a public EC P-256 key. Ask the provider.")
        try:
            self._key = ECKey.import_key({name: recipient[name] for name in ("kty", "crv", "x", "y")})
            self.key_id = self._key.thumbprint()
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise SettingsInvalid(
                "A provider's key for encryption is damaged. Ask the provider for it again."
            ) from error

    def seal(self, compact_jws: str) -> str:
        """A compact JWE around ``compact_jws``; its ``cty`` is the ``typ`` inside.

        Raises:
            MessageRejected: ``schema``: what is to be sealed is no signed message, or too large.
        """
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": self.key_id, "cty": read_header(compact_jws).typ}
        return jwe.encrypt_compact(header, compact_jws, self._key, registry=_REGISTRY)


class HubUnsealer:
    """Decrypts what is sealed to the hub's own encryption key.

    Attributes:
        key_id: RFC 7638 thumbprint of it.

    Raises:
        SecretStoreUnavailable: ``enc_key_pem`` is not an EC P-256 private key.
    """

    def __init__(self, enc_key_pem: str) -> None:
        try:
            key = ECKey.import_key(enc_key_pem)
        except (JoseError, ValueError, TypeError) as error:
            raise SecretStoreUnavailable("The hub's encryption key is damaged. Restore it from a backup.") from error
        if key.curve_name != "P-256" or not key.is_private:
            raise SecretStoreUnavailable(
                "The hub's encryption key is not an EC P-256 private key. Restore it from a backup."
            )
        self._key = key
        self.key_id = key.thumbprint()

    def open(self, compact: str) -> str:
        """The signed message inside, still to be verified; a compact JWS that is not sealed comes back as it is.

        Raises:
            MessageRejected: ``sealed`` where it is for another key or damaged; ``schema`` where its form is not as
                agreed, or what is inside is no signed message of the type that it says.
        """
        if compact.count(".") != 4:
            return compact
        header = _header(compact)
        if header.kid != self.key_id:
            raise MessageRejected(
                "sealed",
                "A message was refused because it is encrypted for somebody else. If this goes on, pair the provider "
                "again: it may have an old key of this hub.",
            )
        inside = self._decrypted(compact)
        if read_header(inside).typ != header.cty:
            raise _malformed("what is inside is of another kind than it says")
        return inside

    def _decrypted(self, compact: str) -> str:
        try:
            plaintext = jwe.decrypt_compact(compact, self._key, registry=_REGISTRY).plaintext
            return (plaintext or b"").decode("ascii")
        except (JoseError, ValueError, AssertionError) as error:
            raise MessageRejected(
                "sealed",
                "A message was refused because it cannot be decrypted: it may be forged or damaged. Nothing was done "
                "with it.",
            ) from error


def _header(compact: str) -> _Header:
    if len(compact) > MAX_SEALED_SIZE:
        raise _malformed("it is too large")
    found = _COMPACT.fullmatch(compact)
    if found is None:
        raise _malformed("it is not an encrypted message")
    segment = found[1]
    try:
        return msgspec.json.decode(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), type=_Header)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _malformed("it is not encrypted in the agreed way") from error


def _malformed(because: str) -> MessageRejected:
    return MessageRejected("schema", f"A message was refused because {because}. Nothing was done with it.")
