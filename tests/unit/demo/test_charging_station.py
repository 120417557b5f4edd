"""The demo station's own logic, without a connection: what it answers, and what it wants to send."""

import asyncio
from typing import Any

import pytest

from homeapp.demo.charger.memory import Memory, load, save
from homeapp.demo.charger.outbox import Message, Outbox
from homeapp.demo.charger.outlet import ChargingState
from homeapp.demo.ocpp.frames import CallRefused
from homeapp.demo.ocpp.schemas import Version
from kit.station_logic import ALL, V2, Bench, Json, profile


@pytest.mark.parametrize("version", ALL)
def test_a_heartbeat_at_the_interval_of_the_registration(version: Version) -> None:
    bench = Bench(version)
    bench.online()
    assert bench.sent[0][0] == "BootNotification"
    bench.go_on(299)
    assert "Heartbeat" not in [name for name, _ in bench.sent]
    bench.go_on(2)
    assert bench.sent[-1][0] == "Heartbeat"


@pytest.mark.parametrize("version", ALL)
def test_a_profile_may_come_with_the_start(version: Version) -> None:
    bench = Bench(version)
    bench.online()
    bench.station.plug_in()
    wrong = profile(version, 8) | {"chargingProfilePurpose": "TxDefaultProfile"}
    assert bench.start(wrong) == "Rejected"
    assert bench.start(profile(version, 8)) == "Accepted"
    bench.pump()
    bench.go_on(10)
    assert bench.station.observe().power_w == pytest.approx(8 * 3 * 230)


@pytest.mark.parametrize("version", ALL)
def test_a_start_lapses_when_no_car_comes(version: Version) -> None:
    bench = Bench(version)
    bench.online()
    assert bench.start() == "Accepted"
    bench.go_on(61)
    bench.station.plug_in()
    bench.pump()
    assert bench.station.observe().state is ChargingState.EV_CONNECTED
    assert bench.station.observe().transaction_id is None


@pytest.mark.parametrize("version", ALL)
def test_a_token_that_the_csms_refuses_ends_the_transaction(version: Version) -> None:
    bench = Bench(version, token="Blocked")
    bench.online()
    bench.station.plug_in()
    bench.start()
    bench.pump()
    bench.go_on(1)
    assert bench.station.observe().power_w == 0
    assert bench.station.transaction is None
    if version is Version.V16:
        assert bench.last("StopTransaction")["reason"] == "DeAuthorized"
    else:
        assert bench.last("TransactionEvent")["transactionInfo"]["stoppedReason"] == "DeAuthorized"


@pytest.mark.parametrize("version", ALL)
def test_a_card_that_the_csms_refuses_starts_nothing(version: Version) -> None:
    bench = Bench(version, token="Invalid")
    bench.online()
    bench.station.plug_in()
    bench.station.present_card("stranger")
    bench.pump()
    bench.go_on(5)
    assert bench.station.observe().transaction_id is None


def test_statuses_of_one_six() -> None:
    bench = Bench(Version.V16)
    bench.charging()
    bench.serve("RemoteStopTransaction", {"transactionId": 5})
    bench.pump()
    bench.station.unplug()
    bench.pump()
    told = [
        payload["status"]
        for name, payload in bench.sent
        if name == "StatusNotification" and payload["connectorId"] == 1
    ]
    assert told == ["Available", "Preparing", "SuspendedEVSE", "Charging", "Finishing", "Available"]


