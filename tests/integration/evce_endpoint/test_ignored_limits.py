"""Stations that take limits and do not keep them."""

from collections.abc import Awaitable, Callable

import pytest

from devices.evce import capability as capabilities
from devices.evce.capability import Capability
from devices.evce.charger import OcppEvce
from devices.evce.escalation import PATIENCE_S
from devices.evce.schemas import Version
from devices.evce.verification import OUT_OF_SERVICE_S
from homeapp.model.live import Doing
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import DEVICE, Json, RawStation, Street, Tls, profile_of, purpose_of, run, schedule_of
from kit.limit_calls import composite, sent_since
from kit.one_station import running

MAX_PURPOSES = ("ChargePointMaxProfile", "ChargingStationMaxProfile")


async def ignore(street: Street, station: RawStation, evce: OcppEvce, tx: str, command: EvceCommand) -> None:
    """One more look of the control loop at a car that takes all it can."""
    street.clock.move(PATIENCE_S / 2)
    await station.measure(tx, 11_000.0, 41)
    await evce.apply(command)


async def looks(street: Street, look: Callable[[], Awaitable[None]]) -> None:
    """The control loop, until cancelled."""
    while True:
        await look()
        await street.clock.sleep(1)


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


def test_a_station_that_itself_says_that_more_holds_is_told_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            station.answers["GetCompositeSchedule"] = composite(16.0)
            await evce.apply(EvceCommand(limit_w=5000))
            before = len(station.calls)
            await station.until_called(lambda action, _: action == "GetCompositeSchedule", before)
            async with running(looks(street, lambda: evce.apply(EvceCommand(limit_w=5000)))):
                await station.until_called(lambda action, _: action == "SetChargingProfile", before)
                await street.register.until(lambda: "does not keep it" in (evce.state.problem or ""))

    run(tls, body, speed=30.0)


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

            async def look() -> None:
                await station.measure(tx, 4900.0, 41)
                await evce.apply(EvceCommand(limit_w=5000))

            station.answers["GetCompositeSchedule"] = composite(16.0)
            before = len(station.calls)
            async with running(looks(street, look)):
                await station.until_called(lambda *_: len(sent_since(station, before)) > 1)
                await street.register.until(lambda: "does not keep it" in (evce.state.problem or ""))
                station.answers["GetCompositeSchedule"] = composite(7.2)
                await street.register.until(lambda: evce.state.problem is None)

    run(tls, body, speed=60.0)


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
