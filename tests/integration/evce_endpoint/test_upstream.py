"""The way from a station to its CSMS: at once, by the outbox, and back."""

import asyncio
import json
from pathlib import Path

import pytest

from devices.evce.schemas import Version
from kit.evce_street import ALL, Tls
from kit.upstream_street import BOOT, UpstreamStreet, run


def _event(kind: str, number: int) -> str:
    info = '{"chargingState" : "Charging","transactionId": "t1"}'
    stamp = f"2027-01-15T12:00:{number % 60:02}.500Z"
    return (
        f'{{"eventType":"{kind}", "seqNo":{number},"timestamp":"{stamp}","triggerReason":'
        f'"Trigger","transactionInfo":{info},  "evse":{{"id":1}}}}'
    )


@pytest.mark.parametrize("version", ALL)
def test_a_station_is_introduced_under_its_own_name(tls: Tls, tmp_path: Path, version: Version) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(version):
            path, headers = street.csms.knocks[0]
            assert path == "/ocpp/garage-1"
            assert headers["Authorization"].startswith("Basic ")
            assert street.csms.heard[0][1:] == ("BootNotification", BOOT[version])

    run(tls, tmp_path, body)


def test_a_transaction_goes_up_at_once_byte_for_byte(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["TransactionEvent"] = {"totalCost": 1.5}
        async with street.online(Version.V201) as station:
            assert json.loads(await station.say("TransactionEvent", _event("Started", 0), "m-0")) == {"totalCost": 1.5}
            assert street.csms.heard[-1] == ("m-0", "TransactionEvent", _event("Started", 0))

    run(tls, tmp_path, body)


def test_what_the_csms_did_not_hear_in_time_is_answered_here_and_passed_on_in_order(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        async with street.online(Version.V201) as station:
            street.csms.answers["TransactionEvent"] = None
            assert await station.say("TransactionEvent", _event("Started", 0), "m-0") == "{}"
            street.csms.cut()
            street.csms.answers["TransactionEvent"] = {}
            for number in range(1, 5):
                await station.say("TransactionEvent", _event("Updated", number), f"m-{number}")
            await street.up()
            heard = [message_id for message_id, action, _ in street.csms.heard if action == "TransactionEvent"]
            assert heard == ["m-0", "m-0", "m-1", "m-2", "m-3", "m-4"]

    run(tls, tmp_path, body, write_through_s=0.05)


def test_nothing_leaves_before_the_owner_agrees(tls: Tls, tmp_path: Path) -> None:
    async def body(street: UpstreamStreet) -> None:
        street.way.allowed = False
        async with street.station(Version.V201) as station:
            await station.say("BootNotification", BOOT[Version.V201])
            await station.say("TransactionEvent", _event("Started", 0))
            await asyncio.sleep(0)
            assert street.csms.knocks == []
            assert await street.outbox.first_waiting("ocpp:garage-1") is None

    run(tls, tmp_path, body)
