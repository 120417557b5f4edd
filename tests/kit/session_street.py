"""Hubs' sessions at a street with a real broker, a real CSE and real providers."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from homeapp import identity
from homeapp.clock import SharedClock
from homeapp.demo.operator.broker import BrokerProgram
from homeapp.demo.operator.onem2m_application import Access, Onem2mApplication
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import Choice, Decision, Offer
from homeapp.pairing.descriptor import MAY_SEND
from homeapp.ports import DecisionMessage
from homeapp.providers.jose import HubSigner
from homeapp.providers.peer import Peer
from homeapp.providers.sealing import HubUnsealer
from homeapp.providers.service_provider import ServiceProvider
from homeapp.providers.system_operator import SystemOperator
from homeapp.settings import SystemOperatorSettings
from kit.noting_inbox import NotingInbox
from kit.secret_store import MemorySecrets

BASE = "cse-in/hub-0001-evc"
FLOWS = ("evc_sp", "pev_sp")
START = datetime(2027, 1, 15, 12, tzinfo=UTC)
SPEED = 20.0
GARBAGE = (b"", b"\xff\xfe", b"[]", b"[" * 10_000, b'{"op": 4, "rqi": "1"}', b'{"op": 5, "rqi": 7}')


class Inbox(NotingInbox):
    """It may fail where an offer comes in."""

    def __init__(self, ids: set[tuple[str, str]] | None = None) -> None:
        super().__init__(ids)
        self.failure: Exception | None = None

    async def offer(self, offer: Offer) -> None:
        if self.failure is not None:
            raise self.failure
        await super().offer(offer)

    def has(self, title: str) -> bool:
        return any(offer.title == title for offer in self.offers)

    @property
    def problem(self) -> str:
        """What the owner is told of the link."""
        return self.link_of.get("evc_sp", (None, None))[1] or ""

    @property
    def is_down(self) -> bool:
        return self.link_of.get("evc_sp", (None, None))[0] is LinkState.DOWN

    def all_are(self, state: LinkState) -> bool:
        return [link[0] for link in self.link_of.values()] == [state, state]


@dataclass
class Home:
    """A hub's side of the system operator, running: one flow for each provider."""

    flows: dict[str, SystemOperator]
    inbox: Inbox
    tasks: dict[str, "asyncio.Task[None]"]

    @property
    def operator(self) -> SystemOperator:
        return self.flows["evc_sp"]

    @property
    def provider(self) -> ServiceProvider:
        return self.operator.provider

    async def up(self) -> None:
        await self.inbox.until(lambda: self.inbox.all_are(LinkState.UP))

    async def offered(self, title: str) -> Offer:
        """Wait for the offer of this title."""
        await self.inbox.until(lambda: self.inbox.has(title))
        return next(offer for offer in self.inbox.offers if offer.title == title)

    async def stop(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


class Street:
    """The providers' side, running in an event loop of its own for all tests of this module."""

    def __init__(self, directory: Path, program: BrokerProgram | None = None) -> None:
        self.directory = directory
        self.clock = SharedClock(START, time.time(), SPEED)
        self.secrets = MemorySecrets()
        self.key_pem = identity.hub_key_pem(self.secrets)
        self.enc_key_pem = identity.hub_key_pem(MemorySecrets())
        self.side = ProvidersSide(directory / "street", self.clock, program=program)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Street"]:
        async with self.side:
            for sp_id in FLOWS:
                request = identity.certificate_request(self.key_pem, self.side.hub_ae_ids[sp_id]).encode()
                (self.directory / f"{sp_id}.pem").write_bytes(self.side.enrol_hub(request, sp_id))
            self.side.trust_hub(identity.public_jwk(self.key_pem), identity.public_jwk(self.enc_key_pem))
            yield self

    def settings(
        self, sp_id: str = "evc_sp", *, port: int | None = None, catch_up_s: float = 86_400.0
    ) -> SystemOperatorSettings:
        return SystemOperatorSettings(
            broker_host=self.side.broker_host,
            broker_port=port or self.side.broker_port,
            ae_id=self.side.hub_ae_ids[sp_id],
            catch_up_s=catch_up_s,
            reconnect_spread_s=1.0,
        )

    def tls(self, sp_id: str = "evc_sp") -> ssl.SSLContext:
        return identity.mutual_context(
            ca_pem=self.side.ca_file.read_text(),
            chain_pem=(self.directory / f"{sp_id}.pem").read_text(),
            key_pem=self.key_pem,
        )

    def peer(self, sp_id: str) -> Peer:
        told = self.side.customers[sp_id]
        return Peer(
            name=told.name,
            ae_id=told.ae_id,
            hub_ae_id=self.side.hub_ae_ids[sp_id],
            keys=tuple(told.keys),
            purposes=tuple(MAY_SEND[sp_id]),
            data=tuple(DataClass(item) for item in told.data),
        )

    def home(
        self,
        inbox: Inbox | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        settings: SystemOperatorSettings | None = None,
        hub_ae_id: str | None = None,
    ) -> Home:
        """``tls``, ``settings`` and ``hub_ae_id`` are for the flow of the EVC provider."""
        inbox = inbox or Inbox()
        flows = {"evc_sp": self.flow("evc_sp", tls, settings, hub_ae_id), "pev_sp": self.flow("pev_sp")}
        tasks = {}
        for sp_id, flow in flows.items():
            tasks[f"flow of {sp_id}"] = asyncio.create_task(flow.run())
            tasks[sp_id] = asyncio.create_task(flow.provider.run(inbox))
        return Home(flows, inbox, tasks)

    def flow(
        self,
        sp_id: str,
        tls: ssl.SSLContext | None = None,
        settings: SystemOperatorSettings | None = None,
        hub_ae_id: str | None = None,
    ) -> SystemOperator:
        peer = self.peer(sp_id)
        settings = settings or self.settings(sp_id)
        if hub_ae_id is not None:
            peer = replace(peer, hub_ae_id=hub_ae_id)
            settings = msgspec.structs.replace(settings, ae_id=hub_ae_id)
        return SystemOperator(
            settings=settings,
            tls=tls or self.tls(sp_id),
            signer=HubSigner(self.key_pem),
            unsealer=HubUnsealer(self.enc_key_pem),
            clock=self.clock,
            sp_id=sp_id,
            peer=peer,
            keys_changed=keys_are_kept,
            admit=admitted,
            old_news=lambda _sp_id, _size_bytes: None,
            begins_anew=nothing_is_lost,
        )

    @contextlib.asynccontextmanager
    async def at_home(self, inbox: Inbox | None = None, **options: Any) -> AsyncIterator[Home]:
        home = self.home(inbox, **options)
        try:
            await home.up()
            yield home
        finally:
            await home.stop()

    async def offer(self, title: str = "Evening peak") -> str:
        """Have the EVC provider ask for a power feed; the offer's title tells it from others."""
        now = self.clock.now()
        return await self.side.evc_sp.offer_power_feed(
            now + timedelta(hours=4),
            now + timedelta(hours=6),
            3000.0,
            Decimal("1.92"),
            40.0,
            now + timedelta(hours=3),
            title,
        )


async def keys_are_kept(sp_id: str, keys: tuple[dict[str, str], ...], until: datetime) -> None:
    pass


async def nothing_is_lost(_sp_id: str) -> None:
    """What was told before is of no interest here."""


async def admitted(sp_id: str, size_bytes: int) -> None:
    pass


async def cse_says(street: Street, ae_id: str, primitive: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """What the CSE answers to somebody with this certificate."""
    context = await asyncio.to_thread(street.side.authority.client_context, ae_id)
    access = Access(host=street.side.broker_host, port=street.side.broker_port, context=context)
    async with Onem2mApplication(ae_id, access) as application:
        response = await application.request(primitive)
    return response.status, response.content


def decision(offer: Offer, decision_id: str) -> DecisionMessage:
    made = Decision(
        decision_id=decision_id,
        offer_key=offer.key,
        offer_revision=offer.revision,
        offer_digest=offer.digest(),
        choice=Choice.ACCEPT,
        decided_at=offer.issued_at,
        decided_by="owner",
    )
    return DecisionMessage(decision=made, offer=offer, not_after=offer.end)
