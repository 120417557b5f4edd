"""The car's pseudonyms: another one for each provider and home, so that two providers cannot compare."""

import base64
import binascii
import hashlib
import hmac
import secrets

from homeapp.errors import SecretStoreUnavailable
from homeapp.secrets import SecretStore

KEY_NAME = "pev.pseudonym_key"
_KEY_BYTES = 32
_DIGITS = 16


def pseudonym(secret: bytes, sp_id: str, identity: str) -> str:
    """16 hexadecimal digits that stand for the car towards one provider.

    Args:
        secret: the home's key, see ``pseudonym_key``.
        sp_id: the provider that will see it.
        identity: the car's own number; it cannot be found from the pseudonym without the key.
    """
    # A zero byte is in no provider's name, so no two pairs make the same text.
    text = f"{sp_id}\0{identity}".encode()
    return hmac.new(secret, text, hashlib.sha256).hexdigest()[:_DIGITS]


def pseudonym_key(store: SecretStore) -> bytes:
    """The home's key, made at the first call and kept for good. Blocks.

    Raises:
        SecretStoreUnavailable: it cannot be read or kept, or is damaged.
    """
    kept = store.get(KEY_NAME)
    if kept is None:
        key = secrets.token_bytes(_KEY_BYTES)
        store.set(KEY_NAME, base64.b64encode(key).decode())
        return key
    try:
        key = base64.b64decode(kept, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise SecretStoreUnavailable(
            f"The secret {KEY_NAME} is damaged. Restore the secrets from a backup, or delete it: "
            "providers then see the car as another one."
        )
    return key
