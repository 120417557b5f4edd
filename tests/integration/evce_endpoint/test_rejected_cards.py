"""A card that the hub let charge while the CSMS was away, and that the CSMS rejects once it hears of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devices.evce.dialect import HUB_ID_TAG
from devices.evce.provider.token_frames import StationTokens
from devices.evce.schemas import Version
from homeapp.ports import TokenGroup, TokenVerdict
from kit.evce_street import ALL, DEVICE, Tls
from kit.upstream_street import BOOT, PlainStation, UpstreamStreet, run

STAMP = "2027-01-15T12:00:00Z"
CARD = "owner-tag"
STOP = {Version.V16: "RemoteStopTransaction"}
NOTICE = f"card_rejected.{DEVICE}"


class Cards:
    """Implements ``TokenBook``."""

    def __init__(self, *households: str) -> None:
        self.households = households

    def is_households(self, token: str) -> bool:
        return token in self.households

    def provider_list(self, device_id: str, verdicts: Sequence[TokenVerdict], *, full: bool) -> None:
        pass

    def group(self, device_id: str, token: str) -> TokenGroup | None:
        return None

    def master_pass(self, device_id: str, group: str) -> None:
        pass

    def provider_judged(self, device_id: str, verdict: TokenVerdict) -> None:
        pass


async def begin(station: PlainStation, card: str = CARD) -> None:
    """A transaction begins with a card."""
    if station.version is Version.V16:
        start = {"connectorId": 1, "idTag": card, "meterStart": 0, "timestamp": STAMP}
        await station.say("StartTransaction", json.dumps(start))
    else:
        await station.say("TransactionEvent", event("Started", 0, card))


def event(kind: str, number: int, card: str | None = None) -> str:
    info = {"transactionId": "t1", "chargingState": "Charging"}
    more: dict[str, Any] = {"idToken": {"idToken": card, "type": "ISO14443"}} if card else {}
    body = {"eventType": kind, "seqNo": number, "timestamp": STAMP, "triggerReason": "Authorized"}
    return json.dumps(body | {"transactionInfo": info, "evse": {"id": 1}} | more)


def rejecting(street: UpstreamStreet) -> None:
    street.csms.answers["StartTransaction"] = {"transactionId": 555, "idTagInfo": {"status": "Invalid"}}
    street.csms.answers["TransactionEvent"] = {"idTokenInfo": {"status": "Invalid"}}


def stops(station: PlainStation) -> list[str]:
    wanted = STOP.get(station.version, "RequestStopTransaction")
    return [payload for _, action, payload in station.calls if action == wanted]


def at_home(tls: Tls, directory: Path, body: Any, *households: str) -> None:
    book = Cards(*households)
    run(tls, directory, body, tokens=lambda device_id: StationTokens(device_id, book))


@pytest.mark.parametrize("version", ALL)
def test_its_transaction_is_stopped_once(tls: Tls, tmp_path: Path, version: Version) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.status = 503
        async with street.station(version) as station:
            await station.say("BootNotification", BOOT[version])
            await begin(station)
            rejecting(street)
            street.csms.status = None
            await street.up()
            await station.until_called(STOP.get(version, "RequestStopTransaction"))
            await street.way.until(lambda: NOTICE in street.way.notices)
            running = street.upstreams._ways[DEVICE]._upward.station.transaction
            assert running is not None
            assert [str(json.loads(payload)["transactionId"]) for payload in stops(station)] == [running.id]
            assert "was stopped" in street.way.notices[NOTICE]
            # Whatever the station says until it has stopped.
            await station.say("Heartbeat", "{}")
            await street.settled()
            assert len(stops(station)) == 1

    at_home(tls, tmp_path, body)


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_a_card_of_the_household_goes_on(tls: Tls, tmp_path: Path, version: Version) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.status = 503
        for card in (CARD, HUB_ID_TAG):
            async with street.station(version) as station:
                await station.say("BootNotification", BOOT[version])
                await begin(station, card)
                rejecting(street)
                street.csms.status = None
                await street.up()
                await station.say("Heartbeat", "{}")
                assert stops(station) == []
                assert NOTICE not in street.way.notices
                street.csms.status = 503
                street.csms.cut()

    at_home(tls, tmp_path, body, CARD)


def goes_on(version: Version, transaction: str) -> tuple[str, str]:
    """What a station says of a transaction that goes on."""
    if version is not Version.V16:
        return "TransactionEvent", event("Updated", 1)
    value = [{"timestamp": STAMP, "sampledValue": [{"value": "10"}]}]
    return "MeterValues", json.dumps({"connectorId": 1, "transactionId": int(transaction), "meterValue": value})


@pytest.mark.parametrize("version", [Version.V16, Version.V21])
def test_a_hub_that_has_started_anew_still_stops_it(tls: Tls, tmp_path: Path, version: Version) -> None:
    stop, running = STOP.get(version, "RequestStopTransaction"), []

    async def first(street: UpstreamStreet) -> None:
        street.csms.status = 503
        async with street.station(version) as station:
            await station.say("BootNotification", BOOT[version])
            await begin(station)
            station.answers[stop] = None
            rejecting(street)
            street.csms.status = None
            await street.up()
            await station.until_called(stop)
            found = street.upstreams._ways[DEVICE]._upward.station.transaction
            assert found is not None
            running.append(found.id)
            assert NOTICE not in street.way.notices

    async def second(street: UpstreamStreet) -> None:
        async with street.station(version) as station:
            await street.up()
            await station.say(*goes_on(version, running[0]))
            _, asked = await station.until_called(stop)
            assert str(json.loads(asked)["transactionId"]) == running[0]
            await street.way.until(lambda: NOTICE in street.way.notices)
            assert await street.stops.load(DEVICE) == ()

    at_home(tls, tmp_path, first)
    at_home(tls, tmp_path, second)


def test_what_is_to_be_stopped_is_forgotten_with_the_consent(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201):
            await street.stops.keep(DEVICE, ["t1"])
            assert await street.stops.load(DEVICE) == ("t1",)
            assert await street.stops_of("another csms").load(DEVICE) == ()
            street.way.allowed = False
            street.upstreams.consent_changed()
            await street.upstreams.void()
            assert await street.stops.load(DEVICE) == ()

    at_home(tls, tmp_path, body)


def test_what_is_over_meanwhile_is_not_stopped(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.status = 503
        async with street.station(Version.V201) as station:
            await station.say("BootNotification", BOOT[Version.V201])
            await begin(station)
            await station.say("TransactionEvent", event("Ended", 1))
            rejecting(street)
            street.csms.status = None
            await street.up()
            await station.say("Heartbeat", "{}")
            assert stops(station) == []
            assert NOTICE not in street.way.notices

    at_home(tls, tmp_path, body)


def test_the_owner_hears_of_a_station_that_refuses_to_stop(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.status = 503
        async with street.station(Version.V201) as station:
            await station.say("BootNotification", BOOT[Version.V201])
            await begin(station)
            station.answers["RequestStopTransaction"] = '{"status":"Rejected"}'
            rejecting(street)
            street.csms.status = None
            await street.up()
            await station.until_called("RequestStopTransaction")
            await street.way.until(lambda: NOTICE in street.way.notices)
            assert "refused to stop" in street.way.notices[NOTICE]

    at_home(tls, tmp_path, body)
