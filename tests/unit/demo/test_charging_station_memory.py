"""What the demo station brings back from a power cut: its transaction, its messages, and all that was set."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.meter_signature import is_genuine
from homeapp.demo.ocpp.schemas import Version
from kit.station_logic import ALL, V2, Bench


@pytest.mark.parametrize("version", ALL)
def test_messages_that_were_not_answered_come_back_with_their_ids_and_numbers(version: Version) -> None:
    bench = Bench(version)
    bench.charging()
    bench.station.went_offline()
    bench.pass_time(35)
    bench.station.unplug()
    waiting = bench.station.outbox.to_json()
    assert len(waiting) >= 4
    again = bench.again()
    again.online()
    kept = [entry["id"] for entry in waiting]
    assert [identity for identity in again.ids if identity in kept] == kept
    sent = [(name, payload) for name, payload in again.sent if name != "BootNotification"]
    if version is Version.V16:
        assert sent[len(kept) - 1][0] == "StopTransaction"
        assert {payload["transactionId"] for _, payload in sent[: len(kept)]} == {5}
    else:
        numbers = [payload["seqNo"] for name, payload in (*bench.sent, *sent) if name == "TransactionEvent"]
        assert numbers == list(range(len(numbers)))
    assert again.station.outbox.to_json() == ()


def test_a_begin_that_was_never_answered_gives_its_id_to_what_follows() -> None:
    bench = Bench(Version.V16)
    bench.online()
    bench.station.plug_in()
    bench.start()
    # Not answered: the power goes.
    again = bench.again()
    again.online()
    again.go_on(5)
    assert [name for name, _ in again.sent if name.endswith("Transaction")] == ["StartTransaction", "StopTransaction"]
    stop = again.last("StopTransaction")
    assert (stop["transactionId"], stop["reason"]) == (5, "PowerLoss")


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("resumes", [None, True, False])
def test_the_transaction_after_a_power_cut(version: Version, resumes: bool | None) -> None:
    bench = Bench(version, abilities=Abilities(resumes_transactions=resumes))
    bench.charging()
    before = bench.station.observe().transaction_id
    again = bench.again()
    again.online()
    again.go_on(10)
    seen = again.station.observe()
    assert seen.plugged
    if resumes or (resumes is None and version is Version.V21):
        assert seen.transaction_id == before
        assert seen.power_w > 0
        if version is Version.V21:
            triggers = [payload["triggerReason"] for name, payload in again.sent if name == "TransactionEvent"]
            assert triggers[0] == "TxResumed"
    else:
        assert seen.transaction_id is None
        name = "StopTransaction" if version is Version.V16 else "TransactionEvent"
        ended = again.last(name)
        told = ended["reason"] if version is Version.V16 else ended["transactionInfo"]["stoppedReason"]
        assert told == "PowerLoss"
        assert seen.power_w == 0


def test_a_reset_that_resumes() -> None:
    bench = Bench(Version.V21)
    bench.charging()
    before = bench.station.observe().transaction_id
    assert bench.serve("Reset", {"type": "ImmediateAndResume"})["status"] == "Accepted"
    assert bench.station.leaving
    bench.pump()
    bench.station.went_offline()
    bench.online()
    assert bench.station.observe().transaction_id == before
    assert bench.last("TransactionEvent")["triggerReason"] == "TxResumed"
    bench.go_on(10)
    assert bench.station.observe().power_w > 0


@pytest.mark.parametrize("version", V2)
def test_settings_tokens_and_availability_outlive_a_power_cut(version: Version) -> None:
    bench = Bench(version)
    bench.online()
    data = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "TxUpdatedInterval"}}
    bench.serve("SetVariables", {"setVariableData": [data | {"attributeValue": "33"}]})
    token = {"idToken": {"idToken": "Owner", "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}
    sent = {"versionNumber": 4, "updateType": "Full", "localAuthorizationList": [token]}
    assert bench.serve("SendLocalList", sent)["status"] == "Accepted"
    assert bench.serve("ChangeAvailability", {"operationalStatus": "Inoperative"})["status"] == "Accepted"
    assert bench.station.unsaved
    again = bench.again()
    assert not again.station.unsaved
    again.online()
    assert again.serve("GetLocalListVersion", {})["versionNumber"] == 4
    assert again.serve("GetVariables", {"getVariableData": [data]})["getVariableResult"][0]["attributeValue"] == "33"
    assert again.last("StatusNotification")["connectorStatus"] == "Unavailable"
    assert again.start() == "Rejected"


@pytest.mark.parametrize("version", ALL)
def test_signed_readings_at_begin_and_end_are_genuine_by_the_key_that_it_keeps(version: Version) -> None:
    bench = Bench(version, abilities=Abilities(signed_meter_values=True, resumes_transactions=True))
    bench.charging()
    again = bench.again()
    again.online()
    again.go_on(5)
    again.station.unplug()
    again.pump()
    key = bench.station.public_meter_key
    assert again.station.public_meter_key == key
    texts = [text for name, payload in (*bench.sent, *again.sent) for text in _signed(version, name, payload)]
    assert len(texts) == 2
    assert all(is_genuine(text, key) for text in texts)


def _signed(version: Version, name: str, payload: dict[str, object]) -> list[str]:
    values = payload.get("transactionData" if name == "StopTransaction" else "meterValue", [])
    assert isinstance(values, list)
    entries = [entry for value in values for entry in value["sampledValue"]]
    if version is Version.V16:
        return [entry["value"] for entry in entries if entry.get("format") == "SignedData"]
    found = [entry["signedMeterValue"]["signedMeterData"] for entry in entries if "signedMeterValue" in entry]
    return [base64.b64decode(text).decode() for text in found]


STEPS = ["time", "plug", "unplug", "start", "lose", "connect", "power cut", "send"]


@given(steps=st.lists(st.sampled_from(STEPS), max_size=30), version=st.sampled_from(V2))
@settings(deadline=None, max_examples=60)
def test_whatever_happens_every_event_arrives_once_and_in_order(steps: list[str], version: Version) -> None:
    bench = Bench(version)
    lives = [bench]
    for step in ("connect", "send", "plug", "start", "send", *steps, "connect", "send"):
        _step(bench, step)
        if step == "power cut":
            bench = bench.again()
            lives.append(bench)
    events: dict[str, list[tuple[int, str]]] = {}
    ids = [identity for life in lives for identity in life.ids]
    for name, payload in (entry for life in lives for entry in life.sent):
        if name == "TransactionEvent":
            key = payload["transactionInfo"]["transactionId"]
            events.setdefault(key, []).append((payload["seqNo"], payload["eventType"]))
    assert len(ids) == len(set(ids))
    for told in events.values():
        assert [number for number, _ in told] == list(range(len(told)))
        kinds = [kind for _, kind in told]
        assert kinds[0] == "Started"
        assert kinds.count("Started") == 1
        assert "Ended" not in kinds[:-1]


def _step(bench: Bench, step: str) -> None:
    station = bench.station
    match step:
        case "time":
            bench.pass_time(12)
        case "plug":
            station.plug_in()
        case "unplug":
            station.unplug()
        case "start" if station.connected:
            bench.start()
        case "lose" if station.connected:
            station.went_offline()
        case "connect" if not station.connected:
            station.went_online()
        case "send" if station.connected:
            bench.pump()
            # What comes back from memory shows itself with the next tick.
            bench.go_on(1)
