"""An RSA-2048 key of the hub, kept as its two primes; registered with ``homeapp.redaction`` when it is read or made.

Some keyrings hold no more than 1280 characters, which is less than the key's PEM has.
"""

import base64
import binascii

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from homeapp.errors import SecretStoreUnavailable
from homeapp.identity.keys import SecretKeeper
from homeapp.redaction import redact, redact_bytes

BITS = 2048
"""OCPP-J 1.6 par. 6.2.1 allows no more, security profiles 2 and 3 no less."""
_EXPONENT = 65537
_PRIME_BYTES = BITS // 16


def kept_or_made_rsa(secrets: SecretKeeper, name: str) -> rsa.RSAPrivateKey:
    """The key that is kept under ``name``; made at the first call.

    Raises:
        SecretStoreUnavailable: it cannot be kept, or the one that is kept is damaged.
    """
    kept = secrets.get(name)
    if kept is not None:
        return _read(kept, name)
    key = rsa.generate_private_key(_EXPONENT, BITS)
    secrets.set(name, _written(key))
    return key


def rsa_key_pem(key: rsa.RSAPrivateKey) -> str:
    """``key`` as PKCS#8 PEM, not encrypted; a secret."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    redact(pem)
    return pem


def _written(key: rsa.RSAPrivateKey) -> str:
    numbers = key.private_numbers()
    primes = b"".join(prime.to_bytes(_PRIME_BYTES, "big") for prime in (numbers.p, numbers.q))
    text = base64.b64encode(primes).decode()
    _keep_out_of_the_log(key, text)
    return text


def _read(kept: str, name: str) -> rsa.RSAPrivateKey:
    try:
        primes = base64.b64decode(kept, validate=True)
        p, q = (int.from_bytes(part, "big") for part in (primes[:_PRIME_BYTES], primes[_PRIME_BYTES:]))
        exponent = pow(_EXPONENT, -1, (p - 1) * (q - 1))
        key = rsa.RSAPrivateNumbers(
            p=p,
            q=q,
            d=exponent,
            dmp1=rsa.rsa_crt_dmp1(exponent, p),
            dmq1=rsa.rsa_crt_dmq1(exponent, q),
            iqmp=rsa.rsa_crt_iqmp(p, q),
            public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
        ).private_key()
    except (binascii.Error, ValueError, ArithmeticError) as error:
        raise SecretStoreUnavailable(f"The secret {name} is damaged. Restore it from a backup.") from error
    if key.key_size != BITS:
        raise SecretStoreUnavailable(f"The secret {name} is not an RSA-{BITS} key. Restore it from a backup.")
    _keep_out_of_the_log(key, kept)
    return key


def _keep_out_of_the_log(key: rsa.RSAPrivateKey, kept: str) -> None:
    redact(kept)
    numbers = key.private_numbers()
    for part in (numbers.p, numbers.q):
        redact_bytes(part.to_bytes(_PRIME_BYTES, "big"))
    redact_bytes(numbers.d.to_bytes(BITS // 8, "big"))
