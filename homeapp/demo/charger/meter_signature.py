"""Signed readings of the simulated station's meter: a text in the manner of OCMF, signed with the meter's own key.

The text is ``OCMF|<readings as JSON>|<signature as JSON>``; the signature is ECDSA with P-256 and SHA-256 over the
bytes of the readings.
"""

import json
from datetime import UTC

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp.demo.charger.outlet import Sample

SIGNING_METHOD = "ECDSA-secp256r1-SHA256"
ENCODING_METHOD = "OCMF"
_KINDS = {"Transaction.Begin": "B", "Transaction.End": "E"}


class SigningMeter:
    """A meter with a key.

    Args:
        serial: of the meter.
        key_pem: from the station's last life, or None for a fresh one.
    """

    def __init__(self, serial: str, key_pem: str | None = None) -> None:
        self._serial = serial
        self._key = _load(key_pem) if key_pem else ec.generate_private_key(ec.SECP256R1())
        self._readings = 0

    @property
    def key_pem(self) -> str:
        """The private key, for the station's memory."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, sample: Sample, context: str, token: str) -> str:
        """The signed reading of both energy registers.

        Args:
            sample: read now.
            context: ReadingContext, ``Transaction.Begin`` or ``Transaction.End``.
            token: of who charges.
        """
        self._readings += 1
        at = sample.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S,000+0000 S")
        common = {"TM": at, "RU": "Wh", "ST": "G"}
        kind = _KINDS.get(context, "C")
        readings = {
            "FV": "1.0",
            "MS": self._serial,
            "PG": f"T{self._readings}",
            "IS": True,
            "IT": "CENTRAL",
            "ID": token,
            "RD": [
                {"TX": kind, "RV": round(sample.import_wh, 1), "RI": "1-b:1.8.0"} | common,
                {"RV": round(sample.export_wh, 1), "RI": "1-b:2.8.0"} | common,
            ],
        }
        body = json.dumps(readings, separators=(",", ":"))
        signature = self._key.sign(body.encode(), ec.ECDSA(hashes.SHA256())).hex()
        return f"OCMF|{body}|" + json.dumps({"SA": SIGNING_METHOD, "SD": signature}, separators=(",", ":"))


def is_genuine(text: str, public_key: bytes) -> bool:
    """Whether this key has signed this text."""
    head, _, rest = text.partition("|")
    body, _, seal = rest.rpartition("|")
    try:
        key = serialization.load_der_public_key(public_key)
        signature = bytes.fromhex(json.loads(seal)["SD"])
        if head != "OCMF" or not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, body.encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True


def _load(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(type(key))
    return key
