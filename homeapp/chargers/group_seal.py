"""Groups of cards, sealed under the home's own key: unlike the cards' numbers they have to be told to the station."""

import base64
import binascii
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class GroupSeal:
    """Seals short texts with AES-256-GCM; what was sealed under another key cannot be opened."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hmac.new(key, b"groupIdToken", hashlib.sha256).digest())

    def seal(self, text: str) -> str:
        """``text`` as Base64 of nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), None)).decode()

    def open(self, sealed: str) -> str | None:
        """What was sealed, or None where it cannot be opened."""
        try:
            content = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], None).decode()
        except (InvalidTag, binascii.Error, ValueError):
            return None
