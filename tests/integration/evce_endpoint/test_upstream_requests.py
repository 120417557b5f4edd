"""Messages between CSMS and station that the hub reads, changes, answers itself or passes on as they are."""

import json
from pathlib import Path

import pytest

from devices.evce.dialect import Outgoing
from devices.evce.schemas import Version
from homeapp.model.live import LinkState
from kit.evce_street import ALL, CallError, Tls
from kit.raw_csms import CsmsError, NotingProfiles
from kit.upstream_street import UpstreamStreet, run


def test_some_settings_are_refused_and_the_others_of_the_same_call_are_made(tls: Tls, tmp_path: Path) -> None:
    def item(component: str, variable: str, value: str = "1") -> dict[str, object]:
        return {"attributeValue": value, "component": {"name": component}, "variable": {"name": variable}}

    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            names = [("TxCtrlr", "A"), ("SecurityCtrlr", "BasicAuthPassword"), ("TxCtrlr", "B")]
            result = [
                {"attributeStatus": "Accepted", "component": {"name": "TxCtrlr"}, "variable": {"name": name}}
                for name in ("A", "B")
            ]
            station.answers["SetVariables"] = json.dumps({"setVariableResult": result})
            answer = await street.csms.call("SetVariables", {"setVariableData": [item(*name) for name in names]}, "s")
            results = json.loads(answer)["setVariableResult"]
            assert [(one["variable"]["name"], one["attributeStatus"]) for one in results] == [
                ("A", "Accepted"),
                ("BasicAuthPassword", "Rejected"),
                ("B", "Accepted"),
            ]
            sent = next(json.loads(raw) for message_id, _, raw in station.calls if message_id == "s")
            assert sent == {"setVariableData": [item("TxCtrlr", "A"), item("TxCtrlr", "B")]}

    run(tls, tmp_path, body)


def test_a_station_does_not_read_what_the_hub_did_not_judge(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V16) as station:
            asked = len(station.calls)
            text = '{"key":"AuthorizationKey","key":"HeartbeatInterval","value":"1"}'
            await street.csms.call("ChangeConfiguration", text)
            for action in ("setchargingprofile", "SetNetworkProfile"):
                with pytest.raises(CsmsError, match="NotImplemented"):
                    await street.csms.call(action, {})
            assert {"ChangeConfiguration", "setchargingprofile"}.isdisjoint(
                name for _, name, raw in station.calls[asked:] if "Authorization" in raw or name.islower()
            )

    run(tls, tmp_path, body)


@pytest.mark.parametrize("version", ALL)
def test_what_nobody_here_knows_is_passed_on_while_there_is_a_way(tls: Tls, tmp_path: Path, version: Version) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["Abracadabra"] = {"a": 1}
        async with street.online(version) as station:
            assert json.loads(await station.say("Abracadabra", '{"x" :1}', "up")) == {"a": 1}
            assert ("up", "Abracadabra", '{"x" :1}') in street.csms.heard
            station.answers["Hocus"] = '{"p": 2}'
            assert await street.csms.call("Hocus", '{"y" :1}', "down") == '{"p": 2}'
            assert ("down", "Hocus", '{"y" :1}') in station.calls
            station.errors["Hocus"] = ["NotSupported", "no", {"d": 1}]
            with pytest.raises(CsmsError, match="NotSupported"):
                await street.csms.call("Hocus", "{}")
            street.csms.cut()
            await street.way.until(lambda: street.way.links[-1][0] is not LinkState.UP)
            with pytest.raises(CallError, match="NotImplemented"):
                await station.say("Abracadabra", "{}")

    run(tls, tmp_path, body)


