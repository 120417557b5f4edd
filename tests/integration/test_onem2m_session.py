"""The hub's session with the system operator over a real broker and a real CSE, with real providers behind them."""

import asyncio
import contextlib
import json
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp import identity
from homeapp.clock import SharedClock
from homeapp.demo.operator.broker import BrokerProgram, installed_broker
from homeapp.demo.operator.onem2m_application import Access, Onem2mApplication, Operation, ResourceType
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.demo.operator.service_provider import Direction, HubCorrespondent
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.errors import ProviderUnreachable, StoreUnavailable
from homeapp.model.consent import DataClass
from homeapp.model.health import HealthAlert, PartOrder, Severity
from homeapp.model.live import LinkState
from homeapp.model.offer import Choice, Decision, Offer, OfferKind, Receipt, ReceiptLevel
from homeapp.model.tariff import Tariff
from homeapp.pairing.descriptor import MAY_SEND
from homeapp.ports import DecisionMessage
from homeapp.providers.jose import HubSigner
from homeapp.providers.onem2m import attempts
from homeapp.providers.onem2m import session as session_module
from homeapp.providers.peer import Peer
from homeapp.providers.sealing import HubUnsealer
from homeapp.providers.service_provider import ServiceProvider
from homeapp.providers.system_operator import SystemOperator
from homeapp.settings import SystemOperatorSettings

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")
mosquitto_only = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)

HUB = "Chub-0001-evc"
BASE = "cse-in/hub-0001-evc"
FLOWS = ("evc_sp", "pev_sp")
START = datetime(2027, 1, 15, 12, tzinfo=UTC)
SPEED = 20.0
WITHIN_S = 40.0
GARBAGE = (b"", b"\xff\xfe", b"[]", b"[" * 10_000, b'{"op": 4, "rqi": "1"}', b'{"op": 5, "rqi": 7}')


class Secrets(dict[str, str]):
    """Keeps secrets in memory."""

    def set(self, name: str, value: str) -> None:
        self[name] = value


