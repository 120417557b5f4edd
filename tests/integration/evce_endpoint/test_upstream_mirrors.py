"""Further CSMSs that look on."""

import json
from pathlib import Path

import pytest

from devices.evce.schemas import Version
from kit.evce_street import ALL, Tls
from kit.raw_csms import CsmsError, RawCsms
from kit.upstream_street import BOOT, NOTHING_HAPPENED, STATUS, UpstreamStreet, run


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
            await station.say("NotifyEvent", NOTHING_HAPPENED)
            for csms in (street.csms, mirror):
                await csms.until_heard("NotifyEvent")
                assert len(csms.of("StatusNotification")) == 1

    run(tls, tmp_path, body, mirror)
