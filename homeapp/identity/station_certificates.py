"""Which charging stations have which certificates: the hub as certificate authority of its own OCPP leg.

A certificate is issued for a request whose common name is that station, and its serial number is noted with it: so the
serial number tells whose it is (A00.FR.405). What is kept is public and lies in one file in the data directory.
Certificates are dated by the machine's clock, because TLS looks at no other.
"""

import logging
import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from homeapp.errors import DeviceRefused, EnvironmentProblem
from homeapp.identity.files import write_whole
from homeapp.identity.local_authority import RENEW_BEFORE, LocalAuthority

logger = logging.getLogger(__name__)

STATIONS_FILE = "ocpp-stations.json"
LEAST_RSA_BITS = 2048
LONGEST_REQUEST = 5500
"""Characters of a request: what the schemas of OCPP allow."""


class _Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that is not revoked; ``serial`` is hexadecimal, lower case, without leading zeros."""

    serial: str
    name: str
    not_after: datetime


class _Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a station has, oldest first; ``required`` once it has come in with one."""

    issued: tuple[_Issued, ...] = ()
    required: bool = False


class IssuedCertificates:
    """The ``StationCertificates`` port over a ``LocalAuthority``.

    Args:
        organization: the name that requests must carry (A00.FR.404).

    Raises:
        EnvironmentProblem: the file in the data directory is damaged: who was revoked cannot be told without it.
    """

    def __init__(
        self,
        authority: LocalAuthority,
        data_dir: Path,
        *,
        organization: str,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.organization = organization
        self._authority = authority
        self._path = data_dir / STATIONS_FILE
        self._now = now or (lambda: datetime.now(UTC))
        self._changing = threading.Lock()
        self._stations = _read(self._path)

    @property
    def authority_pem(self) -> str:
        return self._authority.ca_pem

    @property
    def in_use(self) -> bool:
        return bool(self._stations)

    def objection(self, device_id: str, names: Collection[str], request_pem: str) -> str | None:
        names = {*names, *(issued.name for issued in self._standing(device_id).issued)}
        try:
            return _objection(_read_request(request_pem), names, self.organization)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return "it cannot be read"

    def sign(self, device_id: str, names: Collection[str], request_pem: str) -> str:
        objection = self.objection(device_id, names, request_pem)
        if objection is not None:
            raise DeviceRefused(f"The charger's request for a certificate is refused: {objection}.")
        certificate = self._authority.vouch_for_station(_read_request(request_pem))
        made = _Issued(
            serial=f"{certificate.serial_number:x}",
            name=_common_name(certificate.subject),
            not_after=certificate.not_valid_after_utc,
        )
        with self._changing:
            standing = self._standing(device_id)
            # The one in use is the oldest: it holds until the new one is shown.
            kept = standing.issued[:1]
            self._keep(device_id, _Standing(issued=(*kept, made), required=standing.required))
        logger.info("%s: has been given a certificate, good until %s", device_id, made.not_after)
        return certificate.public_bytes(serialization.Encoding.PEM).decode() + self.authority_pem

    def refusal(self, device_id: str, serial: str | None) -> str | None:
        standing = self._standing(device_id)
        if serial is None:
            return "came without its certificate" if standing.required else None
        if any(issued.serial == serial for issued in standing.issued):
            return None
        others = any(issued.serial == serial for each in self._stations.values() for issued in each.issued)
        return "showed the certificate of another charger" if others else "showed a certificate that was revoked"

    def shown_by(self, device_id: str, serial: str) -> None:
        with self._changing:
            standing = self._standing(device_id)
            serials = [issued.serial for issued in standing.issued]
            if serial not in serials:
                return
            now_on = _Standing(issued=standing.issued[serials.index(serial) :], required=True)
            if now_on != standing:
                self._keep(device_id, now_on)

    def renewal_due(self, device_id: str) -> bool:
        issued = self._standing(device_id).issued
        return bool(issued) and issued[-1].not_after - self._now() < RENEW_BEFORE

    def revoke(self, device_id: str) -> None:
        with self._changing:
            if self._standing(device_id) != _Standing():
                # An empty entry stays, so that the station is asked for its certificate when it comes back.
                self._keep(device_id, _Standing())
                logger.info("%s: its certificates are revoked", device_id)

    def _standing(self, device_id: str) -> _Standing:
        return self._stations.get(device_id, _Standing())

    def _keep(self, device_id: str, standing: _Standing) -> None:
        stations = {**self._stations, device_id: standing}
        write_whole(self._path, msgspec.json.format(msgspec.json.encode(stations)).decode() + "\n")
        # A whole new mapping, because the endpoint reads it in another thread.
        self._stations = stations


def _read_request(request_pem: str) -> x509.CertificateSigningRequest:
    if len(request_pem) > LONGEST_REQUEST:
        raise ValueError("too long")
    return x509.load_pem_x509_csr(request_pem.encode())


def _objection(request: x509.CertificateSigningRequest, names: Collection[str], organization: str) -> str | None:
    key = request.public_key()
    strong_curve = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    strong_rsa = isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS
    if not (strong_curve or strong_rsa):
        return "its key is neither on P-256 nor RSA of at least 2048 bits"
    if not request.is_signature_valid:
        return "it is not signed with its own key"
    if _common_name(request.subject) not in names:
        return "its common name is neither the charger's identity nor its serial number"
    if _only(request.subject, NameOID.ORGANIZATION_NAME) != organization:
        return f"its organization is not {organization!r}"
    return _objection_to_wishes(request)


def _objection_to_wishes(request: x509.CertificateSigningRequest) -> str | None:
    for extension in request.extensions:
        wish = extension.value
        if isinstance(wish, x509.BasicConstraints) and wish.ca:
            return "it asks to be an authority itself"
        if isinstance(wish, x509.KeyUsage) and (wish.key_cert_sign or wish.crl_sign):
            return "it asks to be an authority itself"
    return None


def _common_name(subject: x509.Name) -> str:
    return _only(subject, NameOID.COMMON_NAME)


def _only(subject: x509.Name, kind: x509.ObjectIdentifier) -> str:
    """The one value of its kind; empty where there are none or several."""
    values = [str(attribute.value) for attribute in subject.get_attributes_for_oid(kind)]
    return values[0] if len(values) == 1 else ""


def _read(path: Path) -> dict[str, _Standing]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Standing])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise EnvironmentProblem(
            f"{path} cannot be read, so it is not known which chargers have certificates. Restore it from a backup, or "
            "move it away: chargers that use certificates then have to be set back to a password at the charger itself."
        ) from error
