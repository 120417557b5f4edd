"""What a broker, a CSE and strangers may do to the hub's session: it goes on, or the owner is told."""

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp.demo.operator.broker import BrokerProgram, installed_broker
from homeapp.demo.operator.onem2m_application import Operation
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import ProviderUnreachable, StoreUnavailable
from homeapp.model.live import LinkState
from homeapp.providers.onem2m import attempts
from homeapp.providers.onem2m import session as session_module
from kit.noting_inbox import WITHIN_S
from kit.own_loop import OwnLoop
from kit.session_street import BASE, SPEED, Inbox, Street, cse_says, decision

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")


mosquitto_only = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)


HUB = "Chub-0001-evc"


def test_without_a_link_a_decision_is_to_be_tried_again(running: OwnLoop, street: Street) -> None:
    async def body() -> None:
        async with street.at_home() as home:
            await street.offer("Later")
            offer = await home.offered("Later")
        provider = home.provider
        with pytest.raises(ProviderUnreachable):
            await provider.deliver(decision(offer, "decision-offline"))

    running.run(body())


@pytest.mark.usecase("W6")
def test_a_provider_in_trouble_does_not_stop_the_other(running: OwnLoop, street: Street) -> None:
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
def test_the_hub_survives_the_death_of_the_broker(running: OwnLoop, street: Street) -> None:
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
def test_the_hub_sets_itself_up_again_at_a_cse_that_has_forgotten_everything(running: OwnLoop, street: Street) -> None:
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
def test_a_subscription_that_somebody_deletes_is_made_again(running: OwnLoop, street: Street) -> None:
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
    running: OwnLoop, street: Street, monkeypatch: pytest.MonkeyPatch
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
def test_the_broker_keeps_a_notification_until_it_is_stored(running: OwnLoop, street: Street) -> None:
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
def test_a_storm_of_one_message_acts_once(running: OwnLoop, street: Street) -> None:
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
def test_garbage_on_its_topics_does_not_disturb_the_hub(running: OwnLoop, street: Street) -> None:
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
    running: OwnLoop, street: Street, monkeypatch: pytest.MonkeyPatch
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
def test_without_a_client_certificate_the_owner_is_told(running: OwnLoop, street: Street) -> None:
    async def body() -> None:
        home = street.home(tls=await asyncio.to_thread(street.side.authority.client_context))
        try:
            await home.inbox.until(lambda: "enrolled again" in home.inbox.problem)
        finally:
            await home.stop()

    running.run(body())


@mosquitto_only
@pytest.mark.usecase("W4")
def test_the_broker_lets_nobody_speak_for_another(running: OwnLoop, street: Street) -> None:
    """MQTT 5 tells it; the certificate is that of another AE."""

    async def body() -> None:
        home = street.home(hub_ae_id="Chub-0002")
        try:
            await home.inbox.until(lambda: "does not let the hub speak" in home.inbox.problem)
        finally:
            await home.stop()

    running.run(body())


def test_a_broker_that_is_away_is_waited_for(running: OwnLoop, street: Street) -> None:
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
