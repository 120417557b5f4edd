"""The providers' side of the demo street with a hand-made hub: a real broker, a real CSE, real certificates."""

import asyncio
import contextlib
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

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
from homeapp.demo.operator.service_provider import Direction
from homeapp.demo.operator.signed_message import Envelope, Expected, SigningKey, verify
from homeapp.errors import EnvironmentProblem, MessageRejected, ProviderRefused, ProviderUnreachable

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")
pytest.importorskip("amqtt", reason="the broker that comes with Python is not installed")

HUB = "Chub-0001"
BASE = "cse-in/hub-0001"
START = datetime(2027, 1, 15, 12, tzinfo=UTC)
WITHIN_S = 25.0

_needs_mosquitto = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)
both_brokers = pytest.mark.parametrize(
    "program", [pytest.param(BrokerProgram.MOSQUITTO, marks=_needs_mosquitto), BrokerProgram.AMQTT]
)


class HandMadeHub:
    """As much of a hub as the providers see: its AE, its containers and its signature."""

    def __init__(self, side: ProvidersSide, clock: SharedClock) -> None:
        self._side = side
        self._clock = clock
        self.key = SigningKey()
        self.app = Onem2mApplication(HUB, Access(host=side.broker_host, port=side.broker_port, context=_context(side)))

    async def furnish(self) -> None:
        app = self.app
        await app.register()
        for code, provider in (("Evc", "Cevc-sp"), ("Pev", "Cpev-sp")):
            own = {"acor": [HUB], "acop": 63}
            writes = {"acor": [provider], "acop": 1, "acod": [{"chty": [4]}]}
            reads = {"acor": [provider], "acop": 2 + 32}
            subscribes = {"acor": [provider], "acop": 1, "acod": [{"chty": [23]}]}
            for direction, rules in (("in", [own, writes]), ("out", [own, reads, subscribes])):
                policy = {"rn": f"acp-{direction}{code}", "pv": {"acr": rules}, "pvs": {"acr": [own]}}
                await app.ensure(BASE, ResourceType.ACP, {"m2m:acp": policy})
                container = {"rn": f"{direction}{code}", "acpi": [f"{BASE}/acp-{direction}{code}"], "mni": 200}
                await app.ensure(BASE, ResourceType.CONTAINER, {"m2m:cnt": container})
            response = await app.subscribe(f"{BASE}/in{code}")
            assert response.status in (Status.CREATED, Status.CONFLICT)

    async def message(self) -> ContentInstance:
        async with asyncio.timeout(WITHIN_S):
            return await self.app.notifications.get()

    def read(self, message: ContentInstance, typ: str, provider: Any) -> dict[str, Any]:
        expected = Expected(typ=typ, issuer=provider.ae_id, audience=HUB, public_jwk=provider.public_jwk)
        return verify(message.content, expected, self._clock.now())

    def decision(self, offer_id: str, decision_id: str = "d-1", **changes: Any) -> str:
        key = changes.pop("key", self.key)
        now = self._clock.now()
        envelope = Envelope(
            issuer=HUB, audience="Cevc-sp", issued_at=now, expires_at=now + timedelta(hours=3), message_id=decision_id
        )
        body = {"id": decision_id, "offer_id": offer_id, "offer_revision": 1, "offer_digest": "0", "choice": "accept"}
        return str(key.sign("decision+jws", {**replace(envelope, **changes).claims(), "decision": body}))

    async def say(self, compact: str, name: str) -> int:
        instance = {"m2m:cin": {"rn": name, "cnf": "application/jose:0", "con": compact}}
        return (await self.app.create(f"{BASE}/outEvc", ResourceType.CONTENT_INSTANCE, instance)).status


