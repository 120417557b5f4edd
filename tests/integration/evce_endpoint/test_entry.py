"""Who gets in at the endpoint, and what is installed before anything else."""

import asyncio
import contextlib
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from devices.evce.entrance import MOST_VISITORS
from devices.evce.schemas import Version
from homeapp.errors import DeviceUnreachable
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import (
    ALL,
    DEVICE,
    FLOOR_W,
    NAME,
    PASSWORD,
    Json,
    Street,
    Tls,
    period_of,
    profile_of,
    purpose_of,
    run,
    schedule_of,
)


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("version", ALL)
def test_a_station_knocks_is_enrolled_and_comes_back(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.station(version, password=None) as station:
            assert (await station.boot())["status"] == "Pending"
            candidate = street.register.candidates[-1]
            assert (candidate.device_id, candidate.product) == (DEVICE, "Acme Box")
            assert candidate.properties["protocol"] == version.value
            password = await street.endpoint.enrol(DEVICE)
            if version is Version.V16:
                setting = {"key": "AuthorizationKey", "value": password.encode().hex()}
                assert station.calls == [("ChangeConfiguration", setting)]
            else:
                ((action, payload),) = station.calls
                (data,) = payload["setVariableData"]
                place = (data["component"], data["variable"])
                assert (action, *place) == ("SetVariables", {"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword"})
                assert data["attributeValue"] == password
            assert 20 <= len(password) <= 40
            street.adopt(password=password)
            await street.endpoint.drop(DEVICE)
            await asyncio.wait_for(station.socket.wait_closed(), 10)
        assert street.endpoint.evce(DEVICE) is None
        async with street.station(version, password=password) as station:
            assert (await station.boot())["status"] == "Accepted"
            state = await street.register.until_status(EvceStatus.AVAILABLE)
            assert state.capabilities is not None
            assert state.capabilities.protocol == version.value
        state = await street.register.until_status(EvceStatus.OFFLINE)
        assert not state.connected

    run(tls, body)


@pytest.mark.parametrize("version", ALL)
def test_a_knocking_station_has_no_effect(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.station(version, password=None) as station:
            if version is Version.V16:
                answer = await station.call("Authorize", {"idTag": "homeapp"})
                assert answer["idTagInfo"]["status"] == "Invalid"
                start = {"connectorId": 1, "idTag": "homeapp", "meterStart": 0, "timestamp": station.stamp()}
                assert (await station.call("StartTransaction", start))["idTagInfo"]["status"] == "Invalid"
            else:
                token = {"idToken": {"idToken": "homeapp", "type": "Central"}}
                assert (await station.call("Authorize", token))["idTokenInfo"]["status"] == "Invalid"
                assert (await station.event("Started", **token))["idTokenInfo"]["status"] == "Invalid"
            await station.plug_in()
            assert street.register.state is None
            assert street.endpoint.evce(DEVICE) is None
            assert station.calls == []

    run(tls, body)


def test_only_a_few_unknown_stations_get_in_and_adopted_ones_always(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for number in range(MOST_VISITORS):
                await stack.enter_async_context(street.station(Version.V16, name=f"s{number}", password=None))
            with pytest.raises(InvalidStatus) as refused:
                await stack.enter_async_context(street.station(Version.V16, name="one-more", password=None))
            assert refused.value.response.status_code == 503
            # The same station may come again, and an adopted one has its own door.
            await stack.enter_async_context(street.station(Version.V16, name="s0", password=None))
            await stack.enter_async_context(street.secured(Version.V16))

    run(tls, body)


@pytest.mark.usecase("W4")
def test_the_door_refuses_wrong_passwords_names_and_protocols(tls: Tls) -> None:
    async def status(street: Street, **options: Any) -> int:
        with pytest.raises(InvalidStatus) as refused:
            async with street.station(Version.V21, **options):
                pass
        code: int = refused.value.response.status_code
        return code

    async def body(street: Street) -> None:
        street.adopt()
        assert await status(street, password="wrong") == 401
        assert await status(street, password=None) == 401
        assert await status(street, path="/ocpp/") == 404
        assert await status(street, path="/ocpp/" + "x" * 49) == 404
        assert await status(street, path="/ocpp/a/b") == 404
        assert await status(street, path="/ocpp/%2e%2e%2fetc") == 404
        assert await status(street, subprotocols=["ocpp2.0"]) == 400
        assert await status(street, subprotocols=None) == 400
        # Another's name does not open this one's door, even with its password.
        street.adopt("other")
        assert await status(street, path="/ocpp/other") == 401

    run(tls, body)


def test_the_newest_protocol_that_both_speak_is_taken_in_the_hubs_order(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        offered = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
        async with street.station(Version.V21, subprotocols=offered, path=f"/{NAME}") as station:
            assert station.version is Version.V21

    run(tls, body)


def test_a_station_that_sends_the_hex_text_of_its_key_gets_in(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V16, password=PASSWORD.encode().hex()) as station:
            assert (await station.boot())["status"] == "Accepted"

    run(tls, body)


@pytest.mark.usecase("A2", "D2")
@pytest.mark.parametrize("version", ALL)
def test_the_floor_comes_first_and_again_after_each_return(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        for _ in range(2):
            async with street.secured(version) as (station, evce):
                profiles = [profile_of(payload) for action, payload in station.calls if action == "SetChargingProfile"]
                assert station.calls[0][0] == "SetChargingProfile"
                assert [profile["chargingProfilePurpose"] for profile in profiles] == [
                    "TxDefaultProfile",
                    "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile",
                ]
                assert (period_of(profiles[0])["limit"], schedule_of(profiles[0])["chargingRateUnit"]) == (6.0, "A")
                assert "duration" not in schedule_of(profiles[0])
                assert "validTo" not in profiles[0]
                assert period_of(profiles[1])["limit"] == 16.0
                actions = [action for action, _ in station.calls]
                assert actions.index("TriggerMessage") > 1
                assert evce.state.granted_w == FLOOR_W
                assert evce.state.lease_until is None
            await street.register.until_status(EvceStatus.OFFLINE)
            assert EvceStatus.STARTING in street.register.statuses

    run(tls, body)


def test_a_station_that_returns_without_a_boot_is_secured_all_the_same(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V201) as station:
            await station.call("Heartbeat", {})
            await street.register.until_status(EvceStatus.AVAILABLE)
            assert purpose_of(station.calls[0][1]) == "TxDefaultProfile"
        async with street.station(Version.V201) as silent:
            await street.register.until_status(EvceStatus.AVAILABLE)
            assert purpose_of(silent.calls[0][1]) == "TxDefaultProfile"

    run(tls, body)


def test_a_refused_floor_is_a_problem_and_is_tried_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        refusing = True

        def answer(payload: Json) -> Json:
            refused = refusing and purpose_of(payload) == "TxDefaultProfile"
            return {"status": "Rejected" if refused else "Accepted"}

        async with street.station(Version.V16) as station:
            station.answers["SetChargingProfile"] = answer
            await station.boot()
            await street.register.until(
                lambda: street.register.state is not None and bool(street.register.state.problem)
            )
            assert EvceStatus.AVAILABLE not in street.register.statuses
            evce = street.endpoint.evce(DEVICE)
            assert evce is not None
            with pytest.raises(DeviceUnreachable, match="safe limit"):
                await evce.apply(EvceCommand(limit_w=5000))
            units = {
                schedule_of(profile_of(body))["chargingRateUnit"] for action, body in station.calls if profile_of(body)
            }
            assert units == {"A", "W"}
            assert "ClearChargingProfile" in [action for action, _ in station.calls]
            refusing = False
            state = await street.register.until_status(EvceStatus.AVAILABLE)
            assert state.problem is None

    run(tls, body, speed=60.0)
