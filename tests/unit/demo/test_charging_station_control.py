"""What a hub as local controller asks of the demo station: device model, tokens, certificates, network and streams."""

from typing import Any

import pytest

from homeapp.demo.charger.abilities import Abilities, PhaseSwitching
from homeapp.demo.ocpp.schemas import Version
from homeapp.demo.operator.pki import StreetAuthority
from kit.station_logic import ALL, V2, Bench, Json

CARD = "04AABBCC"


def about(name: str, **more: Any) -> Json:
    component, _, variable = name.partition(".")
    return {"component": {"name": component}, "variable": {"name": variable}} | more


def get(bench: Bench, name: str) -> str:
    if bench.version is Version.V16:
        return str(bench.serve("GetConfiguration", {"key": [name]})["configurationKey"][0]["value"])
    answer = bench.serve("GetVariables", {"getVariableData": [about(name)]})["getVariableResult"][0]
    return str(answer.get("attributeValue", answer["attributeStatus"]))


def put(bench: Bench, name: str, value: str) -> str:
    if bench.version is Version.V16:
        return str(bench.serve("ChangeConfiguration", {"key": name, "value": value})["status"])
    data = about(name, attributeValue=value)
    return str(bench.serve("SetVariables", {"setVariableData": [data]})["setVariableResult"][0]["attributeStatus"])


# The device model.


@pytest.mark.parametrize("version", V2)
def test_the_inventory_comes_in_parts_and_can_be_read_variable_by_variable(version: Version) -> None:
    bench = Bench(version)
    bench.online()
    assert bench.serve("GetBaseReport", {"requestId": 8, "reportBase": "FullInventory"})["status"] == "Accepted"
    reports = [payload for name, payload in bench.pump() if name == "NotifyReport"]
    assert [report["seqNo"] for report in reports] == list(range(len(reports)))
    assert [report["tbc"] for report in reports] == [True] * (len(reports) - 1) + [False]
    entries = [entry for report in reports for entry in report["reportData"]]
    for entry in entries:
        name = f"{entry['component']['name']}.{entry['variable']['name']}"
        attribute = entry["variableAttribute"][0]
        if attribute["mutability"] == "WriteOnly":
            assert (name, "value" in attribute) == ("SecurityCtrlr.BasicAuthPassword", False)
        else:
            assert get(bench, name) == attribute["value"], name
    bench.serve("GetBaseReport", {"requestId": 9, "reportBase": "SummaryInventory"})
    assert len(bench.pump()) == 1


@pytest.mark.parametrize("version", V2)
def test_a_report_of_what_is_asked_for(version: Version) -> None:
    bench = Bench(version)
    bench.online()
    asked: Json = {"requestId": 1, "componentVariable": [{"component": {"name": "SmartChargingCtrlr"}}]}
    assert bench.serve("GetReport", asked)["status"] == "Accepted"
    told = bench.pump()[0][1]["reportData"]
    assert {entry["component"]["name"] for entry in told} == {"SmartChargingCtrlr"}
    asked["componentVariable"] = [{"component": {"name": "Oven"}}]
    assert bench.serve("GetReport", asked)["status"] == "EmptyResultSet"


@pytest.mark.parametrize("version", ALL)
def test_what_it_says_of_its_phases(version: Version) -> None:
    name = "ConnectorSwitch3to1PhaseSupported" if version is Version.V16 else "SmartChargingCtrlr.Phases3to1"
    assert get(Bench(version), name) == "true"
    assert get(Bench(version, abilities=Abilities(phase_switching=PhaseSwitching.NONE)), name) == "false"
    assert get(Bench(version, abilities=Abilities(phases=1)), name) == "false"


# Tokens.


def send_list(bench: Bench, status: str = "Accepted") -> str:
    if bench.version is Version.V16:
        entry: Json = {"idTag": CARD, "idTagInfo": {"status": status}}
        sent: Json = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    else:
        entry = {"idToken": {"idToken": CARD, "type": "ISO14443"}, "idTokenInfo": {"status": status}}
        sent = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    return str(bench.serve("SendLocalList", sent)["status"])


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("status", ["Accepted", "Blocked", None])
def test_offline_the_local_list_decides(version: Version, status: str | None) -> None:
    bench = Bench(version)
    bench.online()
    if status is not None:
        assert send_list(bench, status) == "Accepted"
    bench.station.went_offline()
    bench.station.plug_in()
    bench.station.present_card(CARD)
    assert (bench.station.transaction is not None) is (status == "Accepted")
    bench.station.went_online()
    if status is None:
        name = "AllowOfflineTxForUnknownId" if version is Version.V16 else "AuthCtrlr.OfflineTxForUnknownIdEnabled"
        assert put(bench, name, "true") == "Accepted"
        bench.station.went_offline()
        bench.station.present_card(CARD)
        assert bench.station.transaction is not None


