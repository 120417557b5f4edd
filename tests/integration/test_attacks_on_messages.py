"""Attacks on what providers and hub say to each other, with a real CSE, a real broker, the hub's desk and its ledger.

| attack | who could | what stops it | test |
|---|---|---|---|
| request with a forged originator (hub, admin) | any application | signature | forged_originator |
| request into another provider's inbox | another provider | key of that one provider | another_provider |
| a notification that the CSE never made | the system operator | signature | voice_of_the_cse |
| a notification that the broker keeps for ever | the system operator | number, expiry, signature | retained |
| a notification by another application | any application | the broker; signature | cannot_speak |
| alg none, HS256 with the public key, ES256 key as Ed25519 | who can write | pinned algorithms | wrong_in_itself |
| JWE with dir, RSA, to another key, twice, of another type | who can write | one way, one layer | wrong_in_itself |
| oversized, deeply nested | a provider | caps before any work | wrong_in_itself |
| other hub, other sender, expired, too long, too early | who overhears | claims | wrong_in_itself |
| request that is not this provider's to make | a provider | purposes | wrong_in_itself |
| the same message again, in any envelope, at any time | who overhears | marks in the ledger | same_message_again |
| another message under a used number | a provider | marks in the ledger | same_message_again |
| changed terms under the same revision | a provider | the first one counts | changed_terms |
| changed terms after the owner's yes | a provider | digest of what was seen | changed_terms |
| keys of somebody who has an old key | a thief | newest key signs, new one proves | who_has_an_old_key |
| the hub's MQTT session, by its client id | any application | certificate's name is the id | takes_over |
| reading what the hub says | the system operator | encryption to the provider | who_reads |

Each is refused, and either told to the owner or logged; after each the next honest message has its effect.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey, RSAKey
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp import identity
from homeapp.clock import SharedClock
from homeapp.demo.operator.broker import BrokerProgram, installed_broker
from homeapp.demo.operator.onem2m_application import Access, Onem2mApplication, Operation, ResourceType, Response
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.demo.operator.sealed_message import EncryptionKey, seal
from homeapp.demo.operator.service_provider import Direction
from homeapp.demo.operator.service_providers import EvcServiceProvider
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.errors import ProviderRefused, WrongState
from homeapp.inbox import HubInbox
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import Choice, OfferCase, OfferState
from homeapp.model.plan import ChargingMode, Goal
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.model.site import Site
from homeapp.offers.desk import OfferDesk
from homeapp.pairing.descriptor import MAY_SEND
from homeapp.ports import DecisionMessage
from homeapp.providers.jose import HubSigner
from homeapp.providers.peer import Peer
from homeapp.providers.sealing import HubUnsealer
from homeapp.providers.system_operator import SystemOperator
from homeapp.settings import SystemOperatorSettings
from homeapp.snapshot import LiveState
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")
if installed_broker() is not BrokerProgram.MOSQUITTO:
    pytest.skip("mosquitto is not installed", allow_module_level=True)

HUB = "Chub-0001-evc"
BASE = "cse-in/hub-0001-evc"
START = datetime(2027, 1, 15, 12, tzinfo=UTC)
SPEED = 20.0
WITHIN_S = 40.0
INTRUDER = "Cintruder"


class Secrets(dict[str, str]):
    """Keeps secrets in memory."""

    def set(self, name: str, value: str) -> None:
        self[name] = value


class Home:
    """The hub's side of one flow, from the session down to the ledger; everything but the screen."""

    def __init__(self, street: "Street", database: Database) -> None:
        clock = street.clock
        outbox = Outbox(database, clock)
        self.ledger = Ledger(database, clock, outbox.wake)
        goal = Goal(
            mode=ChargingMode.CHEAPEST, target_pct=80.0, ready_by=clock.now(), floor_pct=50.0, capacity_wh=60_000.0
        )
        self.live = LiveState(site=Site(), goal=goal, clock=clock)
        self.desk = OfferDesk(ledger=self.ledger, outbox=outbox, clock=clock, on_change=self._happened)
        self.inbox = HubInbox(
            desk=self.desk,
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
        self.key_pem, self.enc_key_pem = identity.hub_key_pem(Secrets()), identity.hub_key_pem(Secrets())
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
            tls=identity.client_context(self.side.ca_file, self.certificate, self.key_pem),
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
    running.run(running.street.empty_inbox())
    return running.street


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def private(key: SigningKey) -> ECKey:
    return key._key


def public(jwk: Mapping[str, str]) -> ECKey:
    return ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})


