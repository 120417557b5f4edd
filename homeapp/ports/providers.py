"""Service providers, and what signs for the hub."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from homeapp.model.consent import DataClass
from homeapp.model.grid_report import ReportWish
from homeapp.model.health import HealthAlert, PartOrder
from homeapp.model.live import LinkState
from homeapp.model.offer import Decision, Offer, Receipt
from homeapp.model.record import DataRecord
from homeapp.model.tariff import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMessage:
    """A decision on its way out; ``decision.decision_id`` makes it idempotent.

    Attributes:
        offer: the revision that was decided about.
        not_after: useless after this.
        again: how often it was dated wrongly and has to be sent anew.
    """

    decision: Decision
    offer: Offer
    not_after: datetime
    again: int = 0


class ProviderInbox(Protocol):
    """Where providers put what comes in; whatever is put here is durable when the call returns."""

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        """New prices; replaces the ones of the same provider."""

    async def offer(self, offer: Offer) -> None:
        """A verified request. Known (id, revision) pairs are ignored; a higher revision supersedes."""

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        """The provider has taken a request back."""

    def open_offers(self, sp_id: str) -> Collection[str]:
        """Ids of the provider's requests that are not over, as far as the hub knows; also from before a restart."""

    async def receipt(self, receipt: Receipt) -> None:
        """The provider's own word about a decision."""

    async def health(self, alert: HealthAlert) -> None:
        """A defect of the car, or its repair."""

    async def part_order(self, order: PartOrder) -> None:
        """How a part order stands; replaces what was known of the same order."""

    def report_wishes(self, sp_id: str, wishes: Collection[ReportWish]) -> None:
        """What the provider asks to be told, in place of what it asked before."""

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        """Remember a message id; True where it was known already (a replay or a duplicate)."""

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        """An inbound message failed a check; logged and shown."""

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        """The way to the provider changed."""


class Provider(Protocol):
    """One service provider and the way to it."""

    @property
    def sp_id(self) -> str:
        """``grid_sp``, ``evc_sp`` or ``pev_sp``."""

    @property
    def name(self) -> str:
        """The provider's name for people, as configured."""

    async def run(self, inbox: ProviderInbox) -> None:
        """Keep the link up and pass on what comes in, until cancelled.

        Survives lost links by itself, with back-off and full jitter.

        Raises:
            ProviderRefused: the credentials are refused; needs a person.
        """

    async def deliver(self, message: DecisionMessage) -> Receipt:
        """Hand a decision over.

        Returns:
            A TRANSPORT receipt; handing over the same decision again returns one too and has no second effect.

        Raises:
            ProviderUnreachable: try again later.
            ProviderRefused: final.
        """

    async def disclose(self, record: DataRecord) -> int:
        """Hand a record over; handing over the same record again has no second effect.

        Whether it may leave has been checked.

        Returns:
            Its size on the wire, bytes.

        Raises:
            ProviderUnreachable: try again later.
            ProviderRefused: final; also where this provider has no use for this kind of record.
        """

    async def erase(self, data_classes: Collection[DataClass]) -> None:
        """Delete what was handed over of these kinds, as far as the protocol can.

        Raises:
            ProviderUnreachable: try again later.
            NotSupported: the protocol has no way to delete; only the provider itself can.
        """


class Signer(Protocol):
    """Signs with the hub's own EC P-256 key."""

    @property
    def key_id(self) -> str:
        """RFC 7638 thumbprint of the public key."""

    def sign(self, payload: bytes, typ: str) -> str:
        """A compact JWS (RFC 7515), alg ES256, with ``typ`` and ``kid`` in its protected header."""
