"""Stations that take limits in their own way, and those that take them and do not keep them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from devices.evce import capability as capabilities
from devices.evce.capability import Capability
from devices.evce.charger import OcppEvce
from devices.evce.escalation import PATIENCE_S
from devices.evce.schemas import Version
from devices.evce.verification import OUT_OF_SERVICE_S
from devices.evce.wish import COARSE_LEASE_S
from devices.evce.write_budget import DAILY_WRITES, WriteBudget, budget_key
from homeapp.errors import DeviceRefused, DeviceUnreachable, StoreUnavailable
from homeapp.model.live import Doing
from homeapp.model.readings import EvceCommand, EvceStatus, LimitControl
from kit.evce_street import (
    ALL,
    DEVICE,
    FLOOR_W,
    Json,
    RawStation,
    Street,
    Tls,
    period_of,
    profile_of,
    purpose_of,
    run,
    schedule_of,
)

MAX_PURPOSES = ("ChargePointMaxProfile", "ChargingStationMaxProfile")


def accepting(condition: Callable[[Json], bool]) -> Callable[[Json], Json]:
    return lambda payload: {"status": "Accepted" if condition(profile_of(payload)) else "Rejected"}


def sent_since(station: RawStation, before: int) -> list[Json]:
    return [profile_of(payload) for action, payload in station.calls[before:] if action == "SetChargingProfile"]


def takes_no_tx(profile: Json) -> bool:
    return bool(profile["chargingProfilePurpose"] != "TxProfile")


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


async def ignore(street: Street, station: RawStation, evce: OcppEvce, tx: str, command: EvceCommand) -> None:
    """One more look of the control loop at a car that takes all it can."""
    street.clock.move(PATIENCE_S / 2)
    await station.measure(tx, 11_000.0, 41)
    await evce.apply(command)


def kind_of(action: str, payload: Json) -> str:
    if action != "SetChargingProfile":
        return action
    unit = schedule_of(profile_of(payload))["chargingRateUnit"]
    return f"{purpose_of(payload)} {unit}"


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_a_limit_that_protects_the_fuse_is_enforced_step_by_step(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        command = EvceCommand(limit_w=5000, reason=Doing.REDUCED_BY_FUSE)
        async with street.charging(version) as (station, evce, tx):
            await evce.apply(command)
            before = len(station.calls)
            for _ in range(14):
                await ignore(street, station, evce, tx, command)
            assert evce.state.granted_w == 11_000, "what it draws counts, whatever it has accepted"
            seen = list(dict.fromkeys(kind_of(*call) for call in station.calls[before:]))
            seen = [kind for kind in seen if kind not in ("GetCompositeSchedule", "TriggerMessage")]
            maximum = MAX_PURPOSES[0 if version is Version.V16 else 1]
            stop = "RemoteStopTransaction" if version is Version.V16 else "RequestStopTransaction"
            assert seen[:6] == [
                "TxProfile A", "TxProfile W", "TxDefaultProfile W", f"{maximum} W", stop, "ChangeAvailability",
            ]  # fmt: skip
            assert "has stopped the charge" in (evce.state.problem or "") or "whatever" in (evce.state.problem or "")
            kept = capabilities.decode(await street.keeper.value(capabilities.capability_key(DEVICE)))
            assert kept is not None
            assert kept.out_of_service
        async with street.station(version) as station:
            await station.boot()
            back = await station.until_called(lambda action, _: action == "ChangeAvailability")
            assert "Operative" in (back.get("type"), back.get("operationalStatus"))

    run(tls, body)


def test_a_mere_wish_that_is_ignored_costs_nobody_the_charge(tls: Tls) -> None:
    async def body(street: Street) -> None:
        command = EvceCommand(limit_w=5000, reason=Doing.CHARGING_CHEAP)
        async with street.charging(Version.V201) as (station, evce, tx):
            await evce.apply(command)
            for _ in range(20):
                await ignore(street, station, evce, tx, command)
            actions = {action for action, _ in station.calls}
            assert not {"RequestStopTransaction", "ChangeAvailability"} & actions
            assert "whatever the hub has tried" in (evce.state.problem or "")
            street.clock.move(15)
            await station.measure(tx, 4900.0, 41)
            await evce.apply(command)
            assert evce.state.problem is None
            assert evce.state.granted_w == 5000
            before = len(station.calls)
            street.clock.move(31)
            await evce.apply(EvceCommand(limit_w=10_000))
            assert [purpose_of({"chargingProfile": sent}) for sent in sent_since(station, before)] == [
                "ChargingStationMaxProfile", "TxDefaultProfile",
            ], "the limit of the whole station is taken back first"  # fmt: skip

    run(tls, body)


def composite(limit_a: float) -> Callable[[Json], Json]:
    def answer(payload: Json) -> Json:
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}]}
        if "connectorId" in payload:
            return {"status": "Accepted", "chargingSchedule": schedule}
        more = {"evseId": payload["evseId"], "duration": 60, "scheduleStart": "2026-01-15T12:00:00Z"}
        return {"status": "Accepted", "schedule": schedule | more}

    return answer


def test_a_station_that_itself_says_that_more_holds_is_told_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            station.answers["GetCompositeSchedule"] = composite(16.0)
            await evce.apply(EvceCommand(limit_w=5000))
            before = len(station.calls)
            await station.until_called(lambda action, _: action == "GetCompositeSchedule", before)
            async with asyncio.timeout(10):
                while not sent_since(station, before):
                    await evce.apply(EvceCommand(limit_w=5000))
                    await street.clock.sleep(1)
            assert "does not keep it" in (evce.state.problem or "")

    run(tls, body, speed=30.0)


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_what_others_have_left_in_a_station_is_removed(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        def cleared(_payload: Json) -> Json:
            station.answers["GetCompositeSchedule"] = composite(6.0)
            return {"status": "Accepted"}

        street.adopt()
        async with street.station(version) as station:
            station.answers["GetCompositeSchedule"] = composite(16.0)
            station.answers["ClearChargingProfile"] = cleared
            await station.boot()
            state = await street.register.until_status(EvceStatus.AVAILABLE)
            assert state.problem is None
            clear = next(payload for action, payload in station.calls if action == "ClearChargingProfile")
            assert "stackLevel" not in clear.get("chargingProfileCriteria", clear)
            purposes = [purpose_of(payload) for action, payload in station.calls if action == "SetChargingProfile"]
            assert purposes.count("TxDefaultProfile") == 2, "the floor stands again"

    run(tls, body)


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_what_others_have_left_is_removed_one_by_one_and_the_floor_stands_all_the_while(
    tls: Tls, version: Version
) -> None:
    async def body(street: Street) -> None:
        left = {77, 78}

        def cleared(payload: Json) -> Json:
            left.discard(payload["chargingProfileId"])
            return {"status": "Accepted"}

        def present(payload: Json) -> Json:
            return composite(16.0 if left else 6.0)(payload)

        async def report(station: RawStation) -> None:
            asked = await station.until_called(lambda action, _: action == "GetChargingProfiles")
            assert asked["chargingProfile"] == {"chargingProfilePurpose": "TxDefaultProfile"}
            floor = profile_of(next(body for action, body in station.calls if action == "SetChargingProfile"))
            for request_id, number in (
                (asked["requestId"] ^ 1, 79),
                (asked["requestId"], 77),
                (asked["requestId"], 78),
            ):
                told = [floor, floor | {"id": number, "stackLevel": 3}]
                more = {"chargingLimitSource": "CSO", "evseId": 0, "tbc": number == 77}
                await station.call("ReportChargingProfiles", {"requestId": request_id, "chargingProfile": told} | more)

        street.adopt()
        async with street.station(version) as station:
            station.answers["GetChargingProfiles"] = {"status": "Accepted"}
            station.answers["GetCompositeSchedule"] = present
            station.answers["ClearChargingProfile"] = cleared
            await asyncio.gather(station.boot(), report(station))
            state = await street.register.until_status(EvceStatus.AVAILABLE)
            assert state.problem is None
            clears = [payload for action, payload in station.calls if action == "ClearChargingProfile"]
            assert clears == [{"chargingProfileId": 77}, {"chargingProfileId": 78}]
            purposes = [purpose_of(payload) for action, payload in station.calls if action == "SetChargingProfile"]
            assert purposes.count("TxDefaultProfile") == 1

    run(tls, body)


def test_a_limit_of_others_that_stays_is_told(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V201) as station:
            station.answers["GetCompositeSchedule"] = composite(12.0)
            await station.boot()
            state = await street.register.until_status(EvceStatus.AVAILABLE)
            assert "not the hub's" in (state.problem or "")

    run(tls, body)


def test_a_transaction_that_ended_while_the_link_was_broken_is_over(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (_, evce, tx):
            await evce.apply(EvceCommand(limit_w=9000))
        ended = {"ongoingIndicator": False, "messagesInQueue": False}
        async with street.station(Version.V201, answers={"GetTransactionStatus": ended}) as station:
            await station.call("Heartbeat", {})
            asked = await station.until_called(lambda action, _: action == "GetTransactionStatus")
            assert asked == {"transactionId": tx}
            state = await street.register.until_status(EvceStatus.PLUGGED)
            assert (state.transaction_id, state.granted_w, state.lease_until) == (None, FLOOR_W, None)

    run(tls, body)


def test_a_lease_that_a_former_hub_has_given_counts_until_it_lapses(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V201) as station:
            station.answers["GetCompositeSchedule"] = composite(12.0)
            # It charges already, and the hub does not know of a lease.
            await station.event("Updated", 5)
            state = await street.register.until_status(EvceStatus.CHARGING)
            assert state.granted_w == 12 * 690
            assert state.lease_until is not None
            assert state.problem is None

    run(tls, body)


def test_a_station_changes_its_phases_after_a_pause(tls: Tls) -> None:
    async def body(street: Street) -> None:
        settings = {"SmartChargingCtrlr.Phases3to1": "true", "SmartChargingCtrlr.ACPhaseSwitchingSupported": "true"}
        async with street.charging(Version.V201, settings=settings) as (station, evce, tx):
            await evce.apply(EvceCommand(limit_w=4140))
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=2300, phases=1))
            assert period_of(sent_since(station, before)[-1])["limit"] == 0
            await station.measure(tx, 0.0, 41)
            await evce.apply(EvceCommand(limit_w=2300, phases=1))
            period = period_of(sent_since(station, before)[-1])
            assert (period["limit"], period["numberPhases"], period["phaseToUse"]) == (10.0, 1, 1)

    run(tls, body)


def test_a_station_that_cannot_switch_is_never_asked_to(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=4140, phases=1))
            assert "numberPhases" not in period_of(sent_since(station, before)[-1])

    run(tls, body)


def test_a_station_that_agrees_to_start_and_does_not_is_told_of(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V16) as (station, evce):
            await station.plug_in()
            for _ in range(4):
                assert evce.state.problem is None
                await evce.apply(EvceCommand(limit_w=7000))
                street.clock.move(31)
            assert "does not begin" in (evce.state.problem or "")
            await station.begin()
            await evce.apply(EvceCommand(limit_w=7000))
            assert evce.state.problem is None

    run(tls, body)


def test_leases_suit_a_station_whose_clock_is_behind(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201, clock_off_s=-300.0) as (station, evce, tx):
            street.clock.move(10)
            await station.measure(tx, 4000.0, 40)
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            start = schedule_of(sent_since(station, before)[-1])["startSchedule"]
            assert abs(street.since(start) - 360) < 10, "60 s back in its own time"
            assert "clock is wrong" in (evce.state.problem or "")

    run(tls, body)


def test_a_charge_that_had_to_be_stopped_is_not_started_again_at_once(tls: Tls) -> None:
    async def body(street: Street) -> None:
        command = EvceCommand(limit_w=5000, reason=Doing.REDUCED_BY_FUSE)
        async with street.charging(Version.V16) as (station, evce, tx):
            await evce.apply(command)
            while "RemoteStopTransaction" not in [action for action, _ in station.calls]:
                await ignore(street, station, evce, tx, command)
            done = {"transactionId": int(tx), "meterStop": 4000, "timestamp": station.stamp()}
            await station.call("StopTransaction", done)
            await station.plug_in()
            before = len(station.calls)
            street.clock.move(60)
            await evce.apply(command)
            assert len(station.calls) == before
            assert "has stopped the charge" in (evce.state.problem or "")
            street.clock.move(OUT_OF_SERVICE_S)
            await evce.apply(command)
            assert station.calls[-1][0] == "RemoteStartTransaction"

    run(tls, body)


def test_a_contradiction_ends_when_the_station_says_so(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V16) as (station, evce, tx):

            async def looks(until: Callable[[], bool]) -> None:
                async with asyncio.timeout(10):
                    while not until():
                        await station.measure(tx, 4900.0, 41)
                        await evce.apply(EvceCommand(limit_w=5000))
                        await street.clock.sleep(2)

            station.answers["GetCompositeSchedule"] = composite(16.0)
            before = len(station.calls)
            await looks(lambda: len(sent_since(station, before)) > 1)
            assert "does not keep it" in (evce.state.problem or "")
            station.answers["GetCompositeSchedule"] = composite(7.2)
            await looks(lambda: evce.state.problem is None)

    run(tls, body, speed=60.0)


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


def test_a_station_that_keeps_no_limit_of_its_circuit_is_never_lowered_that_way(tls: Tls) -> None:
    async def body(street: Street) -> None:
        def answer(payload: Json) -> Json:
            return {"status": "NotSupported" if purpose_of(payload) in MAX_PURPOSES else "Accepted"}

        command = EvceCommand(limit_w=5000)
        async with street.charging(Version.V16, answers={"SetChargingProfile": answer}) as (station, evce, tx):
            assert evce.state.problem is None
            before = len(station.calls)
            await evce.apply(command)
            for _ in range(14):
                await ignore(street, station, evce, tx, command)
            purposes = {profile["chargingProfilePurpose"] for profile in sent_since(station, before)}
            assert purposes == {"TxProfile", "TxDefaultProfile"}

    run(tls, body)


def test_another_protocol_of_the_same_firmware_is_asked_anew(tls: Tls) -> None:
    async def body(street: Street) -> None:
        for version in (Version.V201, Version.V21):
            async with street.secured(version) as (station, _):
                assert "GetVariables" in [action for action, _ in station.calls]

    run(tls, body)


def test_a_station_that_applies_defaults_only_to_the_next_charge_is_told_in_words(tls: Tls) -> None:
    async def body(street: Street) -> None:
        learnt = Capability(made_by=("Acme", "Box", ""), protocol="ocpp1.6", probed=True, tx_refusals=2)
        await street.keeper.keep_mark(capabilities.capability_key(DEVICE), capabilities.encode(learnt))
        command = EvceCommand(limit_w=5000)
        async with street.charging(Version.V16) as (station, evce, tx):
            await evce.apply(command)
            while evce.state.problem is None:
                await ignore(street, station, evce, tx, command)
            assert "only to the next charge" in evce.state.problem

    run(tls, body)


def test_a_station_that_came_anew_gets_its_limit_first_whatever_it_draws(tls: Tls) -> None:
    async def body(street: Street) -> None:
        command = EvceCommand(limit_w=5000, reason=Doing.REDUCED_BY_FUSE)
        async with street.charging(Version.V201) as (station, evce, tx):
            await evce.apply(command)
            await ignore(street, station, evce, tx, command)
        async with street.station(Version.V201) as station:
            await station.call("Heartbeat", {})
            await street.register.until_status(EvceStatus.CHARGING)
            before = len(station.calls)
            street.clock.move(15)
            await station.measure(tx, 11_000.0, 41)
            await evce.apply(command)
            (profile,) = sent_since(station, before)
            assert profile["chargingProfilePurpose"] == "TxProfile"

    run(tls, body)