def good(street: Street) -> str:
    """What would pass, were it not for what the test does to it."""
    return street.evc.sign("offer+jws", street.evc.envelope(), street.body())


def with_header(street: Street, signature: Callable[[bytes], bytes], **header: str) -> str:
    claims = {**street.evc.envelope().claims(), **street.body()}
    kid = private(street.evc._key).thumbprint()
    protected = b64(json.dumps({"kid": kid, "typ": "offer+jws", **header}).encode())
    signing_input = f"{protected}.{b64(json.dumps(claims).encode())}"
    return f"{signing_input}.{b64(signature(signing_input.encode()))}"


def hmac_with_the_public_key(street: Street) -> str:
    secret = public(street.evc.public_jwk).as_pem(private=False)
    return with_header(street, lambda text: hmac.new(secret, text, hashlib.sha256).digest(), alg="HS256")


def es256_as_ed25519(street: Street) -> str:
    compact = good(street)
    signature = base64.urlsafe_b64decode(compact.rpartition(".")[2] + "==")
    return with_header(street, lambda _: signature, alg="Ed25519")


def foreign_key_under_its_name(street: Street) -> str:
    header = {"alg": "ES256", "kid": private(street.evc._key).thumbprint(), "typ": "offer+jws"}
    claims = {**street.evc.envelope().claims(), **street.body()}
    return jws.serialize_compact(header, json.dumps(claims), private(SigningKey()), algorithms=["ES256"])


def in_envelope(**changes: Any) -> "Forge":
    def forge(street: Street) -> str:
        now = street.clock.now()
        spans = {name: now + span for name, span in changes.items() if isinstance(span, timedelta)}
        return street.evc.sign("offer+jws", replace(street.evc.envelope(), **{**changes, **spans}), street.body())

    return forge


def sealed(key: Callable[[Street], Any], **header: str) -> "Forge":
    def forge(street: Street) -> str:
        jwk = identity.public_jwk(street.enc_key_pem)
        protected = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": jwk["kid"], "cty": "offer+jws", **header}
        return jwe.encrypt_compact(
            protected, good(street), key(street), algorithms=[protected["alg"], protected["enc"]]
        )

    return forge


def hub_key(street: Street) -> ECKey:
    return public(identity.public_jwk(street.enc_key_pem))


def deeply_nested(street: Street) -> str:
    claims = json.dumps(street.evc.envelope().claims())
    payload = claims[:-1] + ', "offer": ' + "[" * 20_000 + "]" * 20_000 + "}"
    key = private(street.evc._key)
    header = {"alg": "ES256", "kid": key.thumbprint(), "typ": "offer+jws"}
    return jws.serialize_compact(header, payload, key, algorithms=["ES256"])


def oversized(street: Street) -> str:
    body = street.body()
    return street.evc.sign("offer+jws", street.evc.envelope(), {**body, "filler": "x" * 60_000})


def not_its_purpose(street: Street) -> str:
    offer = {**street.body()["offer"], "kind": "health_check"}
    offer["intervals"] = [{name: offer["intervals"][0][name] for name in ("start", "end")}]
    return street.evc.sign("offer+jws", street.evc.envelope(), {"offer": offer})


def not_its_type(street: Street) -> str:
    body = {"id": "d", "severity": "critical", "title": "x", "found_at": "2027-01-15T12:00:00Z"}
    return street.evc.sign("defect+jws", street.evc.envelope(), {"defect": body})


