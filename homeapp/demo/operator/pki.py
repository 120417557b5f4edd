"""A throwaway certificate authority for the demo street: every peer's TLS certificate comes from here.

It can also issue what has expired, revoke what it has issued, and be a stranger: what the hub has to refuse.
"""

import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from homeapp.errors import MessageRejected

SERVER_ADDRESSES = ("127.0.0.1", "::1")
SERVER_NAMES = ("localhost",)
_LIFETIME = timedelta(days=30)
_BACKDATED = timedelta(days=1)
_LARGEST_REQUEST = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A certificate with its private key, both PEM; the key is not encrypted."""

    certificate_pem: bytes
    key_pem: bytes


class StreetAuthority:
    """The root of trust of one demo street, EC P-256 throughout; it lives in memory and is forgotten with the street.

    Certificates are valid from yesterday for 30 days of the machine's time, because TLS looks at the machine's clock
    and not at the street's. Those with a life of their own last so long from now on; where it is negative, they have
    expired so long ago.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Demo street authority")])
        self._founded = datetime.now(UTC) - _BACKDATED
        self._revoked: dict[int, datetime] = {}
        self._lists = 0
        public = self._key.public_key()
        period = self._founded - _LIFETIME, self._founded + 2 * _LIFETIME
        builder = _certificate(self._name, self._name, public, public, period)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(certificates=True), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def ca_pem(self) -> bytes:
        """The authority's own certificate, PEM: what a peer has to trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue_server(
        self,
        *,
        names: Sequence[str] = SERVER_NAMES,
        addresses: Sequence[str] = SERVER_ADDRESSES,
        life: timedelta | None = None,
    ) -> Credentials:
        """Credentials for a server, by default on this machine: 127.0.0.1, ::1 and localhost."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ip_address(address)) for address in addresses]
        usage = ExtendedKeyUsageOID.SERVER_AUTH
        return _credentials(self._issue(names[0], key.public_key(), usage, alternatives, life), key)

    def issue_client(self, name: str, *, life: timedelta | None = None) -> Credentials:
        """Client credentials with ``name`` as the common name.

        Raises:
            ValueError: a common name has 1 to 64 characters.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        return _credentials(self._issue(name, key.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH, life=life), key)

    def revoke(self, certificate_pem: bytes) -> None:
        """Put a certificate on the lists that are made from now on."""
        serial = x509.load_pem_x509_certificate(certificate_pem).serial_number
        self._revoked.setdefault(serial, datetime.now(UTC))

    def has_revoked(self, serial_number: int) -> bool:
        """Whether a certificate of this number was revoked."""
        return serial_number in self._revoked

    def revocation_list(self, life: timedelta = _LIFETIME) -> bytes:
        """A new list of all that was revoked (RFC 5280 clause 5), PEM, in force for ``life`` (negative: no longer)."""
        self._lists += 1
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            # Whoever has two lists takes the one with the later date, and dates have whole seconds.
            .last_update(self._founded + timedelta(seconds=self._lists))
            .next_update(datetime.now(UTC) + life)
            .add_extension(x509.CRLNumber(self._lists), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for serial, at in self._revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def sign_request(self, csr_pem: bytes, name: str, *, life: timedelta | None = None) -> bytes:
        """Issue a client certificate, PEM, for the public key in a PKCS#10 request (RFC 2986).

        Of the request only its key and its common name are used, and the latter must be ``name``: who asks is known
        before, so that nobody enrols as somebody else.

        Raises:
            MessageRejected: it is not a request, not signed with its own key, of another kind of key or name.
        """
        if len(csr_pem) > _LARGEST_REQUEST:
            raise MessageRejected("schema", "The certificate request is too large.")
        try:
            request = x509.load_pem_x509_csr(csr_pem)
            public, signed = request.public_key(), request.is_signature_valid
            asked = [str(item.value) for item in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise MessageRejected("schema", "This is not a certificate request that can be read.") from error
        if not signed:
            raise MessageRejected("signature", "The certificate request is not signed with its own key.")
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise MessageRejected("value", "The key in the certificate request is not EC P-256.")
        if asked != [name]:
            raise MessageRejected("issuer", f"The certificate request is not for {name}.")
        return _pem(self._issue(name, public, ExtendedKeyUsageOID.CLIENT_AUTH, life=life))

    def server_context(self, *, require_client: bool = False, credentials: Credentials | None = None) -> ssl.SSLContext:
        """TLS 1.2 or newer for a server on this machine; blocks for some milliseconds.

        Args:
            require_client: demand a client certificate of this authority.
            credentials: what it shows; by default new ones.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load(context, credentials or self.issue_server())
        if require_client:
            context.load_verify_locations(cadata=self.ca_pem.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self, name: str | None = None) -> ssl.SSLContext:
        """TLS 1.2 or newer for a client that trusts this authority alone; blocks for some milliseconds.

        Args:
            name: common name of the certificate it presents, or None for none.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.ca_pem.decode())
        if name is not None:
            _load(context, self.issue_client(name))
        return context

    def _issue(
        self,
        name: str,
        public: ec.EllipticCurvePublicKey,
        usage: x509.ObjectIdentifier,
        alternatives: list[x509.GeneralName] | None = None,
        life: timedelta | None = None,
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _certificate(subject, self._name, public, self._key.public_key(), _period(life))
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _period(life: timedelta | None) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    if life is None:
        return now - _BACKDATED, now - _BACKDATED + _LIFETIME
    return now - _BACKDATED + min(life, timedelta(0)), now + life


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer_public: ec.EllipticCurvePublicKey,
    period: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(period[0])
        .not_valid_after(period[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    )


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _credentials(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Credentials:
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Credentials(certificate_pem=_pem(certificate), key_pem=pkcs8)


def _load(context: ssl.SSLContext, credentials: Credentials) -> None:
    """Python's ssl takes keys from files only: one in a folder of our own (mode 0700) that is gone at once."""
    with tempfile.TemporaryDirectory(prefix="demo-street-") as folder:
        path = Path(folder) / "chain.pem"
        path.write_bytes(credentials.key_pem + credentials.certificate_pem)
        context.load_cert_chain(path)
