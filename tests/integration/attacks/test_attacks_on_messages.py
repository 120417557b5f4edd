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

Each is refused, and either told to the owner or logged; after each the next honest message has its effect."""

import asyncio
import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp.demo.operator.broker import BrokerProgram, installed_broker
from homeapp.demo.operator.onem2m_application import Operation, ResourceType
from homeapp.demo.operator.sealed_message import EncryptionKey
from homeapp.demo.operator.service_provider import Direction
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.errors import WrongState
from homeapp.model.consent import DataClass
from homeapp.model.offer import Choice, OfferState
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.ports import DecisionMessage
from kit.attacked_street import BASE, HUB, INTRUDER, WITHIN_S, Home, Street, foreign_key_under_its_name
from kit.own_loop import OwnLoop

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")


if installed_broker() is not BrokerProgram.MOSQUITTO:
    pytest.skip("mosquitto is not installed", allow_module_level=True)


@pytest.mark.usecase("W4", "W5")
@pytest.mark.parametrize("originator", [HUB, "CAdmin", "Cevc-sp"])
def test_a_forged_originator_changes_nothing(running: OwnLoop, street: Street, tmp_path: Path, originator: str) -> None:
    async def body() -> None:
        forged = SigningKey().sign("offer+jws", {**street.evc.envelope().claims(), **street.body()})
        async with street.home(tmp_path) as home, street.application(INTRUDER, originator) as impostor:
            # The CSE believes it: this is why nobody may rely on its access control.
            assert await impostor.write(forged) == 2001
            assert await home.notices_up_to_now(await street.offer()) == ["signature"]
            assert "o-bad" not in home.offers

    running.run(body())


@pytest.mark.usecase("W5")
def test_another_provider_in_this_ones_inbox(running: OwnLoop, street: Street, tmp_path: Path) -> None:
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
def test_the_voice_of_the_cse_is_not_believed(running: OwnLoop, street: Street, tmp_path: Path) -> None:
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
    running: OwnLoop, street: Street, tmp_path: Path
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
    running: OwnLoop, street: Street, tmp_path: Path
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
    running: OwnLoop, street: Street, tmp_path: Path, caplog: pytest.LogCaptureFixture
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
    running: OwnLoop, street: Street, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        offer_id = "o-terms"
        async with street.home(tmp_path) as home:
            await street.offer(offer_id, reward="5.00")
            await home.until(lambda: offer_id in home.offers)
            seen = home.case(offer_id)
            await street.offer(offer_id, reward="0.05")
            assert await home.notices_up_to_now(await street.offer()) == []
            assert replace(home.case(offer_id), clashes=()) == replace(seen, clashes=())
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
            assert replace(home.case(offer_id), clashes=()) == replace(voided, clashes=())

    running.run(body())


@pytest.mark.usecase("W5", "W9")
def test_who_has_an_old_key(running: OwnLoop, street: Street, tmp_path: Path) -> None:
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
def test_nobody_takes_over_the_hubs_session(running: OwnLoop, street: Street, tmp_path: Path) -> None:
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
def test_who_reads_what_the_hub_says_learns_nothing(running: OwnLoop, street: Street, tmp_path: Path) -> None:
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
