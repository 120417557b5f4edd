"""Stations that refuse limits in one way or all: another way is found, or the owner told."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from devices.evce import capability as capabilities
from devices.evce.capability import Capability
from devices.evce.schemas import Version
from devices.evce.wish import COARSE_LEASE_S
from devices.evce.write_budget import DAILY_WRITES, WriteBudget, budget_key
from homeapp.errors import DeviceRefused, DeviceUnreachable, StoreUnavailable
from homeapp.model.readings import EvceCommand, EvceStatus, LimitControl
from kit.evce_street import ALL, DEVICE, FLOOR_W, Json, Street, Tls, period_of, profile_of, purpose_of, run
from kit.limit_calls import sent_since


def accepting(condition: Callable[[Json], bool]) -> Callable[[Json], Json]:
    return lambda payload: {"status": "Accepted" if condition(profile_of(payload)) else "Rejected"}


def takes_no_tx(profile: Json) -> bool:
    return bool(profile["chargingProfilePurpose"] != "TxProfile")


def seconds_to_noon(now: datetime) -> float:
    """Writes are counted by the UTC day: a test that begins before midnight would be given those of two."""
    return (now.replace(hour=12, minute=0) - now) % timedelta(days=1) / timedelta(seconds=1)


@pytest.mark.parametrize("version", ALL)
def test_without_tx_profiles_limits_go_into_defaults_that_lapse(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        name = "ChargeProfileMaxStackLevel" if version is Version.V16 else "SmartChargingCtrlr.ProfileStackLevel"
        async with street.charging(version, settings={name: "7"}) as (station, evce, _):
            station.answers["SetChargingProfile"] = accepting(takes_no_tx)
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            profile = sent_since(station, before)[-1]
            assert (profile["chargingProfilePurpose"], profile["stackLevel"]) == ("TxDefaultProfile", 7)
            assert "validTo" in profile
            assert period_of(profile)["limit"] == 10.1
            state = evce.state
            assert (state.granted_w, state.problem) == (7000, None)
            assert state.lease_until is not None
            assert (state.lease_until - street.clock.now()).total_seconds() > COARSE_LEASE_S - 10
            before = len(station.calls)
            street.clock.move(31)
            await evce.apply(EvceCommand(limit_w=7500))
            assert sent_since(station, before) == [], "not worth a write"
            await evce.apply(EvceCommand(limit_w=5000))
            (lower,) = sent_since(station, before)
            assert lower["chargingProfilePurpose"] == "TxDefaultProfile", "it has learnt"
            await evce.apply(EvceCommand(limit_w=9000))
            assert len(sent_since(station, before)) == 1, "a rise waits"
            street.clock.move(31)
            await evce.apply(EvceCommand(limit_w=9000))
            assert evce.state.granted_w == 9000

    run(tls, body)


def test_a_station_that_refuses_tx_profiles_in_two_charges_is_believed(tls: Tls) -> None:
    async def body(street: Street) -> None:
        for expected in (LimitControl.FULL, LimitControl.COARSE):
            street.clock.move(31)
            async with street.charging(Version.V201, transaction="tx-" + expected) as (station, evce, _):
                station.answers["SetChargingProfile"] = accepting(takes_no_tx)
                await evce.apply(EvceCommand(limit_w=7000))
                assert evce.state.capabilities is not None
                assert evce.state.capabilities.control is expected
                await station.event("Ended", 9)
                await station.unplug()
        street.clock.move(31)
        async with street.charging(Version.V201, transaction="tx-3") as (station, evce, _):
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            assert [purpose_of({"chargingProfile": sent}) for sent in sent_since(station, before)] == [
                "TxDefaultProfile"
            ]

    run(tls, body)


def test_the_daily_budget_of_writes_leaves_only_reductions(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.clock.move(seconds_to_noon(street.clock.now()))
        budget = WriteBudget()
        for _ in range(DAILY_WRITES - 1):
            budget.wrote(street.clock.now(), 0.0)
        await street.keeper.keep_mark(budget_key(DEVICE), budget.kept())
        learnt = Capability(made_by=("Acme", "Box", "9"), protocol="ocpp2.0.1", probed=True, tx_refusals=2)
        await street.keeper.keep_mark(capabilities.capability_key(DEVICE), capabilities.encode(learnt))
        async with street.charging(Version.V201) as (station, evce, _):
            await evce.apply(EvceCommand(limit_w=7000))
            street.clock.move(31)
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=10_000))
            assert sent_since(station, before) == []
            assert "wears out" in (evce.state.problem or "")
            assert evce.state.granted_w == 7000
            await evce.apply(EvceCommand(limit_w=3000))
            assert evce.state.granted_w == 3000
            street.clock.move(COARSE_LEASE_S)
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=5000))
            assert sent_since(station, before) == []
            await station.call("Heartbeat", {})
            assert evce.state.granted_w == FLOOR_W, "its lease has lapsed"

    run(tls, body)


def test_a_station_that_takes_nothing_any_more_is_to_be_restarted(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V16) as (station, evce, _):
            await evce.apply(EvceCommand(limit_w=7000))
            station.answers["SetChargingProfile"] = {"status": "Rejected"}
            station.answers["ClearChargingProfile"] = {"status": "Unknown"}
            for limit_w in (8000, 9000, 10_000):
                with pytest.raises(DeviceRefused, match="Switch it off and on"):
                    await evce.apply(EvceCommand(limit_w=limit_w))
            assert evce.state.capabilities is not None
            assert evce.state.capabilities.control is LimitControl.STATIC
            before = len(station.calls)
            with pytest.raises(DeviceRefused):
                await evce.apply(EvceCommand(limit_w=5000))
            assert len(station.calls) == before, "not asked again for a while"
            station.answers["SetChargingProfile"] = {"status": "Accepted"}
            await station.boot()
            await street.register.until_status(EvceStatus.CHARGING)
            await evce.apply(EvceCommand(limit_w=5000))
            assert evce.state.problem is None
            assert evce.state.capabilities.control is LimitControl.FULL

    run(tls, body)


def test_a_station_with_a_fixed_limit_is_started_and_stopped(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V16, settings={"ChargeProfileMaxStackLevel": "0"}) as (station, evce, tx):
            station.answers["SetChargingProfile"] = {"status": "Rejected"}
            for limit_w in (7000, 8000, 9000):
                with pytest.raises(DeviceRefused):
                    await evce.apply(EvceCommand(limit_w=limit_w))
            await evce.apply(EvceCommand(limit_w=2000))
            stop = await station.until_called(lambda action, _: action == "RemoteStopTransaction")
            assert str(stop["transactionId"]) == tx
            done = {"transactionId": int(tx), "meterStop": 4000, "timestamp": station.stamp()}
            await station.call("StopTransaction", done)
            await station.plug_in()
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=2000))
            assert len(station.calls) == before, "its fixed limit would be too much"
            await evce.apply(EvceCommand(limit_w=7000))
            assert station.calls[-1][0] == "RemoteStartTransaction"

    run(tls, body)


def test_a_station_that_takes_no_limit_at_all_can_be_stopped(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V16) as station:
            station.answers["SetChargingProfile"] = {"status": "NotSupported"}
            await station.boot()
            await street.register.until(
                lambda: (
                    street.register.state is not None and "can only stop it" in (street.register.state.problem or "")
                )
            )
            evce = street.endpoint.evce(DEVICE)
            assert evce is not None
            transaction_id = await station.begin()
            await station.measure(transaction_id, 11_000.0, 40)
            state = evce.state
            assert state.capabilities is not None
            assert (state.capabilities.control, state.granted_w) == (LimitControl.NONE, 11_040)
            before = len(station.calls)
            with pytest.raises(DeviceUnreachable):
                await evce.apply(EvceCommand(limit_w=11_040))
            assert "RemoteStopTransaction" not in [action for action, _ in station.calls[before:]]
            with pytest.raises(DeviceUnreachable):
                await evce.apply(EvceCommand(limit_w=5000))
            assert "RemoteStopTransaction" in [action for action, _ in station.calls[before:]]

    run(tls, body)


def test_a_newer_wish_wins_while_a_way_round_a_refusal_is_sought(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            station.answers["SetChargingProfile"] = accepting(takes_no_tx)
            await asyncio.gather(*(evce.apply(EvceCommand(limit_w=limit)) for limit in (9000, 8000, 5000)))
            street.clock.move(31)
            await evce.apply(EvceCommand(limit_w=5000))
            state = evce.state
            assert (state.granted_w, state.problem) == (5000, None)

    run(tls, body)


def test_a_full_disk_costs_what_is_learnt_and_nothing_else(tls: Tls) -> None:
    class FullDisk:
        async def value(self, key: str) -> str | None:
            raise StoreUnavailable(f"{key} cannot be read.")

        async def keep_mark(self, key: str, value: str, /) -> None:
            raise StoreUnavailable(f"{key} cannot be written: {len(value)} characters.")

    async def body(street: Street) -> None:
        street.endpoint._keeper = FullDisk()
        async with street.charging(Version.V16) as (station, evce, _):
            station.answers["SetChargingProfile"] = accepting(takes_no_tx)
            await evce.apply(EvceCommand(limit_w=7000))
            assert (evce.state.granted_w, evce.state.problem) == (7000, None)

    run(tls, body)
