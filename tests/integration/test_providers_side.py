"""The providers' side of the demo street with a hand-made hub: a real broker, a real CSE, real certificates."""

import asyncio
import contextlib
import hashlib
import json
import os
import select
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.jwk import ECKey
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp.clock import SharedClock
from homeapp.demo.operator.broker import BrokerProgram, installed_broker
from homeapp.demo.operator.onem2m_application import (
    Access,
    ContentInstance,
    Onem2mApplication,
    Operation,
    ResourceType,
    Status,
)
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.demo.operator.sealed_message import EncryptionKey, seal
from homeapp.demo.operator.service_provider import Direction, ReceivedRecord
from homeapp.demo.operator.service_providers import JobTerms
from homeapp.demo.operator.signed_message import Envelope, Expected, SigningKey, verify
from homeapp.errors import EnvironmentProblem, MessageRejected, ProviderRefused, ProviderUnreachable

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")
pytest.importorskip("amqtt", reason="the broker that comes with Python is not installed")

HUB = "Chub-0001-evc"
BASE = "cse-in/hub-0001-evc"
START = datetime(2027, 1, 15, 12, tzinfo=UTC)
WITHIN_S = 25.0

_needs_mosquitto = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)
both_brokers = pytest.mark.parametrize(
    "program", [pytest.param(BrokerProgram.MOSQUITTO, marks=_needs_mosquitto), BrokerProgram.AMQTT]
)


class HandMadeHub:
    """As much of a hub as one provider sees: its AE, its containers, its signature and its seal."""

    def __init__(self, side: ProvidersSide, clock: SharedClock, sp_id: str = "evc_sp") -> None:
        self._clock = clock
        self.provider = side.customers[sp_id]
        self.ae_id = side.hub_ae_ids[sp_id]
        self.base = f"cse-in/{self.ae_id.removeprefix('C')}"
        self.key, self.encryption = SigningKey(), EncryptionKey()
        context = _context(side, self.ae_id, sp_id)
        self.app = Onem2mApplication(self.ae_id, Access(host=side.broker_host, port=side.broker_port, context=context))
        self.provider.trust_hub(self.key.public_jwk, self.encryption.public_jwk)

    async def furnish(self) -> None:
        await self.app.register()
        code = self.provider.code
        await self.container(f"in{code}", (1, 4))
        await self.container(f"out{code}", (2 + 32, None), (1, 23))
        response = await self.app.subscribe(f"{self.base}/in{code}")
        assert response.status in (Status.CREATED, Status.CONFLICT)

    async def container(self, name: str, *rights: tuple[int, int | None]) -> None:
        """With what the provider may do there: operations, and the kind of child for CREATE."""
        own = {"acor": [self.ae_id], "acop": 63}
        rules: list[dict[str, object]] = [own]
        for operations, child in rights:
            rule: dict[str, object] = {"acor": [self.provider.ae_id], "acop": operations}
            rules.append(rule if child is None else rule | {"acod": [{"chty": [child]}]})
        policy = {"rn": f"acp-{name}", "pv": {"acr": rules}, "pvs": {"acr": [own]}}
        await self.app.ensure(self.base, ResourceType.ACP, {"m2m:acp": policy})
        container = {"rn": name, "acpi": [f"{self.base}/acp-{name}"], "mni": 200}
        await self.app.ensure(self.base, ResourceType.CONTAINER, {"m2m:cnt": container})

    async def message(self) -> ContentInstance:
        async with asyncio.timeout(WITHIN_S):
            return await self.app.notifications.get()

    def read(self, message: ContentInstance, typ: str) -> dict[str, Any]:
        return self.verify(self.encryption.open(message.content), typ)

    def verify(self, compact: str, typ: str) -> dict[str, Any]:
        provider = self.provider
        expected = Expected(typ=typ, issuer=provider.ae_id, audience=self.ae_id, public_jwk=provider.public_jwk)
        return verify(compact, expected, self._clock.now())

    def signed(self, typ: str, message_id: str, body: dict[str, Any], **changes: Any) -> str:
        """Signed, not sealed; ``key`` and the envelope may be changed."""
        key = changes.pop("key", self.key)
        now = self._clock.now()
        envelope = Envelope(
            issuer=self.ae_id,
            audience=self.provider.ae_id,
            issued_at=now,
            expires_at=now + timedelta(hours=3),
            message_id=message_id,
        )
        return str(key.sign(typ, {**replace(envelope, **changes).claims(), **body}))

    def decision(self, offer_id: str, decision_id: str = "d-1", **changes: Any) -> str:
        body = {"id": decision_id, "offer_id": offer_id, "offer_revision": 1, "offer_digest": "0", "choice": "accept"}
        return self.seal(self.signed("decision+jws", decision_id, {"decision": body}, **changes))

    def seal(self, compact: str) -> str:
        return seal(compact, self.provider.encryption_jwk)

    async def say(self, compact: str, name: str, container: str = "") -> int:
        instance = {"m2m:cin": {"rn": name, "cnf": "application/jose:0", "con": compact}}
        to = f"{self.base}/{container or 'out' + self.provider.code}"
        return (await self.app.create(to, ResourceType.CONTENT_INSTANCE, instance)).status