def test_reports_that_the_hub_has_asked_for_stay_here(tls: Tls, tmp_path: Path) -> None:
    def report(number: int) -> str:
        return f'{{"requestId":{number},"generatedAt":"2027-01-15T12:00:00Z","seqNo":0}}'

    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            await street.csms.call("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
            await station.say("NotifyReport", report(8))
            await station.say("NotifyReport", report(7))
            await street.csms.until_heard("NotifyReport")
            assert [payload["requestId"] for payload in street.csms.of("NotifyReport")] == [7]

    run(tls, tmp_path, body)


def test_the_password_of_the_leg_is_not_shown(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V16) as station:
            keys = [{"key": "authorizationKey", "readonly": False, "value": "6e6f"}, {"key": "B", "readonly": True}]
            station.answers["GetConfiguration"] = json.dumps({"configurationKey": keys})
            answer = json.loads(await street.csms.call("GetConfiguration", {}))
            assert answer == {"configurationKey": [{"key": "authorizationKey", "readonly": False}, keys[1]]}
        async with street.online(Version.V201) as station:
            await street.csms.call("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
            data = {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "variableAttribute": [{"value": "secret", "mutability": "WriteOnly"}],
            }
            body = {"requestId": 7, "generatedAt": "2027-01-15T12:00:00Z", "seqNo": 0, "reportData": [data]}
            await station.say("NotifyReport", json.dumps(body))
            (reported,) = await street.csms.until_heard("NotifyReport")
            assert reported["reportData"][0]["variableAttribute"] == [{"mutability": "WriteOnly"}]

    run(tls, tmp_path, body)


def test_messages_that_wait_at_the_hub_are_in_the_queue(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            station.answers["GetTransactionStatus"] = '{"messagesInQueue": false}'
            assert await street.csms.call("GetTransactionStatus", {}) == '{"messagesInQueue": false}'
            street.csms.answers["SecurityEventNotification"] = None
            await station.say("SecurityEventNotification", '{"type":"x","timestamp":"2027-01-15T12:00:00Z"}')
            assert json.loads(await street.csms.call("GetTransactionStatus", {})) == {"messagesInQueue": True}

    run(tls, tmp_path, body, write_through_s=0.02)


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_unsigned_software_is_not_passed_on(tls: Tls, tmp_path: Path, version: Version) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(version) as station:
            if version is Version.V16:
                with pytest.raises(CsmsError, match="SecurityError"):
                    await street.csms.call(
                        "UpdateFirmware", {"location": "https://a.example/f", "retrieveDate": "2027-01-15T12:00:00Z"}
                    )
            else:
                firmware = {"location": "https://a.example/f", "retrieveDateTime": "2027-01-15T12:00:00Z"}
                answer = await street.csms.call("UpdateFirmware", {"requestId": 1, "firmware": firmware})
                assert json.loads(answer)["status"] == "Rejected"
                signed = firmware | {"signature": "c2ln", "signingCertificate": "pem"}
                await street.csms.call("UpdateFirmware", {"requestId": 1, "firmware": signed}, "signed")
                assert [name for message_id, name, _ in station.calls if message_id == "signed"] == ["UpdateFirmware"]
            names = [message_id for message_id, name, _ in station.calls if name == "UpdateFirmware"]
            assert names in ([], ["signed"])

    run(tls, tmp_path, body)


def test_without_somebody_for_profiles_none_is_taken(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V16):
            with pytest.raises(CsmsError, match="NotSupported"):
                await street.csms.call("ClearChargingProfile", {})

    run(tls, tmp_path, body)


def test_the_owner_takes_control_back_and_what_profiles_say_follows_the_answer(tls: Tls, tmp_path: Path) -> None:
    profiles = NotingProfiles({"GetChargingProfiles": {"status": "Accepted"}})
    start = {"idToken": {"idToken": "t", "type": "Central"}, "remoteStartId": 1}

    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            profiles.then = (Outgoing("NotifyEvent", {"generatedAt": "2027-01-15T12:00:00Z", "seqNo": 0}),)
            profiles.provider_commands = False
            asked = len(station.calls)
            for action, payload in (
                ("RequestStartTransaction", start),
                ("RequestStopTransaction", {"transactionId": "t"}),
            ):
                assert json.loads(await street.csms.call(action, payload))["status"] == "Rejected"
            assert not {"RequestStartTransaction", "RequestStopTransaction"} & {
                name for _, name, _ in station.calls[asked:]
            }

    run(tls, tmp_path, body, profiles=lambda _device: profiles)


@pytest.mark.parametrize("version", ALL)
def test_the_hubs_own_token_needs_nobodys_word(tls: Tls, tmp_path: Path, version: Version) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(version) as station:
            if version is Version.V16:
                street.csms.answers["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": "Invalid"}}
                text = '{"connectorId":1,"idTag":"homeapp","meterStart":1,"timestamp":"2027-01-15T12:00:00Z"}'
                answer = json.loads(await station.say("StartTransaction", text))
                assert answer == {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
                await station.say("Authorize", '{"idTag":"homeapp"}')
            else:
                street.csms.answers["TransactionEvent"] = {"idTokenInfo": {"status": "Invalid"}, "totalCost": 1}
                event = {
                    "eventType": "Started",
                    "timestamp": "2027-01-15T12:00:00Z",
                    "triggerReason": "RemoteStart",
                    "seqNo": 0,
                    "transactionInfo": {"transactionId": "t"},
                    "idToken": {"idToken": "homeapp", "type": "Central"},
                }
                answer = json.loads(await station.say("TransactionEvent", json.dumps(event)))
                assert answer == {"idTokenInfo": {"status": "Accepted"}, "totalCost": 1}
                await station.say("Authorize", '{"idToken":{"idToken":"homeapp","type":"Central"}}')
            assert street.csms.of("Authorize") == []

    run(tls, tmp_path, body)


def test_a_message_without_an_answer_goes_up_as_one(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V21) as station:
            text = '{"id": 1,"pending":0,"basetime":"2027-01-15T12:00:00Z","data":[{"t":1,"v":"2"}]}'
            await station.socket.send(f'[6,"s-1","NotifyPeriodicEventStream",{text}]')
            await street.csms.until_heard("NotifyPeriodicEventStream")
            assert street.csms.heard[-1][1:] == ("NotifyPeriodicEventStream", text)

    run(tls, tmp_path, body)
