"""The demo station's faults on the wire, against a small CSMS of raw frames."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from websockets.protocol import State

from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.faults import Faults
from homeapp.demo.ocpp.frames import CallRefused
from homeapp.demo.operator.pki import StreetAuthority
from kit.running_peer import alive
from kit.station_bench import ALL, NAME, V16, V21, V201, Bench, Csms, Json, run

CARD = "owner"


def test_a_half_open_socket_stays_open_beside_the_new_one(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.charging()
        bench.station.half_open()
        await csms.until(lambda: len(csms.sockets) == 2)
        await bench.wait(lambda seen: seen.connected)
        assert await csms.trigger("Heartbeat") == "Accepted"
        assert csms.sockets[0].state is State.OPEN
        pong = await csms.sockets[0].ping()
        assert await csms.trigger("Heartbeat") == "Accepted"
        assert not pong.done()

    run(Bench(V201, tmp_path), story)


def test_pings_without_an_answer(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        for faults in (Faults(), Faults(no_pong=True)):
            bench.station.faults = faults
            pong = await csms.sockets[0].ping()
            # The answer to a call comes after that to a ping before it.
            assert await csms.trigger("Heartbeat") == "Accepted"
            assert pong.done() is not faults.no_pong
        bench.station.faults = Faults()

    run(Bench(V16, tmp_path), story)


def test_after_a_close_frame_it_stays_away(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        bench.station.faults = Faults(stays_away_after_close=True)
        # A lost connection is another thing.
        bench.station.cut()
        await csms.until(lambda: len(csms.sockets) == 2)
        await bench.wait(lambda seen: seen.connected)
        await csms.sockets[1].close()
        left = (await bench.wait(lambda seen: not seen.connected)).at
        await bench.wait(lambda seen: seen.at - left > timedelta(seconds=30))
        assert len(csms.sockets) == 2
        bench.station.faults = Faults()
        await csms.until(lambda: len(csms.sockets) == 3)

    run(Bench(V16, tmp_path), story)


def test_the_connection_drops_at_random(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.wait(lambda seen: seen.registered)
        bench.station.faults = Faults(drop_every_s=2)
        await bench.csms.until(lambda: len(bench.csms.sockets) >= 3)
        bench.station.faults = Faults()
        await bench.wait(lambda seen: seen.connected)

    run(Bench(V21, tmp_path, seed=1), story)


@pytest.mark.parametrize("version", ALL)
def test_integer_ids_and_repeated_calls_are_answered(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        bench.station.faults = Faults(integer_ids=True, repeat_calls=True, illegal_action="StatusMessage")
        bench.station.cut()
        await bench.wait(lambda seen: not seen.connected)
        before = len(csms.raw)
        await csms.until(lambda: len(csms.sockets) == 2)
        bench.station.plug_in()
        assert await csms.start() == "Accepted"
        await bench.wait(lambda seen: seen.transaction_id is not None and seen.unsent == 0)
        calls = [frame for frame in csms.raw[before:] if frame[0] == 2]
        assert {type(frame[1]) for frame in calls} == {int}
        answered = [frame for frame in calls if frame[2] != "StatusMessage"]
        assert answered[::2] == answered[1::2]
        assert len(answered) == len(calls) - 1
        # This CSMS knows nothing of repetitions: it gives a second transaction id.
        told = {breach.split()[1] for breach in bench.station.breaches if "repeated" in breach}
        assert told == ({"StartTransaction"} if version == V16 else set())
        bench.station.faults = Faults(one_id_for_all=True)
        before = len(csms.raw)
        for _ in range(2):
            await bench.station.call("Heartbeat", {})
        assert {frame[1] for frame in csms.raw[before:] if frame[0] == 2} == {"1"}
        bench.csms.problems.clear()

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_a_power_cut_in_the_midst_of_a_transaction(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        transaction = await bench.charging()
        assert await csms.set_profile(3, "TxProfile", 12, transactionId=transaction) == "Accepted"
        await bench.power(12 * 690)
        before = len(csms.calls)
        bench.station.power_cut(20)
        dark = await bench.wait(lambda seen: not seen.connected)
        assert dark.power_w == 0
        await bench.wait(lambda seen: seen.registered)
        boot = await csms.seen("BootNotification", after=before)
        if version == V16:
            assert (await csms.seen("StopTransaction", after=before))["reason"] == "PowerLoss"
        elif version == V201:
            assert boot["reason"] == "PowerUp"
            ended = await csms.seen("TransactionEvent", lambda p: p["eventType"] == "Ended", before)
            assert ended["transactionInfo"]["stoppedReason"] == "PowerLoss"
        else:
            await csms.seen("TransactionEvent", lambda p: p["triggerReason"] == "TxResumed", before)
            # The TxProfile is gone, the floor is not.
            assert (await bench.power(6 * 690)).transaction_id == transaction
        if version != V16:
            numbers = [payload["seqNo"] for name, payload in csms.calls if name == "TransactionEvent"]
            assert sorted(set(numbers)) == list(range(max(numbers) + 1))

    run(Bench(version, tmp_path), story)


@asynccontextmanager
async def process(bench: Bench) -> AsyncIterator[asyncio.subprocess.Process]:
    url = f"ws://127.0.0.1:{bench.csms.port}/ocpp/{NAME}"
    arguments = ["-m", "homeapp.demo.charger", url, str(bench.state_file), "--protocol", bench.version]
    started = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, "--clock", str(bench.clock), "--card", CARD
    )
    try:
        yield started
    finally:
        started.kill()
        await started.wait()


@pytest.mark.usecase("S3")
def test_no_event_is_lost_when_the_station_is_killed_again_and_again(tmp_path: Path) -> None:
    def events() -> list[Json]:
        return [payload for name, payload in bench.csms.calls if name == "TransactionEvent"]

    async def story() -> None:
        await bench.csms.open()
        for life in range(3):
            before = len(bench.csms.calls)
            async with process(bench):
                await bench.csms.seen("BootNotification", after=before)
                await bench.csms.until(lambda life=life: len(events()) >= 3 * (life + 1))
        await bench.csms.die()

    bench = Bench(V21, tmp_path, speed=100)
    asyncio.run(story())
    by_id = {frame[1]: frame[3] for frame in bench.csms.raw if frame[0] == 2 and frame[2] == "TransactionEvent"}
    for frame in bench.csms.raw:
        if frame[0] == 2 and frame[2] == "TransactionEvent":
            assert by_id[frame[1]] == frame[3]
    numbers = [payload["seqNo"] for payload in by_id.values()]
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))
    assert len({payload["transactionInfo"]["transactionId"] for payload in by_id.values()}) == 1
    assert bench.csms.problems == []


def test_a_station_certificate_from_the_first_csms_opens_the_second_ones_door(tmp_path: Path) -> None:
    authority = StreetAuthority()

    async def story() -> None:
        second = Csms(V201, bench.clock, authority.server_context(require_client=True))
        await second.open()
        await csms.open()
        bench.station = bench.make_station(tls=authority.client_context(), password="x" * 16, abilities=Abilities())
        async with alive(bench.station):
            await bench.wait(lambda seen: seen.registered)
            assert csms.passwords == ["x" * 16]
            assert await csms.trigger("SignChargingStationCertificate") == "Accepted"
            csr = (await csms.seen("SignCertificate"))["csr"].encode()
            signed = {"certificateChain": authority.sign_request(csr, NAME).decode()}
            assert (await csms.call("CertificateSigned", signed))["status"] == "Accepted"
            data = {
                "ocppVersion": "OCPP20",
                "ocppTransport": "JSON",
                "ocppCsmsUrl": f"wss://127.0.0.1:{second.port}/ocpp",
                "messageTimeout": 30,
                "securityProfile": 3,
                "ocppInterface": "Wired0",
            }
            sent = {"configurationSlot": 2, "connectionData": data}
            assert (await csms.call("SetNetworkProfile", sent))["status"] == "Accepted"
            assert await csms.set("OCPPCommCtrlr.NetworkConfigurationPriority", "2,1") == "RebootRequired"
            assert (await csms.call("Reset", {"type": "Immediate"}))["status"] == "Accepted"
            await second.seen("BootNotification")
            assert second.passwords == [None]
            shown = second.sockets[0].transport.get_extra_info("ssl_object").getpeercert()
            assert shown["subject"] == ((("commonName", NAME),),)
            seen = await bench.wait(lambda seen: seen.registered)
            assert (seen.network_slot, seen.security_profile) == (2, 3)
            # A renewed certificate is shown at once.
            assert await second.trigger("SignChargingStationCertificate") == "Accepted"
            csr = (await second.seen("SignCertificate"))["csr"].encode()
            renewed = {"certificateChain": authority.sign_request(csr, NAME).decode()}
            assert (await second.call("CertificateSigned", renewed))["status"] == "Accepted"
            await second.until(lambda: len(second.sockets) == 2)
            again = second.sockets[1].transport.get_extra_info("ssl_object").getpeercert()
            assert again["serialNumber"] != shown["serialNumber"]
        await csms.die()
        await second.die()
        assert csms.problems == second.problems == []
        assert list(bench.station.breaches) == []

    bench = Bench(V201, tmp_path)
    csms = bench.csms
    csms.tls = authority.server_context()
    asyncio.run(story())


def test_a_csms_that_it_does_not_trust_is_told_of_when_it_has_become_trustworthy(tmp_path: Path) -> None:
    real, other = StreetAuthority(), StreetAuthority()
    trusted = [other]

    def trust() -> ssl.SSLContext:
        return trusted[0].client_context()

    async def story() -> None:
        await bench.csms.open()
        station = bench.station = bench.make_station(tls=trust)
        async with alive(station):
            noted = "security event InvalidCsmsCertificate"
            await bench.wait(lambda _: noted in [text for _, text in station.history])
            trusted[0] = real
            told = await bench.csms.seen("SecurityEventNotification")
            assert told["type"] == "InvalidCsmsCertificate"
        await bench.csms.die()

    bench = Bench(V21, tmp_path)
    bench.csms.tls = real.server_context()
    asyncio.run(story())


def test_the_cable_is_where_it_was_left_during_a_power_cut(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.charging()
        bench.station.power_cut(20)
        await bench.wait(lambda seen: not seen.connected)
        bench.station.unplug()
        await bench.wait(lambda seen: seen.registered)
        ended = await bench.csms.seen("TransactionEvent", lambda p: p["eventType"] == "Ended")
        assert ended["transactionInfo"]["stoppedReason"] == "PowerLoss"
        assert not bench.station.observation.plugged

    run(Bench(V21, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_what_the_csms_does_wrong_is_counted(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms, station = bench.csms, bench.station
        await bench.charging()
        assert list(station.breaches) == []
        csms.overrides["Heartbeat"] = {"currentTime": "yesterday"}
        with pytest.raises(CallRefused, match="FormatViolation"):
            await station.call("Heartbeat", {})
        assert station.breaches.pop().startswith("csms: CALLRESULT Heartbeat")
        if version == V21:
            await csms.until(lambda: any(frame[0] == 5 for frame in csms.raw))
        station.faults = Faults(slow_s=5)
        for number in "ab":
            await csms.send_text(json.dumps([2, number, "TriggerMessage", {"requestedMessage": "Heartbeat"}]))
        await csms.until(lambda: any(frame[1] == "b" for frame in csms.raw))
        assert any("before the last call was answered" in breach for breach in station.breaches)
        station.faults = Faults()
        await csms.send_text('[3, "never asked", {}]')
        await csms.send_text('[2, "c", "MakeCoffee", {}]')
        await csms.until(lambda: any(frame[1] == "c" for frame in csms.raw))
        told = [breach for breach in station.breaches if "Heartbeat" not in breach]
        assert len(told) >= 2
        assert all(breach.startswith("csms") for breach in station.breaches)
        assert any("answer to nothing" in breach for breach in told)
        assert any("MakeCoffee" in breach for breach in told)

    run(Bench(version, tmp_path), story)


def test_a_stream_goes_one_way(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.charging()
        monitor = {
            "component": {"name": "EVSE", "evse": {"id": 1}},
            "variable": {"name": "Power"},
            "value": 10,
            "type": "Periodic",
            "severity": 8,
            "periodicEventStream": {"interval": 5, "values": 4},
        }
        answer = await csms.call("SetVariableMonitoring", {"setMonitoringData": [monitor]})
        assert answer["setMonitoringResult"][0]["status"] == "Accepted"
        await csms.until(lambda: any(frame[0] == 6 for frame in csms.raw))
        frame = next(frame for frame in csms.raw if frame[0] == 6)
        assert frame[2] == "NotifyPeriodicEventStream"
        assert list(bench.station.breaches) == []

    run(Bench(V21, tmp_path), story)


def test_compression_is_offered_as_the_model_has_it(tmp_path: Path) -> None:
    for offers in (True, False):

        async def story(bench: Bench) -> None:
            await bench.wait(lambda seen: seen.registered)
            request = bench.csms.sockets[0].request
            assert request is not None
            assert ("Sec-WebSocket-Extensions" in request.headers) is bench.options["abilities"].offers_deflate

        run(Bench(V16, tmp_path, abilities=Abilities(offers_deflate=offers)), story)
