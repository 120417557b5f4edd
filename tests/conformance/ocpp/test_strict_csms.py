"""A station and a CSMS of another project, with schemas of their own for every message, and the hub in between."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from devices.evce.schemas import Version
from homeapp.store.database import Database
from kit.evce_street import ALL, NAME, PASSWORD
from kit.station_keys import Vouching
from kit.strict_peer import StrictPeer
from kit.upstream_street import CSMS_PASSWORD, UpstreamStreet

Json = dict[str, Any]
HUBS_OWN = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
OTHER = {"component": {"name": "ClockCtrlr"}, "variable": {"name": "TimeZone"}}


def set_variables(*places: Json) -> Json:
    return {"setVariableData": [place | {"attributeValue": "a-value-of-16-chr"} for place in places]}


async def of_1_6(csms: StrictPeer, station: StrictPeer) -> None:
    get = await csms.do("GetConfiguration", payload={"key": ["HeartbeatInterval"]})
    assert get == {"configurationKey": [], "unknownKey": []}
    for key, status in (("HeartbeatInterval", "Accepted"), ("AuthorizationKey", "Rejected"), ("CpoName", "Rejected")):
        assert await csms.do("ChangeConfiguration", payload={"key": key, "value": "300"}) == {"status": status}
    assert await csms.do("UnlockConnector", payload={"connectorId": 1}) == {"status": "Unlocked"}
    certificate = {"certificateType": "CentralSystemRootCertificate", "certificate": "MII="}
    assert await csms.do("InstallCertificate", payload=certificate) == {"status": "Rejected"}
    plain = {"location": "https://firmware.example/9", "retrieveDate": "2027-01-15T12:00:00Z"}
    assert await csms.refused("UpdateFirmware", payload=plain) == "SecurityError"
    assert {"key": "AuthorizationKey", "value": "300"} not in [payload for _, payload in station.asked]


async def of_2_x(csms: StrictPeer, station: StrictPeer) -> None:
    answer = await csms.do("GetVariables", payload={"getVariableData": [OTHER]})
    assert answer["getVariableResult"][0]["attributeStatus"] == "UnknownVariable"
    answer = await csms.do("SetVariables", payload=set_variables(OTHER, HUBS_OWN, OTHER))
    assert [result["attributeStatus"] for result in answer["setVariableResult"]] == ["Accepted", "Rejected", "Accepted"]
    assert (await csms.do("UnlockConnector", payload={"evseId": 1, "connectorId": 1}))["status"] == "Unlocked"
    way = {"ocppVersion": "OCPP20", "ocppTransport": "JSON", "ocppCsmsUrl": "wss://elsewhere.example/"}
    profile = way | {"securityProfile": 2, "messageTimeout": 30, "ocppInterface": "Wired0"}
    refused = await csms.do("SetNetworkProfile", payload={"configurationSlot": 2, "connectionData": profile})
    assert refused["status"] == "Rejected"
    certificate = {"certificateType": "CSMSRootCertificate", "certificate": "MII="}
    assert (await csms.do("InstallCertificate", payload=certificate))["status"] == "Rejected"
    firmware = {"location": "https://firmware.example/9", "retrieveDateTime": "2027-01-15T12:00:00Z"}
    assert (await csms.do("UpdateFirmware", payload={"requestId": 1, "firmware": firmware}))["status"] == "Rejected"
    asked = [item["variable"]["name"] for _, payload in station.asked for item in payload.get("setVariableData", [])]
    assert asked.count("TimeZone") == 2
    assert "BasicAuthPassword" not in asked
    assert "SetNetworkProfile" not in [action for action, _ in station.asked]


async def a_charge(street: UpstreamStreet, csms: StrictPeer, station: StrictPeer, version: Version) -> None:
    assert (await station.do("boot"))["status"] == "Accepted"
    await csms.until_asked("BootNotification")
    # What is said of a connector before the CSMS has accepted the station may be lost.
    await street.up()
    await station.do("plug in")
    await station.do("authorize", token="a-customer")
    await station.do("begin", token="a-customer")
    await station.do("needs")
    await station.do("measure", watts=4000)
    await station.do("end")
    security = {"type": "FirmwareUpdated", "timestamp": "2027-01-15T12:00:00Z"}
    assert await station.do("SecurityEventNotification", payload=security) == {}
    assert await station.do("DataTransfer", payload={"vendorId": "com.acme"}) == {"status": "Accepted"}
    assert await station.do("FirmwareStatusNotification", payload={"status": "Idle"}) == {}
    told = ["BootNotification", "StatusNotification", "Authorize", "SecurityEventNotification", "DataTransfer"]
    told += ["StartTransaction", "MeterValues", "StopTransaction"] if version is Version.V16 else ["TransactionEvent"]
    for action in told:
        await csms.until_asked(action)


@pytest.mark.parametrize("version", ALL)
def test_the_hub_between_two_strict_peers(tmp_path: Path, version: Version) -> None:
    hub = Vouching(tmp_path)

    async def between(csms: StrictPeer, street: UpstreamStreet) -> None:
        endpoint = f"wss://127.0.0.1:{street.endpoint.port}/ocpp"
        options = {"endpoint": endpoint, "identity": NAME, "version": version.value, "ca": hub.authority.ca_pem}
        async with StrictPeer.playing("station.js", **options, password=PASSWORD) as station:
            await a_charge(street, csms, station, version)
            await (of_1_6 if version is Version.V16 else of_2_x)(csms, station)
            trigger = {"requestedMessage": "StatusNotification"}
            assert (await csms.do("TriggerMessage", payload=trigger))["status"] == "Accepted"
            assert await csms.do("DataTransfer", payload={"vendorId": "com.example"}) == {"status": "Accepted"}
            await station.do("leave")
        assert station.complaints == []

    async def main() -> None:
        told = {"identity": NAME, "password": CSMS_PASSWORD, "version": version.value}
        async with Database(tmp_path) as database, StrictPeer.playing("csms.js", **told) as csms:
            street = UpstreamStreet((hub.server, hub.client()), database, speed=1.0)
            street.register.passwords[f"ocpp:{NAME}"] = PASSWORD
            street.csms.port = (await csms.told("listening"))["port"]
            async with asyncio.TaskGroup() as tasks:
                started = await street.start(tasks)
                await asyncio.wait_for(between(csms, street), 60)
                for task in started:
                    task.cancel()
        assert csms.complaints == []

    asyncio.run(main())
