"""Stations whose clock is wrong, and those that take some dates and not others."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from devices.evce.capability import Capability, capability_key, encode
from devices.evce.escalation import PATIENCE_S
from devices.evce.profiles import Begin, Unit
from devices.evce.schemas import Version
from homeapp.errors import DeviceRefused
from homeapp.model.live import Doing
from homeapp.model.offer import Job
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import ALL, DEVICE, Json, RawStation, Street, Tls, profile_of, purpose_of, run, schedule_of

LASTING = ("TxDefaultProfile", "ChargePointMaxProfile", "ChargingStationMaxProfile")


def begins(profile: Json) -> str:
    return str(schedule_of(profile).get("startSchedule", profile["chargingProfileKind"]))[:4]


def sent(station: RawStation, before: int = 0) -> list[Json]:
    calls = station.calls[before:]
    return [profile_of(payload) for action, payload in calls if action == "SetChargingProfile"]


def lasting(station: RawStation) -> list[tuple[str, str]]:
    return [(purpose, begins(one)) for one in sent(station) if (purpose := one["chargingProfilePurpose"]) in LASTING]


def takes(condition: Callable[[str], bool]) -> Callable[[Json], Json]:
    return lambda payload: {"status": "Accepted" if condition(begins(profile_of(payload))) else "Rejected"}


class Heeding:
    """Takes every profile; its composite schedule is that of a station that heeds the floor only if it begins so."""

    def __init__(self, *heeded: str) -> None:
        self.heeded = heeded
        self.limit_a = 16.0
        self.floors: list[str] = []

    def set(self, payload: Json) -> Json:
        if purpose_of(payload) == "TxDefaultProfile":
            self.floors.append(begins(profile_of(payload)))
            self.limit_a = 6.0 if self.floors[-1] in self.heeded else 16.0
        return {"status": "Accepted"}

    def composite(self, payload: Json) -> Json:
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": self.limit_a}]}
        if "connectorId" in payload:
            return {"status": "Accepted", "chargingSchedule": schedule}
        more = {"evseId": payload["evseId"], "duration": 60, "scheduleStart": "2026-01-15T12:00:00Z"}
        return {"status": "Accepted", "schedule": schedule | more}

    @property
    def answers(self) -> Json:
        return {"SetChargingProfile": self.set, "GetCompositeSchedule": self.composite}


@pytest.mark.parametrize("version", ALL)
def test_floor_and_maximum_hold_by_any_clock_and_are_the_same_on_each_connect(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        contents = []
        for off_s in (0.0, -7200.0):
            async with street.secured(version, clock_off_s=off_s) as (station, _):
                assert {begin for _, begin in lasting(station)} == {"1970"}
                contents.append(sent(station))
            street.clock.move(1000)
        assert contents[0] == contents[1]

    run(tls, body)


@pytest.mark.parametrize("version", ALL)
def test_a_station_that_refuses_old_dates_gets_another_beginning_and_is_asked_once(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        maximum = LASTING[1 if version is Version.V16 else 2]
        answers = {"SetChargingProfile": takes(lambda begin: begin != "1970")}
        async with street.secured(version, answers=answers) as (station, evce):
            assert lasting(station)[-1] == (maximum, "2000")
            assert ("TxDefaultProfile", "Rela") in lasting(station)
            assert evce.state.problem is None
        async with street.secured(version, answers=answers) as (station, _):
            assert lasting(station) == [("TxDefaultProfile", "Rela"), (maximum, "2000")]

    run(tls, body)


def test_a_station_that_takes_neither_an_old_date_nor_none_gets_a_later_one(tls: Tls) -> None:
    async def body(street: Street) -> None:
        answers = {"SetChargingProfile": takes(lambda begin: begin.startswith("20"))}
        async with street.secured(Version.V16, answers=answers) as (station, evce):
            assert ("TxDefaultProfile", "2000") in lasting(station)
            assert evce.state.problem is None

    run(tls, body)


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
@pytest.mark.parametrize("heeded", ["Rela", "2000"])
def test_a_floor_that_was_taken_and_does_not_hold_begins_otherwise(tls: Tls, version: Version, heeded: str) -> None:
    async def body(street: Street) -> None:
        for expected in (["1970", "1970", "Rela", "2000"], [heeded]):
            answering = Heeding(heeded)
            async with street.secured(version, answers=answering.answers) as (_, evce):
                assert answering.floors == expected[: expected.index(heeded) + 1], "remembered once it was found"
                assert evce.state.problem is None

    run(tls, body)


def test_a_floor_that_holds_in_no_way_is_told_and_wears_no_flash_memory_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        for expected in (["1970", "1970", "Rela", "2000", "1970"], ["1970", "1970"]):
            answering = Heeding()
            async with street.secured(Version.V201, answers=answering.answers) as (_, evce):
                assert answering.floors == expected
                assert "above its safe limit" in (evce.state.problem or "")

    run(tls, body)


def test_a_maximum_that_was_taken_and_does_not_hold_begins_otherwise(tls: Tls) -> None:
    async def body(street: Street) -> None:
        answering = Heeding()

        def maximum(payload: Json) -> Json:
            if purpose_of(payload) == "ChargingStationMaxProfile":
                answering.limit_a = 6.0 if begins(profile_of(payload)) == "2000" else 32.0
            return {"status": "Accepted"}

        answers = answering.answers | {"SetChargingProfile": maximum}
        async with street.secured(Version.V21, answers=answers) as (station, evce):
            assert [begin for purpose, begin in lasting(station) if "Max" in purpose] == ["1970", "2000"]
            assert evce.state.problem is None
        async with street.secured(Version.V21, answers=answers) as (station, _):
            assert [begin for purpose, begin in lasting(station) if "Max" in purpose] == ["2000"]

    run(tls, body)


@pytest.mark.parametrize("version", ALL)
def test_a_lease_follows_a_clock_that_jumps_and_does_not_wait_for_its_renewal(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.charging(version) as (station, evce, tx):
            await evce.apply(EvceCommand(limit_w=7000))
            before = len(station.calls)
            station.clock_off_s = (datetime(1970, 1, 1, 1, tzinfo=UTC) - street.clock.now()).total_seconds()
            for _ in range(2):
                street.clock.move(6)
                await station.measure(tx, 4100.0, 41)
                await evce.apply(EvceCommand(limit_w=7000))
            (lease,) = sent(station, before)
            started = datetime.fromisoformat(schedule_of(lease)["startSchedule"])
            assert started.year == 1970
            assert 50 < (datetime.fromisoformat(station.stamp()) - started).total_seconds() < 70

    run(tls, body)


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_the_clock_is_learnt_before_anything_is_measured(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.secured(version, clock_off_s=-7200.0) as (station, evce):
            await station.plug_in()
            street.clock.move(6)
            await station.begin()
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            (lease,) = sent(station, before)
            assert abs(street.since(schedule_of(lease)["startSchedule"]) - 7260) < 10

    run(tls, body)


def test_the_clock_is_learnt_from_composite_schedules_where_nothing_else_bears_a_time(tls: Tls) -> None:
    async def body(street: Street) -> None:
        def composite(_payload: Json) -> Json:
            schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]}
            begin = datetime.fromtimestamp(street.clock.now().timestamp() - 7200, UTC).isoformat()
            return {"status": "Accepted", "scheduleStart": begin, "chargingSchedule": schedule}

        answers = {"GetCompositeSchedule": composite}
        async with street.secured(Version.V16, answers=answers):
            street.clock.move(6)
        async with street.secured(Version.V16, answers=answers) as (station, evce):
            await station.plug_in()
            await station.begin()
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            (lease,) = sent(station, before)
            assert abs(street.since(schedule_of(lease)["startSchedule"]) - 7260) < 10

    run(tls, body)


@pytest.mark.parametrize(("reason", "ends"), [(Doing.REDUCED_BY_FUSE, True), (Doing.CHARGING_CHEAP, False)])
def test_a_floor_that_is_not_kept_ends_in_the_escalation(tls: Tls, reason: Doing, ends: bool) -> None:
    async def body(street: Street) -> None:
        command = EvceCommand(limit_w=5000, reason=reason)
        async with street.charging(Version.V201) as (station, evce, tx):
            station.clock_off_s = -7200.0
            station.answers["SetChargingProfile"] = {"status": "Rejected"}
            for _ in range(14):
                street.clock.move(15)
                await station.measure(tx, 11_000.0, 41)
                with pytest.raises(DeviceRefused):
                    await evce.apply(command)
                state = await street.register.until_status(EvceStatus.CHARGING)
            assert state.granted_w == 11_000, "what it draws counts"
            assert evce.session is not None
            assert evce.session.unit is Unit.AMPERE, "the floor is not sent again, so in no other unit"
            assert ("RequestStopTransaction" in [action for action, _ in station.calls]) is ends
            assert "clock is wrong and it does not keep" in (evce.state.problem or "")

    run(tls, body)


def test_the_limit_of_the_whole_station_begins_as_its_maximum_must(tls: Tls) -> None:
    async def body(street: Street) -> None:
        known = Capability(made_by=("Acme", "Box", "9"), protocol="ocpp2.0.1", probed=True, max_begin=Begin.CENTURY)
        await street.keeper.keep_mark(capability_key(DEVICE), encode(known))
        command = EvceCommand(limit_w=5000)
        async with street.charging(Version.V201) as (station, evce, tx):
            await evce.apply(command)
            before = len(station.calls)
            while not [one for one in sent(station, before) if "Max" in one["chargingProfilePurpose"]]:
                street.clock.move(PATIENCE_S / 2)
                await station.measure(tx, 11_000.0, 41)
                await evce.apply(command)
            assert begins(sent(station, before)[-1]) == "2000"

    run(tls, body)


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_software_is_to_be_loaded_at_once_by_the_stations_own_clock(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.secured(version, clock_off_s=-7200.0) as (station, evce):
            for _ in range(2):
                await station.plug_in()
                street.clock.move(6)
            await station.unplug()
            await evce.update_software(Job(version="2.0.0", location="https://maker.example/2.0.0.bin"))
            asked = next(payload for action, payload in station.calls if action == "UpdateFirmware")
            assert abs(street.since(asked["firmware"]["retrieveDateTime"]) - 7200) < 10

    run(tls, body)
