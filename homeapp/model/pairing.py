"""Providers that the home is paired with, as the owner and the installer see them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from homeapp.model.consent import DataClass


class Enrolment(StrEnum):
    """Whether the system operator knows the hub as this provider's customer."""

    NEEDED = "needed"
    """no certificate yet: enrol, or bring one in"""
    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptorView:
    """What a descriptor says, before anybody has agreed to it.

    Attributes:
        fingerprint: SHA-256 of the descriptor in groups for people; to be compared with the provider's own print.
        data: kinds of data that the provider will ask for.
        operator: host and port of the system operator's broker.
    """

    sp_id: str
    name: str
    ae_id: str
    fingerprint: str
    data: tuple[DataClass, ...]
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedProvider:
    """A provider that the installer has confirmed.

    Attributes:
        hub_ae_id: the hub's own AE-ID in this flow.
        not_after: end of the certificate, or None without one.
        key_ids: RFC 7638 thumbprints of the provider's signing keys in force, newest first.
    """

    sp_id: str
    name: str
    ae_id: str
    hub_ae_id: str
    fingerprint: str
    paired_at: datetime
    enrolment: Enrolment
    not_after: datetime | None
    key_ids: tuple[str, ...]
