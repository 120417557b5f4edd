"""A street whose operator and applications attack one flow of a hub that is complete down to its ledger."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey

from homeapp import identity
from homeapp.clock import SharedClock
from homeapp.demo.operator.broker import BrokerProgram
from homeapp.demo.operator.onem2m_application import Access, Onem2mApplication, Operation, ResourceType, Response
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.demo.operator.service_providers import EvcServiceProvider
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.errors import ProviderRefused
from homeapp.grid_limits.grid_limits import GridLimits, LimitListeners
from homeapp.grid_limits.imposed import LimitTerms
from homeapp.inbox import HubInbox
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import OfferCase
from homeapp.model.plan import ChargingMode, Goal
from homeapp.model.site import Site
from homeapp.offers.desk import OfferDesk
from homeapp.pairing.descriptor import MAY_SEND
from homeapp.providers.jose import HubSigner
from homeapp.providers.peer import Peer
from homeapp.providers.sealing import HubUnsealer
from homeapp.providers.system_operator import SystemOperator
from homeapp.settings import SystemOperatorSettings
from homeapp.snapshot import LiveState
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox
from kit.secret_store import MemorySecrets

HUB = "Chub-0001-evc"
BASE = "cse-in/hub-0001-evc"
START = datetime(2027, 1, 15, 12, tzinfo=UTC)
SPEED = 20.0
WITHIN_S = 40.0
INTRUDER = "Cintruder"


class Home:
    """The hub's side of one flow, from the session down to the ledger; everything but the screen."""

    def __init__(self, street: "Street", database: Database) -> None:
        clock = street.clock
        outbox = Outbox(database, clock)
        self.ledger = Ledger(database, clock, outbox.wake)
        goal = Goal(
            mode=ChargingMode.READY_BY, target_pct=80.0, ready_by=clock.now(), floor_pct=50.0, capacity_wh=60_000.0
        )
        self.live = LiveState(site=Site(), goal=goal, clock=clock)
        self.desk = OfferDesk(ledger=self.ledger, outbox=outbox, clock=clock, on_change=self._happened)
        limits = GridLimits(
            terms=LimitTerms(),
            desk=self.desk,
            ledger=self.ledger,
            clock=clock,
            home=self.live,
            tell=LimitListeners(name_of=str, limited=self._happened, notice=self.live.notice),
        )
        self.inbox = HubInbox(
            desk=self.desk,
            limits=limits,
            ledger=self.ledger,
            outbox=outbox,
            live=self.live,
            name_of=str,
            tariff_changed=self._happened,
            live_changed=self._look,
        )
        self.flow = street.flow(self._keep_keys)
        self.links: list[LinkState] = []
        self.notices: list[str] = []
        self.told_at_start: tuple[str, ...] = ()
        self._street = street
        self._news = asyncio.Event()

    async def _keep_keys(self, sp_id: str, keys: tuple[dict[str, str], ...], until: datetime) -> None:
        self._street.peer = self._street.peer.with_keys(keys, until)
        self._happened()

    def _look(self) -> None:
        for notice in self.live.unkept_notices():
            self.notices.append(notice.code.rpartition(".")[2])
        state = self.flow.provider._link[0]
        if self.links[-1:] != [state]:
            self.links.append(state)
        self._happened()

    def _happened(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, predicate: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not predicate():
                await self._news.wait()

    def case(self, offer_id: str) -> OfferCase:
        return next(case for case in self.desk.cases if case.offer.offer_id == offer_id)

    @property
    def offers(self) -> set[str]:
        return {case.offer.offer_id for case in self.desk.cases}

    async def notices_up_to_now(self, honest: str) -> list[str]:
        """What the owner was told until the honest request of this id, which was sent last, has come in."""
        await self.until(lambda: honest in self.offers)
        return self.notices


class Street:
    """The providers' side, running in an event loop of its own for all tests of this module."""

    def __init__(self, directory: Path) -> None:
        self.clock = SharedClock(START, time.time(), SPEED)
        self.key_pem, self.enc_key_pem = identity.hub_key_pem(MemorySecrets()), identity.hub_key_pem(MemorySecrets())
        self.side = ProvidersSide(directory / "street", self.clock, program=BrokerProgram.MOSQUITTO)
        self.certificate = directory / "hub.pem"
        self.peer: Peer

    @property
    def evc(self) -> EvcServiceProvider:
        return self.side.evc_sp

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Street"]:
        async with self.side:
            request = identity.certificate_request(self.key_pem, HUB).encode()
            self.certificate.write_bytes(self.side.enrol_hub(request, "evc_sp"))
            self.side.trust_hub(identity.public_jwk(self.key_pem), identity.public_jwk(self.enc_key_pem))
            evc = self.evc
            self.peer = Peer(
                name=evc.name,
                ae_id=evc.ae_id,
                hub_ae_id=HUB,
                keys=tuple(evc.keys),
                purposes=tuple(MAY_SEND["evc_sp"]),
                data=tuple(DataClass(item) for item in evc.data),
            )
            yield self

    def flow(self, keys_changed: Any) -> SystemOperator:
        settings = SystemOperatorSettings(
            broker_host=self.side.broker_host,
            broker_port=self.side.broker_port,
            ae_id=HUB,
            catch_up_s=86_400.0,
            reconnect_spread_s=1.0,
        )
        return SystemOperator(
            settings=settings,
            tls=identity.mutual_context(
                ca_pem=self.side.ca_file.read_text(), chain_pem=self.certificate.read_text(), key_pem=self.key_pem
            ),
            signer=HubSigner(self.key_pem),
            unsealer=HubUnsealer(self.enc_key_pem),
            clock=self.clock,
            sp_id="evc_sp",
            peer=self.peer,
            keys_changed=keys_changed,
            admit=admitted,
            old_news=lambda _sp_id, _size_bytes: None,
            begins_anew=nothing_is_lost,
        )

    @contextlib.asynccontextmanager
    async def home(self, data_dir: Path) -> AsyncIterator[Home]:
        """A fresh process over what ``data_dir`` holds, with the mailbox as it lies read to its end."""
        async with Database(data_dir) as database:
            home = Home(self, database)
            await home.desk.load()
            tasks = [asyncio.create_task(home.flow.run()), asyncio.create_task(home.flow.provider.run(home.inbox))]
            try:
                await home.until(lambda: home.links[-1:] == [LinkState.UP])
                # The first may be found in the mailbox, before what was notified is looked at; the second comes after.
                for _ in range(2):
                    home.told_at_start = tuple(await home.notices_up_to_now(await self.offer()))
                home.notices.clear()
                yield home
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def empty_inbox(self) -> None:
        """What other tests have sent is gone."""
        async with self.application(INTRUDER, "CAdmin") as impostor:
            with contextlib.suppress(ProviderRefused):  # no hub was here yet
                for instance in await impostor.contents(f"{BASE}/inEvc"):
                    gone = await impostor.request({"op": Operation.DELETE, "to": f"{BASE}/inEvc/{instance.name}"})
                    assert gone.status == 2002

    async def offer(self, offer_id: str | None = None, revision: int = 1, reward: str = "1.92") -> str:
        """Have the EVC provider ask for a power feed; return the offer's id."""
        start = START + timedelta(hours=30)
        await self.evc.offer_power_feed(
            start,
            start + timedelta(hours=1),
            3000.0,
            Decimal(reward),
            40.0,
            start,
            "Feed",
            offer_id=offer_id,
            revision=revision,
        )
        return offer_id or self.evc.offers[-1]

    def body(self, offer_id: str = "o-bad") -> dict[str, Any]:
        """An offer as it should be."""
        return {
            "offer": {
                "id": offer_id,
                "revision": 1,
                "kind": "power_feed",
                "binding": "owner_decides",
                "title": "Feed",
                "intervals": [{"start": "2027-01-16T18:00:00Z", "end": "2027-01-16T19:00:00Z", "setpoint_w": -3000}],
                "expires_at": "2027-01-16T18:00:00Z",
            }
        }

    def application(self, ae_id: str, originator: str) -> "Impostor":
        context = self.side.authority.client_context(ae_id)
        access = Access(host=self.side.broker_host, port=self.side.broker_port, context=context)
        return Impostor(ae_id, access, originator)


async def nothing_is_lost(_sp_id: str) -> None:
    """What was told before is of no interest here."""


async def admitted(sp_id: str, size_bytes: int) -> None:
    """How much a provider may send is not tested here."""


class Impostor(Onem2mApplication):
    """An application with a good certificate that names somebody else as the originator of its requests."""

    def __init__(self, ae_id: str, access: Access, originator: str) -> None:
        super().__init__(ae_id, access)
        self._originator = originator

    async def _exchange(self, topic: str, primitive: dict[str, object]) -> Response:
        await self.wait_linked()
        own, self.ae_id = self.ae_id, self._originator
        try:
            sending = asyncio.ensure_future(super()._exchange(topic, primitive))
            # Up to where it waits for the answer.
            await asyncio.sleep(0)
        finally:
            self.ae_id = own
        return await sending

    async def write(self, content: str) -> int:
        """Into the hub's inbox."""
        instance = {"m2m:cin": {"rn": f"x-{time.time_ns()}", "cnf": "application/jose:0", "con": content}}
        return (await self.create(f"{BASE}/inEvc", ResourceType.CONTENT_INSTANCE, instance)).status


def private(key: SigningKey) -> ECKey:
    return key._key


def foreign_key_under_its_name(street: Street) -> str:
    header = {"alg": "ES256", "kid": private(street.evc._key).thumbprint(), "typ": "offer+jws"}
    claims = {**street.evc.envelope().claims(), **street.body()}
    return jws.serialize_compact(header, json.dumps(claims), private(SigningKey()), algorithms=["ES256"])
