"""The way to a CSMS: when it is open, how it is registered on, who is refused what, and what the owner decides."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.evce import rpc
from devices.evce.dialect import Outgoing
from devices.evce.frames import Frame
from devices.evce.rpc import RpcPeer
from devices.evce.schemas import Version
from devices.evce.upstream.csms_link import LONGEST_WAIT_S, WAIT_MINIMUM_S, CsmsAccess, CsmsLink
from homeapp.errors import SettingsInvalid
from homeapp.model.live import LinkState
from homeapp.ports import StationMessage
from kit import schema_examples
from kit.clocks import LeapingClock
from kit.evce_street import ALL, DEVICE, CallError, Tls
from kit.raw_csms import BOOTED, CsmsError, NotingProfiles, RawCsms
from kit.upstream_street import BOOT, UpstreamStreet, run

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
SENTENCE = "Enter another password."


# Back-off and refusals at the door, by the clock


class _Doors:
    """A link that only ever knocks, until ``attempts`` pauses have been made."""

    def __init__(self) -> None:
        self.clock = LeapingClock(NOON)
        self.told: list[tuple[LinkState, str | None]] = []
        self.uses = 0

    async def knock(self, url: str, attempts: int, spread: Callable[[float], float], **access: object) -> list[float]:
        async def none() -> None:
            return None

        fields: dict[str, object] = {"tls": none, "password": none} | access
        target = CsmsAccess(name="Example", url=url, how_to_mend=SENTENCE, **fields)  # type: ignore[arg-type]
        link = CsmsLink(target, "box", self.clock, lambda *state: self.told.append(state), spread)
        keeping = asyncio.create_task(link.keep(Version.V201, self._serve, self._use))
        async with asyncio.timeout(10):
            while len(self.clock.naps) < attempts:
                await asyncio.sleep(0.001)
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        return self.clock.naps[:attempts]

    async def _serve(self, _frame: Frame) -> dict[str, object]:
        return {}

    async def _use(self, _peer: RpcPeer) -> None:
        self.uses += 1


def test_pauses_double_up_to_five_minutes_and_are_spread_by_chance() -> None:
    async def main() -> None:
        doors = _Doors()
        longest = await doors.knock("ws://127.0.0.1:9/x", 8, lambda most: most)
        assert longest == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]
        assert await _Doors().knock("ws://127.0.0.1:9/x", 4, lambda _most: 0.0) == [WAIT_MINIMUM_S] * 4
        assert "cannot be reached" in str(doors.told[1][1])

    asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "slow", "words"),
    [
        (401, True, SENTENCE),
        (403, True, SENTENCE),
        (404, True, "registered"),
        (400, True, "version"),
        (503, False, "503"),
    ],
)
def test_who_is_refused_is_told_why_and_knocks_slowly(status: int, words: str, slow: bool) -> None:
    async def main() -> None:
        csms, doors = RawCsms(), _Doors()
        csms.status = status
        async with csms.open():
            naps = await doors.knock(f"ws://127.0.0.1:{csms.port}/x", 2, lambda _most: 0.0)
        assert naps == [LONGEST_WAIT_S if slow else WAIT_MINIMUM_S] * 2
        assert words in str(doors.told[1][1])

    asyncio.run(main())


def test_the_password_goes_nowhere_else() -> None:
    async def main() -> None:
        csms, other, doors = RawCsms(), RawCsms(), _Doors()

        async def password() -> str:
            return "open sesame"

        async with other.open(), csms.open():
            csms.redirect = f"ws://127.0.0.1:{other.port}/x"
            await doors.knock(f"ws://127.0.0.1:{csms.port}/x", 1, lambda _most: 0.0, password=password)
        assert other.knocks == []
        assert "302" in str(doors.told[1][1])

    asyncio.run(main())


def test_a_missing_password_is_a_sentence() -> None:
    async def main() -> None:
        async def missing() -> str:
            raise SettingsInvalid("Its password is missing.")

        doors = _Doors()
        assert await doors.knock("ws://127.0.0.1:9/x", 1, lambda _most: 0.0, password=missing) == [LONGEST_WAIT_S]
        assert doors.told[1] == (LinkState.DOWN, "Its password is missing.")

    asyncio.run(main())


# Registration


@pytest.mark.parametrize("version", ALL)
def test_nothing_but_the_introduction_goes_out_before_it_is_accepted(
    tls: Tls, tmp_path: Path, version: Version
) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["BootNotification"] = lambda _payload: answers.pop(0) if answers else BOOTED
        async with street.station(version) as station:
            await station.say("BootNotification", BOOT[version])
            await station.say("StatusNotification", STATUS[version])
            await station.say("StatusNotification", STATUS[version])
            event = "SecurityEventNotification", '{"type":"x","timestamp":"2027-01-15T12:00:00Z"}'
            await station.say(*event)
            with contextlib.suppress(CallError):
                await station.say("DataTransfer", '{"vendorId":"v"}')
            await street.csms.until_heard("BootNotification", 4)
            await street.up()
            heard = [action for _, action, _ in street.csms.heard]
            assert heard[:5] == ["BootNotification"] * 4 + [event[0]]
            # The newest status of each connector, once.
            await street.csms.until_heard("StatusNotification")
            assert [raw for _, action, raw in street.csms.heard if "Status" in action] == [STATUS[version]]
            assert len({message_id for message_id, _, _ in street.csms.heard[:4]}) == 4
            assert any("registered" in str(problem) for _, problem in street.way.links)

    wait = {"currentTime": "2027-01-15T12:00:00Z", "interval": 20}
    answers = [{"status": "Pending"} | wait, {"status": "Rejected"} | wait, {"status": "Pending"} | wait]
    run(tls, tmp_path, body)


STATUS = {
    Version.V16: '{"connectorId": 1,"status":"Available","errorCode":"NoError"}',
    Version.V201: '{"evseId":1,"connectorId": 1,"connectorStatus":"Available","timestamp":"2027-01-15T12:00:00Z"}',
    Version.V21: '{"evseId":1,"connectorId": 1,"connectorStatus":"Available","timestamp":"2027-01-15T12:00:00Z"}',
}


def test_a_csms_that_rejects_may_ask_for_nothing_and_one_that_hesitates_may_not_start(tls: Tls, tmp_path: Path) -> None:
    start = {"idToken": {"idToken": "t", "type": "Central"}, "remoteStartId": 1}

    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["BootNotification"] = BOOTED | {"status": "Rejected"}
        async with street.station(Version.V201) as station:
            await station.say("BootNotification", BOOT[Version.V201])
            await street.way.until(lambda: bool(street.way.links) and "rejects" in str(street.way.links[-1][1]))
            with pytest.raises(CsmsError, match="SecurityError"):
                await street.csms.call("GetLocalListVersion", {})
            street.csms.answers["BootNotification"] = BOOTED | {"status": "Pending"}
            street.upstreams._ways[DEVICE]._downward.registration.due.set()  # type: ignore[union-attr]
            await street.way.until(lambda: "not accepted" in str(street.way.links[-1][1]))
            assert json.loads(await street.csms.call("RequestStartTransaction", start))["status"] == "Rejected"
            await street.csms.call("GetLocalListVersion", {})

    run(tls, tmp_path, body)


def test_heartbeats_are_the_hubs_own_at_the_interval_of_the_csms(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["BootNotification"] = BOOTED | {"interval": 10}
        street.csms.answers["Heartbeat"] = {"currentTime": "2027-01-15T12:00:00Z"}
        async with street.online(Version.V16) as station:
            await station.say("Heartbeat", "{}", "of-the-station")
            await street.csms.until_heard("Heartbeat", 3)
            assert "of-the-station" not in [message_id for message_id, _, _ in street.csms.heard]

    run(tls, tmp_path, body)


def test_a_csms_that_answers_no_heartbeats_is_called_anew(
    tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 0.2)

    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["BootNotification"] = BOOTED | {"interval": 10}
        street.csms.answers["Heartbeat"] = None
        async with street.online(Version.V16):
            await street.csms.until(lambda: street.csms.connections == 2)
            assert len(street.csms.of("Heartbeat")) >= 2

    run(tls, tmp_path, body)


def test_what_the_csms_wants_triggered_of_the_leg_comes_from_the_hub(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["Heartbeat"] = {"currentTime": "2027-01-15T12:00:00Z"}
        async with street.online(Version.V201) as station:
            for wanted, answer in (
                ("Heartbeat", "Accepted"),
                ("BootNotification", "Accepted"),
                ("SignChargingStationCertificate", "Rejected"),
            ):
                reply = await street.csms.call("TriggerMessage", {"requestedMessage": wanted}, wanted)
                assert json.loads(reply)["status"] == answer
                assert wanted not in [message_id for message_id, _, _ in station.calls]
            await street.csms.until_heard("Heartbeat")
            await street.csms.until_heard("BootNotification", 2)

    run(tls, tmp_path, body)


# The station comes and goes


def test_a_station_that_is_gone_has_no_way_and_one_that_comes_back_has(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V21) as station:
            asked = asyncio.create_task(street.csms.call("GetLocalListVersion", {}))
            station.answers["GetLocalListVersion"] = None
            await station.until_called("GetLocalListVersion")
            station.cut()
            with contextlib.suppress(CsmsError):
                await asyncio.wait_for(asked, 0.2)
        await street.way.until(lambda: street.way.links[-1] == (LinkState.DOWN, None))
        await street.csms.until(lambda: street.csms.connection is None)
        async with street.station(Version.V21):
            # It says nothing of itself; the hub remembers.
            await street.up()
            assert len(street.csms.of("BootNotification")) == 2

    run(tls, tmp_path, body)


@pytest.mark.parametrize(("version", "code"), [(Version.V16, "GenericError"), (Version.V21, "InternalError")])
def test_whoever_asks_for_a_station_that_is_away_is_told_so_at_once(
    tls: Tls, tmp_path: Path, version: Version, code: str
) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(version) as station:
            street.upstreams._ways[DEVICE]._downward.link = None
            for action in ("GetLocalListVersion", "Abracadabra"):
                with pytest.raises(CsmsError, match=f"{code}.*station offline"):
                    await street.csms.call(action, {})
            assert "GetLocalListVersion" not in [name for _, name, _ in station.calls]

    run(tls, tmp_path, body)


def test_a_lost_link_leaves_the_station_alone(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            await station.say("StatusNotification", STATUS[Version.V201], "status")
            await street.csms.until_heard("StatusNotification")
            street.csms.cut()
            await street.way.until(lambda: street.way.links[-1][0] is not LinkState.UP)
            await station.say("Heartbeat", "{}")
            await street.up()
            assert street.csms.connections == 2
            await street.csms.until_heard("StatusNotification", 2)
            first, again = [entry for entry in street.csms.heard if entry[1] == "StatusNotification"]
            assert (first[0], first[2]) == ("status", again[2])
            assert again[0] != "status", "what the hub repeats is a message of its own"

    run(tls, tmp_path, body)


def test_a_station_that_never_said_who_it_is_is_asked(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.station(Version.V201) as station:
            async with asyncio.timeout(10):
                while not any("BootNotification" in raw for _, _, raw in station.calls):
                    await station.until_called("TriggerMessage")
                    await asyncio.sleep(0.01)
            assert street.csms.knocks == []
            await station.say("BootNotification", BOOT[Version.V201])
            await street.up()

    run(tls, tmp_path, body)


# The owner


def test_taking_the_consent_back_closes_the_way_and_voids_what_waits(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            street.csms.answers["SecurityEventNotification"] = None
            event = '{"type":"x","timestamp":"2027-01-15T12:00:00Z"}'
            await station.say("SecurityEventNotification", event)
            assert await street.outbox.first_waiting(DEVICE) is not None
            heard = len(street.csms.heard)
            street.way.allowed = False
            street.upstreams.consent_changed()
            assert await street.upstreams.void() == 1
            await station.say("SecurityEventNotification", event, "unheard")
            await station.say("NotifyEvent", _NOTHING_HAPPENED, "unheard-2")
            await station.say("StatusNotification", STATUS[Version.V201])
            await street.csms.until(lambda: street.csms.connection is None)
            assert street.csms.heard[heard:] == []
            assert await street.outbox.first_waiting(DEVICE) is None
            street.way.allowed = True
            street.upstreams.consent_changed()
            await street.up()
            # How it stands now is told again; what was said meanwhile is not.
            await street.csms.until_heard("StatusNotification")
            await station.say("NotifyEvent", _NOTHING_HAPPENED, "heard")
            await street.csms.until(lambda: street.csms.heard[-1][0] == "heard")
            assert not {"unheard", "unheard-2"} & {message_id for message_id, _, _ in street.csms.heard}

    run(tls, tmp_path, body, write_through_s=0.02)


_NOTHING_HAPPENED = json.dumps(schema_examples.request(Version.V201, "NotifyEvent"))


def test_what_is_on_its_way_when_the_consent_is_taken_back_is_not_kept(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            street.csms.answers["SecurityEventNotification"] = None
            event = "SecurityEventNotification", '{"type":"x","timestamp":"2027-01-15T12:00:00Z"}'
            said = asyncio.create_task(station.say(*event))
            await street.csms.until_heard(event[0])
            street.way.allowed = False
            street.upstreams.consent_changed()
            assert await street.upstreams.void() == 0
            assert await said == "{}"
            assert await street.outbox.first_waiting(DEVICE) is None

    run(tls, tmp_path, body)


def test_what_is_being_kept_when_the_consent_is_taken_back_does_not_stay(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        put = street.outbox.put

        async def overtaken(device_id: str, message: StationMessage) -> int | None:
            street.way.allowed = False
            street.upstreams.consent_changed()
            await street.upstreams.void()
            return await put(device_id, message)

        street.csms.status = 503
        async with street.station(Version.V201) as station:
            await station.say("BootNotification", BOOT[Version.V201])
            street.outbox.put = overtaken  # type: ignore[method-assign]
            await station.say("SecurityEventNotification", '{"type":"x","timestamp":"2027-01-15T12:00:00Z"}')
            assert await street.outbox.first_waiting(DEVICE) is None

    run(tls, tmp_path, body)


def test_what_leaves_is_counted(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            event = '{"type":"x","timestamp":"2027-01-15T12:00:00Z"}'
            await station.say("SecurityEventNotification", event)
            assert street.way.out[0] == ("BootNotification", len(BOOT[Version.V201]))
            assert ("SecurityEventNotification", len(event)) in street.way.out

    run(tls, tmp_path, body)


# Requests with a meaning of their own


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


# Those that look on


def test_mirrors_hear_what_goes_up_and_may_ask_for_nothing(tls: Tls, tmp_path: Path) -> None:
    mirror = RawCsms()

    async def body(street: UpstreamStreet) -> None:
        mirror.answers["StartTransaction"] = {"transactionId": 9, "idTagInfo": {"status": "Blocked"}}
        street.csms.answers["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
        async with street.online(Version.V16) as station:
            await mirror.until_heard("BootNotification")
            start = '{"connectorId":1,"idTag":"tag","meterStart":1,"timestamp":"2027-01-15T12:00:00Z"}'
            assert json.loads(await station.say("StartTransaction", start, "m"))["transactionId"] == 5
            stop = '{"timestamp":"2027-01-15T12:30:00Z","transactionId":%d,"meterStop":2}'
            await station.say("StopTransaction", stop % 5)
            await mirror.until_heard("StopTransaction")
            assert mirror.heard[-1][2] == stop % 9
            assert ("m", "StartTransaction", start) in mirror.heard
            asked = len(station.calls)
            for action in ("RemoteStopTransaction", "SetChargingProfile", "Reset", "GetConfiguration"):
                with pytest.raises(CsmsError, match="SecurityError"):
                    await mirror.call(action, {})
            await mirror.call("TriggerMessage", {"requestedMessage": "BootNotification"})
            await mirror.until_heard("BootNotification", 2)
            assert "Reset" not in [name for _, name, _ in station.calls[asked:]]
            # One that is gone is missed by nobody.
            mirror.status = 503
            mirror.cut()
            await station.say("StartTransaction", start, "n")
            assert street.csms.heard[-1][0] == "n"

    run(tls, tmp_path, body, mirror)


@pytest.mark.parametrize("version", ALL)
def test_mirrors_hear_boot_and_statuses_again_after_each_reconnect(tls: Tls, tmp_path: Path, version: Version) -> None:
    mirror = RawCsms()

    async def body(street: UpstreamStreet) -> None:
        async with street.online(version) as station:
            await station.say("StatusNotification", STATUS[version], "s-1")
            await mirror.until_heard("BootNotification")
            await mirror.until_heard("StatusNotification")
            for number in (2, 3):
                before = len(mirror.heard)
                mirror.cut()
                await mirror.until_heard("BootNotification", number)
                await mirror.until_heard("StatusNotification", number)
                actions = [(action, payload) for _, action, payload in mirror.heard[before:]]
                assert actions[:2] == [
                    ("BootNotification", BOOT[version]),
                    ("StatusNotification", STATUS[version]),
                ]
            ids = [message_id for message_id, action, _ in mirror.heard if action == "StatusNotification"]
            assert len(set(ids)) == len(ids)

    run(tls, tmp_path, body, mirror)


def test_a_status_of_another_version_is_not_told(tls: Tls, tmp_path: Path) -> None:
    mirror = RawCsms()

    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V16) as station:
            await station.say("StatusNotification", STATUS[Version.V16])
            await street.csms.until_heard("StatusNotification")
            await mirror.until_heard("StatusNotification")
        async with street.online(Version.V201) as station:
            for csms in (street.csms, mirror):
                await csms.until_heard("BootNotification", 2)
            await station.say("NotifyEvent", _NOTHING_HAPPENED)
            for csms in (street.csms, mirror):
                await csms.until_heard("NotifyEvent")
                assert len(csms.of("StatusNotification")) == 1

    run(tls, tmp_path, body, mirror)