def test_charging_states_of_two() -> None:
    bench = Bench(Version.V201)
    bench.charging()
    zero = profile(Version.V201, 0) | {"transactionId": bench.station.observe().transaction_id}
    assert bench.serve("SetChargingProfile", {"evseId": 1, "chargingProfile": zero})["status"] == "Accepted"
    bench.go_on(10)
    assert bench.last("TransactionEvent")["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    bench.station.unplug()
    bench.pump()
    told = [
        payload["connectorStatus"]
        for name, payload in bench.sent
        if name == "StatusNotification" and payload["evseId"] == 1
    ]
    assert told == ["Available", "Occupied", "Available"]


@pytest.mark.parametrize("version", ALL)
def test_what_can_be_triggered(version: Version) -> None:
    bench = Bench(version)
    bench.charging()

    def trigger(message: str, **place: Any) -> str:
        return str(bench.serve("TriggerMessage", {"requestedMessage": message} | place)["status"])

    here: Json = {"connectorId": 1} if version is Version.V16 else {"evse": {"id": 1, "connectorId": 1}}
    elsewhere: Json = {"connectorId": 2} if version is Version.V16 else {"evse": {"id": 2}}
    assert trigger("StatusNotification", **here) == "Accepted"
    assert trigger("MeterValues", **here) == "Accepted"
    assert trigger("MeterValues", **elsewhere) == "Rejected"
    names = [name for name, _ in bench.pump()]
    assert names == ["StatusNotification", "MeterValues"]
    assert trigger("FirmwareStatusNotification") == "Accepted"
    assert bench.pump() == [("FirmwareStatusNotification", {"status": "Idle"})]
    # F06.FR.12 and .17
    assert trigger("StatusNotification") == ("Accepted" if version is Version.V16 else "Rejected")
    assert trigger("BootNotification") == ("Accepted" if version is Version.V16 else "Rejected")
    if version is not Version.V16:
        assert trigger("TransactionEvent", evse={"id": 1}) == "Accepted"
        assert bench.pump()[-1][1]["triggerReason"] == "Trigger"
        bench.station.unplug()
        assert trigger("TransactionEvent", evse={"id": 1}) == "Rejected"


@pytest.mark.parametrize("version", V2)
def test_a_reset_on_idle_waits_for_the_end_of_the_transaction(version: Version) -> None:
    bench = Bench(version)
    bench.charging()
    assert bench.serve("Reset", {"type": "OnIdle"})["status"] == "Scheduled"
    assert not bench.station.leaving
    bench.station.unplug()
    assert bench.station.leaving
    bench.pump()
    bench.station.went_offline()
    bench.online()
    assert bench.last("BootNotification")["reason"] == "RemoteReset"


@pytest.mark.parametrize("version", ALL)
def test_unlocking(version: Version) -> None:
    bench = Bench(version)
    bench.charging()
    place: Json = {"connectorId": 1} if version is Version.V16 else {"evseId": 1, "connectorId": 1}
    nowhere: Json = {"connectorId": 9} if version is Version.V16 else {"evseId": 9, "connectorId": 1}
    assert bench.serve("UnlockConnector", nowhere)["status"] in ("NotSupported", "UnknownConnector")
    answer = bench.serve("UnlockConnector", place)["status"]
    if version is Version.V16:
        assert answer == "Unlocked"
        bench.pump()
        assert bench.last("StopTransaction")["reason"] == "UnlockCommand"
    else:
        assert answer == "OngoingAuthorizedTransaction"
        bench.station.unplug()
        assert bench.serve("UnlockConnector", place)["status"] == "Unlocked"


def test_configuration_of_one_six() -> None:
    bench = Bench(Version.V16)
    bench.online()
    answer = bench.serve(
        "GetConfiguration", {"key": ["HeartbeatInterval", "AuthorizationKey", "NumberOfConnectors", "Nonsense"]}
    )
    assert answer["unknownKey"] == ["Nonsense"]
    assert {entry["key"]: entry.get("value") for entry in answer["configurationKey"]} == {
        "HeartbeatInterval": "300",
        "AuthorizationKey": None,
        "NumberOfConnectors": "2",
    }
    assert len(bench.serve("GetConfiguration", {})["configurationKey"]) > 8
    changes = {"HeartbeatInterval": "Accepted", "NumberOfConnectors": "Rejected", "Nonsense": "NotSupported"}
    for key, status in changes.items():
        assert bench.serve("ChangeConfiguration", {"key": key, "value": "60"})["status"] == status
    for value in ("zz", "aa" * 15, "aa" * 21):
        assert bench.serve("ChangeConfiguration", {"key": "AuthorizationKey", "value": value})["status"] == "Rejected"
    assert bench.station.password is None
    # Any bytes: the key need not be text.
    assert bench.serve("ChangeConfiguration", {"key": "AuthorizationKey", "value": "ff" * 20})["status"] == "Accepted"
    assert bench.station.password == b"\xff" * 20


@pytest.mark.parametrize("version", V2)
def test_variables_of_two(version: Version) -> None:
    bench = Bench(version)
    bench.online()

    def about(name: str, **more: Any) -> Json:
        component, _, variable = name.partition(".")
        return {"component": {"name": component}, "variable": {"name": variable}} | more

    wanted = [
        ("SampledDataCtrlr.TxUpdatedInterval", "Accepted"),
        ("SecurityCtrlr.BasicAuthPassword", "Rejected"),
        ("SampledDataCtrlr.Nonsense", "UnknownVariable"),
        ("Nonsense.Nonsense", "UnknownComponent"),
    ]
    answer = bench.serve("GetVariables", {"getVariableData": [about(name) for name, _ in wanted]})
    assert [entry["attributeStatus"] for entry in answer["getVariableResult"]] == [status for _, status in wanted]
    assert answer["getVariableResult"][0]["attributeValue"] == "10"
    settings = [
        about("SampledDataCtrlr.TxUpdatedInterval", attributeValue="30"),
        about("TxCtrlr.TxStartPoint", attributeValue="Authorized"),
        about("SampledDataCtrlr.TxUpdatedInterval", attributeValue="30", attributeType="Target"),
        about("SecurityCtrlr.BasicAuthPassword", attributeValue="x" * 65),
    ]
    answer = bench.serve("SetVariables", {"setVariableData": settings})
    assert [entry["attributeStatus"] for entry in answer["setVariableResult"]] == [
        "Accepted",
        "Rejected",
        "NotSupportedAttributeType",
        "Rejected",
    ]


def test_the_csms_can_end_feeding_by_what_it_allows() -> None:
    bench = Bench(Version.V21)
    bench.charging()
    running = bench.station.observe().transaction_id
    entry = profile(Version.V21, 0) | {"transactionId": running}
    feed = [{"startPeriod": 0, "setpoint": -3000, "operationMode": "CentralSetpoint"}]
    entry["chargingSchedule"] = [{"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": feed}]
    bench.serve("SetChargingProfile", {"evseId": 1, "chargingProfile": entry})
    assert bench.station.observe().setpoint_w == -3000
    answer = bench.serve("GetCompositeSchedule", {"evseId": 1, "duration": 60, "chargingRateUnit": "W"})
    period = answer["schedule"]["chargingSchedulePeriod"][0]
    assert (period["setpoint"], period["operationMode"]) == (-3000, "CentralSetpoint")
    modes = {"transactionId": "another", "allowedEnergyTransfer": ["AC_three_phase"]}
    assert bench.serve("NotifyAllowedEnergyTransfer", modes)["status"] == "Rejected"
    assert bench.serve("NotifyAllowedEnergyTransfer", modes | {"transactionId": running})["status"] == "Accepted"
    assert bench.station.observe().setpoint_w == 0


def test_a_station_that_was_rejected_does_nothing() -> None:
    bench = Bench(Version.V201)
    bench.station.went_online()
    message = asyncio.run(bench._next())
    assert message is not None
    assert message.answered is not None
    bench.station.outbox.settled(message)
    message.answered({"status": "Rejected", "currentTime": "2026-11-23T12:00:00Z", "interval": 60})
    with pytest.raises(CallRefused, match="SecurityError"):
        bench.station.serve("Reset", {"type": "Immediate"})
    assert bench.go_on(59) == []
    assert next(name for name, _ in bench.go_on(2)) == "BootNotification"


def test_only_what_belongs_to_a_transaction_outlives_a_lost_connection_and_is_tried_thrice() -> None:
    outbox = Outbox()
    kept, dropped = Message("TransactionEvent", {}, kept=True), Message("Heartbeat", {})
    outbox.put(kept)
    outbox.put(dropped)
    outbox.offline()
    assert (outbox.holds("TransactionEvent"), outbox.holds("Heartbeat")) == (True, False)
    for left in (1, 1, 0):
        outbox.unanswered(kept)
        assert len(outbox) == left


def test_the_memory_is_replaced_as_a_whole(tmp_path: Any) -> None:
    path = tmp_path / "station.json"
    assert load(path) is None
    save(path, Memory(password=b"\xff" * 16))
    save(path, Memory(password=b"\x00" * 16, profiles=({"evse": 0},)))
    assert load(path) == Memory(password=b"\x00" * 16, profiles=({"evse": 0},))
    assert [entry.name for entry in tmp_path.iterdir()] == ["station.json"]
    assert "00" not in repr(load(path))
