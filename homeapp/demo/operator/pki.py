"""A throwaway certificate authority for the demo street: every peer's TLS certificate comes from here."""

import ssl
import tempfile
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
_LARGEST_REQUEST = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A certificate with its private key, both PEM; the key is not encrypted."""

    certificate_pem: bytes
    key_pem: bytes


class StreetAuthority:
    """The root of trust of one demo street, EC P-256 throughout; it lives in memory and is forgotten with the street.

    Certificates are valid from yesterday for 30 days of the machine's time, because TLS looks at the machine's clock
    and not at the street's.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Demo street authority")])
        public = self._key.public_key()
        builder = _certificate(self._name, self._name, public, public)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(certificates=True), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def ca_pem(self) -> bytes:
        """The authority's own certificate, PEM: what a peer has to trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue_server(self) -> Credentials:
        """Credentials for a server on this machine: 127.0.0.1, ::1 and localhost."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in SERVER_NAMES]
        names += [x509.IPAddress(ip_address(address)) for address in SERVER_ADDRESSES]
        certificate = self._issue(SERVER_NAMES[0], key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH, names)
        return _credentials(certificate, key)

    def issue_client(self, name: str) -> Credentials:
        """Client credentials with ``name`` as the common name.

        Raises:
            ValueError: a common name has 1 to 64 characters.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        return _credentials(self._issue(name, key.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH), key)

    def sign_request(self, csr_pem: bytes, name: str) -> bytes:
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
        return _pem(self._issue(name, public, ExtendedKeyUsageOID.CLIENT_AUTH))

    def server_context(self, *, require_client: bool = False) -> ssl.SSLContext:
        """TLS 1.2 or newer for a server on this machine; blocks for some milliseconds.

        Args:
            require_client: demand a client certificate of this authority.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load(context, self.issue_server())
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
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _certificate(subject, self._name, public, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer_public: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday)
        .not_valid_after(yesterday + _LIFETIME)
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
