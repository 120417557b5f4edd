"""The hub's own key and certificates, and the TLS contexts made of them.

Private keys are EC P-256, live in the SecretStore and never lie in a file. Everything here blocks: call it through
``asyncio.to_thread``. Certificates are dated by the machine's clock, because TLS looks at no other.
"""

import logging
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc.jwk import ECKey

from homeapp.errors import EnvironmentProblem, SecretStoreUnavailable, SettingsInvalid
from homeapp.redaction import redact_bytes
from homeapp.settings import SecretPlace

logger = logging.getLogger(__name__)

HUB_KEY = "hub.key"
CA_KEY = "ocpp_ca.key"
SERVER_KEY = "ocpp_server.key"
CA_FILE = "ocpp-ca.pem"
KEY_NOTE = "hub-key.json"
SERVER_FILE = "ocpp-server.pem"
LOCAL_NAME = "hub.local"

_CA_LIFE = timedelta(days=20 * 365)
_SERVER_LIFE = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=30)
_BACKDATED = timedelta(days=1)
"""Charging stations' clocks may be behind."""


class SecretKeeper(Protocol):
    """The two calls of the SecretStore that are needed here; both block."""

    def get(self, name: str) -> str | None:
        """The secret, or None where there is none."""

    def set(self, name: str, value: str) -> None:
        """Keep a secret, replacing an older one."""


class PlacedSecrets(SecretKeeper, Protocol):
    """The same of a store that says where it is."""

    @property
    def place(self) -> SecretPlace:
        """Where the secrets are kept."""


class _KeyNote(msgspec.Struct, frozen=True):
    """What is known in the data directory of the hub's key; nothing of it is secret."""

    place: str = "unknown"
    jwk: dict[str, str] | None = None


def hub_key_pem(secrets: SecretKeeper) -> str:
    """The hub's own private key, PKCS#8 PEM; made on first use.

    Raises:
        SecretStoreUnavailable: it cannot be kept, or the one that is kept is damaged.
    """
    kept = secrets.get(HUB_KEY)
    if kept is not None:
        _read_key(kept, HUB_KEY)
        return kept
    made = _key_pem(ec.generate_private_key(ec.SECP256R1()))
    secrets.set(HUB_KEY, made)
    logger.info("hub: its own key was made")
    return made


def home_key_pem(secrets: PlacedSecrets, data_dir: Path) -> str:
    """``hub_key_pem``, but one home never gets a second key: its public part is noted in the data directory.

    Raises:
        SecretStoreUnavailable: as for ``hub_key_pem``, or the key that this home has is not among ``secrets``.
        EnvironmentProblem: the data directory cannot be written.
    """
    path = data_dir / KEY_NOTE
    note, kept = _read_note(path), secrets.get(HUB_KEY)
    if note is not None and (kept is None or note.jwk not in (None, public_jwk(kept))):
        raise SecretStoreUnavailable(
            f"The hub's own key is not where it was. Its secrets were kept in: {note.place}; now was looked in: "
            f"{secrets.place}. Let the setting secrets name the old place (a keyring also keeps them for this path of "
            "the data directory and this user only) and start again. Without that key, move "
            f"{path} away: the hub then begins anew, and all devices and providers have to be paired again."
        )
    key_pem = hub_key_pem(secrets)
    wanted = _KeyNote(place=secrets.place, jwk=public_jwk(key_pem))
    if note != wanted:
        _write(path, msgspec.json.format(msgspec.json.encode(wanted)).decode() + "\n")
    return key_pem


def public_jwk(key_pem: str) -> dict[str, str]:
    """The public part as JWK (RFC 7517) with ``kid``, its RFC 7638 thumbprint; for the providers' records."""
    key = ECKey.import_key(_key_pem(_read_key(key_pem, HUB_KEY)))
    members = key.as_dict(private=False)
    return {name: str(members[name]) for name in ("kty", "crv", "x", "y")} | {"kid": key.thumbprint()}


