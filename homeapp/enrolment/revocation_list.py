"""A certificate revocation list (RFC 5280 clause 5) as it comes from the operator, and the checks on it."""

from datetime import datetime

from cryptography import x509

from homeapp.errors import MessageRejected
from homeapp.identity.unreadable import UNREADABLE

MAX_SIZE = 1024 * 1024
_PEM = b"-----BEGIN X509 CRL-----"


def read_list(
    content: bytes, ca_pem: str, now: datetime, kept: x509.CertificateRevocationList | None
) -> x509.CertificateRevocationList:
    """A list that stands all checks.

    Args:
        content: DER or PEM.
        ca_pem: the authorities, one of which must have signed it.
        now: the machine's time.
        kept: the newest list so far: an older one is a replay.

    Raises:
        MessageRejected: with code ``schema``, ``signature``, ``expired`` or ``replay``.
    """
    found = parse_list(content)
    if not is_signed_by(found, ca_pem):
        raise _rejected("signature", "it is not signed by the operator's authority")
    if found.next_update_utc is None or found.next_update_utc <= now:
        raise _rejected("expired", "it is out of date")
    if found.last_update_utc > now:
        raise _rejected("expired", "it is dated in the future; check this machine's clock")
    if kept is not None and found.last_update_utc < kept.last_update_utc:
        raise _rejected("replay", "it is older than the one that the hub has")
    return found


def parse_list(content: bytes) -> x509.CertificateRevocationList:
    """DER or PEM as a complete list.

    Raises:
        MessageRejected: it is none, or names the changes only.
    """
    try:
        load = x509.load_pem_x509_crl if content.lstrip().startswith(_PEM) else x509.load_der_x509_crl
        found = load(content)
        is_complete = not any(isinstance(item.value, x509.DeltaCRLIndicator) for item in found.extensions)
    except UNREADABLE as error:
        raise _rejected("schema", "it cannot be read") from error
    if not is_complete:
        raise _rejected("schema", "it is not complete")
    return found


def is_signed_by(found: x509.CertificateRevocationList, ca_pem: str) -> bool:
    """Whether one of these authorities has signed it."""
    try:
        return any(
            found.issuer == authority.subject and found.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # other kinds of keys raise
            for authority in x509.load_pem_x509_certificates(ca_pem.encode())
        )
    except UNREADABLE:
        return False


def names(found: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether the certificate is on it."""
    is_theirs = found.issuer == certificate.issuer
    return is_theirs and found.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None


def _rejected(code: str, because: str) -> MessageRejected:
    return MessageRejected(
        code, f"The system operator's list of revoked certificates was refused because {because}. The hub tries again."
    )
