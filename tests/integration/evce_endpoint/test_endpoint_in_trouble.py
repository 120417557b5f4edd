"""Stations that return, repeat themselves, or speak nonsense."""

import asyncio
import contextlib
import json

import pytest
from websockets.exceptions import ConnectionClosed

from devices.evce.endpoint import OcppEndpoint
from devices.evce.schemas import Version
from homeapp.errors import DeviceRefused, DeviceUnreachable, EnvironmentProblem
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import ALL, DEVICE, LIMITS, CallError, Json, RawStation, Street, Tls, run


def test_the_newest_socket_is_the_station(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (older, evce, _):
            async with street.station(Version.V201) as newer:
                await asyncio.wait_for(older.socket.wait_closed(), 10)
                await newer.call("Heartbeat", {})
                await street.register.until(
                    lambda: street.register.state is not None and street.register.state.status is EvceStatus.CHARGING
                )
                assert evce.state.connected
                before = len(newer.calls)
                await evce.apply(EvceCommand(limit_w=8000))
                await newer.until_profile("TxProfile", before)
            await street.register.until_status(EvceStatus.OFFLINE)
            with pytest.raises(DeviceUnreachable):
                await evce.apply(EvceCommand(limit_w=8000))

    run(tls, body)


def test_a_restart_of_the_station_has_everything_installed_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            await evce.apply(EvceCommand(limit_w=7000))
            before = len(station.calls)
            await station.boot()
            await station.until_profile("TxDefaultProfile", before)
            await street.register.until_status(EvceStatus.CHARGING)
            after = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            await station.until_profile("TxProfile", after)

    run(tls, body)


def test_a_foreign_transaction_is_adopted(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V16) as (station, evce):
            await station.call("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"})
            await station.measure("4711", 3000.0, 30)
            state = await street.register.until_status(EvceStatus.CHARGING)
            assert (state.transaction_id, state.session_wh) == ("4711", None)
            await evce.apply(EvceCommand(limit_w=5000))
            assert (await station.until_profile("TxProfile"))["transactionId"] == 4711

    run(tls, body)


def test_a_repeated_start_begins_one_transaction(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V16) as (station, _):
            start = {"connectorId": 1, "idTag": "homeapp", "meterStart": 5, "timestamp": station.stamp()}
            first = await station.call("StartTransaction", start, "id-1")
            again = await station.call("StartTransaction", start, "id-1")
            assert first == again
            assert 0 < first["transactionId"] < 2**31
        async with street.station(Version.V16) as station:
            # Over a new connection, where the answer was lost with the old one.
            assert await station.call("StartTransaction", start, "id-1") == first

    run(tls, body)


@pytest.mark.parametrize("version", ALL)
def test_bad_frames_are_answered_politely_and_survived(tls: Tls, version: Version) -> None:
    bad = [
        "not json", "{}", "null", "[]", "[2]", '[2,"a"]', '[9,"a","b",{}]', '[2,"a","Heartbeat"]', '[2,5,{},{}]',
        "[" * 3000 + "]" * 3000, '[2,"a","Heartbeat",[]]', '[3,"unknown",{}]', '[4,"-1","GenericError","",{}]',
        '[5,"a","InternalError","",{}]', '[6,"a","NotifyPeriodicEventStream",{"id":1}]', '["2","a","Heartbeat",{}]',
        '[2,"n","Heartbeat",{"x":NaN}]', '[true,"a","Heartbeat",{}]', '[2,"' + "x" * 500 + '","Heartbeat",{}]',
    ]  # fmt: skip

    async def body(street: Street) -> None:
        async with street.secured(version) as (station, _):
            for frame in bad:
                await station.socket.send(frame)
            await station.socket.send(b"\x00\xff binary")
            await station.call("Heartbeat", {})
            errors = []
            while not station.other.empty():
                errors.append(station.other.get_nowait())
            assert errors
            assert {error[0] for error in errors} == {4}
            if version is Version.V16:
                assert {error[2] for error in errors} == {"GenericError"}
                assert "-1" not in {error[1] for error in errors}
            else:
                assert {error[2] for error in errors} == {"RpcFrameworkError"}
                assert "-1" in {error[1] for error in errors}

    run(tls, body)


def test_unknown_actions_and_wrong_fields_get_the_right_error(tls: Tls) -> None:
    async def raw(station: RawStation, action: str, payload: Json) -> str:
        future = station._waiting["x"] = asyncio.get_running_loop().create_future()
        await station.socket.send(json.dumps([2, "x", action, payload]))
        with pytest.raises(CallError) as error:
            await asyncio.wait_for(future, 10)
        return str(error.value)

    async def body(street: Street) -> None:
        async with street.secured(Version.V21) as (station, _):
            assert await raw(station, "../../etc/passwd", {}) == "NotImplemented"
            assert await raw(station, "VatNumberValidation", {"vatNumber": "1"}) == "NotImplemented"
            assert await raw(station, "StatusNotification", {"connectorStatus": 5}) == "FormatViolation"
            assert await raw(station, "TransactionEvent", {"eventType": "Started"}) == "FormatViolation"
        async with street.secured(Version.V16) as (station, _):
            assert await raw(station, "StatusNotification", {"connectorId": "1"}) == "FormationViolation"

    run(tls, body)


def test_a_message_that_breaks_the_schema_in_fields_we_do_not_read_is_served(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V16) as (station, _):
            future = station._waiting["x"] = asyncio.get_running_loop().create_future()
            status = {"connectorId": 1, "status": "Preparing", "errorCode": "Whatever", "vendorExtra": [1]}
            await station.socket.send(json.dumps([2, "x", "StatusNotification", status]))
            assert await asyncio.wait_for(future, 10) == {}
            await street.register.until_status(EvceStatus.PLUGGED)

    run(tls, body)


def test_an_absurdly_large_frame_costs_the_connection_and_nothing_else(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V201) as (station, _):
            with contextlib.suppress(ConnectionClosed):
                await station.socket.send('[2,"a","DataTransfer",{"vendorId":"' + "x" * (2 << 20) + '"}]')
            await street.register.until_status(EvceStatus.OFFLINE)
        async with street.station(Version.V201) as station:
            assert (await station.boot())["status"] == "Accepted"

    run(tls, body)


def test_a_port_in_use_is_the_environments_problem(tls: Tls) -> None:
    async def body(street: Street) -> None:
        second = OcppEndpoint(
            host="127.0.0.1",
            port=street.endpoint.port,
            tls=tls[0],
            clock=street.clock,
            limits=lambda _: LIMITS,
            lease_s=60,
        )
        with pytest.raises(EnvironmentProblem):
            await second.run(street.register)

    run(tls, body)


def test_enrolling_somebody_who_is_not_there_or_does_not_take_it(tls: Tls) -> None:
    async def body(street: Street) -> None:
        with pytest.raises(DeviceUnreachable):
            await street.endpoint.enrol(DEVICE)
        await street.endpoint.drop(DEVICE)
        async with street.station(Version.V16, password=None) as station:
            await station.boot()
            station.answers["ChangeConfiguration"] = {"status": "NotSupported"}
            with pytest.raises(DeviceRefused):
                await street.endpoint.enrol(DEVICE)

    run(tls, body)
