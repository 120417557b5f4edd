"""A certificate authority of its own for a simulated meter, as the maker has one for the real ones."""

import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class MeterCertificate:
    """A meter's identity.

    Attributes:
        ca_pem: what a hub has to trust.
        chain_pem: the meter's certificate, followed by its key.
    """

    ca_pem: str
    chain_pem: bytes = field(repr=False)

    def server_context(self) -> ssl.SSLContext:
        """A TLS server context with this identity; reads and writes files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder) / "meter.pem"
            chain.touch(mode=0o600)
            chain.write_bytes(self.chain_pem)
            context.load_cert_chain(chain)
        return context


def issue_certificate(common_name: str) -> MeterCertificate:
    """A new authority and a certificate by it whose only name is the common name."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Demo Appliance Access CA")
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = _builder(_name(common_name), ca_name, key.public_key()).sign(ca_key, hashes.SHA256())
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return MeterCertificate(
        ca_pem=ca.public_bytes(serialization.Encoding.PEM).decode(),
        chain_pem=leaf.public_bytes(serialization.Encoding.PEM) + key_pem,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    # TLS is checked against the machine's clock, whatever time it is in the demo street.
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
    )