def _context(side: ProvidersSide, name: str = HUB, sp_id: str = "evc_sp") -> Any:
    """Enrol as a hub does: the key is made here and only a request for a certificate goes out."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    certificate = side.enrol_hub(request.public_bytes(serialization.Encoding.PEM), sp_id)
    context = side.authority.client_context()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = side.ca_file.with_name("test-hub.pem")
    path.write_bytes(pem + certificate)
    context.load_cert_chain(path)
    return context


Body = Callable[[ProvidersSide, HandMadeHub, SharedClock], Awaitable[None]]


@contextlib.asynccontextmanager
async def _street(directory: Path, program: BrokerProgram | None) -> AsyncIterator[tuple[ProvidersSide, SharedClock]]:
    clock = SharedClock(START, time.time(), 60.0)
    async with ProvidersSide(directory / "street", clock, program=program) as side:
        yield side, clock


def on_the_street(directory: Path, body: Body, program: BrokerProgram | None = None, *, sp_id: str = "evc_sp") -> None:
    async def main() -> None:
        async with _street(directory, program) as (side, clock):
            hub = HandMadeHub(side, clock, sp_id)
            async with hub.app:
                await hub.furnish()
                await body(side, hub, clock)

    asyncio.run(main())


async def _offer(side: ProvidersSide, clock: SharedClock) -> str:
    start = clock.now() + timedelta(hours=6)
    return await side.evc_sp.offer_power_feed(
        start, start + timedelta(hours=2), 3000.0, Decimal("1.92"), 60.0, start - timedelta(hours=1), "Feed tonight"
    )


@both_brokers
@pytest.mark.usecase("A2", "A6", "F3", "T2")
def test_an_offer_reaches_the_hub_and_its_decision_counts_once(tmp_path: Path, program: BrokerProgram) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        jti = await _offer(side, clock)
        message = await hub.message()
        assert message.name == jti
        claims = hub.read(message, "offer+jws")
        offer = claims["offer"]
        assert (offer["kind"], offer["reward"], offer["currency"]) == ("power_feed", "1.92", "EUR")
        assert offer["intervals"][0]["setpoint_w"] == -3000.0
        assert offer["max_feed_wh"] == 6000.0

        compact = hub.decision(offer["id"])
        assert await hub.say(compact, "rsp-d-1") == Status.CREATED
        assert await hub.say(compact, "rsp-d-1") == Status.CONFLICT
        assert await hub.say(compact, "rsp-d-1-again") == Status.CREATED
        await side.evc_sp.wait_for(lambda: _arrivals(side) == 2, WITHIN_S)
        assert list(side.evc_sp.decisions) == ["d-1"]
        assert side.evc_sp.decisions["d-1"].choice == "accept"
        assert [event.direction for event in side.evc_sp.history if event.message_id == "d-1"] == [
            Direction.RECEIVED,
            Direction.REPEATED,
        ]

        receipt = hub.read(await hub.message(), "receipt+jws")["receipt"]
        assert (receipt["decision_id"], receipt["confirmed"]) == ("d-1", True)
        # The next message is the next thing said: there was one receipt only.
        cancelled = await side.evc_sp.cancel_offer(offer["id"])
        assert (await hub.message()).name == cancelled

    on_the_street(tmp_path, body, program)


def _arrivals(side: ProvidersSide) -> int:
    known = side.evc_sp.decisions.get("d-1")
    return known.arrivals if known is not None else 0


@pytest.mark.usecase("W4", "W6")
def test_providers_reject_decisions_that_are_not_the_hubs(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        now = clock.now()
        forgeries = {
            "signature": hub.decision("o", "d-forged", key=SigningKey()),
            "audience": hub.decision("o", "d-misled", audience="Cpev-sp"),
            "issuer": hub.decision("o", "d-other", issuer="Chub-0002"),
            "expired": hub.decision("o", "d-old", issued_at=now - timedelta(hours=2), expires_at=now),
            "schema": hub.seal(hub.key.sign("offer+jws", {"iss": HUB})),
            "sealed": seal(hub.signed("decision+jws", "d-astray", {}), EncryptionKey().public_jwk),
        }
        for code, compact in forgeries.items():
            await hub.say(compact, f"rsp-{code}")
        await hub.say(hub.decision("unknown-offer", "d-true"), "rsp-true")
        await side.evc_sp.wait_for(lambda: bool(side.evc_sp.decisions), WITHIN_S)
        assert list(side.evc_sp.decisions) == ["d-true"]
        rejected = {e.message_id: e.note.partition(":")[0] for e in side.evc_sp.history if e.direction == "rejected"}
        assert rejected == {f"rsp-{code}": code for code in forgeries}
        receipt = hub.read(await hub.message(), "receipt+jws")["receipt"]
        assert (receipt["decision_id"], receipt["confirmed"]) == ("d-true", False)
        assert receipt["reason"] == "unknown request"

    on_the_street(tmp_path, body)


@pytest.mark.usecase("W4", "W5", "W6")
def test_forged_expired_and_repeated_messages_can_be_put_before_the_hub(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        evc = side.evc_sp
        jti = await _offer(side, clock)
        first = await hub.message()
        again = await evc.resend(jti)
        second = await hub.message()
        assert (second.name, second.content) == (again, first.content)
        assert again != jti

        past = replace(evc.envelope(), expires_at=clock.now() - timedelta(minutes=1))
        await evc.send_raw(evc.sign("offer+jws", past, {}))
        with pytest.raises(MessageRejected, match="too old"):
            hub.verify((await hub.message()).content, "offer+jws")
        await evc.send_raw(SigningKey().sign("offer+jws", evc.envelope().claims()))
        with pytest.raises(MessageRejected, match="signature"):
            hub.verify((await hub.message()).content, "offer+jws")
        await evc.send_raw("not even a message", "garbage")
        assert (await hub.message()).content == "not even a message"

    on_the_street(tmp_path, body)


@both_brokers
@pytest.mark.usecase("W4", "W7", "W8")
def test_a_foreign_certificate_cannot_speak_or_listen_as_the_hub(tmp_path: Path, program: BrokerProgram) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        # A street certificate, but of another name: mosquitto lets it in under that name, amqtt not at all.
        context = side.authority.client_context("Cintruder")
        intruder = Onem2mApplication(HUB, Access(host=side.broker_host, port=side.broker_port, context=context))
        # The broker refuses by silence, so for how long to listen is a choice.
        with pytest.raises((ProviderUnreachable, TimeoutError)):
            async with asyncio.timeout(3.0), intruder:
                await intruder.request({"op": Operation.RETRIEVE, "to": BASE})
        jti = await _offer(side, clock)
        assert (await hub.message()).name == jti
        assert intruder.notifications.empty()
        assert hub.app.linked
        # The same request with the right certificate is answered.
        assert (await hub.app.request({"op": Operation.RETRIEVE, "to": BASE})).status == Status.OK

    on_the_street(tmp_path, body, program)


CONNECT_AS_EVC_SP = b"\x10\x13\x00\x04MQTT\x04\x00\x00\x0a\x00\x07Cevc-sp"
"""MQTT 3.1.1, asking to resume the session of the EVC provider."""


async def _answer_of_the_broker(port: int, context: ssl.SSLContext, connect: bytes) -> bytes:
    writer = None
    try:
        async with asyncio.timeout(WITHIN_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(connect)
            return await reader.read(4)
    except OSError:
        return b""
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@both_brokers
@pytest.mark.usecase("W4")
def test_nobody_comes_in_without_a_certificate_of_the_street(tmp_path: Path, program: BrokerProgram) -> None:
    async def main() -> None:
        async with _street(tmp_path, program) as (side, _):
            accepted = b"\x20\x02"
            own, none = side.authority.client_context("Cevc-sp"), side.authority.client_context()
            foreign = StreetAuthority().client_context("Cevc-sp")
            foreign.check_hostname, foreign.verify_mode = False, ssl.CERT_NONE
            for port in (side.broker.port, side.broker.cse_port):
                for context in (none, foreign):
                    answer = await _answer_of_the_broker(port, context, CONNECT_AS_EVC_SP)
                    assert answer[:2] != accepted or answer[3] != 0
            answer = await _answer_of_the_broker(side.broker.port, own, CONNECT_AS_EVC_SP)
            assert answer[:2] == accepted
            assert answer[3] == 0

    asyncio.run(main())


@both_brokers
@pytest.mark.usecase("A6")
def test_a_restart_of_the_broker_is_survived(tmp_path: Path, program: BrokerProgram) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        await side.broker.kill()
        offering = asyncio.create_task(_offer(side, clock))
        await side.broker.start()
        async with asyncio.timeout(WITHIN_S):
            jti = await offering
        # The notification itself may fall into the gap; what counts is that it can be caught up with.
        inbox = {item.name: item for item in await hub.app.contents(f"{BASE}/inEvc")}
        offer_id = hub.read(inbox[jti], "offer+jws")["offer"]["id"]
        assert await hub.say(hub.decision(offer_id), "rsp-d-1") == Status.CREATED
        await side.evc_sp.wait_for(lambda: "d-1" in side.evc_sp.decisions, WITHIN_S)
        assert side.evc_sp.decisions["d-1"].confirmed

    on_the_street(tmp_path, body, program)


@contextlib.asynccontextmanager
async def _listening(side: ProvidersSide, topic: str) -> AsyncIterator[asyncio.Event]:
    """With the CSE's own right; the event is set when something is said on ``topic``."""
    loop, ready, heard = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener", protocol=paho.MQTTv311)
    client.username_pw_set(side.broker.cse_user, side.broker.cse_password)
    client.tls_set_context(side.authority.client_context())
    client.on_connect = lambda *_: client.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready.set)
    client.on_message = lambda *_: loop.call_soon_threadsafe(heard.set)
    client.connect(side.broker.host, side.broker.cse_port)
    client.loop_start()
    try:
        await asyncio.wait_for(ready.wait(), WITHIN_S)
        yield heard
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


