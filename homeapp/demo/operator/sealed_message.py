"""Messages between service providers and the hub that only their receiver can read: compact JWE (RFC 7516).

Inside is one compact JWS. Protected header: ``alg`` ECDH-ES, ``enc`` A256GCM, ``kid`` the RFC 7638 thumbprint of the
receiver's key, ``epk``, and ``cty``, the ``typ`` of what is inside.
"""

from collections.abc import Mapping

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from homeapp.demo.operator.signed_message import type_of
from homeapp.errors import MessageRejected

_ALGORITHMS = ["ECDH-ES", "A256GCM"]
_MEMBERS = {"alg", "enc", "kid", "epk", "cty"}
_LARGEST = 65_536


class EncryptionKey:
    """An EC P-256 key pair that others encrypt to."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256")
        self.key_id = self._key.thumbprint()

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public key as JWK: ``kty``, ``crv``, ``x``, ``y``."""
        return {name: str(value) for name, value in self._key.as_dict(private=False).items()}

    def open(self, compact: str) -> str:
        """The compact JWS inside, not verified.

        Raises:
            MessageRejected: ``schema`` where it is not encrypted in the agreed way, ``sealed`` where it is not for this
                key or damaged.
        """
        if len(compact) > _LARGEST or compact.count(".") != 4:
            raise MessageRejected("schema", "The message is not encrypted, or larger than 64 kB.")
        try:
            message = jwe.decrypt_compact(compact, self._key, algorithms=_ALGORITHMS)
            inside = (message.plaintext or b"").decode()
        except (JoseError, ValueError, TypeError, AttributeError, AssertionError, RecursionError) as error:
            raise MessageRejected("sealed", "The message cannot be decrypted.") from error
        header = message.protected
        if set(header) != _MEMBERS or header["kid"] != self.key_id or header["cty"] != type_of(inside):
            raise MessageRejected("schema", "The message says something else of itself than it is.")
        return inside


def seal(compact_jws: str, public_jwk: Mapping[str, str]) -> str:
    """A compact JWE around ``compact_jws`` for the owner of an EC P-256 key."""
    key = ECKey.import_key({name: public_jwk[name] for name in ("kty", "crv", "x", "y")})
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.thumbprint(), "cty": type_of(compact_jws)}
    return jwe.encrypt_compact(header, compact_jws, key, algorithms=_ALGORITHMS)
