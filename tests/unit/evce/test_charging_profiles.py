"""Charging profiles against the schemas of the standard and its traps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.evce import profiles, schemas
from devices.evce.profiles import BACKDATED_S, Begin, Lease, StationLimits, Unit
from devices.evce.schemas import Version

NOW = datetime(2026, 1, 15, 12, 0, 0, 500_000, tzinfo=UTC)
LIMITS = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=3, voltage_v=230.0)
SINGLE = StationLimits(max_current_a=32.0, safe_current_a=6.0, phases=1, voltage_v=230.0)
VERSIONS = list(Version)

limits = st.builds(
    StationLimits,
    max_current_a=st.floats(6, 80),
    safe_current_a=st.floats(0, 16),
    phases=st.sampled_from([1, 3]),
    voltage_v=st.floats(100, 250),
)
powers = st.floats(0, 100_000)
leases = st.builds(
    Lease, evse=st.integers(1, 4), transaction_id=st.just("4711"), now=st.just(NOW), seconds=st.floats(1, 120)
)


def lease(transaction_id: str | None = "4711", seconds: float = 60.0) -> Lease:
    return Lease(evse=1, transaction_id=transaction_id, now=NOW, seconds=seconds)


def profile_of(payload: dict[str, Any]) -> dict[str, Any]:
    profile: dict[str, Any] = payload.get("csChargingProfiles") or payload["chargingProfile"]
    return profile


def schedule_of(payload: dict[str, Any]) -> dict[str, Any]:
    schedule = profile_of(payload)["chargingSchedule"]
    return schedule[0] if isinstance(schedule, list) else schedule


def period_of(payload: dict[str, Any]) -> dict[str, Any]:
    (period,) = schedule_of(payload)["chargingSchedulePeriod"]
    assert period["startPeriod"] == 0, "K01.FR.31"
    return dict(period)


def purpose_of(payload: dict[str, Any]) -> str:
    return str(profile_of(payload)["chargingProfilePurpose"])


def id_of(payload: dict[str, Any]) -> int:
    profile = profile_of(payload)
    return int(profile.get("id", profile.get("chargingProfileId", 0)))


def valid(version: Version, payload: dict[str, Any]) -> dict[str, Any]:
    assert schemas.request_problem(version, "SetChargingProfile", payload) is None
    return payload


@pytest.mark.parametrize("version", VERSIONS)
@given(limits=limits, power_w=powers, lease=leases, unit=st.sampled_from(Unit))
def test_all_are_valid_and_never_above_what_was_meant(
    version: Version, limits: StationLimits, power_w: float, lease: Lease, unit: Unit
) -> None:
    def most(payload: dict[str, Any]) -> float:
        limit = float(period_of(valid(version, payload))["limit"])
        return limits.watts(limit) if unit is Unit.AMPERE else limit

    assert most(profiles.floor(version, limits, unit)) <= limits.watts(limits.safe_current_a) + 1e-3
    assert most(profiles.station_max(version, limits, unit)) <= limits.watts(limits.max_current_a) + 1e-3
    leased = most(profiles.leased_limit(version, limits, unit, power_w, lease))
    assert leased <= min(power_w, limits.watts(limits.max_current_a)) + 1e-3
    assert leased >= 0


@given(limits=limits, power_w=powers, lease=leases)
def test_a_feed_is_a_negative_setpoint_in_watts_and_nothing_else(
    limits: StationLimits, power_w: float, lease: Lease
) -> None:
    payload = valid(Version.V21, profiles.leased_feed(limits, power_w, lease))
    period = period_of(payload)
    assert period.keys() == {"startPeriod", "setpoint", "operationMode"}, "Q03.FR.02"
    assert -min(power_w, limits.watts(limits.max_current_a)) <= period["setpoint"] <= 0
    assert period["operationMode"] == "CentralSetpoint"
    assert schedule_of(payload)["chargingRateUnit"] == "W"
    assert purpose_of(payload) == "TxProfile", "V2X never in a profile that outlives its lease"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_floor_never_ends_and_never_feeds(version: Version) -> None:
    payload = profiles.floor(version, LIMITS, Unit.AMPERE)
    assert purpose_of(payload) == "TxDefaultProfile"
    assert profile_of(payload)["stackLevel"] == 0
    assert not {"validTo", "validFrom", "transactionId"} & profile_of(payload).keys()
    assert "duration" not in schedule_of(payload)
    assert period_of(payload)["limit"] == 6.0
    assert period_of(payload).get("operationMode") == ("ChargingOnly" if version is Version.V21 else None)
    assert payload == profiles.floor(version, LIMITS, Unit.AMPERE)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_floor_holds_by_any_clock(version: Version) -> None:
    assert schedule_of(profiles.floor(version, LIMITS, Unit.AMPERE))["startSchedule"] == "1970-01-01T00:00:00.000Z"
    relative = valid(version, profiles.floor(version, LIMITS, Unit.AMPERE, Begin.RELATIVE))
    assert profile_of(relative)["chargingProfileKind"] == "Relative"
    assert "startSchedule" not in schedule_of(relative), "K01.FR.41"
    late = valid(version, profiles.floor(version, LIMITS, Unit.AMPERE, Begin.CENTURY))
    assert profile_of(late)["chargingProfileKind"] == "Absolute"
    assert schedule_of(late)["startSchedule"] == "2000-01-01T00:00:00.000Z"
    assert Begin.RELATIVE not in profiles.MAX_BEGINS, "K01.FR.38"


@pytest.mark.parametrize("version", VERSIONS)
def test_no_lease_begins_before_clocks_do(version: Version) -> None:
    young = replace(lease(), now=datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC))
    schedule = schedule_of(profiles.leased_limit(version, LIMITS, Unit.AMPERE, 4140.0, young))
    assert (schedule["startSchedule"], schedule["duration"]) == ("1970-01-01T00:00:00.000Z", 70)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_station_maximum_holds_for_the_whole_station_and_is_absolute(version: Version) -> None:
    payload = profiles.station_max(version, LIMITS, Unit.WATT)
    assert payload.get("evseId", payload.get("connectorId")) == 0
    assert profile_of(payload)["chargingProfileKind"] == "Absolute", "K01.FR.38"
    assert period_of(payload) == {"startPeriod": 0, "limit": 11040.0}
    assert "duration" not in schedule_of(payload)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_leased_profile_names_its_transaction_and_lapses_by_itself(version: Version) -> None:
    payload = profiles.leased_limit(version, LIMITS, Unit.AMPERE, 4140.0, lease())
    assert payload.get("evseId", payload.get("connectorId")) == 1, "K01.FR.16"
    assert profile_of(payload)["transactionId"] == (4711 if version is Version.V16 else "4711")
    start = datetime.fromisoformat(schedule_of(payload)["startSchedule"])
    assert NOW - start == timedelta(seconds=BACKDATED_S)
    assert start + timedelta(seconds=schedule_of(payload)["duration"]) == NOW + timedelta(seconds=60)
    assert period_of(payload)["limit"] == 6.0


def test_a_leased_profile_without_a_known_transaction_is_possible_in_16() -> None:
    payload = valid(Version.V16, profiles.leased_limit(Version.V16, LIMITS, Unit.AMPERE, 0.0, lease(None)))
    assert "transactionId" not in profile_of(payload)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_two_profiles_share_an_id_or_a_purpose(version: Version) -> None:
    made = [
        profiles.floor(version, LIMITS, Unit.AMPERE),
        profiles.station_max(version, LIMITS, Unit.AMPERE),
        profiles.leased_limit(version, LIMITS, Unit.AMPERE, 5000.0, lease()),
    ]
    assert len({id_of(payload) for payload in made}) == 3
    assert len({purpose_of(payload) for payload in made}) == 3


def test_charging_and_feeding_replace_each_other() -> None:
    charge = profiles.leased_limit(Version.V21, LIMITS, Unit.AMPERE, 5000.0, lease())
    feed = profiles.leased_feed(LIMITS, 5000.0, lease())
    assert id_of(charge) == id_of(feed), "K01.FR.05"
    assert period_of(charge)["operationMode"] == "ChargingOnly"
    assert not {"dischargeLimit", "setpoint"} & period_of(charge).keys(), "Q02.FR.02"


def test_one_phase_is_said_and_three_are_the_default() -> None:
    assert period_of(profiles.floor(Version.V201, SINGLE, Unit.AMPERE)) == {
        "startPeriod": 0, "limit": 6.0, "numberPhases": 1,
    }  # fmt: skip
    assert "numberPhases" not in period_of(profiles.floor(Version.V201, LIMITS, Unit.AMPERE))
    assert SINGLE.watts(10) == 2300
    assert LIMITS.amperes(6900) == 10


@pytest.mark.parametrize("version", VERSIONS)
@given(limits=limits, power_w=powers, lease=leases, unit=st.sampled_from(Unit), level=st.integers(1, 99))
def test_a_leased_default_stands_above_the_floor_and_ends_by_itself(
    version: Version, limits: StationLimits, power_w: float, lease: Lease, unit: Unit, level: int
) -> None:
    payload = valid(version, profiles.leased_default(version, limits, unit, power_w, lease, level))
    profile, schedule = profile_of(payload), schedule_of(payload)
    assert (purpose_of(payload), profile["stackLevel"]) == ("TxDefaultProfile", level)
    assert id_of(payload) not in (profiles.FLOOR_ID, profiles.MAX_ID, profiles.LEASED_ID)
    assert "transactionId" not in profile, "K01.FR.03: only in a TxProfile"
    ends = datetime.fromisoformat(profile["validTo"])
    assert timedelta(0) <= ends - NOW - timedelta(seconds=lease.seconds) <= timedelta(seconds=1)
    start = datetime.fromisoformat(schedule["startSchedule"])
    assert start + timedelta(seconds=schedule["duration"]) == ends
    limit = float(period_of(payload)["limit"])
    assert (limits.watts(limit) if unit is Unit.AMPERE else limit) <= power_w + 1e-3
    assert period_of(payload).get("operationMode", "ChargingOnly") == "ChargingOnly", "V2X never in a default"


@given(limits=limits, power_w=powers, lease=leases)
def test_a_dynamic_feed_is_one_period_that_ends_without_updates(
    limits: StationLimits, power_w: float, lease: Lease
) -> None:
    payload = valid(Version.V21, profiles.leased_feed(limits, power_w, lease, dynamic_every_s=30))
    profile, schedule = profile_of(payload), schedule_of(payload)
    assert (profile["chargingProfileKind"], profile["dynUpdateInterval"]) == ("Dynamic", 30)
    assert lease.seconds <= schedule["duration"] <= lease.seconds + 1, "Q04: from the last update"
    assert "startSchedule" not in schedule, "K28.FR.02: active on receipt"
    assert profile["invalidAfterOfflineDuration"] is True
    assert profile["maxOfflineDuration"] <= 121
    assert period_of(payload)["setpoint"] <= 0


@given(power_w=st.floats(0, 30_000), phases_w=st.lists(st.floats(100, 8000), min_size=3, max_size=3))
def test_setpoints_per_phase_share_the_sum_and_never_exceed_it(power_w: float, phases_w: list[float]) -> None:
    payload = valid(Version.V21, profiles.leased_feed(LIMITS, power_w, lease(), phases_w=phases_w))
    period = period_of(payload)
    shares = [period[name] for name in ("setpoint", "setpoint_L2", "setpoint_L3")]
    assert all(share <= 0 for share in shares)
    assert -min(power_w, LIMITS.watts(16)) - 1e-6 <= sum(shares)
    update = {"chargingProfileId": 1, "scheduleUpdate": profiles.setpoint(-power_w, phases_w)}
    assert schemas.request_problem(Version.V21, "UpdateDynamicSchedule", update) is None


def test_two_phases_have_no_third_setpoint() -> None:
    assert profiles.setpoint(-3000.0, (1000.0, 2000.0)) == {"setpoint": -1000, "setpoint_L2": -2000}
    assert profiles.setpoint(-3000.0, (1000.0,)) == profiles.setpoint(-3000.0) == {"setpoint": -3000}


@pytest.mark.parametrize("version", VERSIONS)
def test_one_phase_of_three_carries_the_whole_limit(version: Version) -> None:
    one = profiles.on_phases(LIMITS, 1)
    payload = valid(version, profiles.leased_limit(version, one, Unit.AMPERE, 2300.0, lease(), phase=1))
    assert (period_of(payload)["limit"], period_of(payload)["numberPhases"]) == (10.0, 1)
    assert period_of(payload).get("phaseToUse") == (None if version is Version.V16 else 1), "K01.FR.19"
    assert profiles.on_phases(SINGLE, 3) == SINGLE
    assert profiles.on_phases(LIMITS, None) == LIMITS


@pytest.mark.parametrize("version", VERSIONS)
def test_the_station_maximum_can_be_lowered_and_never_raised(version: Version) -> None:
    lowered = valid(version, profiles.station_max(version, LIMITS, Unit.WATT, 5000.0))
    assert period_of(lowered)["limit"] == 5000.0
    assert period_of(profiles.station_max(version, LIMITS, Unit.WATT, 99_999.0))["limit"] == 11040.0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_floor_in_watts_is_no_more_on_any_phase_than_one_in_amperes(version: Version) -> None:
    in_watts, in_amperes = (
        period_of(profiles.floor(version, LIMITS, unit))["limit"] for unit in (Unit.WATT, Unit.AMPERE)
    )
    assert in_amperes == 6
    assert in_watts == 6 * 230, "a car may draw all of it from one phase"
    assert period_of(profiles.floor(version, SINGLE, Unit.WATT))["limit"] == 6 * 230
