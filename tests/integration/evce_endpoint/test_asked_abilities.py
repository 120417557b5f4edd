"""A station is asked what it can do, and what it has said counts for the others of its make."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from devices.evce import capability as capabilities
from devices.evce.capability import Capability
from devices.evce.schemas import Version
from homeapp.model.readings import EvceStatus, LimitControl
from kit.evce_street import ALL, DEVICE, Street, Tls, profile_of, run, schedule_of


@pytest.mark.parametrize("version", ALL)
def test_a_station_is_asked_once_what_it_can_do_and_again_with_new_firmware(tls: Tls, version: Version) -> None:
    name = "GetConfiguration" if version is Version.V16 else "GetVariables"

    async def body(street: Street) -> None:
        asked = []
        for _ in range(2):
            async with street.secured(version) as (station, _):
                asked.append([action for action, _ in station.calls].count(name))
        assert asked[0] > 0
        assert asked[1] == 0
        kept = capabilities.decode(await street.keeper.value(capabilities.capability_key(DEVICE)))
        assert kept is not None
        assert kept.made_by == ("Acme", "Box", "" if version is Version.V16 else "9")
        street.adopt()
        async with street.station(version) as station:
            await station.boot(firmware="10")
            await station.until_called(lambda action, _: action == name)

    run(tls, body)


@contextlib.asynccontextmanager
async def another(street: Street, version: Version, number: int) -> AsyncIterator[list[str]]:
    """A further station of the same maker; what it was asked."""
    name = f"garage-{number}"
    street.adopt(name)
    street.register.state = None
    async with street.station(version, name=name) as station:
        await station.boot()
        state = await street.register.until_status(EvceStatus.AVAILABLE)
        assert state.device_id == f"ocpp:{name}"
        yield [action for action, _ in station.calls]


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_a_second_station_of_a_make_is_not_asked_what_the_first_has_said(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        settings = {"SmartChargingCtrlr.Phases3to1": "true"}
        async with street.secured(version, settings=settings):
            own = Capability(made_by=("Acme", "Box", "9"), protocol=version.value, probed=True)
            learnt = replace(own, phase_switching=True, tx_refusals=2, out_of_service=True)
            await street.keeper.keep_mark(capabilities.capability_key(DEVICE), capabilities.encode(learnt))
        async with another(street, version, 2) as asked:
            assert "GetVariables" not in asked
            kept = capabilities.decode(await street.keeper.value(capabilities.capability_key("ocpp:garage-2")))
            assert kept is not None
            assert (kept.phase_switching, kept.tx_refusals, kept.out_of_service) == (True, 0, False)
        other = Version.V21 if version is Version.V201 else Version.V201
        async with another(street, other, 3) as asked:
            assert "GetVariables" in asked, "another protocol"

    run(tls, body)


def test_a_make_that_is_not_certain_or_was_mixed_up_is_asked(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V16):
            pass
        async with another(street, Version.V16, 2) as asked:
            assert "GetConfiguration" in asked, "without a firmware it may be any"
        key = capabilities.make_key(("Acme", "Box", "9"), "ocpp2.1")
        assert key is not None
        stranger = Capability(made_by=("Other", "Box", "9"), protocol="ocpp2.1", probed=True, max_stack_level=0)
        for number, text in ((3, capabilities.encode(stranger)), (4, "no JSON")):
            await street.keeper.keep_mark(key, text)
            async with another(street, Version.V21, number) as asked:
                assert "GetVariables" in asked

    run(tls, body)


def test_what_it_can_do_shows_in_its_state(tls: Tls) -> None:
    async def body(street: Street) -> None:
        settings = {"ChargingScheduleAllowedChargingRateUnit": "Power", "ConnectorSwitch3to1PhaseSupported": "true"}
        async with street.secured(Version.V16, settings=settings) as (_, evce):
            found = evce.state.capabilities
            assert found is not None
            assert (found.control, found.phase_switching) == (LimitControl.FULL, True)
            assert "OCPP 1.6, which cannot" in (found.feed_refusal or "")
        async with street.secured(Version.V16) as (station, _):
            first = profile_of(station.calls[0][1])
            assert schedule_of(first)["chargingRateUnit"] == "W", "known from the last time"

    run(tls, body)


def test_another_protocol_of_the_same_firmware_is_asked_anew(tls: Tls) -> None:
    async def body(street: Street) -> None:
        for version in (Version.V201, Version.V21):
            async with street.secured(version) as (station, _):
                assert "GetVariables" in [action for action, _ in station.calls]

    run(tls, body)