Forge = Callable[[Street], str]
FORGERIES: dict[str, tuple[Forge, str]] = {
    "alg none": (lambda street: with_header(street, lambda _: b"", alg="none"), "schema"),
    "alg none, signed": (lambda street: with_header(street, lambda _: b"x" * 64, alg="none"), "signature"),
    "HS256 with the public key": (hmac_with_the_public_key, "signature"),
    "ES256 key as Ed25519": (es256_as_ed25519, "signature"),
    "foreign key": (foreign_key_under_its_name, "signature"),
    "for another hub": (in_envelope(audience="Chub-0002-evc"), "audience"),
    "for this hub's other flow": (in_envelope(audience="Chub-0001-pev"), "audience"),
    "another sender": (in_envelope(issuer="Cpev-sp"), "issuer"),
    "expired": (in_envelope(issued_at=timedelta(hours=-2), expires_at=timedelta(hours=-1)), "expired"),
    "from the future": (in_envelope(issued_at=timedelta(hours=1)), "expired"),
    "for eight days": (in_envelope(expires_at=timedelta(days=8)), "expired"),
    "oversized": (oversized, "schema"),
    "deeply nested": (deeply_nested, "schema"),
    "not its purpose": (not_its_purpose, "purpose"),
    "not its type": (not_its_type, "schema"),
    "JWE to another key": (lambda street: seal(good(street), EncryptionKey().public_jwk), "sealed"),
    "JWE to another key under the hub's name": (sealed(lambda _: private(SigningKey())), "sealed"),
    "JWE with dir": (sealed(lambda _: OctKey.generate_key(256), alg="dir"), "schema"),
    "JWE with RSA": (sealed(lambda _: RSAKey.generate_key(2048), alg="RSA-OAEP"), "schema"),
    "JWE of another type": (sealed(hub_key, cty="receipt+jws"), "schema"),
    "JWE in a JWE": (
        lambda street: seal(street.evc.seal(good(street)), identity.public_jwk(street.enc_key_pem)),
        "schema",
    ),
    "sealed forgery": (lambda street: street.evc.seal(foreign_key_under_its_name(street)), "signature"),
    "no message": (lambda _: "<script>", "schema"),
}


@pytest.mark.usecase("W5", "W6", "W7")
@pytest.mark.parametrize("name", FORGERIES)
def test_a_message_that_is_wrong_in_itself(
    running: StreetThread, street: Street, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    forge, code = FORGERIES[name]

    async def body() -> None:
        async with street.home(tmp_path) as home:
            await street.evc.send_raw(forge(street))
            assert await home.notices_up_to_now(await street.offer()) == [code]
            assert f"evc_sp: message rejected ({code})" in caplog.text
            assert "o-bad" not in home.offers

    running.run(body())


def test_the_same_message_without_anything_wrong_has_its_effect(
    running: StreetThread, street: Street, tmp_path: Path
) -> None:
    """Otherwise the test before could not fail."""

    async def body() -> None:
        async with street.home(tmp_path) as home:
            await street.evc.send_raw(good(street))
            await home.until(lambda: "o-bad" in home.offers)
            assert home.notices == []

    running.run(body())


@pytest.mark.usecase("W4", "W5")
@pytest.mark.parametrize("originator", [HUB, "CAdmin", "Cevc-sp"])
def test_a_forged_originator_changes_nothing(
    running: StreetThread, street: Street, tmp_path: Path, originator: str
) -> None:
    async def body() -> None:
        forged = SigningKey().sign("offer+jws", {**street.evc.envelope().claims(), **street.body()})
        async with street.home(tmp_path) as home, street.application(INTRUDER, originator) as impostor:
            # The CSE believes it: this is why nobody may rely on its access control.
            assert await impostor.write(forged) == 2001
            assert await home.notices_up_to_now(await street.offer()) == ["signature"]
            assert "o-bad" not in home.offers

    running.run(body())


@pytest.mark.usecase("W5")
def test_another_provider_in_this_ones_inbox(running: StreetThread, street: Street, tmp_path: Path) -> None:
    async def body() -> None:
        pev = street.side.pev_sp
        as_itself = pev.sign("offer+jws", replace(pev.envelope(), audience=HUB), street.body())
        as_the_other = pev.sign("offer+jws", street.evc.envelope(), street.body())
        async with street.home(tmp_path) as home:
            honest = pev._application
            write = {"m2m:cin": {"rn": "x", "con": as_itself}}
            refused = await honest.create(f"{BASE}/inEvc", ResourceType.CONTENT_INSTANCE, write)
            assert refused.status == 4103
            async with street.application(INTRUDER, "Cevc-sp") as impostor:
                for message in (as_itself, as_the_other, street.evc.seal(as_the_other)):
                    assert await impostor.write(message) == 2001
            assert await home.notices_up_to_now(await street.offer()) == ["signature"] * 3
            assert "o-bad" not in home.offers

    running.run(body())


@contextlib.contextmanager
def voice(street: Street, *, retain_cleared: bool = False) -> Iterator[Callable[..., None]]:
    """Says notifications to the hub with the CSE's own right to speak at the broker."""
    broker = street.side.broker
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="voice", protocol=paho.MQTTv311)
    client.username_pw_set(broker.cse_user, broker.cse_password)
    client.tls_set_context(street.side.authority.client_context())
    client.connect(broker.host, broker.cse_port)
    client.loop_start()

    def say(payload: str, *, retain: bool = False) -> None:
        client.publish(f"/oneM2M/req/id-in/{HUB}/json", payload, qos=1, retain=retain).wait_for_publish(10)

    try:
        yield say
    finally:
        if retain_cleared:
            say("", retain=True)
        client.disconnect()
        client.loop_stop()


