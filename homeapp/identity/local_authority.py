"""The home's own certificate authority, which vouches for the OCPP endpoint and for the stations that connect to it.

Its key lives in the SecretStore. Everything here blocks. Certificates are dated by the machine's clock, because TLS
looks at no other.
"""

import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from homeapp.errors import SettingsInvalid
from homeapp.identity.files import write_whole
from homeapp.identity.keys import SecretKeeper, kept_or_made, key_pem, read_key
from homeapp.identity.rsa_key import kept_or_made_rsa, rsa_key_pem
from homeapp.identity.tls import show_certificate
from homeapp.identity.tls_refusals import log_refusals

logger = logging.getLogger(__name__)

CA_KEY = "ocpp_ca.key"
SERVER_KEY = "ocpp_server.key"
RSA_SERVER_KEY = "ocpp_server_rsa.key"
CA_FILE = "ocpp-ca.pem"
SERVER_FILE = "ocpp-server.pem"
RSA_SERVER_FILE = "ocpp-server-rsa.pem"
LOCAL_NAME = "hub.local"

_CA_LIFE = timedelta(days=20 * 365)
_SERVER_LIFE = timedelta(days=365)
STATION_LIFE = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
)
"""Of TLS 1.2 what A00.FR.318 names, but RSA only with a key that is made for the connection, as is recommended there:
TLS_RSA gives up all that was ever said once the key gets out. Those of TLS 1.3 are all fit.
"""
_BACKDATED = timedelta(days=1)
"""Charging stations' clocks may be behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """What the endpoint shows to charging stations.

    Attributes:
        chain_pem: its certificate and the authority's, PEM.
        key_pem: its private key; a secret.
    """

    chain_pem: str
    key_pem: str = field(repr=False)
    not_after: datetime


class LocalAuthority:
    """The home's own certificate authority, for the OCPP leg alone; made on first run, good for 20 years.

    Attributes:
        ca_file: its certificate, PEM: what the installer loads into the charging station.
        ca_pem: the same as text.

    Raises:
        SecretStoreUnavailable: its key cannot be kept, or the one that is kept is damaged.
        EnvironmentProblem: the data directory cannot be written.
    """

    def __init__(self, secrets: SecretKeeper, data_dir: Path, now: Callable[[], datetime] | None = None) -> None:
        self.ca_file = data_dir / CA_FILE
        self._server_file = data_dir / SERVER_FILE
        self._rsa_file = data_dir / RSA_SERVER_FILE
        self._secrets = secrets
        self._now = now or (lambda: datetime.now(UTC))
        self._key = read_key(kept_or_made(secrets, CA_KEY)[0], CA_KEY)
        self._certificate = self._kept_certificate() or self._new_certificate()
        self.ca_pem = _pem(self._certificate)

    def server_certificate(self, names: Iterable[str]) -> ServerCertificate:
        """The endpoint's certificate for ``names``, ``hub.local`` and this machine's addresses.

        The kept one, or a new one where none is kept, less than 30 days are left, or a name is missing in it.

        Raises:
            SecretStoreUnavailable, EnvironmentProblem: as for the authority itself.
            SettingsInvalid: one of ``names`` is neither a DNS name nor an IP address.
        """
        wanted = _wanted(names)
        private_pem = self._secrets.get(SERVER_KEY)
        certificate = _read_certificate(self._server_file)
        public = None if private_pem is None else read_key(private_pem, SERVER_KEY).public_key()
        if private_pem is None or certificate is None or not self._still_good(certificate, public, wanted):
            key = ec.generate_private_key(ec.SECP256R1())
            private_pem = key_pem(key)
            certificate = self._issue(key.public_key(), wanted)
            self._secrets.set(SERVER_KEY, private_pem)
            self._write(self._server_file, certificate)
        return self._with_chain(certificate, private_pem)

    def rsa_server_certificate(self, names: Iterable[str]) -> ServerCertificate:
        """The same on an RSA key, which is made once, for stations that cannot do ECDSA (A00.FR.318).

        Raises:
            SecretStoreUnavailable, EnvironmentProblem, SettingsInvalid: see ``server_certificate``.
        """
        wanted = _wanted(names)
        key = kept_or_made_rsa(self._secrets, RSA_SERVER_KEY)
        certificate = _read_certificate(self._rsa_file)
        if certificate is None or not self._still_good(certificate, key.public_key(), wanted):
            certificate = self._issue(key.public_key(), wanted)
            self._write(self._rsa_file, certificate)
        return self._with_chain(certificate, rsa_key_pem(key))

    def vouch_for_station(self, request: x509.CertificateSigningRequest) -> x509.Certificate:
        """A client certificate for a station, with subject and key of its request, which must have been checked."""
        builder = self._builder(request.subject, self._certificate.subject, request.public_key(), STATION_LIFE)
        return self._leaf(builder, ExtendedKeyUsageOID.CLIENT_AUTH).sign(self._key, hashes.SHA256())

    def _write(self, path: Path, certificate: x509.Certificate) -> None:
        write_whole(path, _pem(certificate))
        logger.info("ocpp: a new endpoint certificate was issued, good until %s", certificate.not_valid_after_utc)

    def _with_chain(self, certificate: x509.Certificate, private_pem: str) -> ServerCertificate:
        chain = _pem(certificate) + self.ca_pem
        return ServerCertificate(chain_pem=chain, key_pem=private_pem, not_after=certificate.not_valid_after_utc)

    def _kept_certificate(self) -> x509.Certificate | None:
        certificate = _read_certificate(self.ca_file)
        if certificate is None or certificate.public_key() != self._key.public_key():
            return None
        return certificate if certificate.not_valid_after_utc > self._now() + _SERVER_LIFE else None

    def _new_certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Home energy hub: charging stations")])
        builder = self._builder(name, name, self._key.public_key(), _CA_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = builder.add_extension(_usage(signs_certificates=True), critical=True).sign(
            self._key, hashes.SHA256()
        )
        write_whole(self.ca_file, _pem(certificate))
        logger.info("ocpp: a new local certificate authority was made")
        return certificate

    def _issue(self, public: CertificatePublicKeyTypes, names: list[x509.GeneralName]) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOCAL_NAME)])
        builder = self._builder(subject, self._certificate.subject, public, _SERVER_LIFE)
        builder = self._leaf(builder, ExtendedKeyUsageOID.SERVER_AUTH)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _leaf(self, builder: x509.CertificateBuilder, use: x509.ObjectIdentifier) -> x509.CertificateBuilder:
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        return builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, public: CertificatePublicKeyTypes, life: timedelta
    ) -> x509.CertificateBuilder:
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now() - _BACKDATED)
            .not_valid_after(self._now() + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(own, critical=False)
        )

    def _still_good(
        self, certificate: x509.Certificate, public: CertificatePublicKeyTypes | None, wanted: list[x509.GeneralName]
    ) -> bool:
        try:
            certificate.verify_directly_issued_by(self._certificate)
            named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        left = certificate.not_valid_after_utc - self._now()
        return public == certificate.public_key() and left >= RENEW_BEFORE and set(wanted) <= set(named)


def server_context(authority: LocalAuthority, names: Iterable[str]) -> ssl.SSLContext:
    """TLS 1.2 or newer for the OCPP endpoint (OCPP security profiles 2 and 3), without compression (A00.FR.320).

    It knows who vouches for stations but asks none for a certificate: the endpoint does, once one was issued.

    Raises:
        SecretStoreUnavailable, EnvironmentProblem, SettingsInvalid: see ``LocalAuthority.server_certificate``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_verify_locations(cadata=authority.ca_pem)
    log_refusals(context)
    renew(context, authority, names)
    return context