def certificate_request(key_pem: str, ae_id: str) -> str:
    """A PKCS#10 request, PEM, for the hub's client certificate: its common name is the AE-ID (TS-0003).

    Raises:
        SettingsInvalid: ``ae_id`` is no common name.
    """
    try:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ae_id)])
    except ValueError as error:
        raise SettingsInvalid("The AE-ID must have 1 to 64 characters.") from error
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return _pem(request.sign(_read_key(key_pem, HUB_KEY), hashes.SHA256()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """What the endpoint shows to charging stations.

    Attributes:
        chain_pem: its certificate and the authority's, PEM.
        key_pem: its private key; a secret.
    """

    chain_pem: str
    key_pem: str
    not_after: datetime


class LocalAuthority:
    """The home's own certificate authority, for the OCPP endpoint alone; made on first run, good for 20 years.

    Attributes:
        ca_file: its certificate, PEM: what the installer loads into the charging station.

    Raises:
        SecretStoreUnavailable: its key cannot be kept, or the one that is kept is damaged.
        EnvironmentProblem: the data directory cannot be written.
    """

    def __init__(self, secrets: SecretKeeper, data_dir: Path, now: Callable[[], datetime] | None = None) -> None:
        self.ca_file = data_dir / CA_FILE
        self._server_file = data_dir / SERVER_FILE
        self._secrets = secrets
        self._now = now or (lambda: datetime.now(UTC))
        kept = secrets.get(CA_KEY)
        self._key = ec.generate_private_key(ec.SECP256R1()) if kept is None else _read_key(kept, CA_KEY)
        if kept is None:
            secrets.set(CA_KEY, _key_pem(self._key))
        self._certificate = self._kept_certificate() or self._new_certificate()

    def server_certificate(self, names: Iterable[str]) -> ServerCertificate:
        """The endpoint's certificate for ``names``, ``hub.local`` and this machine's addresses.

        The kept one, or a new one where none is kept, less than 30 days are left, or a name is missing in it.

        Raises:
            SecretStoreUnavailable, EnvironmentProblem: as for the authority itself.
            SettingsInvalid: one of ``names`` is neither a DNS name nor an IP address.
        """
        wanted = _alternative_names([*names, LOCAL_NAME, *_machine_names()])
        key_pem = self._secrets.get(SERVER_KEY)
        certificate = _read_certificate(self._server_file)
        if key_pem is None or certificate is None or not self._still_good(certificate, key_pem, wanted):
            key = ec.generate_private_key(ec.SECP256R1())
            key_pem = _key_pem(key)
            certificate = self._issue(key.public_key(), wanted)
            self._secrets.set(SERVER_KEY, key_pem)
            _write(self._server_file, _pem(certificate))
            logger.info("ocpp: a new endpoint certificate was issued, good until %s", certificate.not_valid_after_utc)
        chain = _pem(certificate) + _pem(self._certificate)
        return ServerCertificate(chain_pem=chain, key_pem=key_pem, not_after=certificate.not_valid_after_utc)

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
        _write(self.ca_file, _pem(certificate))
        logger.info("ocpp: a new local certificate authority was made")
        return certificate

    def _issue(self, public: ec.EllipticCurvePublicKey, names: list[x509.GeneralName]) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOCAL_NAME)])
        builder = self._builder(subject, self._certificate.subject, public, _SERVER_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, life: timedelta
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

    def _still_good(self, certificate: x509.Certificate, key_pem: str, wanted: list[x509.GeneralName]) -> bool:
        try:
            certificate.verify_directly_issued_by(self._certificate)
            named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        left = certificate.not_valid_after_utc - self._now()
        own_key = _read_key(key_pem, SERVER_KEY).public_key() == certificate.public_key()
        return own_key and left >= _RENEW_BEFORE and set(wanted) <= set(named)


def server_context(authority: LocalAuthority, names: Iterable[str]) -> ssl.SSLContext:
    """TLS 1.2 or newer for the OCPP endpoint (OCPP security profile 2).

    Raises:
        SecretStoreUnavailable, EnvironmentProblem, SettingsInvalid: see ``LocalAuthority.server_certificate``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    renew(context, authority, names)
    return context


def renew(context: ssl.SSLContext, authority: LocalAuthority, names: Iterable[str]) -> datetime:
    """Let an endpoint that stays up show the newest certificate to those who connect from now on.

    Returns:
        Until when that is good.

    Raises:
        SecretStoreUnavailable, EnvironmentProblem, SettingsInvalid: see ``LocalAuthority.server_certificate``.
    """
    certificate = authority.server_certificate(names)
    _load(context, certificate.chain_pem, certificate.key_pem)
    return certificate.not_after


def client_context(ca_file: Path, certificate_file: Path, key_pem: str) -> ssl.SSLContext:
    """Mutual TLS, 1.2 or newer, towards a server that ``ca_file`` vouches for; its host name is checked.

    Raises:
        SettingsInvalid: a file is missing or no certificate, or the certificate is not for this key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca_file)
        certificate_pem = certificate_file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            f"{ca_file} or {certificate_file} is missing or no certificate. Enrol the hub again."
        ) from error
    _load(context, certificate_pem, key_pem)
    return context


def _load(context: ssl.SSLContext, certificate_pem: str, key_pem: str) -> None:
    """``SSLContext`` takes keys from files only: give it one that has no name, or keeps it for a moment."""
    pem = (certificate_pem.rstrip() + "\n" + key_pem).encode()
    try:
        if hasattr(os, "memfd_create"):
            _load_from_memory(context, pem)
        else:
            _load_from_file(context, pem)
    except ssl.SSLError as error:
        raise SettingsInvalid("The certificate does not belong to the hub's key. Enrol the hub again.") from error


def _load_from_memory(context: ssl.SSLContext, pem: bytes) -> None:
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _load_from_file(context: ssl.SSLContext, pem: bytes) -> None:
    # mkstemp creates it with mode 0600.
    descriptor, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()


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


def _read_key(pem: str, name: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise SecretStoreUnavailable(f"The secret {name} is damaged. Restore it from a backup.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise SecretStoreUnavailable(f"The secret {name} is not an EC P-256 key. Restore it from a backup.")
    _keep_out_of_the_log(key)
    return key


def _keep_out_of_the_log(key: ec.EllipticCurvePrivateKey) -> None:
    # The PEM text is registered by the SecretStore; a JWK and a dump show the bare number.
    redact_bytes(key.private_numbers().private_value.to_bytes(32, "big"))


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    _keep_out_of_the_log(key)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _pem(certificate: x509.Certificate | x509.CertificateSigningRequest) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _read_note(path: Path) -> _KeyNote | None:
    """None where there is none; an empty one where it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_KeyNote)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, msgspec.DecodeError):
        return _KeyNote()


def _read_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise EnvironmentProblem(
            f"{path} cannot be written: {error.strerror}. Make room or mend its rights."
        ) from error
