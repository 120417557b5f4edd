"""Whether a CSMS means the hub's own root when it names a certificate by its hashes (CertificateHashDataType, M04)."""

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from devices.evce.fields import plain

_HASHES: Mapping[str, type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}


class PemRoot:
    """Implements ``port.HubRoot`` for a self-signed certificate.

    Args:
        pem: the certificate.
    """

    def __init__(self, pem: str) -> None:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        self._serial = certificate.serial_number
        self._name = certificate.issuer.public_bytes()
        # RFC 6960 par. 4.1.1: the key alone, without tag, length and unused bits; here an uncompressed point.
        self._key = certificate.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def is_meant(self, certificate_hash_data: Mapping[str, Any]) -> bool:
        algorithm = _HASHES.get(plain(certificate_hash_data.get("hashAlgorithm")))
        try:
            serial = int(plain(certificate_hash_data.get("serialNumber"), longest=40), 16)
        except ValueError:
            return False
        if algorithm is None or serial != self._serial:
            return False
        wanted = (
            plain(certificate_hash_data.get("issuerNameHash"), longest=128).lower(),
            plain(certificate_hash_data.get("issuerKeyHash"), longest=128).lower(),
        )
        return wanted[0] == _hash(algorithm(), self._name) or wanted[1] == _hash(algorithm(), self._key)


def _hash(algorithm: hashes.HashAlgorithm, data: bytes) -> str:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize().hex()
