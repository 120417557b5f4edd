"""The certificate of each flow, the list of revoked ones beside it, and the TLS context made of both.

Public files ``certificates/<sp_id>.pem`` and ``certificates/<sp_id>.crl.pem`` in the data directory. Everything here
blocks. Certificates are dated by the machine's clock, because TLS looks at no other.
"""

import logging
import os
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from weakref import WeakKeyDictionary

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from homeapp import identity
from homeapp.enrolment.chain import chain_for, kept_chain, read_certificates
from homeapp.enrolment.revocation_list import is_signed_by, names, parse_list
from homeapp.errors import EnvironmentProblem, MessageRejected, ProviderRefused, ProviderUnreachable, SettingsInvalid
from homeapp.identity.files import write_whole
from homeapp.identity.keys import read_key
from homeapp.identity.tls import heed_list, show_certificate
from homeapp.identity.unreadable import UNREADABLE
from homeapp.model.pairing import Enrolment
from homeapp.pairing.descriptor import Descriptor

logger = logging.getLogger(__name__)

DIRECTORY = "certificates"
_PEM = serialization.Encoding.PEM
_SENTENCES = {
    Enrolment.NEEDED: "The hub has no certificate for {} yet. Enrol it, or bring a certificate in.",
    Enrolment.EXPIRED: "The hub's certificate for {} has expired. Enrol it again.",
    Enrolment.REVOKED: "The system operator has revoked the hub's certificate for {}. Ask why, then enrol it again.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a flow's certificate stands.

    Attributes:
        not_after: its end, or None without one.
        renewal_due: when two thirds of the time between getting it and its end are over; None where it is not VALID.
    """

    enrolment: Enrolment
    not_after: datetime | None = None
    renewal_due: datetime | None = None


class FlowCertificates:
    """The hub's certificates for the flows to its providers, all for its one key.

    Args:
        data_dir: the hub's data directory.
        key_pem: the hub's signing key.
        now: the machine's time; for tests.

    Raises:
        SecretStoreUnavailable: ``key_pem`` is no EC P-256 key.
    """

    def __init__(self, data_dir: Path, key_pem: str, now: Callable[[], datetime] | None = None) -> None:
        self._directory = data_dir / DIRECTORY
        self._key_pem = key_pem
        self._key = read_key(key_pem, identity.HUB_KEY).public_key()
        self._now = now or (lambda: datetime.now(UTC))
        self._in_use: WeakKeyDictionary[ssl.SSLContext, Descriptor] = WeakKeyDictionary()

    def request(self, descriptor: Descriptor) -> str:
        """A PKCS#10 request, PEM, for this flow."""
        return identity.certificate_request(self._key_pem, descriptor.hub_ae_id)

    def standing(self, descriptor: Descriptor) -> Standing:
        """How this flow's certificate stands.

        Raises:
            EnvironmentProblem: it cannot be read.
        """
        chain = self._chain(descriptor)
        if chain is None:
            return Standing(enrolment=Enrolment.NEEDED)
        end, kept = chain[0].not_valid_after_utc, self.revocation_list(descriptor)
        if kept is not None and names(kept, chain[0]):
            return Standing(enrolment=Enrolment.REVOKED, not_after=end)
        if self._now() >= end:
            return Standing(enrolment=Enrolment.EXPIRED, not_after=end)
        return Standing(enrolment=Enrolment.VALID, not_after=end, renewal_due=self._renewal_due(descriptor, chain[0]))

    def bring_in(self, descriptor: Descriptor, pem: str) -> None:
        """Keep a certificate that a person has got from the operator.

        Raises:
            SettingsInvalid: it fails a check; the sentence says which. The one before stays.
            EnvironmentProblem: it cannot be written.
        """
        self.keep(descriptor, read_certificates(pem))

    def keep(self, descriptor: Descriptor, found: Sequence[x509.Certificate]) -> None:
        """The same of one that has come from the enrolment server; it is shown in new connections from now on."""
        chain = chain_for(descriptor, self._key, found, self._now())
        revoked = self.revocation_list(descriptor)
        if revoked is not None and names(revoked, chain[0]):
            raise SettingsInvalid("This certificate cannot be used: the operator has revoked it. Enrol the hub again.")
        pem = _pem(chain)
        path, now = self._certificate_file(descriptor.sp_id), self._now().timestamp()
        write_whole(path, pem)
        with suppress(OSError):
            os.utime(path, (now, now))
        logger.info("%s: a certificate was kept, good until %s", descriptor.sp_id, chain[0].not_valid_after_utc)
        for context in self._contexts_of(descriptor):
            show_certificate(context, pem, self._key_pem)

    def revocation_list(self, descriptor: Descriptor) -> x509.CertificateRevocationList | None:
        """The newest one of this flow's operator that was kept, however old it is by now."""
        content = _read(self._list_file(descriptor.sp_id))
        if content is None:
            return None
        try:
            found = parse_list(content)
        except MessageRejected:
            return None
        return found if is_signed_by(found, descriptor.operator.ca_pem) else None

    def keep_list(self, descriptor: Descriptor, found: x509.CertificateRevocationList) -> None:
        """Keep a list that was checked; new connections heed it from now on.

        Raises:
            EnvironmentProblem: it cannot be written.
        """
        pem = found.public_bytes(_PEM).decode()
        write_whole(self._list_file(descriptor.sp_id), pem)
        for context in self._contexts_of(descriptor):
            heed_list(context, pem)

    def trust(self, descriptor: Descriptor) -> ssl.SSLContext:
        """TLS towards the operator without a certificate of the hub.

        Raises:
            ProviderUnreachable: there is no list of revoked certificates yet.
        """
        return identity.trusting_context(descriptor.operator.ca_pem, self._list_pem(descriptor))

    def context(self, descriptor: Descriptor) -> ssl.SSLContext:
        """Mutual TLS for this flow; while it is in use, renewed certificates and newer lists get into it by themselves.

        Raises:
            ProviderRefused: there is no certificate, or it has expired or is revoked.
            ProviderUnreachable: there is no list of revoked certificates yet.
        """
        standing, chain = self.standing(descriptor), self._chain(descriptor)
        if chain is None or standing.enrolment is not Enrolment.VALID:
            raise ProviderRefused(_SENTENCES[standing.enrolment].format(descriptor.name))
        context = identity.mutual_context(
            ca_pem=descriptor.operator.ca_pem,
            chain_pem=_pem(chain),
            key_pem=self._key_pem,
            crl_pem=self._list_pem(descriptor),
        )
        self._in_use[context] = descriptor
        return context

    def forget(self, sp_id: str) -> None:
        """Remove what is kept of a flow; unknown ones are fine.

        Raises:
            EnvironmentProblem: it cannot be removed.
        """
        for path in (self._certificate_file(sp_id), self._list_file(sp_id)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise EnvironmentProblem(f"{path} cannot be removed: {error.strerror}. Mend its rights.") from error

    def _contexts_of(self, descriptor: Descriptor) -> list[ssl.SSLContext]:
        return [context for context, made_for in list(self._in_use.items()) if made_for == descriptor]

    def _list_pem(self, descriptor: Descriptor) -> str | None:
        if not descriptor.operator.crl_url:
            return None
        kept = self.revocation_list(descriptor)
        if kept is None:
            raise ProviderUnreachable(
                "The system operator's list of revoked certificates has not been fetched yet. The hub keeps trying."
            )
        return kept.public_bytes(_PEM).decode()

    def _chain(self, descriptor: Descriptor) -> tuple[x509.Certificate, ...] | None:
        content = _read(self._certificate_file(descriptor.sp_id))
        if content is None:
            return None
        try:
            found = x509.load_pem_x509_certificates(content)
        except UNREADABLE:
            return None
        return kept_chain(descriptor, self._key, found, self._now())

    def _renewal_due(self, descriptor: Descriptor, own: x509.Certificate) -> datetime:
        # It may have been dated back: what counts is the time that it is of use, from when it was written here.
        written = datetime.fromtimestamp(self._certificate_file(descriptor.sp_id).stat().st_mtime, UTC)
        end = own.not_valid_after_utc
        begin = min(max(own.not_valid_before_utc, written), end)
        return begin + (end - begin) * 2 / 3

    def _certificate_file(self, sp_id: str) -> Path:
        return self._directory / f"{sp_id}.pem"

    def _list_file(self, sp_id: str) -> Path:
        return self._directory / f"{sp_id}.crl.pem"


def _pem(chain: Sequence[x509.Certificate]) -> str:
    return "".join(certificate.public_bytes(_PEM).decode() for certificate in chain)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}. Mend its rights.") from error
