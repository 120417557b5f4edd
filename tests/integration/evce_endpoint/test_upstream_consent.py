"""What is said to the CSMS ends with the consent, and all that leaves is counted."""

import asyncio
from pathlib import Path

from devices.evce.schemas import Version
from homeapp.ports import StationMessage
from kit.evce_street import DEVICE, Tls
from kit.upstream_street import BOOT, NOTHING_HAPPENED, STATUS, UpstreamStreet, run


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
            await station.say("NotifyEvent", NOTHING_HAPPENED, "unheard-2")
            await station.say("StatusNotification", STATUS[Version.V201])
            await street.csms.until(lambda: street.csms.connection is None)
            assert street.csms.heard[heard:] == []
            assert await street.outbox.first_waiting(DEVICE) is None
            street.way.allowed = True
            street.upstreams.consent_changed()
            await street.up()
            # How it stands now is told again; what was said meanwhile is not.
            await street.csms.until_heard("StatusNotification")
            await station.say("NotifyEvent", NOTHING_HAPPENED, "heard")
            await street.csms.until(lambda: street.csms.heard[-1][0] == "heard")
            assert not {"unheard", "unheard-2"} & {message_id for message_id, _, _ in street.csms.heard}

    run(tls, tmp_path, body, write_through_s=0.02)


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