@_needs_mosquitto
def test_an_orderly_restart_of_mosquitto_keeps_what_waits_for_the_hub(tmp_path: Path) -> None:
    async def main() -> None:
        async with _street(tmp_path, BrokerProgram.MOSQUITTO) as (side, clock):
            hub = HandMadeHub(side, clock)
            async with hub.app:
                await hub.furnish()
            async with _listening(side, f"/oneM2M/req/id-in/{HUB}/json") as notified:
                jti = await _offer(side, clock)
                # The CSE answers before it notifies.
                await asyncio.wait_for(notified.wait(), WITHIN_S)
            await side.broker.restart()
            back = HandMadeHub(side, clock)
            async with back.app:
                assert (await back.message()).name == jti

    asyncio.run(main())


def test_a_new_cse_is_furnished_again_by_the_providers(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        await side.cse.kill()
        await side.cse.start()
        await hub.furnish()
        async with asyncio.timeout(WITHIN_S):
            jti = await _offer(side, clock)
        offer_id = hub.read(await hub.message(), "offer+jws")["offer"]["id"]
        assert jti
        await hub.say(hub.decision(offer_id), "rsp-d-1")
        await side.evc_sp.wait_for(lambda: "d-1" in side.evc_sp.decisions, WITHIN_S)

    on_the_street(tmp_path, body)


@pytest.mark.usecase("A3", "A4", "F8-9", "F10", "F11", "F12", "S2", "S5")
def test_a_defect_is_told_its_part_is_ordered_and_the_owner_hears_how_that_stands(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        pev, maker = side.pev_sp, side.manufacturer
        jti = await pev.report_defect("P0A1F", "critical", "Battery control", "See a garage", cleared_at=clock.now())
        message = await hub.message()
        defect = hub.read(message, "defect+jws")["defect"]
        assert message.name == jti
        assert (defect["code"], defect["severity"]) == ("P0A1F", "critical")
        assert {"found_at", "cleared_at", "advice", "title", "id"} <= set(defect)

        order_id = await pev.order_part("Battery control module", "P0A1F", alert_id=defect["id"])
        await maker.wait_for(lambda: order_id in maker.orders, WITHIN_S)
        assert maker.orders[order_id].part == "Battery control module"
        told = hub.read(await hub.message(), "order-status+jws")["order"]
        assert told.pop("updated_at").endswith("Z")
        assert told == {
            "id": order_id,
            "alert_id": defect["id"],
            "part": "Battery control module",
            "status": "ordered",
            "note": "Order received.",
        }
        maker.update_order(order_id, "shipped", "Arrives tomorrow.")
        told = hub.read(await hub.message(), "order-status+jws")["order"]
        assert (told["id"], told["status"], told["note"]) == (order_id, "shipped", "Arrives tomorrow.")

        orders = "cse-in/manufacturer/orders"
        read = await pev._application.request({"op": Operation.RETRIEVE, "to": orders})
        assert read.status == Status.ORIGINATOR_HAS_NO_PRIVILEGE
        with pytest.raises(ProviderRefused):
            await side.evc_sp._put(orders, "order-foreign", "x")

    on_the_street(tmp_path, body, sp_id="pev_sp")


@pytest.mark.usecase("A4", "W5", "W6")
def test_nobody_but_the_manufacturer_says_how_an_order_stands(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        pev, maker = side.pev_sp, side.manufacturer
        order_id = await pev.order_part("Fan", "P0A1F")
        await pev.wait_for(lambda: order_id in pev.orders, WITHIN_S)
        envelope = replace(pev.envelope(), issuer=maker.ae_id, audience=pev.ae_id)
        said = {"order": {"id": order_id, "status": "cancelled", "note": ""}}
        strange = {"order": {"id": "order-foreign", "status": "ordered", "note": ""}}
        forged = SigningKey().sign("order-status+jws", {**envelope.claims(), **said})
        await maker._put("cse-in/manufacturer/order-status", "forged", forged)
        foreign = maker._key.sign("order-status+jws", {**envelope.claims(), **strange})
        await maker._put("cse-in/manufacturer/order-status", "foreign", foreign)
        await pev.wait_for(lambda: len(_rejected(pev)) == 2, WITHIN_S)
        assert _rejected(pev) == {"forged": "signature", "foreign": "value"}
        assert {key: news.status for key, news in pev.orders.items()} == {order_id: "ordered"}

    on_the_street(tmp_path, body, sp_id="pev_sp")


def _rejected(company: Any) -> dict[str, str]:
    return {e.message_id: e.note.partition(":")[0] for e in company.history if e.direction is Direction.REJECTED}


@pytest.mark.usecase("F5", "S1", "S5")
def test_jobs_are_asked_for_and_their_software_can_be_fetched(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        terms = JobTerms(title="Job", end=clock.now() + timedelta(hours=12), reward=Decimal("5"))
        package = side.manufacturer.release("2.1", b"software of the car")
        await side.pev_sp.ask_health_check(terms, alert_id="d-1")
        await side.pev_sp.ask_part_order(terms, "Fan")
        await side.pev_sp.offer_car_software(terms, package)
        offers = [hub.read(await hub.message(), "offer+jws")["offer"] for _ in range(3)]
        assert [(offer["kind"], offer["job"].get("part"), offer["reward"]) for offer in offers] == [
            ("health_check", None, "5"),
            ("part_order", "Fan", "5"),
            ("car_software", None, "5"),
        ]
        job = offers[2]["job"]
        manifest = jws.deserialize_compact(
            job["manifest"], ECKey.import_key(side.manufacturer.public_jwk), algorithms=["ES256"]
        )
        claims = json.loads(manifest.payload)
        assert manifest.headers()["typ"] == "package+jws"
        assert (claims["iss"], claims["aud"]) == ("Cmanufacturer", "Cpev-sp")
        assert (claims["version"], claims["sha256"], claims["size_bytes"]) == (
            job["version"],
            job["sha256"],
            job["size_bytes"],
        )
        async with httpx.AsyncClient(verify=side.authority.client_context(), trust_env=False) as client:
            fetched = await client.get(job["location"])
            assert (await client.get(job["location"] + "x")).status_code == 404
            side.packages.replace(package, b"something else")
            assert (await client.get(job["location"])).content == b"something else"
        assert fetched.content == b"software of the car"
        assert hashlib.sha256(fetched.content).hexdigest() == job["sha256"]
        assert side.packages.fetched == ["/car/2.1.bin", "/car/2.1.binx", "/car/2.1.bin"]

    on_the_street(tmp_path, body, sp_id="pev_sp")


def test_the_charging_provider_asks_for_software_of_the_charger(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        package = side.packages.publish("charger", "1.4", b"software of the charger")
        terms = JobTerms(title="Update", end=clock.now() + timedelta(hours=12), offer_id="sw-1", revision=3)
        await side.evc_sp.offer_charger_software(terms, package, signing_certificate="PEM", signature="AAAA")
        offer = hub.read(await hub.message(), "offer+jws")["offer"]
        assert (offer["kind"], offer["id"], offer["revision"]) == ("charger_software", "sw-1", 3)
        assert offer["job"] == {
            "version": "1.4",
            "location": package.location,
            "sha256": package.sha256,
            "size_bytes": 23,
            "signing_certificate": "PEM",
            "signature": "AAAA",
        }

    on_the_street(tmp_path, body)


@pytest.mark.usecase("A7", "F1", "F3", "S7", "W1", "W8")
def test_a_record_is_noticed_when_its_container_appears_and_counts_once(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        fleet = side.fleet
        place = {"record": {"id": "loc-1", "at": "2027-01-15T12:00:00Z", "latitude": 52.1, "longitude": 4.3}}
        # The owner agrees only now: the container did not exist when the centre first looked.
        await hub.container("location", (2 + 32, None), (1, 23))
        for name in ("rec-loc-1", "rec-loc-1-again"):
            await hub.say(hub.seal(hub.signed("location+jws", "loc-1", place)), name, "location")
        await hub.say(hub.signed("location+jws", "loc-2", place), "rec-open", "location")
        await hub.say(hub.seal(hub.signed("location+jws", "loc-3", {"record": []})), "rec-empty", "location")
        await hub.say(hub.seal(hub.signed("location+jws", "loc-4", place, key=SigningKey())), "rec-forged", "location")
        await fleet.wait_for(lambda: len(_rejected(fleet)) == 3, WITHIN_S)
        assert _rejected(fleet) == {"rec-open": "schema", "rec-empty": "schema", "rec-forged": "signature"}
        assert fleet.records == [
            ReceivedRecord(
                kind="location",
                record_id="loc-1",
                at="2027-01-15T12:00:00Z",
                fields={"latitude": 52.1, "longitude": 4.3},
                arrivals=2,
            )
        ]

    on_the_street(tmp_path, body, sp_id="fleet")


@pytest.mark.usecase("W5", "W9")
def test_a_provider_changes_its_keys_and_still_opens_what_was_sealed_to_the_old_one(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        evc = side.evc_sp
        old, old_encryption = evc.public_jwk, evc.encryption_jwk
        message_id = await evc.roll_keys(timedelta(hours=2))
        assert old not in (evc.public_jwk, evc.encryption_jwk)
        message = await hub.message()
        assert message.name == message_id
        compact = hub.encryption.open(message.content)
        signed = Expected(typ="keys+jws", issuer=evc.ae_id, audience=HUB, public_jwk=old)
        claims = verify(compact, signed, clock.now())
        assert claims["keys"] == evc.keys
        proof = jws.deserialize_compact(claims["proof"], ECKey.import_key(evc.public_jwk), algorithms=["ES256"])
        assert proof.headers()["typ"] == "keys-proof+jws"
        assert json.loads(proof.payload) == {name: claims[name] for name in ("iss", "aud", "jti", "keys")}

        await hub.say(seal(hub.signed("decision+jws", "d-1", _DECISION), old_encryption), "rsp-d-1")
        await evc.wait_for(lambda: "d-1" in evc.decisions, WITHIN_S)
        assert hub.read(await hub.message(), "receipt+jws")["receipt"]["decision_id"] == "d-1"

    on_the_street(tmp_path, body)


_DECISION = {"decision": {"id": "d-1", "offer_id": "o-1", "choice": "accept"}}


def test_each_provider_has_a_descriptor(tmp_path: Path) -> None:
    async def main() -> None:
        async with _street(tmp_path, None) as (side, _):
            told = {sp_id: json.loads(side.descriptor(sp_id)) for sp_id in side.customers}
            assert list(told) == ["evc_sp", "pev_sp", "fleet"]
            for sp_id, descriptor in told.items():
                company = side.customers[sp_id]
                assert (descriptor["ae_id"], descriptor["hub_ae_id"]) == (company.ae_id, side.hub_ae_ids[sp_id])
                assert [key["use"] for key in descriptor["keys"]] == ["sig", "enc"]
                assert all(
                    key.items() <= own.items() for key, own in zip(descriptor["keys"], company.keys, strict=True)
                )
                assert descriptor["operator"]["broker_port"] == side.broker_port
                assert descriptor["operator"]["est_url"] == side.registration.url
            maker = told["pev_sp"]["manufacturer"]
            assert maker["ae_id"] == "Cmanufacturer"
            assert maker["key"].items() <= side.manufacturer.public_jwk.items()

    asyncio.run(main())


def test_only_the_hub_can_enrol_as_the_hub(tmp_path: Path) -> None:
    side = ProvidersSide(tmp_path / "street", SharedClock(START, time.time(), 1.0))
    with pytest.raises(MessageRejected, match="Chub-0001-evc"):
        _context(side, "Cevc-sp")


def test_nothing_is_left_running(tmp_path: Path) -> None:
    ports: list[int] = []

    async def fail() -> None:
        async with _street(tmp_path, None) as (side, _):
            ports.extend((side.broker.port, side.broker.cse_port))
            raise RuntimeError("the demo failed")

    async def main() -> None:
        with pytest.raises(RuntimeError, match="the demo failed"):
            await fail()
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(main())
    assert len(ports) == 2


def test_a_cse_that_cannot_start_says_why(tmp_path: Path) -> None:
    async def main() -> None:
        side = ProvidersSide(tmp_path / "street", SharedClock(START, time.time(), 1.0))
        side.broker.cse_user = ""  # a password without a user is a configuration error to the CSE
        with pytest.raises(EnvironmentProblem, match="cse has stopped unexpectedly"):
            await side.cse.start()

    asyncio.run(main())


_PARENT = """
import asyncio, json, sys
from pathlib import Path
from homeapp.demo.operator.child_process import ChildProcess
async def main():
    child = ChildProcess("sleeper", [sys.executable, "-c", "import signal; signal.pause()"], Path(sys.argv[1]))
    await child.start()
    print(json.dumps(child._process.pid), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a process that is killed")
def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(json.loads(parent.stdout.readline()))
        try:
            parent.send_signal(signal.SIGKILL)
            ended, _, _ = select.select([child], [], [], WITHIN_S)
            assert ended
        finally:
            os.close(child)
