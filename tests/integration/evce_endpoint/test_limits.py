"""Limits beside what others have left in a station, across lost links, phases and wrong clocks."""

import asyncio

import pytest

from devices.evce.schemas import Version
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import FLOOR_W, Json, RawStation, Street, Tls, period_of, profile_of, purpose_of, run, schedule_of
from kit.limit_calls import composite, sent_since


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


@pytest.mark.parametrize("unit", ["A", "W"])
def test_the_hub_knows_whether_its_limits_are_for_each_phase_or_for_all_together(tls: Tls, unit: str) -> None:
    def takes(payload: Json) -> Json:
        return {"status": "Accepted" if schedule_of(profile_of(payload))["chargingRateUnit"] == unit else "Rejected"}

    async def body(street: Street) -> None:
        async with street.secured(Version.V201, answers={"SetChargingProfile": takes}) as (_station, evce):
            told = evce.state.capabilities
            assert told is not None
            assert told.in_watts is (unit == "W")
            assert evce.state.granted_w == (6 * 230 if unit == "W" else FLOOR_W)

    run(tls, body)


@pytest.mark.usecase("D1")
@pytest.mark.parametrize("version", [Version.V16, Version.V201, Version.V21])
def test_of_the_limits_that_wait_for_a_slow_station_only_the_newest_is_sent(tls: Tls, version: Version) -> None:
    def limits_since(station: RawStation, before: int) -> list[float]:
        told = [profile_of(body) for action, body in station.calls[before:] if action == "SetChargingProfile"]
        return [schedule_of(profile)["chargingSchedulePeriod"][0]["limit"] for profile in told]

    async def body(street: Street) -> None:
        async with street.charging(version) as (station, evce, _):
            before = len(station.calls)
            station.answers["SetChargingProfile"] = lambda _payload: None
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(evce.apply(EvceCommand(limit_w=16 * 690)))
                await station.until_called(lambda action, _: action == "SetChargingProfile", before)
                for current_a in (14, 10, 12, 8):
                    tasks.create_task(evce.apply(EvceCommand(limit_w=current_a * 690)))
                    await asyncio.sleep(0)
                assert limits_since(station, before) == [16]
                assert evce.state.granted_w == 16 * 690, "until one is confirmed the largest counts"
                station.answers["SetChargingProfile"] = {"status": "Accepted"}
                await station.answer_late(before, {"status": "Accepted"})
            assert limits_since(station, before) == [16, 8]
            assert evce.state.granted_w == 8 * 690

    run(tls, body)