@pytest.mark.parametrize("version", ALL)
def test_online_it_asks_unless_it_may_decide_before(version: Version) -> None:
    bench = Bench(version)
    bench.online()
    send_list(bench)
    bench.station.plug_in()
    bench.station.present_card(CARD)
    assert "Authorize" in [name for name, _ in bench.pump()]
    bench.station.unplug()
    bench.pump()
    assert put(bench, "LocalPreAuthorize" if version is Version.V16 else "AuthCtrlr.LocalPreAuthorize", "true")
    bench.station.plug_in()
    bench.station.present_card(CARD.lower())
    assert bench.station.transaction is not None
    assert "Authorize" not in [name for name, _ in bench.pump()]


@pytest.mark.parametrize("version", ALL)
def test_there_is_no_cache_to_clear(version: Version) -> None:
    assert Bench(version).serve("ClearCache", {})["status"] == "Rejected"


# Availability.


@pytest.mark.parametrize("version", ALL)
def test_out_of_service_after_the_transaction(version: Version) -> None:
    bench = Bench(version)
    bench.charging()
    change = (
        {"connectorId": 1, "type": "Inoperative"}
        if version is Version.V16
        else {"evse": {"id": 1}, "operationalStatus": "Inoperative"}
    )
    assert bench.serve("ChangeAvailability", change)["status"] == "Scheduled"
    assert bench.station.observe().operative
    bench.station.unplug()
    bench.pump()
    status = "status" if version is Version.V16 else "connectorStatus"
    assert bench.last("StatusNotification")[status] == "Unavailable"
    bench.station.plug_in()
    bench.station.present_card(CARD)
    bench.pump()
    assert bench.station.transaction is None
    assert bench.start() == "Rejected"
    elsewhere = (
        {"connectorId": 7, "type": "Operative"}
        if version is Version.V16
        else {"evse": {"id": 7}, "operationalStatus": "Operative"}
    )
    assert bench.serve("ChangeAvailability", elsewhere)["status"] == "Rejected"


@pytest.mark.parametrize("version", V2)
def test_the_state_of_a_transaction_and_of_its_messages(version: Version) -> None:
    bench = Bench(version)
    bench.charging()
    running = bench.station.observe().transaction_id
    assert bench.serve("GetTransactionStatus", {"transactionId": running}) == {
        "messagesInQueue": False,
        "ongoingIndicator": True,
    }
    bench.station.unplug()
    assert bench.serve("GetTransactionStatus", {"transactionId": running}) == {
        "messagesInQueue": True,
        "ongoingIndicator": False,
    }
    bench.pump()
    assert bench.serve("GetTransactionStatus", {}) == {"messagesInQueue": False}


# Certificates and the way to the CSMS.


@pytest.mark.parametrize("version", ALL)
def test_a_certificate_on_demand(version: Version) -> None:
    authority, bench = StreetAuthority(), Bench(version)
    bench.online()
    action = "ExtendedTriggerMessage" if version is Version.V16 else "TriggerMessage"
    wanted = "SignChargePointCertificate" if version is Version.V16 else "SignChargingStationCertificate"
    assert bench.serve(action, {"requestedMessage": wanted})["status"] == "Accepted"
    bench.pump()
    signed = authority.sign_request(bench.last("SignCertificate")["csr"].encode(), "EVCE-1").decode()
    assert bench.serve("CertificateSigned", {"certificateChain": authority.ca_pem.decode()})["status"] == "Rejected"
    bench.pump()
    assert bench.last("SecurityEventNotification")["type"] == "InvalidChargingStationCertificate"
    assert bench.serve("CertificateSigned", {"certificateChain": signed})["status"] == "Accepted"
    assert not bench.station.leaving
    assert bench.again().station.certificates.chain_pem == signed


@pytest.mark.parametrize("version", ALL)
def test_roots_of_a_csms(version: Version) -> None:
    pem, bench = StreetAuthority().ca_pem.decode(), Bench(version)
    v16 = version is Version.V16
    kind = "CentralSystemRootCertificate" if v16 else "CSMSRootCertificate"
    asked: Json = {"certificateType": kind if v16 else [kind]}
    assert bench.serve("GetInstalledCertificateIds", asked)["status"] == "NotFound"
    install = {"certificateType": kind, "certificate": pem}
    assert bench.serve("InstallCertificate", install)["status"] == "Accepted"
    answer = bench.serve("GetInstalledCertificateIds", asked)
    found = answer["certificateHashData"][0] if v16 else answer["certificateHashDataChain"][0]["certificateHashData"]
    assert bench.serve("DeleteCertificate", {"certificateHashData": found})["status"] == "Accepted"
    assert bench.serve("DeleteCertificate", {"certificateHashData": found})["status"] == "NotFound"


