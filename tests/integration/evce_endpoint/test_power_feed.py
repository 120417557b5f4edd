"""Power feed over the endpoint: setpoints, how they are updated, and when they end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from devices.evce.charger import OcppEvce
from devices.evce.schemas import Version
from homeapp.errors import DeviceRefused, NotSupported
from homeapp.model.readings import EvceCommand, EvceStatus, LimitControl
from kit.evce_street import FLOOR_W, Json, RawStation, Street, Tls, period_of, profile_of, run, schedule_of

DYNAMIC = {"SmartChargingCtrlr.SupportsDynamicProfiles": "true", "V2XChargingCtrlr.Enabled": "true"}
BOTH_WAYS = {"maxChargePower": 11000, "maxDischargePower": 8000}


@asynccontextmanager
async def feeding_car(
    street: Street, needs: Json | None = None, **options: Any
) -> AsyncIterator[tuple[RawStation, OcppEvce, str]]:
    async with street.charging(Version.V21, **options) as (station, evce, tx):
        told = needs or {"requestedEnergyTransfer": "AC_BPT", "v2xChargingParameters": BOTH_WAYS}
        answer = await station.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": told})
        assert answer["status"] == "Accepted"
        yield station, evce, tx


def calls_since(station: RawStation, before: int) -> list[tuple[str, Json]]:
    names = ("SetChargingProfile", "UpdateDynamicSchedule")
    return [(action, payload) for action, payload in station.calls[before:] if action in names]


@pytest.mark.usecase("D3", "T2")
def test_a_dynamic_setpoint_is_updated_and_not_replaced(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with feeding_car(street, settings=DYNAMIC) as (station, evce, tx):
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            ((_, first),) = calls_since(station, before)
            profile = profile_of(first)
            assert (profile["chargingProfileKind"], profile["dynUpdateInterval"]) == ("Dynamic", 30)
            assert schedule_of(profile)["duration"] == 60
            assert profile["maxOfflineDuration"] == 60
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=0, feed_w=5000))
            await station.measure(tx, -5000.0, 40)
            street.clock.move(31)
            await evce.apply(EvceCommand(limit_w=0, feed_w=5000))
            update = {"chargingProfileId": profile["id"], "scheduleUpdate": {"setpoint": -5000}}
            assert calls_since(station, before) == [("UpdateDynamicSchedule", update)] * 2, "the second renews it"
            assert (evce.state.granted_w, evce.state.granted_feed_w) == (0, 5000)
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=4140))
            ((_, charge),) = calls_since(station, before)
            assert profile_of(charge)["chargingProfileKind"] == "Absolute"
            assert period_of(profile_of(charge))["operationMode"] == "ChargingOnly"
            assert evce.state.granted_feed_w == 0

    run(tls, body)


def test_a_station_pulls_the_present_setpoint_and_0_when_control_stands_still(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with feeding_car(street, settings=DYNAMIC) as (station, evce, _):
            await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            number = profile_of(calls_since(station, 0)[-1][1])["id"]
            answer = await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": number})
            assert answer == {"status": "Accepted", "scheduleUpdate": {"setpoint": -3000}}
            answer = await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": 5})
            assert answer["status"] == "Rejected"
            street.clock.move(61)
            answer = await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": number})
            assert answer["scheduleUpdate"] == {"setpoint": 0}
            assert evce.state.granted_feed_w == 0

    run(tls, body)


@pytest.mark.parametrize("refused", ["UpdateDynamicSchedule", "Dynamic"])
def test_a_station_that_knows_no_updates_gets_whole_profiles(tls: Tls, refused: str) -> None:
    async def body(street: Street) -> None:
        async with feeding_car(street, settings=DYNAMIC) as (station, evce, _):
            station.answers["UpdateDynamicSchedule"] = {"status": "Rejected"}
            if refused == "Dynamic":
                station.answers["SetChargingProfile"] = lambda payload: {
                    "status": "Rejected" if profile_of(payload)["chargingProfileKind"] == "Dynamic" else "Accepted"
                }
            before = len(station.calls)
            for feed_w in (3000, 5000, 7000):
                await evce.apply(EvceCommand(limit_w=0, feed_w=feed_w))
                assert evce.state.granted_feed_w == feed_w
            kinds = [
                profile_of(payload)["chargingProfileKind"]
                for action, payload in calls_since(station, before)
                if action == "SetChargingProfile"
            ]
            assert kinds == (["Dynamic", "Dynamic", "Absolute", "Absolute", "Absolute"] if refused == "Dynamic" else [
                "Dynamic", "Dynamic", "Dynamic",
            ])  # fmt: skip
            assert period_of(profile_of(station.calls[-1][1]))["setpoint"] == -7000

    run(tls, body)


def test_a_feed_never_outlasts_a_minute_and_never_becomes_a_default(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with feeding_car(street) as (station, evce, _):
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=0, feed_w=3000, lease_s=600))
            profile = profile_of(calls_since(station, before)[-1][1])
            start = datetime.fromisoformat(schedule_of(profile)["startSchedule"])
            assert (start - street.clock.now()).total_seconds() + schedule_of(profile)["duration"] <= 61
            assert (profile["maxOfflineDuration"], profile["invalidAfterOfflineDuration"]) == (60, True)
            station.answers["SetChargingProfile"] = {"status": "Rejected"}
            before = len(station.calls)
            with pytest.raises(DeviceRefused):
                await evce.apply(EvceCommand(limit_w=0, feed_w=6000))
            purposes = {profile_of(payload)["chargingProfilePurpose"] for _, payload in calls_since(station, before)}
            assert purposes == {"TxProfile"}

    run(tls, body)


def test_phases_of_a_car_that_cannot_feed_evenly_have_setpoints_of_their_own(tls: Tls) -> None:
    async def body(street: Street) -> None:
        uneven = {"maxDischargePower": 1000, "maxDischargePower_L2": 2000, "maxDischargePower_L3": 3000}
        needs = {"requestedEnergyTransfer": "AC_BPT", "v2xChargingParameters": uneven}
        async with feeding_car(street, needs, settings=DYNAMIC) as (station, evce, _):
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            period = period_of(profile_of(calls_since(station, before)[-1][1]))
            assert [period[name] for name in ("setpoint", "setpoint_L2", "setpoint_L3")] == [-500, -1000, -1500]
            await evce.apply(EvceCommand(limit_w=0, feed_w=6000))
            _, update = calls_since(station, before)[-1]
            assert update["scheduleUpdate"] == {"setpoint": -1000, "setpoint_L2": -2000, "setpoint_L3": -3000}

    run(tls, body)


def test_a_car_that_negotiated_charging_only_may_negotiate_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        needs = {
            "requestedEnergyTransfer": "AC_three_phase", "availableEnergyTransfer": ["AC_three_phase", "AC_BPT"],
            "v2xChargingParameters": BOTH_WAYS,
        }  # fmt: skip
        async with feeding_car(street, needs) as (station, evce, tx):
            with pytest.raises(NotSupported, match="asked for charging only"):
                await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            allowed = await station.until_called(lambda action, _: action == "NotifyAllowedEnergyTransfer")
            assert allowed["transactionId"] == tx
            assert "AC_BPT" in allowed["allowedEnergyTransfer"]
            needs["requestedEnergyTransfer"] = "AC_BPT"
            await station.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs})
            await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            assert evce.state.granted_feed_w == 3000
            names = [action for action, _ in station.calls]
            assert names.count("NotifyAllowedEnergyTransfer") == 1

    run(tls, body)


def test_a_charger_that_allows_charging_only_says_so(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with feeding_car(street, settings={"V2XChargingCtrlr.Enabled": "false"}) as (station, evce, _):
            assert evce.state.capabilities is not None
            assert evce.state.capabilities.feed_refusal is not None
            before = len(station.calls)
            with pytest.raises(NotSupported, match="charger allows charging only"):
                await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            assert calls_since(station, before) == []

    run(tls, body)


def test_a_car_that_feeds_unasked_is_stopped(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with feeding_car(street) as (station, evce, tx):
            await evce.apply(EvceCommand(limit_w=4140))
            for _ in range(14):
                street.clock.move(15)
                await station.measure(tx, -6000.0, 41)
                await evce.apply(EvceCommand(limit_w=4140))
            assert evce.state.status is EvceStatus.FEEDING
            assert (evce.state.granted_w, evce.state.granted_feed_w) == (FLOOR_W, 6000)
            assert "RequestStopTransaction" in [action for action, _ in station.calls]

    run(tls, body)


def test_a_feed_that_is_refused_says_nothing_about_limits(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with feeding_car(street) as (station, evce, _):
            station.answers["SetChargingProfile"] = lambda payload: {
                "status": "Rejected" if "setpoint" in period_of(profile_of(payload)) else "Accepted"
            }
            for feed_w in (3000, 4000, 5000, 6000):
                with pytest.raises(DeviceRefused):
                    await evce.apply(EvceCommand(limit_w=0, feed_w=feed_w))
            await evce.apply(EvceCommand(limit_w=7000))
            assert evce.state.capabilities is not None
            assert (evce.state.granted_w, evce.state.capabilities.control) == (7000, LimitControl.FULL)

    run(tls, body)