def renew(context: ssl.SSLContext, authority: LocalAuthority, names: Iterable[str]) -> datetime:
    """Let an endpoint that stays up show the newest certificates to those who connect from now on.

    A context holds one for each kind of key, and shows the one that the station can check.

    Returns:
        Until when both are good.

    Raises:
        SecretStoreUnavailable, EnvironmentProblem, SettingsInvalid: see ``LocalAuthority.server_certificate``.
    """
    wanted = tuple(names)
    certificates = authority.server_certificate(wanted), authority.rsa_server_certificate(wanted)
    for certificate in certificates:
        show_certificate(context, certificate.chain_pem, certificate.key_pem)
    return min(certificate.not_after for certificate in certificates)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _wanted(names: Iterable[str]) -> list[x509.GeneralName]:
    return _alternative_names([*names, LOCAL_NAME, *_machine_names()])


def _alternative_names(names: Iterable[str]) -> list[x509.GeneralName]:
    return [_alternative_name(name) for name in dict.fromkeys(names)]


def _alternative_name(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(name))
    try:
        return x509.DNSName(name)
    except ValueError as error:
        raise SettingsInvalid(f"ocpp.names: {name!r} is neither a DNS name nor an IP address.") from error


def _machine_names() -> list[str]:
    """This machine's host name and the addresses that others reach it at."""
    found = ["localhost", "127.0.0.1", "::1"]
    with suppress(OSError, UnicodeError):
        host = socket.gethostname()
        if host.isascii() and host:
            found.append(host)
        found += [str(info[4][0]) for info in socket.getaddrinfo(host, None)]
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        # Connecting a datagram socket sends nothing; it only asks for the address of the route.
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found.append(probe.getsockname()[0])
    return [name.partition("%")[0] for name in found]


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _read_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
