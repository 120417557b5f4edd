"""EC P-256 private keys as PEM texts; whatever is read or made is registered with ``homeapp.redaction``."""

from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp.errors import SecretStoreUnavailable
from homeapp.redaction import redact, redact_bytes
from homeapp.settings import SecretPlace


class SecretKeeper(Protocol):
    """The two calls of the SecretStore that are needed here; both block."""

    def get(self, name: str) -> str | None:
        """The secret, or None where there is none."""

    def set(self, name: str, value: str) -> None:
        """Keep a secret, replacing an older one."""


class PlacedSecrets(SecretKeeper, Protocol):
    """The same of a store that says where it is."""

    @property
    def place(self) -> SecretPlace:
        """Where the secrets are kept."""


def kept_or_made(secrets: SecretKeeper, name: str) -> tuple[str, bool]:
    """The key that is kept under ``name``, PKCS#8 PEM, and whether it had to be made.

    Raises:
        SecretStoreUnavailable: it cannot be kept, or the one that is kept is damaged.
    """
    kept = secrets.get(name)
    if kept is not None:
        read_key(kept, name)
        return kept, False
    made = key_pem(ec.generate_private_key(ec.SECP256R1()))
    secrets.set(name, made)
    return made, True


def read_key(pem: str, name: str) -> ec.EllipticCurvePrivateKey:
    """The key in ``pem``; ``name`` is that of the secret, for the sentence.

    Raises:
        SecretStoreUnavailable: it is damaged or no EC P-256 key.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise SecretStoreUnavailable(f"The secret {name} is damaged. Restore it from a backup.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise SecretStoreUnavailable(f"The secret {name} is not an EC P-256 key. Restore it from a backup.")
    _keep_out_of_the_log(key)
    return key


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """``key`` as PKCS#8 PEM, not encrypted; a secret."""
    _keep_out_of_the_log(key)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    redact(pem)
    return pem


def _keep_out_of_the_log(key: ec.EllipticCurvePrivateKey) -> None:
    # A JWK and a dump show the bare number.
    redact_bytes(key.private_numbers().private_value.to_bytes(32, "big"))
