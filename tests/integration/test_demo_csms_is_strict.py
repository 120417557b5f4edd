"""The demo CSMS in front of rude stations: who may come in, and what counts as a breach of the standard."""

from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from homeapp.demo.csms.faults import CsmsFaults
from homeapp.demo.ocpp.schemas import Json, Version
from kit.csms_bench import ALL, NAME, PASSWORD, CsmsBench, basic, hear, run, say

EVERY_VERSION = pytest.mark.parametrize("version", ALL)
BOOT = {
    Version.V16: {"chargePointVendor": "Demo", "chargePointModel": "Bench"},
    Version.V201: {"reason": "PowerUp", "chargingStation": {"vendorName": "Demo", "model": "Bench"}},
    Version.V21: {"reason": "PowerUp", "chargingStation": {"vendorName": "Demo", "model": "Bench"}},
}
STAMP = "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("path", "credentials", "status"),
    [
        ("/ocpp/EVCE-2", f"EVCE-2:{PASSWORD}", HTTPStatus.NOT_FOUND),
        ("/ocpp/EVCE-2", f"{NAME}:{PASSWORD}", HTTPStatus.NOT_FOUND),
        ("/other/EVCE-1", f"{NAME}:{PASSWORD}", HTTPStatus.NOT_FOUND),
        ("/ocpp/EVCE-1/more", f"{NAME}:{PASSWORD}", HTTPStatus.NOT_FOUND),
        (f"/ocpp/{NAME}", f"{NAME}:{PASSWORD}x", HTTPStatus.UNAUTHORIZED),
        (f"/ocpp/{NAME}", f"EVCE-2:{PASSWORD}", HTTPStatus.UNAUTHORIZED),
        (f"/ocpp/{NAME}", None, HTTPStatus.UNAUTHORIZED),
    ],
)
def test_the_door_says_who_is_unknown_and_who_is_not_believed(
    path: str, credentials: str | None, status: HTTPStatus, tmp_path: Path
) -> None:
    async def story(bench: CsmsBench) -> None:
        headers = {} if credentials is None else {"Authorization": basic(credentials)}
        url = bench.csms.url.removesuffix("/ocpp") + path
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, ssl=bench.station_tls, additional_headers=headers, subprotocols=["ocpp2.1"])
        assert refused.value.response.status_code == status

    run(CsmsBench(Version.V21, tmp_path), story, station=False)


