"""The simulated station's certificates: roots that it trusts, and its own with its key (2.x A02, M03 to M05).

The key is made in the station and never leaves it.
"""

import itertools
import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from homeapp.demo.ocpp.schemas import Json

MOST_ROOTS = 8
CSMS_ROOT = "CSMSRootCertificate"
_ALGORITHMS: Mapping[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


class CertificateStore:
    """Its certificates.

    Args:
        identity: of the station; the common name of its certificate.
        now: the world's time as the station knows it.
        kept: from its last life.
        factory: chain and key that it came with, PEM, or None.

    Attributes:
        unsaved: something has changed.
    """

    def __init__(
        self,
        identity: str,
        now: Callable[[], datetime],
        kept: Json | None = None,
        factory: tuple[bytes, bytes] | None = None,
    ) -> None:
        kept = kept or {}
        self._identity = identity
        self._now = now
        self._roots: list[tuple[str, str]] = [(kind, pem) for kind, pem in kept.get("roots", ())]
        own = kept.get("own") or (None if factory is None else (factory[0].decode(), factory[1].decode()))
        self._own: tuple[str, str] | None = None if own is None else (own[0], own[1])
        self._asked_key: ec.EllipticCurvePrivateKey | None = None
        self.unsaved = False

    @property
    def chain_pem(self) -> str | None:
        """Its own certificate and those above it, or None."""
        return None if self._own is None else self._own[0]

    def roots(self, kind: str = CSMS_ROOT) -> list[str]:
        """Roots of a kind, PEM."""
        return [pem for have, pem in self._roots if have == kind]

    def request(self, organisation: str) -> str:
        """Make a key and a PKCS#10 request for it, PEM (A02.FR.02, .03)."""
        self._asked_key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, self._identity)]
        if organisation:
            names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
        return builder.sign(self._asked_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def take_signed(self, chain_pem: str) -> bool:
        """CertificateSigned; False where it is not for the key that was asked for, or does not hold (A02.FR.06)."""
        if self._asked_key is None:
            return False
        try:
            chain = x509.load_pem_x509_certificates(chain_pem.encode())
            for lower, upper in itertools.pairwise(chain):
                lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        leaf = chain[0]
        if leaf.public_key() != self._asked_key.public_key() or not _holds(leaf, self._now()):
            return False
        self._own, self._asked_key, self.unsaved = (chain_pem, _key_pem(self._asked_key)), None, True
        return True

    def install(self, kind: str, pem: str) -> str:
        """InstallCertificate; returns the status to answer with."""
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            return "Rejected"
        if len(self._roots) >= MOST_ROOTS or not _holds(certificate, self._now()):
            return "Rejected"
        if (kind, pem) not in self._roots:
            self._roots.append((kind, pem))
            self.unsaved = True
        return "Accepted"

    def installed(self, kinds: Sequence[str] | None) -> list[tuple[str, Json]]:
        """Kind and hash data of each root of these kinds; of all where None."""
        return [(kind, _hash_data(pem)) for kind, pem in self._roots if kinds is None or kind in kinds]

    def delete(self, hash_data: Json) -> str:
        """DeleteCertificate; returns the status to answer with."""
        algorithm = hash_data["hashAlgorithm"]
        wanted = {name: str(value).lower() for name, value in hash_data.items() if name != "customData"}
        for kind, pem in self._roots:
            have = {name: str(value).lower() for name, value in _hash_data(pem, algorithm).items()}
            if have == wanted:
                self._roots.remove((kind, pem))
                self.unsaved = True
                return "Accepted"
        return "NotFound"

    def to_json(self) -> Json:
        """What outlives a power cut."""
        return {"roots": [list(entry) for entry in self._roots], "own": self._own and list(self._own)}

    def context(self, trust: ssl.SSLContext, *, mutual: bool) -> ssl.SSLContext:
        """For a connection: trusts what ``trust`` does and the CSMS roots; blocks for some milliseconds.

        Args:
            trust: from the factory.
            mutual: show the station's own certificate.
        """
        roots = self.roots()
        if not roots and not (mutual and self._own):
            return trust
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags = trust.verify_flags
        context.check_hostname, context.verify_mode = trust.check_hostname, trust.verify_mode
        for der in trust.get_ca_certs(binary_form=True):
            context.load_verify_locations(cadata=der)
        for pem in roots:
            context.load_verify_locations(cadata=pem)
        if mutual and self._own is not None:
            _show(context, *self._own)
        return context


def _holds(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _hash_data(pem: str, algorithm: str = "SHA256") -> Json:
    """CertificateHashDataType of a self-signed certificate: what an OCSP request would say of it (RFC 6960 4.1.1)."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, _ALGORITHMS[algorithm])
    request = builder.build()
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": f"{request.serial_number:x}",
    }


def _show(context: ssl.SSLContext, chain_pem: str, key_pem: str) -> None:
    # Python's ssl takes keys from files only: one in a folder of our own (mode 0700) that is gone at once.
    with tempfile.TemporaryDirectory(prefix="demo-station-") as folder:
        path = Path(folder) / "chain.pem"
        path.write_text(f"{key_pem}\n{chain_pem}")
        context.load_cert_chain(path)