def notification(home: Home, content: str) -> str:
    container = next(iter(home.flow._session._registration._inbox_ids))
    cin = {"rn": "x", "ri": "x", "pi": container, "con": content}
    return json.dumps({"op": 5, "fr": "/id-in", "rqi": "q", "pc": {"m2m:sgn": {"nev": {"rep": {"m2m:cin": cin}}}}})


@pytest.mark.usecase("W5", "W6")
def test_the_voice_of_the_cse_is_not_believed(running: StreetThread, street: Street, tmp_path: Path) -> None:
    """What never lay in the mailbox is judged like what did."""

    async def body() -> None:
        honest = street.evc.sign("offer+jws", street.evc.envelope(), street.body("o-unseen"))
        async with street.home(tmp_path) as home:
            with voice(street) as say:
                for content in (foreign_key_under_its_name(street), honest):
                    await asyncio.to_thread(say, notification(home, content))
                await home.until(lambda: "o-unseen" in home.offers)
            assert home.notices == ["signature"]
            assert "o-bad" not in home.offers

    running.run(body())


@pytest.mark.usecase("W5", "W6")
def test_retained_notifications_have_no_effect_whenever_the_hub_comes(
    running: StreetThread, street: Street, tmp_path: Path
) -> None:
    async def body() -> None:
        offer_id = "o-retained"
        once = street.evc.sign("offer+jws", street.evc.envelope(), street.body(offer_id))
        async with street.home(tmp_path) as home:
            await street.evc.send_raw(once)
            await home.until(lambda: offer_id in home.offers)
            await street.evc.cancel_offer(offer_id)
            await home.until(lambda: home.case(offer_id).state is OfferState.CANCELLED)
            stale, forged = notification(home, once), notification(home, foreign_key_under_its_name(street))
        with voice(street, retain_cleared=True) as say:
            for payload, told in ((stale, ()), (forged, ("signature",))):
                await asyncio.to_thread(say, payload, retain=True)
                async with street.home(tmp_path) as home:
                    # The broker delivers it with the subscription.
                    assert home.told_at_start == told
                    assert home.case(offer_id).state is OfferState.CANCELLED
                    assert "o-bad" not in home.offers

    running.run(body())


def test_an_application_cannot_speak_or_leave_a_notification_to_the_hub(
    running: StreetThread, street: Street, tmp_path: Path
) -> None:
    async def body() -> None:
        async with street.home(tmp_path) as home, street.application(INTRUDER, INTRUDER) as intruder:
            said = notification(home, street.evc.sign("offer+jws", street.evc.envelope(), street.body("o-said")))
            topic = f"/oneM2M/req/id-in/{HUB}/json"
            for retain in (False, True):
                published = intruder._client.publish(topic, said, qos=1, retain=retain)
                await asyncio.to_thread(published.wait_for_publish, 10)
            assert await home.notices_up_to_now(await street.offer()) == []
            assert "o-said" not in home.offers
        async with street.home(tmp_path) as home:
            assert "o-said" not in home.offers

    running.run(body())