def test_a_certificate_opens_the_door_of_its_own_name_only(tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        stranger = bench.authority.client_context("EVCE-2")
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{bench.csms.url}/{NAME}", ssl=stranger, subprotocols=["ocpp2.1"])
        assert refused.value.response.status_code == HTTPStatus.UNAUTHORIZED

    run(CsmsBench(Version.V21, tmp_path, profile=3), story, station=False)


def test_connections_are_refused_on_demand(tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        bench.csms.faults = CsmsFaults(refuse=503)
        with pytest.raises(InvalidStatus) as refused:
            async with bench.socket():
                pass
        assert refused.value.response.status_code == HTTPStatus.SERVICE_UNAVAILABLE

    run(CsmsBench(Version.V21, tmp_path), story, station=False)


@EVERY_VERSION
def test_what_breaks_the_schema_is_refused_and_counted(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        async with bench.socket() as socket:
            await say(socket, 2, "1", "BootNotification", {"reason": "PowerUp"})
            kind, message_id, code, *_ = await hear(socket)
            assert (kind, message_id) == (4, "1")
            assert code == ("FormationViolation" if version is Version.V16 else "FormatViolation")
            await say(socket, 2, "2", "Dance", {})
            assert (await hear(socket))[:3] == [4, "2", "NotImplemented"]
        assert len(bench.csms.breaches) == 2
        assert all(breach.station_id == NAME for breach in bench.csms.breaches)

    run(CsmsBench(version, tmp_path), story, station=False)


@EVERY_VERSION
@pytest.mark.parametrize(
    "text", ["{}", "not json", "[2]", '[9,"1",{}]', "[2,7,null,3]", "[" * 3000, '[3,"1",NaN]', b"[]"]
)
def test_what_is_no_message_is_counted(version: Version, text: str | bytes, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        async with bench.socket() as socket:
            await socket.send(text)
            if version is not Version.V16:
                assert (await hear(socket))[:3] == [4, "-1", "RpcFrameworkError"]
            await say(socket, 2, "1", "BootNotification", BOOT[version])
            assert (await hear(socket))[:2] == [3, "1"]
        assert [breach.sentence for breach in bench.csms.breaches] == ["not a message of OCPP-J"]

    run(CsmsBench(version, tmp_path), story, station=False)


@EVERY_VERSION
def test_nothing_counts_before_the_registration(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        async with bench.socket() as socket:
            await say(socket, 2, "1", "Heartbeat", {})
            assert (await hear(socket))[:3] == [4, "1", "SecurityError"]
            kind, _, action, payload = await hear(socket)
            assert (kind, action, payload) == (2, "TriggerMessage", {"requestedMessage": "BootNotification"})
        assert bench.book.calls.maxlen
        assert not bench.book.calls

    run(CsmsBench(version, tmp_path), story, station=False)


@EVERY_VERSION
def test_two_calls_at_a_time_are_a_breach_and_both_are_answered(version: Version, tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        bench.csms.faults = CsmsFaults(slow_s=1.0)
        async with bench.socket() as socket:
            await say(socket, 2, "1", "BootNotification", BOOT[version])
            await say(socket, 2, "2", "Heartbeat", {})
            assert [(await hear(socket))[1] for _ in range(2)] == ["1", "2"]
        (breach,) = bench.csms.breaches
        assert "before the CALL in front of it was answered" in breach.sentence

    run(CsmsBench(version, tmp_path), story, station=False)


@EVERY_VERSION
def test_the_same_message_again_has_no_second_effect_and_another_under_its_id_is_a_breach(
    version: Version, tmp_path: Path
) -> None:
    async def story(bench: CsmsBench) -> None:
        for connection in range(2):
            async with bench.socket() as socket:
                await say(socket, 2, "1", "BootNotification", BOOT[version])
                answer = await hear(socket)
                assert answer[0] == 3
                assert len(bench.book.boots) == 1
                assert bench.book.repeats.total() == connection
        assert bench.csms.breaches == []
        async with bench.socket() as socket:
            await say(socket, 2, "1", "Heartbeat", {})
            assert (await hear(socket))[0] == 3
        (breach,) = bench.csms.breaches
        assert breach.sentence == "a message id was used for two different CALLs"

    run(CsmsBench(version, tmp_path), story, station=False)


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_an_event_under_another_id_is_a_duplicate_by_its_seq_no(version: Version, tmp_path: Path) -> None:
    def event(seq_no: int, kind: str, at: str = STAMP) -> Json:
        info = {"transactionId": "tx-1"}
        about = {"eventType": kind, "timestamp": at, "triggerReason": "Trigger", "seqNo": seq_no}
        return about | {"transactionInfo": info}

    async def story(bench: CsmsBench) -> None:
        async with bench.socket() as socket:
            await say(socket, 2, "0", "BootNotification", BOOT[version])
            await hear(socket)
            told = [
                event(0, "Started"),
                event(0, "Started"),
                event(2, "Updated"),
                event(2, "Updated", "2027-01-01T00:00:00Z"),
            ]
            for number, payload in enumerate(told, 1):
                await say(socket, 2, str(number), "TransactionEvent", payload)
                assert (await hear(socket))[0] == 3
        transaction = bench.book.transactions["tx-1"]
        assert [entry.seq_no for entry in transaction.events] == [0, 2]
        assert (transaction.duplicates, transaction.missing, transaction.in_order) == (2, [1], True)
        (breach,) = bench.csms.breaches
        assert "seqNo" in breach.sentence

    run(CsmsBench(version, tmp_path), story, station=False)


def test_a_start_of_the_same_content_is_the_same_transaction(tmp_path: Path) -> None:
    start = {"connectorId": 1, "idTag": "owner", "meterStart": 7, "timestamp": STAMP}
    sample = {"timestamp": STAMP, "sampledValue": [{"value": "7"}]}

    async def story(bench: CsmsBench) -> None:
        async with bench.socket() as socket:

            async def call(message_id: str, action: str, payload: Json) -> Json:
                await say(socket, 2, message_id, action, payload)
                answer: Json = (await hear(socket))[2]
                return answer

            await call("0", "BootNotification", BOOT[Version.V16])
            first = await call("1", "StartTransaction", start)
            assert await call("2", "StartTransaction", start) == first
            other = await call("3", "StartTransaction", start | {"meterStart": 8})
            assert other["transactionId"] != first["transactionId"]
            number = first["transactionId"]
            meter = {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
            stop = {"transactionId": number, "meterStop": 9, "timestamp": STAMP}
            for message_id, action, payload in (("4", "MeterValues", meter), ("5", "MeterValues", meter)):
                await call(message_id, action, payload)
            for message_id in ("6", "7"):
                await call(message_id, "StopTransaction", stop)
            transaction = bench.book.transactions[str(number)]
            assert len(transaction.events) == 3
            assert transaction.duplicates == 3
            assert bench.csms.breaches == []
            await call("8", "StopTransaction", stop | {"meterStop": 10})
            await call("9", "StopTransaction", stop | {"transactionId": 1})
        assert [breach.sentence for breach in bench.csms.breaches] == [
            "StopTransaction of a transaction that has ended",
            "StopTransaction of a transaction that this CSMS has not begun",
        ]

    run(CsmsBench(Version.V16, tmp_path), story, station=False)


@EVERY_VERSION
def test_an_answer_that_breaks_its_schema_or_that_nobody_waits_for_is_a_breach(
    version: Version, tmp_path: Path
) -> None:
    async def story(bench: CsmsBench) -> None:
        async with bench.socket() as socket:
            await say(socket, 2, "1", "Heartbeat", {})
            await hear(socket)
            _, message_id, *_ = await hear(socket)
            await say(socket, 3, message_id, {"status": "Perhaps"})
            if version is Version.V21:
                assert (await hear(socket))[:3] == [5, message_id, "FormatViolation"]
            await say(socket, 3, "never-asked", {"status": "Accepted"})
            await say(socket, 4, "never-asked", "Whatever", "", {})
            await bench.until(lambda: len(bench.csms.breaches) == 4)
        sentences = [breach.sentence for breach in bench.csms.breaches]
        assert sentences[0].startswith("answer to TriggerMessage")
        assert sentences.count("an answer to nothing that was asked") == 2
        assert "a CALLERROR with a code that the version does not have" in sentences

    run(CsmsBench(version, tmp_path), story, station=False)


def test_the_newest_connection_wins(tmp_path: Path) -> None:
    async def story(bench: CsmsBench) -> None:
        async with bench.socket() as old, bench.socket() as new:
            await old.wait_closed()
            await say(new, 2, "1", "BootNotification", BOOT[Version.V21])
            assert (await hear(new))[0] == 3
            assert bench.csms.connected == {NAME}

    run(CsmsBench(Version.V21, tmp_path), story, station=False)


def test_a_stream_is_taken_in_2_1_only(tmp_path: Path) -> None:
    stream = {"id": 1, "pending": 0, "basetime": STAMP, "data": [{"t": 0, "v": "1"}]}

    async def story(bench: CsmsBench) -> None:
        async with bench.socket() as socket:
            await say(socket, 6, "1", "NotifyPeriodicEventStream", stream)
            await bench.until(lambda: bench.book.streams == [stream])
            await say(socket, 6, "2", "Heartbeat", {})
            await bench.until(lambda: len(bench.csms.breaches) == 1)

    run(CsmsBench(Version.V21, tmp_path), story, station=False)