class Inbox:
    """A ProviderInbox that notes what it is told; ids that were seen outlive the hub like its database would."""

    def __init__(self, seen: set[tuple[str, str]] | None = None) -> None:
        self.offers: list[Offer] = []
        self.receipts: list[Receipt] = []
        self.alerts: list[HealthAlert] = []
        self.withdrawals: list[tuple[str, str]] = []
        self.rejections: list[tuple[str, str]] = []
        self.links: dict[str, tuple[LinkState, str | None]] = {}
        self.ids = set() if seen is None else seen
        self.failure: Exception | None = None
        self.attempts = 0
        self._news = asyncio.Event()

    def _happened(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, predicate: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not predicate():
                await self._news.wait()

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        raise AssertionError

    async def offer(self, offer: Offer) -> None:
        self.attempts += 1
        self._happened()
        if self.failure is not None:
            raise self.failure
        self.offers.append(offer)
        self._happened()

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        self.withdrawals.append((sp_id, offer_id))
        self._happened()

    async def receipt(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)
        self._happened()

    async def health(self, alert: HealthAlert) -> None:
        self.alerts.append(alert)
        self._happened()

    async def part_order(self, order: PartOrder) -> None:
        raise AssertionError

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        known = (sp_id, message_id) in self.ids
        self.ids.add((sp_id, message_id))
        return known

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        self.rejections.append((sp_id, code))
        self._happened()

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        self.links[sp_id] = (state, problem)
        self._happened()

    def has(self, title: str) -> bool:
        return any(offer.title == title for offer in self.offers)

    @property
    def problem(self) -> str:
        """What the owner is told of the link."""
        return self.links.get("evc_sp", (None, None))[1] or ""

    @property
    def is_down(self) -> bool:
        return self.links.get("evc_sp", (None, None))[0] is LinkState.DOWN

    def all_are(self, state: LinkState) -> bool:
        return [link[0] for link in self.links.values()] == [state, state]


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
        self.secrets = Secrets()
        self.key_pem = identity.hub_key_pem(self.secrets)
        self.enc_key_pem = identity.hub_key_pem(Secrets())
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
        return identity.client_context(self.side.ca_file, self.directory / f"{sp_id}.pem", self.key_pem)

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


class StreetThread:
    """Runs coroutines of the tests in the street's event loop."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="street")

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            try:
                runner.run(self._live())
            except BaseException as error:  # noqa: BLE001 - handed to the test that waits for it
                self._failure = error
            finally:
                self._ready.set()

    async def _live(self) -> None:
        async with self.street.open():
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> "StreetThread":
        self._thread.start()
        assert self._ready.wait(90)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        if self._failure is not None:
            raise self._failure

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(100)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreetThread]:
    with StreetThread(Street(tmp_path_factory.mktemp("street"))) as thread:
        yield thread


@pytest.fixture
def street(running: StreetThread) -> Street:
    return running.street


async def cse_says(street: Street, ae_id: str, primitive: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """What the CSE answers to somebody with this certificate."""
    context = await asyncio.to_thread(street.side.authority.client_context, ae_id)
    access = Access(host=street.side.broker_host, port=street.side.broker_port, context=context)
    async with Onem2mApplication(ae_id, access) as application:
        response = await application.request(primitive)
    return response.status, response.content


@pytest.mark.usecase("F1", "F3", "T2", "A6", "W1", "W4")
def test_the_hub_registers_and_a_notified_offer_reaches_the_inbox(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            await street.offer("First")
            offer = await home.offered("First")
            assert (offer.sp_id, offer.sp_name, offer.kind) == ("evc_sp", "EVC provider", OfferKind.POWER_FEED)
            assert (offer.reward, offer.currency, offer.intervals[0].setpoint_w) == (Decimal("1.92"), "EUR", -3000.0)
            await street.side.pev_sp.report_defect("P0A1F", "critical", "Battery module", "See a workshop.")
            await home.inbox.until(lambda: bool(home.inbox.alerts))
            assert (home.inbox.alerts[0].sp_id, home.inbox.alerts[0].severity) == ("pev_sp", Severity.CRITICAL)
            assert home.inbox.rejections == []

    running.run(body())


@pytest.mark.usecase("W4", "W5", "W8")
def test_the_tree_keeps_honest_providers_apart(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home():
            pass
        instance = {"m2m:cin": {"rn": f"x-{time.time()}", "con": "x"}}
        write = {"op": Operation.CREATE, "to": f"{BASE}/inEvc", "ty": ResourceType.CONTENT_INSTANCE, "pc": instance}
        container = {"op": Operation.CREATE, "to": f"{BASE}/inEvc", "ty": ResourceType.CONTAINER, "pc": {"m2m:cnt": {}}}
        read_in = {"op": Operation.RETRIEVE, "to": f"{BASE}/inEvc/la"}
        read_out = {"op": Operation.RETRIEVE, "to": f"{BASE}/outEvc"}
        own = {"op": Operation.RETRIEVE, "to": BASE}
        statuses = {}
        for ae_id in ("Cother", "Cevc-second"):
            for name, primitive in {"write": write, "read_in": read_in, "read_out": read_out}.items():
                statuses[ae_id, name] = (await cse_says(street, ae_id, primitive))[0]
        assert set(statuses.values()) == {4103}
        evc = street.side.evc_sp._application
        assert (await evc.request(container)).status == 4103
        assert (await evc.request(read_in)).status == 4103
        assert (await evc.request(read_out)).status == 2000
        assert (await evc.request(own)).status == 4103

    running.run(body())


@pytest.mark.usecase("F3", "W6")
def test_what_came_while_the_hub_was_away_is_caught_up_once(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        seen: set[tuple[str, str]] = set()
        async with street.at_home(Inbox(seen)):
            pass
        await street.offer("While away")
        for number, times in enumerate((1, 0)):
            async with street.at_home(Inbox(seen)) as home:
                # What comes now is handled after what lay there: the mailbox is read in order.
                await street.offer(f"Afterwards {number}")
                await home.offered(f"Afterwards {number}")
            assert [offer.title for offer in home.inbox.offers].count("While away") == times
            assert home.inbox.rejections == []

    running.run(body())


@pytest.mark.usecase("W6")
def test_a_duplicate_acts_once(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            message_id = await street.offer("Once")
            await home.offered("Once")
            await street.side.evc_sp.resend(message_id)
            await street.offer("Marker")
            await home.offered("Marker")
            assert [offer.title for offer in home.inbox.offers].count("Once") == 1
            assert home.inbox.rejections == []

    running.run(body())


Forge = Callable[[Street, HubCorrespondent], str]


def _foreign_key(street: Street, provider: HubCorrespondent) -> str:
    return SigningKey().sign("offer-cancel+jws", {**provider.envelope().claims(), "offer_id": "o-1"})


def _changed(street: Street, provider: HubCorrespondent) -> str:
    good = provider.sign("offer-cancel+jws", provider.envelope(), {"offer_id": "o-1"}).split(".")
    other = provider.sign("offer-cancel+jws", provider.envelope(), {"offer_id": "o-2"}).split(".")
    return ".".join((good[0], other[1], good[2]))


def _issuer(street: Street, provider: HubCorrespondent) -> str:
    envelope = replace(provider.envelope(), issuer="Cpev-sp")
    return provider.sign("offer-cancel+jws", envelope, {"offer_id": "o-1"})


def _audience(street: Street, provider: HubCorrespondent) -> str:
    envelope = replace(provider.envelope(), audience="Chub-0002")
    return provider.sign("offer-cancel+jws", envelope, {"offer_id": "o-1"})


def _expired(street: Street, provider: HubCorrespondent) -> str:
    now = street.clock.now()
    envelope = replace(provider.envelope(), issued_at=now - timedelta(hours=2), expires_at=now - timedelta(hours=1))
    return provider.sign("offer-cancel+jws", envelope, {"offer_id": "o-1"})


def _nonsense(street: Street, provider: HubCorrespondent) -> str:
    return "not a message at all"


@pytest.mark.usecase("W5", "W6")
@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (_foreign_key, "signature"),
        (_changed, "signature"),
        (_issuer, "issuer"),
        (_audience, "audience"),
        (_expired, "expired"),
        (_nonsense, "schema"),
    ],
)
def test_a_wrong_message_is_refused_and_the_link_goes_on(
    running: StreetThread, street: Street, forge: Forge, code: str
) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            provider = street.side.evc_sp
            # Wrong messages of other tests lie before this one in the mailbox.
            await street.offer(f"Before {forge.__name__}")
            await home.offered(f"Before {forge.__name__}")
            home.inbox.rejections.clear()
            await provider.send_raw(forge(street, provider))
            await home.inbox.until(lambda: bool(home.inbox.rejections))
            await street.offer(f"After {forge.__name__}")
            await home.offered(f"After {forge.__name__}")
            assert home.inbox.rejections == [("evc_sp", code)]
            assert home.inbox.withdrawals == []
            assert home.inbox.all_are(LinkState.UP)

    running.run(body())


@pytest.mark.usecase("W5")
def test_a_message_in_the_mailbox_of_another_provider_is_refused(running: StreetThread, street: Street) -> None:
    """A CSE does not check who sends a request, so a provider's key is tied to its own mailbox."""

    async def body() -> None:
        async with street.at_home() as home:
            evc, pev = street.side.evc_sp, street.side.pev_sp
            body = {"id": "d-9", "severity": "critical", "title": "x", "found_at": street.clock.now().isoformat()}
            compact = evc.sign("defect+jws", evc.envelope(), {"defect": body})
            await pev.send_raw(compact)
            # Wrong messages of other tests lie in the other mailbox.
            await home.inbox.until(lambda: ("pev_sp", "signature") in home.inbox.rejections)
            assert "d-9" not in [alert.alert_id for alert in home.inbox.alerts]

    running.run(body())


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


@pytest.mark.usecase("T2", "W2", "W6")
def test_a_decision_arrives_once_although_it_is_delivered_twice(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            await street.offer("To be decided")
            message = decision(await home.offered("To be decided"), f"decision-{time.time()}")
            provider = home.provider
            receipts = [await provider.deliver(message) for _ in range(2)]
            assert [receipt.level for receipt in receipts] == [ReceiptLevel.TRANSPORT] * 2
            decision_id = message.decision.decision_id
            await home.inbox.until(lambda: any(item.decision_id == decision_id for item in home.inbox.receipts))
            business = [item for item in home.inbox.receipts if item.decision_id == decision_id]
            assert [(item.level, item.confirmed) for item in business] == [(ReceiptLevel.BUSINESS, True)]
            known = street.side.evc_sp.decisions[decision_id]
            assert known.arrivals == 1
            assert known.choice == "accept"
            assert known.claims["decision"]["offer_digest"] == message.offer.digest()
            statuses = [
                item.message_id
                for item in street.side.evc_sp.history
                if item.direction is Direction.RECEIVED and item.message_id == decision_id
            ]
            assert len(statuses) == 1

    running.run(body())


def test_without_a_link_a_decision_is_to_be_tried_again(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            await street.offer("Later")
            offer = await home.offered("Later")
        provider = home.provider
        with pytest.raises(ProviderUnreachable):
            await provider.deliver(decision(offer, "decision-offline"))

    running.run(body())


@pytest.mark.usecase("W6")
def test_a_provider_in_trouble_does_not_stop_the_other(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            home.inbox.failure = ZeroDivisionError()
            await street.offer("Breaks the task")
            await asyncio.wait((home.tasks["evc_sp"],), timeout=WITHIN_S)
            assert isinstance(home.tasks["evc_sp"].exception(), ZeroDivisionError)
            await street.side.pev_sp.report_defect("P0001", "info", "Lamp", "", defect_id="lamp")
            await home.inbox.until(lambda: any(alert.alert_id == "lamp" for alert in home.inbox.alerts))
            # Started again, as the hub's supervisor does, it gets what it has not dealt with.
            home.inbox.failure = None
            provider = home.provider
            home.tasks["evc_sp"] = asyncio.create_task(provider.run(home.inbox))
            await home.offered("Breaks the task")

    running.run(body())


@pytest.mark.usecase("W6")
def test_the_hub_survives_the_death_of_the_broker(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            await street.side.broker.kill()
            await home.inbox.until(lambda: not home.inbox.all_are(LinkState.UP))
            await street.side.broker.start()
            await home.up()
            await street.offer("After the crash")
            await home.offered("After the crash")

    running.run(body())


@pytest.mark.usecase("W6")
def test_the_hub_sets_itself_up_again_at_a_cse_that_has_forgotten_everything(
    running: StreetThread, street: Street
) -> None:
    async def body() -> None:
        # Looks at the CSE every real second.
        async with street.at_home(settings=street.settings(catch_up_s=SPEED)) as home:
            await street.side.cse.kill()
            await street.side.cse.start()
            await street.offer("To the new one")
            await home.offered("To the new one")
            await home.up()

    running.run(body())


@pytest.mark.usecase("W6")
def test_a_subscription_that_somebody_deletes_is_made_again(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            subscription = f"{BASE}/inEvc/hub"
            status, _ = await cse_says(street, "CAdmin", {"op": Operation.DELETE, "to": subscription})
            assert status == 2002
            await home.inbox.until(lambda: not home.inbox.all_are(LinkState.UP))
            await home.up()
            status, content = await cse_says(street, "CAdmin", {"op": Operation.RETRIEVE, "to": subscription})
            assert (status, content["m2m:sub"]["nu"]) == (2000, [HUB])

    running.run(body())


@pytest.mark.usecase("W6")
def test_a_message_whose_notification_is_lost_is_found_by_looking(
    running: StreetThread, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module.OneM2mSession, "_notified", lambda *_: None)

    async def body() -> None:
        async with street.at_home(settings=street.settings(catch_up_s=SPEED)) as home:
            await street.offer("Found")
            await home.offered("Found")

    running.run(body())


@contextlib.contextmanager
def cse_voice(street: Street) -> Iterator[paho.Client]:
    """Somebody with the CSE's own right to speak at the broker."""
    broker = street.side.broker
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="voice", protocol=paho.MQTTv311)
    client.username_pw_set(broker.cse_user, broker.cse_password)
    client.tls_set_context(street.side.authority.client_context())
    client.connect(broker.host, broker.cse_port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def notification(compact: str, container: str) -> bytes:
    cin = {"rn": "x", "pi": container, "con": compact}
    primitive = {"op": 5, "fr": "/id-in", "rqi": "q", "pc": {"m2m:sgn": {"nev": {"rep": {"m2m:cin": cin}}}}}
    return json.dumps(primitive).encode()


async def notify(street: Street, compact: str, container: str) -> None:
    """A notification at QoS 1, received by the broker when this returns."""

    def publish() -> None:
        with cse_voice(street) as client:
            client.publish(f"/oneM2M/req/id-in/{HUB}/json", notification(compact, container), qos=1).wait_for_publish(
                10
            )

    await asyncio.to_thread(publish)


@mosquitto_only
@pytest.mark.usecase("W6")
def test_the_broker_keeps_a_notification_until_it_is_stored(running: StreetThread, street: Street) -> None:
    """It never lay in the mailbox, so only the broker's redelivery can bring it back."""

    async def body() -> None:
        evc = street.side.evc_sp
        compact = evc.sign("offer-cancel+jws", evc.envelope(), {"offer_id": f"gone-{time.time()}"})
        async with street.at_home() as home:
            container = next(iter(home.operator._session._registration._inbox_ids))
            home.inbox.withdrawn = _fail  # type: ignore[method-assign]  # the disk is full
            await notify(street, compact, container)
            await street.side.pev_sp.report_defect("P0002", "info", "Marker", "", defect_id="marker")
            await home.inbox.until(lambda: any(alert.alert_id == "marker" for alert in home.inbox.alerts))
        inbox = Inbox()
        home = street.home(inbox)
        try:
            await inbox.until(lambda: bool(inbox.withdrawals))
        finally:
            await home.stop()
        # Acknowledged now: a third hub is told of it no more.
        async with street.at_home() as home:
            await street.offer("Third")
            await home.offered("Third")
            assert home.inbox.withdrawals == []

    running.run(body())


async def _fail(sp_id: str, offer_id: str) -> None:
    raise StoreUnavailable("The disk is full.")


@pytest.mark.usecase("W6", "W7")
def test_a_storm_of_one_message_acts_once(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            message_id = await street.offer("In a storm")
            await home.offered("In a storm")
            compact = street.side.evc_sp._sent[message_id]
            own, foreign = next(iter(home.operator._session._registration._inbox_ids)), "cnt-of-somebody-else"

            def storm() -> None:
                with cse_voice(street) as client:
                    sent = [
                        client.publish(f"/oneM2M/req/id-in/{HUB}/json", notification(compact, container), qos=1)
                        for container in (own, foreign) * 225
                    ]
                    for message in sent:
                        message.wait_for_publish(20)

            await asyncio.to_thread(storm)
            await street.offer("After the storm")
            await home.offered("After the storm")
            assert [offer.title for offer in home.inbox.offers].count("In a storm") == 1
            assert home.inbox.all_are(LinkState.UP)

    running.run(body())


@mosquitto_only
def test_garbage_on_its_topics_does_not_disturb_the_hub(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:

            def publish() -> None:
                with cse_voice(street) as client:
                    for payload in (
                        b"",
                        b"\xff\xfe",
                        b"[]",
                        b"[" * 10_000,
                        b'{"op": 4, "rqi": "1"}',
                        b'{"op":5,"rqi":7}',
                    ):
                        for topic in (f"req/id-in/{HUB}", f"resp/{HUB}/id-in", f"reg_resp/{HUB}/id-in"):
                            client.publish(f"/oneM2M/{topic}/json", payload, qos=1).wait_for_publish(10)

            await asyncio.to_thread(publish)
            await street.offer("Still there")
            await home.offered("Still there")
            assert home.inbox.rejections == []

    running.run(body())


@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")  # paho leaves the socket of a failed handshake
def test_a_broker_that_cannot_be_trusted_is_not_asked_again_soon(
    running: StreetThread, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(attempts, "pause_after", lambda *loss: pauses.append(_PAUSE(*loss)) or 3600.0)

    async def body() -> None:
        tls = street.tls()
        foreign = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        foreign.load_verify_locations(cadata=StreetAuthority().ca_pem.decode())
        home = street.home(tls=foreign)
        try:
            await home.inbox.until(lambda: home.inbox.is_down and home.inbox.problem != "")
        finally:
            await home.stop()
        assert "enrolled again" in home.inbox.problem
        assert tls.check_hostname

    running.run(body())
    assert pauses[0] >= 600


_PAUSE = attempts.pause_after


@mosquitto_only
def test_without_a_client_certificate_the_owner_is_told(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        home = street.home(tls=await asyncio.to_thread(street.side.authority.client_context))
        try:
            await home.inbox.until(lambda: "enrolled again" in home.inbox.problem)
        finally:
            await home.stop()

    running.run(body())


@mosquitto_only
@pytest.mark.usecase("W4")
def test_the_broker_lets_nobody_speak_for_another(running: StreetThread, street: Street) -> None:
    """MQTT 5 tells it; the certificate is that of another AE."""

    async def body() -> None:
        home = street.home(hub_ae_id="Chub-0002")
        try:
            await home.inbox.until(lambda: "does not let the hub speak" in home.inbox.problem)
        finally:
            await home.stop()

    running.run(body())


def test_a_broker_that_is_away_is_waited_for(running: StreetThread, street: Street) -> None:
    async def body() -> None:
        home = street.home(settings=street.settings(port=9))
        try:
            await home.inbox.until(lambda: "cannot be reached" in home.inbox.problem)
            assert not home.tasks["flow of evc_sp"].done()
        finally:
            await home.stop()

    running.run(body())


@pytest.mark.usecase("A6")
def test_a_broker_that_knows_no_mqtt_5_is_spoken_to_in_3_1_1(tmp_path: Path) -> None:
    pytest.importorskip("amqtt", reason="the other broker of the demo street is not installed")

    async def main() -> None:
        async with Street(tmp_path, BrokerProgram.AMQTT).open() as street, street.at_home() as home:
            await street.offer("By 3.1.1")
            await home.offered("By 3.1.1")
            assert home.operator._session._binding.version == "3.1.1"

    asyncio.run(main())