@pytest.mark.usecase("W6")
def test_the_same_message_again_in_any_envelope_and_after_a_restart(
    running: StreetThread, street: Street, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        caplog.set_level("INFO")
        evc, offer_id = street.evc, "o-again"
        envelope = evc.envelope()
        once = evc.sign("offer+jws", envelope, street.body(offer_id))
        other = evc.sign("offer+jws", envelope, street.body("o-other"))
        repetitions = (once, evc.seal(once), evc.seal(once))
        async with street.home(tmp_path) as home:
            await evc.send_raw(once)
            await home.until(lambda: offer_id in home.offers)
            await evc.cancel_offer(offer_id)
            await home.until(lambda: home.case(offer_id).state is OfferState.CANCELLED)
            for message in repetitions:
                await evc.send_raw(message)
            assert await home.notices_up_to_now(await street.offer()) == []
            assert home.case(offer_id).state is OfferState.CANCELLED
            assert caplog.text.count(f"{envelope.message_id} came again; without effect") == 2

            await evc.send_raw(other)
            assert await home.notices_up_to_now(await street.offer()) == ["replay"]
            assert "o-other" not in home.offers
        async with street.home(tmp_path) as home:
            for message in (*repetitions, evc.seal(once)):
                await evc.send_raw(message)
            assert await home.notices_up_to_now(await street.offer()) == []
            assert home.case(offer_id).state is OfferState.CANCELLED
            assert "o-other" not in home.offers

    running.run(body())


@pytest.mark.usecase("W6", "T2")
def test_changed_terms_under_the_same_revision_and_after_a_yes(
    running: StreetThread, street: Street, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        offer_id = "o-terms"
        async with street.home(tmp_path) as home:
            await street.offer(offer_id, reward="5.00")
            await home.until(lambda: offer_id in home.offers)
            seen = home.case(offer_id)
            await street.offer(offer_id, reward="0.05")
            assert await home.notices_up_to_now(await street.offer()) == []
            assert home.case(offer_id) == seen
            assert f"evc_sp: changed {offer_id} without a new revision; ignored" in caplog.text

            await home.desk.decide(seen.offer.key, seen.digest, Choice.ACCEPT, "owner")
            await street.offer(offer_id, revision=2, reward="0.05")
            await home.until(lambda: home.case(offer_id).offer.revision == 2)
            voided = home.case(offer_id)
            assert (voided.state, voided.decision, voided.revised) == (OfferState.PENDING, None, True)
            assert "your earlier answer no longer holds" in (voided.problem or "")
            with pytest.raises(WrongState):
                await home.desk.decide(seen.offer.key, seen.digest, Choice.ACCEPT, "owner")
            # The old terms do not come back either.
            await street.offer(offer_id, revision=1, reward="5.00")
            await home.notices_up_to_now(await street.offer())
            assert home.case(offer_id) == voided

    running.run(body())


@pytest.mark.usecase("W5", "W9")
def test_who_has_an_old_key(running: StreetThread, street: Street, tmp_path: Path) -> None:
    async def body() -> None:
        evc, stolen = street.evc, street.evc._key
        async with street.home(tmp_path) as home:
            old_peer = street.peer
            await evc.roll_keys(overlap=timedelta(days=1))
            assert await home.notices_up_to_now(await street.offer()) == []
            assert street.peer.keys == tuple(evc.keys) != old_peer.keys
            thief = SigningKey()
            keys = [{**thief.public_jwk, "use": "sig"}, {**EncryptionKey().public_jwk, "use": "enc"}]
            claims = {**evc.envelope().claims(), "keys": keys}
            proven = {name: claims[name] for name in ("iss", "aud", "jti", "keys")}
            until = (street.clock.now() + timedelta(days=2)).isoformat()
            for name, signer in {"the old key": stolen, "its own key": thief}.items():
                jti = f"keys-{name.replace(' ', '-')}"
                proof = thief.sign("keys-proof+jws", {**proven, "jti": jti})
                await evc.send_raw(
                    signer.sign("keys+jws", {**claims, "jti": jti, "old_keys_until": until, "proof": proof})
                )
            assert await home.notices_up_to_now(await street.offer()) == ["signature", "signature"]
            assert street.peer.keys == tuple(evc.keys)
            await evc.roll_keys(overlap=timedelta(0))
            await street.evc.send_raw(stolen.sign("offer+jws", {**evc.envelope().claims(), **street.body()}))
            assert await home.notices_up_to_now(await street.offer()) == ["signature"] * 3
            assert "o-bad" not in home.offers
        async with street.home(tmp_path) as home:
            assert home.flow.provider.peer.keys == tuple(evc.keys)

    running.run(body())


@pytest.mark.usecase("W4", "W7")
def test_nobody_takes_over_the_hubs_session(running: StreetThread, street: Street, tmp_path: Path) -> None:
    async def body() -> None:
        heard: list[bytes] = []
        connected, subscribed = threading.Event(), threading.Event()
        context = street.side.authority.client_context(INTRUDER)
        thief = paho.Client(CallbackAPIVersion.VERSION2, client_id=HUB, clean_session=True, protocol=paho.MQTTv311)
        thief.tls_set_context(context)
        thief.on_connect = lambda *_: connected.set()
        thief.on_subscribe = lambda *_: subscribed.set()
        thief.on_message = lambda _client, _data, message: heard.append(message.payload)
        async with street.home(tmp_path) as home:
            links = list(home.links)
            thief.connect(street.side.broker_host, street.side.broker_port)
            thief.loop_start()
            try:
                assert await asyncio.to_thread(connected.wait, 10)
                thief.subscribe([(f"/oneM2M/req/id-in/{HUB}/json", 1), ("/oneM2M/#", 1)])
                assert await asyncio.to_thread(subscribed.wait, 10)
                assert await home.notices_up_to_now(await street.offer()) == []
                # The provider's way there and back has passed the broker meanwhile.
                assert heard == []
                assert home.links == links
            finally:
                thief.disconnect()
                await asyncio.to_thread(thief.loop_stop)

    running.run(body())


def record(street: Street, record_id: str) -> DataRecord:
    now = street.clock.now()
    return DataRecord(
        record_id=record_id,
        sp_id="evc_sp",
        data_class=DataClass.METERING,
        kind=RecordKind.METERING,
        priority=Priority.METERING,
        created_at=now,
        not_after=now + timedelta(days=2),
        body={"period_id": "p-1", "energy_wh": 4321, "direction": "feed"},
    )


@pytest.mark.usecase("S3", "W1", "W6", "W8")
def test_who_reads_what_the_hub_says_learns_nothing(running: StreetThread, street: Street, tmp_path: Path) -> None:
    async def body() -> None:
        evc, name = street.evc, f"m-{time.time_ns()}"
        async with street.home(tmp_path) as home:
            offer_id = await street.offer()
            await home.until(lambda: offer_id in home.offers)
            case = home.case(offer_id)
            await home.desk.decide(case.offer.key, case.digest, Choice.ACCEPT, "owner")
            decided = home.case(offer_id)
            assert decided.decision is not None
            message = DecisionMessage(
                decision=decided.decision, offer=decided.offer, not_after=decided.offer.expires_at
            )
            receipt = await home.flow.provider.deliver(message)
            sizes = [await home.flow.provider.disclose(record(street, name)) for _ in range(2)]
            await evc.wait_for(lambda: any(item.record_id == name for item in evc.records), WITHIN_S)
            await evc.wait_for(lambda: decided.decision.decision_id in evc.decisions, WITHIN_S)
            known = next(item for item in evc.records if item.record_id == name)
            assert (known.kind, known.fields["energy_wh"], known.arrivals) == ("metering", 4321, 1)

            async with street.application(INTRUDER, "CAdmin") as impostor:
                read = [
                    await impostor.request({"op": Operation.RETRIEVE, "to": f"{BASE}/{container}", "rcn": 4})
                    for container in ("metering", "outEvc")
                ]
            assert [response.status for response in read] == [2000, 2000]
            metering, answers = [json.dumps(response.content) for response in read]
            assert f"rec-{name}" in metering
            assert f"rsp-{decided.decision.decision_id}" in answers
            contents = [item["con"] for response in read for item in response.content["m2m:cnt"]["m2m:cin"]]  # type: ignore[index]
            assert {content.count(".") for content in contents} == {4}
            assert {receipt.size_bytes, *sizes} <= {len(content) for content in contents}
            for content in contents:
                header = json.loads(base64.urlsafe_b64decode(content.partition(".")[0] + "=="))
                assert set(header) == {"alg", "enc", "kid", "epk", "cty"}

            await home.flow.provider.erase((DataClass.METERING,))
            gone = await evc._application.request({"op": Operation.RETRIEVE, "to": f"{BASE}/metering/rec-{name}"})
            assert gone.status == 4004
        assert [e.message_id for e in evc.history if e.direction is Direction.REJECTED and e.typ != "raw"] == []

    running.run(body())
