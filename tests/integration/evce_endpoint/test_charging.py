"""Limits, sessions and power feed over the endpoint."""

import asyncio

import pytest

from devices.evce import rpc
from devices.evce.schemas import Version
from homeapp.errors import DeviceRefused, DeviceUnreachable, NotSupported
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import ALL, FLOOR_W, Street, Tls, period_of, profile_of, run, schedule_of


@pytest.mark.usecase("A2", "F4")
@pytest.mark.parametrize("version", ALL)
def test_a_car_is_charged_under_a_leased_limit(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.secured(version) as (station, evce):
            await station.plug_in()
            assert (await street.register.until_status(EvceStatus.PLUGGED)).transaction_id is None
            await evce.apply(EvceCommand(limit_w=7000))
            await station.until_called(
                lambda action, _: action in ("RemoteStartTransaction", "RequestStartTransaction")
            )
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            assert len(station.calls) == before, "one start in 30 s is enough"
            transaction_id = await station.begin()
            await evce.apply(EvceCommand(limit_w=7000))
            profile = await station.until_profile("TxProfile")
            assert str(profile["transactionId"]) == transaction_id
            assert period_of(profile)["limit"] == 10.1, "7000 W on three phases, never rounded up"
            assert schedule_of(profile)["duration"] == 120
            state = evce.state
            assert (state.granted_w, state.granted_feed_w, state.transaction_id) == (7000, 0.0, transaction_id)
            assert state.lease_until is not None
            assert 55 < (state.lease_until - street.clock.now()).total_seconds() <= 60
            await station.measure(transaction_id, 6900.0, 41)
            state = await street.register.until_status(EvceStatus.CHARGING)
            assert (state.power_w, state.soc_pct) == (6900.0, 41)

    run(tls, body)


@pytest.mark.parametrize("version", [Version.V16, Version.V21])
def test_where_a_card_is_needed_the_hub_starts_nothing(
    tls: Tls, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(street: Street) -> None:
        monkeypatch.setattr(street.register, "authorizes", lambda _device_id, token: token == "owner-tag")
        async with street.secured(version) as (station, evce):
            await station.plug_in()
            await street.register.until_status(EvceStatus.PLUGGED)
            await evce.apply(EvceCommand(limit_w=7000))
            starts = {"RemoteStartTransaction", "RequestStartTransaction"}
            assert not starts & {action for action, _ in station.calls}
            await station.begin()
            await evce.apply(EvceCommand(limit_w=7000))
            assert await station.until_profile("TxProfile")

    run(tls, body)


@pytest.mark.usecase("S3")
@pytest.mark.parametrize("version", ALL)
def test_the_energy_of_a_session_is_told_to_its_end(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.charging(version) as (station, evce, transaction_id):
            if version is Version.V16:
                assert evce.state.session_wh == 2500.0
                stop = {"transactionId": int(transaction_id), "meterStop": 4000, "timestamp": station.stamp()}
                assert await station.call("StopTransaction", stop) == {}
                assert evce.state.session_wh == 3000.0
            else:
                later = [
                    {"timestamp": station.stamp(), "sampledValue": [{"value": 4.5, "unitOfMeasure": {"unit": "kWh"}}]}
                ]
                await station.event("Ended", 2, meterValue=later)
                assert evce.state.session_wh == 1000.0
            assert evce.state.transaction_id is None
            assert evce.state.power_w == 0.0
            assert evce.state.lease_until is None

    run(tls, body)


def test_only_noticeable_changes_and_half_lapsed_leases_reach_the_station(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):

            async def sent(limit_w: float) -> int:
                before = len(station.calls)
                await evce.apply(EvceCommand(limit_w=limit_w))
                return len(station.calls) - before

            assert await sent(7000) == 1
            assert await sent(7000) == 0
            assert await sent(7300) == 0, "less than half an ampere more"
            assert await sent(7500) == 1
            assert await sent(7400) == 1, "less is passed on at once"
            assert await sent(0) == 1
            assert await sent(0) == 0
            street.clock.move(31)
            assert await sent(0) == 1, "half of the lease is over"

    run(tls, body)


def test_a_station_that_wants_watts_gets_watts(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V16) as (station, evce, _):
            station.answers["SetChargingProfile"] = lambda payload: {
                "status": "Accepted" if schedule_of(profile_of(payload))["chargingRateUnit"] == "W" else "Rejected"
            }
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            await evce.apply(EvceCommand(limit_w=9000))
            units = [schedule_of(profile_of(payload))["chargingRateUnit"] for _, payload in station.calls[before:]]
            assert units == ["A", "W", "W"]
            assert period_of(profile_of(station.calls[-1][1]))["limit"] == 9000.0
            assert evce.state.granted_w == 9000

    run(tls, body)


def test_a_refused_limit_is_told_once_and_not_hammered(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            station.answers["SetChargingProfile"] = {"status": "Rejected"}
            with pytest.raises(DeviceRefused):
                await evce.apply(EvceCommand(limit_w=7000))
            assert evce.state.granted_w == FLOOR_W
            assert evce.state.problem is not None
            before = len(station.calls)
            with pytest.raises(DeviceRefused):
                await evce.apply(EvceCommand(limit_w=7000))
            assert len(station.calls) == before
            station.answers["SetChargingProfile"] = {"status": "Accepted"}
            await evce.apply(EvceCommand(limit_w=5000))
            assert evce.state.granted_w == 5000
            assert evce.state.problem is None

    run(tls, body)


def test_a_limit_that_is_accepted_and_ignored_is_told_and_sent_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, transaction_id):
            await evce.apply(EvceCommand(limit_w=5000))
            before = len(station.calls)
            async with asyncio.timeout(10):
                while evce.state.problem is None:
                    await station.measure(transaction_id, 11000.0, 41)
                    await evce.apply(EvceCommand(limit_w=5000))
                    await street.clock.sleep(5)
            assert "does not keep it" in evce.state.problem
            await station.until_profile("TxProfile", before)
            await station.measure(transaction_id, 4900.0, 41)
            await evce.apply(EvceCommand(limit_w=5000))
            assert evce.state.problem is None

    run(tls, body, speed=30.0)


def test_a_station_that_stops_answering_is_told_and_recovers(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            station.answers["SetChargingProfile"] = lambda _payload: None
            monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 0.05)
            for _ in range(3):
                assert evce.state.problem is None
                with pytest.raises(DeviceUnreachable):
                    await evce.apply(EvceCommand(limit_w=7000))
            assert evce.state.problem is not None
            assert evce.state.granted_w == 7000, "it may have taken the limit, and only its answer was lost"
            assert evce.state.connected
            monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 10)
            station.answers["SetChargingProfile"] = {"status": "Accepted"}
            await evce.apply(EvceCommand(limit_w=7000))
            assert evce.state.problem is None
            assert evce.state.granted_w == 7000

    run(tls, body)


def test_wishes_at_the_same_time_end_with_the_newest(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            before = len(station.calls)
            await asyncio.gather(*(evce.apply(EvceCommand(limit_w=limit)) for limit in (9000, 8000, 7000, 7000)))
            sent = [period_of(profile_of(payload))["limit"] for _, payload in station.calls[before:]]
            assert sent == [13.0, 10.1], "those that still waited were replaced"
            assert evce.state.granted_w == 7000

    run(tls, body)


def test_a_station_that_knows_no_zero_is_paused_by_a_stop(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V16) as (station, evce, transaction_id):
            station.answers["SetChargingProfile"] = lambda payload: {
                "status": "Accepted" if period_of(profile_of(payload))["limit"] > 0 else "Rejected"
            }
            await evce.apply(EvceCommand(limit_w=0))
            stop = await station.until_called(lambda action, _: action == "RemoteStopTransaction")
            assert str(stop["transactionId"]) == transaction_id

    run(tls, body)


@pytest.mark.usecase("D3", "T2")
def test_a_car_that_can_feed_is_asked_to_feed_by_a_setpoint(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V21) as (station, evce, transaction_id):
            with pytest.raises(NotSupported):
                await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            needs = {
                "requestedEnergyTransfer": "AC_BPT",
                "v2xChargingParameters": {"maxChargePower": 11000, "maxDischargePower": 5000},
            }
            answer = await station.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs})
            assert answer["status"] == "Accepted"
            assert evce.state.capabilities is not None
            assert (evce.state.capabilities.can_feed, evce.state.capabilities.max_feed_w) == (True, 5000)
            await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            profile = await station.until_profile("TxProfile")
            assert period_of(profile) == {"startPeriod": 0, "setpoint": -3000, "operationMode": "CentralSetpoint"}
            assert schedule_of(profile)["chargingRateUnit"] == "W"
            assert schedule_of(profile)["duration"] == 120
            assert profile["transactionId"] == transaction_id
            assert (evce.state.granted_w, evce.state.granted_feed_w) == (0.0, 3000)
            await station.measure(transaction_id, -2950.0, 60)
            assert (await street.register.until_status(EvceStatus.FEEDING)).power_w == -2950.0
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=4000))
            period = period_of(await station.until_profile("TxProfile", before))
            assert period["operationMode"] == "ChargingOnly"
            assert "setpoint" not in period
            assert evce.state.granted_feed_w == 0.0

    run(tls, body)


def test_older_versions_never_feed(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            before = len(station.calls)
            with pytest.raises(NotSupported):
                await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            assert len(station.calls) == before

    run(tls, body)