def _context(side: ProvidersSide, name: str = HUB) -> Any:
    """Enrol as a hub does: the key is made here and only a request for a certificate goes out."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    certificate = side.enrol_hub(request.public_bytes(serialization.Encoding.PEM))
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


def on_the_street(directory: Path, body: Body, program: BrokerProgram | None = None) -> None:
    async def main() -> None:
        async with _street(directory, program) as (side, clock):
            hub = HandMadeHub(side, clock)
            side.trust_hub(hub.key.public_jwk)
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
        claims = hub.read(message, "offer+jws", side.evc_sp)
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

        receipt = hub.read(await hub.message(), "receipt+jws", side.evc_sp)["receipt"]
        assert (receipt["decision_id"], receipt["confirmed"]) == ("d-1", True)
        # The next message is the next thing said: there was one receipt only.
        defect = await side.pev_sp.report_defect("P0A1F", "warning", "Battery", "Have it looked at")
        assert (await hub.message()).name == defect

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
            "schema": hub.key.sign("offer+jws", {"iss": HUB}),
        }
        for code, compact in forgeries.items():
            await hub.say(compact, f"rsp-{code}")
        await hub.say(hub.decision("unknown-offer", "d-true"), "rsp-true")
        await side.evc_sp.wait_for(lambda: bool(side.evc_sp.decisions), WITHIN_S)
        assert list(side.evc_sp.decisions) == ["d-true"]
        rejected = {e.message_id: e.note.partition(":")[0] for e in side.evc_sp.history if e.direction == "rejected"}
        assert rejected == {f"rsp-{code}": code for code in forgeries}
        receipt = hub.read(await hub.message(), "receipt+jws", side.evc_sp)["receipt"]
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
            hub.read(await hub.message(), "offer+jws", evc)
        await evc.send_raw(SigningKey().sign("offer+jws", evc.envelope().claims()))
        with pytest.raises(MessageRejected, match="signature"):
            hub.read(await hub.message(), "offer+jws", evc)
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
        offer_id = hub.read(inbox[jti], "offer+jws", side.evc_sp)["offer"]["id"]
        assert await hub.say(hub.decision(offer_id), "rsp-d-1") == Status.CREATED
        await side.evc_sp.wait_for(lambda: "d-1" in side.evc_sp.decisions, WITHIN_S)
        assert side.evc_sp.decisions["d-1"].confirmed

    on_the_street(tmp_path, body, program)


@_needs_mosquitto
def test_an_orderly_restart_of_mosquitto_keeps_what_waits_for_the_hub(tmp_path: Path) -> None:
    async def main() -> None:
        async with _street(tmp_path, BrokerProgram.MOSQUITTO) as (side, clock):
            hub = HandMadeHub(side, clock)
            side.trust_hub(hub.key.public_jwk)
            async with hub.app:
                await hub.furnish()
            jti = await _offer(side, clock)
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
        offer_id = hub.read(await hub.message(), "offer+jws", side.evc_sp)["offer"]["id"]
        assert jti
        await hub.say(hub.decision(offer_id), "rsp-d-1")
        await side.evc_sp.wait_for(lambda: "d-1" in side.evc_sp.decisions, WITHIN_S)

    on_the_street(tmp_path, body)


@pytest.mark.usecase("A3", "A4", "F8-9", "F10", "F11", "F12")
def test_a_defect_is_told_and_its_part_is_ordered(tmp_path: Path) -> None:
    async def body(side: ProvidersSide, hub: HandMadeHub, clock: SharedClock) -> None:
        jti = await side.pev_sp.report_defect(
            "P0A1F", "critical", "Battery control", "See a garage", cleared_at=clock.now()
        )
        message = await hub.message()
        defect = hub.read(message, "defect+jws", side.pev_sp)["defect"]
        assert message.name == jti
        assert (defect["code"], defect["severity"]) == ("P0A1F", "critical")
        assert {"found_at", "cleared_at", "advice", "title", "id"} <= set(defect)

        order_id = await side.pev_sp.order_part("Battery control module", "P0A1F")
        await side.manufacturer.wait_for(lambda: order_id in side.manufacturer.orders, WITHIN_S)
        assert side.manufacturer.orders[order_id].part == "Battery control module"
        orders = "cse-in/manufacturer/orders"
        read = await side.pev_sp._application.request({"op": Operation.RETRIEVE, "to": orders})
        assert read.status == Status.ORIGINATOR_HAS_NO_PRIVILEGE
        with pytest.raises(ProviderRefused):
            await side.evc_sp._put(orders, "order-foreign", "x")

    on_the_street(tmp_path, body)


def test_only_the_hub_can_enrol_as_the_hub(tmp_path: Path) -> None:
    side = ProvidersSide(tmp_path / "street", SharedClock(START, time.time(), 1.0))
    with pytest.raises(MessageRejected, match="Chub-0001"):
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
