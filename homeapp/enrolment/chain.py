"""What a certificate has to be before the hub shows it: for its key and flow, in force, by the operator (RFC 5280).

Certificates are dated by the machine's clock, because TLS looks at no other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from homeapp.errors import SettingsInvalid
from homeapp.identity.unreadable import UNREADABLE
from homeapp.pairing.descriptor import Descriptor

MAX_SIZE = 64 * 1024
_MOST_CERTIFICATES = 10
_SECOND = timedelta(seconds=1)


def read_certificates(pem: str) -> tuple[x509.Certificate, ...]:
    """All certificates in a PEM text that a person brings in; whatever else is in it is left alone.

    Raises:
        SettingsInvalid: there is none, or it is damaged or too large.
    """
    if len(pem) > MAX_SIZE:
        raise SettingsInvalid("This file is larger than 64 kB: it is no certificate.")
    try:
        return tuple(x509.load_pem_x509_certificates(pem.encode()))
    except UNREADABLE as error:
        raise SettingsInvalid("This file contains no certificate in PEM form that can be read.") from error


def chain_for(
    descriptor: Descriptor, key: ec.EllipticCurvePublicKey, found: Sequence[x509.Certificate], now: datetime
) -> tuple[x509.Certificate, ...]:
    """The hub's certificate for this flow and those between it and the operator's authority, in the order of TLS.

    Args:
        descriptor: of the flow.
        key: the hub's.
        found: in any order; which do not belong to the chain are left out.
        now: the machine's time.

    Raises:
        SettingsInvalid: the hub's is not among them, or fails a check.
    """
    own = next((certificate for certificate in found if _is_for(certificate, key)), None)
    if own is None or len(found) > _MOST_CERTIFICATES:
        raise _invalid("it is not for the hub's key")
    if common_names(own) != [descriptor.hub_ae_id]:
        raise _invalid(f"it is not for {descriptor.hub_ae_id}")
    if now < own.not_valid_before_utc:
        raise _invalid("it is not in force yet. Check this machine's clock")
    if now >= own.not_valid_after_utc:
        raise _invalid("it has expired")
    return _verified(descriptor, own, found, now)


def kept_chain(
    descriptor: Descriptor, key: ec.EllipticCurvePublicKey, found: Sequence[x509.Certificate], now: datetime
) -> tuple[x509.Certificate, ...] | None:
    """The same of what was kept before, though it may have expired; None where it does not fit any more."""
    own = next((certificate for certificate in found if _is_for(certificate, key)), None)
    if own is None:
        return None
    try:
        at = min(max(now, own.not_valid_before_utc), own.not_valid_after_utc - _SECOND)
        return chain_for(descriptor, key, found, at)
    except SettingsInvalid:
        return None


def common_names(certificate: x509.Certificate) -> list[str]:
    """The common names of its subject."""
    return [str(item.value) for item in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _verified(
    descriptor: Descriptor, own: x509.Certificate, found: Sequence[x509.Certificate], now: datetime
) -> tuple[x509.Certificate, ...]:
    if not _is_for_clients(own):
        raise _invalid("it is not for a client of a TLS connection")
    # The name of a hub is its common name (TS-0003), not an alternative name as on the web.
    client = ExtensionPolicy.webpki_defaults_ee().may_be_present(
        x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
    )
    authorities = x509.load_pem_x509_certificates(descriptor.operator.ca_pem.encode())
    policy = PolicyBuilder().store(Store(authorities)).time(now)
    policy = policy.extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=client)
    try:
        chain = policy.build_client_verifier().verify(own, [one for one in found if one != own]).chain
    except VerificationError as error:
        raise _invalid("it is not by the system operator that the provider works with") from error
    return tuple(certificate for certificate in chain if certificate not in authorities)


def _is_for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def _is_for(certificate: x509.Certificate, key: ec.EllipticCurvePublicKey) -> bool:
    try:
        return certificate.public_key() == key
    except UNREADABLE:
        return False


def _invalid(because: str) -> SettingsInvalid:
    return SettingsInvalid(f"This certificate cannot be used: {because}. The one before stays; ask the operator.")
