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
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp.clock import SharedClock
from homeapp.demo.operator.broker import BrokerProgram, installed_broker
from homeapp.demo.operator.onem2m_application import (
    Access,
    Onem2mApplication,
    Operation,
    Status,
)
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.demo.operator.sealed_message import EncryptionKey, seal
from homeapp.demo.operator.service_provider import Direction
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.errors import EnvironmentProblem, MessageRejected, ProviderUnreachable
from kit.hand_made_hub import HUB, START, WITHIN_S, HandMadeHub, context_of, on_the_street, street_in

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")


pytest.importorskip("amqtt", reason="the broker that comes with Python is not installed")


BASE = "cse-in/hub-0001-evc"
_needs_mosquitto = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)


both_brokers = pytest.mark.parametrize(
    "program", [pytest.param(BrokerProgram.MOSQUITTO, marks=_needs_mosquitto), BrokerProgram.AMQTT]
)


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
        async with street_in(tmp_path, program) as (side, _):
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
        async with street_in(tmp_path, BrokerProgram.MOSQUITTO) as (side, clock):
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


def test_only_the_hub_can_enrol_as_the_hub(tmp_path: Path) -> None:
    side = ProvidersSide(tmp_path / "street", SharedClock(START, time.time(), 1.0))
    with pytest.raises(MessageRejected, match="Chub-0001-evc"):
        context_of(side, "Cevc-sp")


def test_nothing_is_left_running(tmp_path: Path) -> None:
    ports: list[int] = []

    async def fail() -> None:
        async with street_in(tmp_path, None) as (side, _):
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
