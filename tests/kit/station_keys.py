"""A hub that vouches for stations, and stations with keys, requests and certificates."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from homeapp import identity
from homeapp.identity import IssuedCertificates, LocalAuthority
from kit.evce_street import DEVICE, NAME
from kit.secret_store import MemorySecrets

ORGANIZATION = "Home energy hub"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def private_pem(key: Key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def request(
    key: Key,
    *,
    name: str = NAME,
    organization: str | None = ORGANIZATION,
    wishes: tuple[x509.ExtensionType, ...] = (),
) -> str:
    """PKCS#10, PEM."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    for wish in wishes:
        builder = builder.add_extension(wish, critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Vouching:
    """A hub's authority in ``folder``."""

    folder: Path

    def __post_init__(self) -> None:
        self.secrets = MemorySecrets()
        self.authority = LocalAuthority(self.secrets, self.folder)
        self.issued = IssuedCertificates(self.authority, self.folder, organization=ORGANIZATION)
        self.server = identity.server_context(self.authority, ())

    def client(self, chain_pem: str | None = None, key: Key | None = None) -> ssl.SSLContext:
        """A station that trusts the hub, and shows ``chain_pem``."""
        context = ssl.create_default_context(cadata=self.authority.ca_pem)
        if chain_pem is not None and key is not None:
            file = self.folder / "station.pem"
            file.write_text(chain_pem + private_pem(key))
            context.load_cert_chain(file)
        return context

    def given(self, device_id: str = DEVICE, name: str = NAME, key: Key | None = None) -> ssl.SSLContext:
        """A station with a certificate of this hub, for ``key`` or one on P-256."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        return self.client(self.issued.sign(device_id, [name], request(key, name=name)), key)