def test_the_security_profile_of_one_six_rises_when_what_it_needs_is_there() -> None:
    authority, bench = StreetAuthority(), Bench(Version.V16)
    bench.online()
    assert get(bench, "SecurityProfile") == "1"
    for value in ("0", "1", "2", "3", "x"):
        assert put(bench, "SecurityProfile", value) == "Rejected"
    root = {"certificateType": "CentralSystemRootCertificate", "certificate": authority.ca_pem.decode()}
    bench.serve("InstallCertificate", root)
    assert put(bench, "SecurityProfile", "2") == "Accepted"
    assert bench.station.leaving
    assert put(bench, "SecurityProfile", "1") == "Rejected"


@pytest.mark.parametrize("version", V2)
def test_a_network_profile_is_used_after_a_restart(version: Version) -> None:
    bench = Bench(version)
    bench.online()
    data = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://provider.example/ocpp/",
        "messageTimeout": 30,
        "securityProfile": 2,
        "ocppInterface": "Wired0",
    }
    if version is Version.V21:
        data["ocppVersion"] = "OCPP21"
    sent = {"configurationSlot": 2, "connectionData": data}
    assert bench.serve("SetNetworkProfile", sent)["status"] == "Accepted"
    assert put(bench, "OCPPCommCtrlr.NetworkConfigurationPriority", "3,1") == "Rejected"
    assert put(bench, "OCPPCommCtrlr.NetworkConfigurationPriority", "2,1") == "RebootRequired"
    assert bench.station.observe().network_slot == 1
    bench.serve("Reset", {"type": "Immediate"})
    bench.station.went_offline()
    assert bench.station.observe().network_slot == 2
    assert bench.station.network.current.url == "wss://provider.example/ocpp/EVCE-1"


# Everything that can be triggered, and streams.


@pytest.mark.parametrize("version", ALL)
def test_every_message_that_can_be_triggered(version: Version) -> None:
    bench = Bench(version)
    bench.charging()
    plain = {Version.V16: ["DiagnosticsStatusNotification"]}.get(version, ["LogStatusNotification"])
    for message in ("Heartbeat", "MeterValues", "FirmwareStatusNotification", *plain):
        assert bench.serve("TriggerMessage", {"requestedMessage": message})["status"] == "Accepted"
        assert [name for name, _ in bench.pump()] == [message]
    if version is not Version.V16:
        for message in ("SignV2GCertificate", "PublishFirmwareStatusNotification"):
            assert bench.serve("TriggerMessage", {"requestedMessage": message})["status"] == "NotImplemented"


def test_a_monitor_opens_a_stream_that_sends_one_way() -> None:
    bench = Bench(Version.V21)
    bench.charging()
    monitor = about("EVSE.Power", value=10, type="Periodic", severity=8, periodicEventStream={"interval": 5})
    oven = about("Oven.Heat", value=10, type="Periodic", severity=8, periodicEventStream={"interval": 5})
    plain = about("EVSE.Power", value=10, type="Delta", severity=8)
    answer = bench.serve("SetVariableMonitoring", {"setMonitoringData": [monitor, oven, plain]})
    statuses = [entry["status"] for entry in answer["setMonitoringResult"]]
    assert statuses == ["Accepted", "UnknownVariable", "UnsupportedMonitorType"]
    number = answer["setMonitoringResult"][0]["id"]
    told = bench.go_on(12)
    assert told[0][0] == "OpenPeriodicEventStream"
    assert len([name for name, _ in bench.go_on(20) if name == "NotifyPeriodicEventStream"]) in (3, 4, 5)
    assert bench.serve("GetPeriodicEventStream", {})["constantStreamData"][0]["variableMonitoringId"] == number
    adjust = {"id": number, "params": {"interval": 60}}
    assert bench.serve("AdjustPeriodicEventStream", adjust)["status"] == "Accepted"
    cleared = bench.serve("ClearVariableMonitoring", {"id": [number, 99]})["clearMonitoringResult"]
    assert [entry["status"] for entry in cleared] == ["Accepted", "NotFound"]
    assert bench.pump()[0][0] == "ClosePeriodicEventStream"
