"""The composite schedule of the demo station, by the rules of OCPP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.demo.charger.charging_profile import Profile, ProfileRefused, Purpose
from homeapp.demo.charger.composite import Composite, Situation, Wiring
from homeapp.demo.charger.installed_profiles import InstalledProfiles
from homeapp.demo.charger.profile_reader import parse_profile
from homeapp.demo.ocpp.schemas import Version, request_problem, response_problem

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PER_AMPERE = 3 * 230.0
HARDWARE_W = 16 * PER_AMPERE
Json = dict[str, Any]
ALL = list(Version)


def payload(version: Version, number: int, purpose: str, value: float | None, **more: Any) -> Json:
    unit = more.pop("unit", "A")
    periods = more.pop("periods", None) or [{"startPeriod": 0} | ({} if value is None else {"limit": value})]
    schedule: Json = {"chargingRateUnit": unit, "chargingSchedulePeriod": periods}
    kind = more.get("chargingProfileKind", "Absolute")
    if kind != "Relative":
        schedule["startSchedule"] = more.pop("start", NOW - timedelta(minutes=1)).isoformat()
    if "duration" in more:
        schedule["duration"] = more.pop("duration")
    for name in ("validFrom", "validTo"):
        if name in more:
            more[name] = more[name].isoformat()
    profile: Json = {"stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": kind} | more
    if version is Version.V16:
        return profile | {"chargingProfileId": number, "chargingSchedule": schedule}
    return profile | {"id": number, "chargingSchedule": [schedule | {"id": number}]}


class Bench:
    def __init__(self, version: Version = Version.V21, transaction: str | None = "tx") -> None:
        self.version = version
        self.transaction = transaction
        self.profiles = InstalledProfiles(version, Wiring())

    def parse(self, number: int, purpose: Purpose, value: float | None, **more: Any) -> Profile:
        evse = more.pop("evse", 1 if purpose is Purpose.TX else 0)
        if purpose is Purpose.TX and self.version is not Version.V16:
            more.setdefault("transactionId", "tx")
        return parse_profile(self.version, evse, payload(self.version, number, purpose, value, **more), NOW)

    def install(self, number: int, purpose: Purpose, value: float | None, **more: Any) -> None:
        self.profiles.install(self.parse(number, purpose, value, **more), self.transaction)

    def at(self, seconds: float = 0, **more: Any) -> Composite:
        situation = Situation(
            now=NOW + timedelta(seconds=seconds),
            transaction_id=self.transaction,
            transaction_start=NOW - timedelta(minutes=5),
            **more,
        )
        return self.profiles.composite(1, situation)

    def limit_a(self, seconds: float = 0, **more: Any) -> float:
        return round(self.at(seconds, **more).limit_w / PER_AMPERE, 6)


def test_without_profiles_only_the_circuit_limits() -> None:
    found = Bench().at()
    assert (found.limit_w, found.setpoint_w, found.source) == (HARDWARE_W, None, None)


def test_the_maximum_caps_the_transactions_profile_which_takes_the_place_of_the_default() -> None:
    bench = Bench()
    bench.install(1, Purpose.TX_DEFAULT, 6)
    assert (bench.limit_a(), bench.at().source) == (6, Purpose.TX_DEFAULT)
    bench.install(2, Purpose.TX, 14)
    assert (bench.limit_a(), bench.at().source) == (14, Purpose.TX)
    bench.install(3, Purpose.MAX, 10)
    assert (bench.limit_a(), bench.at().source) == (10, Purpose.MAX)
    assert bench.at().governing is Purpose.TX


def test_when_the_duration_of_the_transactions_profile_is_over_the_default_holds_again() -> None:
    bench = Bench()
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(2, Purpose.TX, 14, start=NOW, duration=120)
    assert [bench.limit_a(second) for second in (-1, 0, 119.9, 120)] == [6, 14, 14, 6]


def test_the_highest_stack_level_that_holds_now_wins() -> None:
    bench = Bench()
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(2, Purpose.TX_DEFAULT, 8, stackLevel=2, validTo=NOW + timedelta(seconds=60))
    bench.install(3, Purpose.TX_DEFAULT, 9, stackLevel=3, validFrom=NOW + timedelta(seconds=30), duration=100)
    # The third begins a minute before now and ends 40 s from now.
    assert [bench.limit_a(second) for second in (0, 30, 39, 40, 59, 60)] == [8, 9, 9, 8, 8, 6]


def test_a_profile_of_the_evse_comes_before_one_of_the_station_only_at_its_own_level() -> None:
    bench = Bench(Version.V16)
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(2, Purpose.TX_DEFAULT, 7, evse=1)
    assert bench.limit_a() == 7
    bench.install(3, Purpose.TX_DEFAULT, 8, stackLevel=1)
    assert bench.limit_a() == 8
    assert bench.profiles.composite(0, Situation(now=NOW)).limit_w == HARDWARE_W


def test_periods_follow_each_other() -> None:
    bench = Bench()
    steps = [{"startPeriod": 0, "limit": 6}, {"startPeriod": 60, "limit": 10}, {"startPeriod": 90, "limit": 0}]
    bench.install(1, Purpose.TX_DEFAULT, None, periods=steps, start=NOW)
    assert [bench.limit_a(second) for second in (0, 59, 60, 89, 90, 9000)] == [6, 6, 10, 10, 0, 0]


def test_a_relative_profile_counts_from_the_transactions_begin() -> None:
    bench = Bench()
    steps = [{"startPeriod": 0, "limit": 6}, {"startPeriod": 330, "limit": 10}]
    bench.install(1, Purpose.TX, None, periods=steps, chargingProfileKind="Relative")
    assert [bench.limit_a(second) for second in (0, 29, 30)] == [6, 6, 10]


def test_a_daily_profile_comes_back_every_day() -> None:
    bench = Bench()
    more = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily", "duration": 3600, "start": NOW}
    bench.install(1, Purpose.TX_DEFAULT, 8, stackLevel=1, **more)
    bench.install(2, Purpose.TX_DEFAULT, 6)
    day = 86_400
    assert [bench.limit_a(second) for second in (-1, 0, 3599, 3600, day, day + 3600)] == [6, 8, 8, 6, 8, 6]
    situation = Situation(now=NOW, transaction_id="tx")
    starts = [start for start, _ in bench.profiles.schedule(1, situation, 2 * day)]
    assert starts == [0, 3600, day, day + 3600]


def test_watts_are_for_all_phases_and_amperes_for_each() -> None:
    bench = Bench()
    bench.install(1, Purpose.TX_DEFAULT, 5000, unit="W")
    assert bench.at().limit_w == 5000
    bench.install(2, Purpose.TX, 10, periods=[{"startPeriod": 0, "limit": 10, "numberPhases": 1}])
    assert (bench.at().limit_w, bench.at().phases) == (2300, 1)


def test_only_a_central_setpoint_makes_the_car_feed_and_it_ends_with_its_lease() -> None:
    bench = Bench()
    bench.install(1, Purpose.TX_DEFAULT, 6)
    assert bench.at().setpoint_w is None
    feed = [{"startPeriod": 0, "setpoint": -5000, "operationMode": "CentralSetpoint"}]
    bench.install(2, Purpose.TX, None, unit="W", periods=feed, start=NOW, duration=60)
    found = bench.at(30)
    assert (found.setpoint_w, found.source) == (-5000, Purpose.TX)
    assert bench.at(30, may_feed=False).setpoint_w == 0
    after = bench.at(60)
    assert (after.setpoint_w, after.limit_w) == (None, 6 * PER_AMPERE)


def test_a_setpoint_is_kept_within_limits_both_ways() -> None:
    bench = Bench()
    bench.install(1, Purpose.MAX, 6)
    charge = [{"startPeriod": 0, "setpoint": 9000, "operationMode": "CentralSetpoint"}]
    bench.install(2, Purpose.TX, None, unit="W", periods=charge)
    assert bench.at().setpoint_w == 6 * PER_AMPERE
    feed = [{"startPeriod": 0, "setpoint": -90, "dischargeLimit": -30, "operationMode": "CentralSetpoint"}]
    bench.install(2, Purpose.TX, None, periods=feed)
    # Amperes of a setpoint are the sum of the phases.
    assert bench.at().setpoint_w == -30 * 230
    bench.install(2, Purpose.TX, None, periods=[feed[0] | {"dischargeLimit": -90}])
    assert bench.at().setpoint_w == -HARDWARE_W


def test_idle_means_nothing_at_all() -> None:
    bench = Bench()
    bench.install(2, Purpose.TX, 10, periods=[{"startPeriod": 0, "limit": 10, "operationMode": "Idle"}])
    assert (bench.at().limit_w, bench.at().setpoint_w) == (0, None)


def test_maximum_time_offline() -> None:
    bench = Bench()
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(2, Purpose.TX, 14, maxOfflineDuration=60)
    assert [bench.limit_a(offline_s=seconds) for seconds in (0, 60, 61, 0)] == [14, 14, 6, 14]
    bench.install(2, Purpose.TX, 14, maxOfflineDuration=0, invalidAfterOfflineDuration=True)
    assert bench.profiles.offline_for(0) == 0
    assert bench.profiles.offline_for(0.1) == 1
    assert bench.limit_a() == 6


@pytest.mark.parametrize("version", ALL)
def test_the_same_id_replaces(version: Version) -> None:
    bench = Bench(version)
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(1, Purpose.TX_DEFAULT, 8, stackLevel=4)
    assert (len(bench.profiles), bench.limit_a()) == (1, 8)


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_two_of_one_purpose_level_and_time_collide(version: Version) -> None:
    bench = Bench(version)
    bench.install(1, Purpose.TX_DEFAULT, 6, validTo=NOW + timedelta(hours=1))
    bench.install(2, Purpose.TX_DEFAULT, 7, validFrom=NOW + timedelta(hours=1))
    bench.install(3, Purpose.TX, 7)
    for number, purpose, evse in ((4, Purpose.TX_DEFAULT, 0), (4, Purpose.TX_DEFAULT, 1), (5, Purpose.TX, 1)):
        with pytest.raises(ProfileRefused) as refused:
            bench.install(number, purpose, 8, evse=evse)
        assert refused.value.reason == "DuplicateProfile"
    assert len(bench.profiles) == 3


def test_one_six_replaces_what_has_the_same_purpose_and_level() -> None:
    bench = Bench(Version.V16)
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(2, Purpose.TX_DEFAULT, 7)
    assert (len(bench.profiles), bench.limit_a()) == (1, 7)


@pytest.mark.parametrize("version", ALL)
def test_a_profile_for_a_transaction_needs_that_transaction_and_ends_with_it(version: Version) -> None:
    bench = Bench(version, transaction=None)
    with pytest.raises(ProfileRefused, match="no such transaction"):
        bench.install(1, Purpose.TX, 8)
    bench.transaction = "another"
    with pytest.raises(ProfileRefused, match="no such transaction"):
        bench.install(1, Purpose.TX, 8, transactionId="tx")
    bench.transaction = "tx"
    bench.install(1, Purpose.TX, 8)
    bench.install(2, Purpose.TX_DEFAULT, 6)
    assert bench.limit_a() == 8
    bench.profiles.transaction_over("tx")
    assert (len(bench.profiles), bench.limit_a()) == (1, 6)


@pytest.mark.parametrize("version", ALL)
def test_what_outlives_a_restart(version: Version) -> None:
    bench = Bench(version)
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(2, Purpose.MAX, 12)
    bench.install(3, Purpose.TX, 8)
    kept = 3 if version is Version.V16 else 2
    again = Bench(version)
    again.profiles.restore(bench.profiles.to_json())
    bench.profiles.restart()
    assert len(again.profiles) == len(bench.profiles) == kept
    again.transaction = None
    assert (again.limit_a(), again.at().source) == (6, Purpose.TX_DEFAULT)


def test_no_more_than_twenty() -> None:
    bench = Bench()
    for number in range(20):
        start = NOW + timedelta(hours=number)
        bench.install(number, Purpose.TX_DEFAULT, 6, validFrom=start, validTo=start + timedelta(hours=1))
    with pytest.raises(ProfileRefused, match="more than 20"):
        bench.install(99, Purpose.MAX, 6)


@pytest.mark.parametrize(
    ("version", "purpose", "more", "reason"),
    [
        (Version.V21, Purpose.MAX, {"evse": 1}, "InvalidProfile"),
        (Version.V16, Purpose.MAX, {"evse": 1}, "InvalidProfile"),
        (Version.V21, Purpose.TX, {"evse": 0}, "InvalidProfile"),
        (Version.V201, Purpose.TX, {"transactionId": None}, "InvalidProfile"),
        (Version.V21, Purpose.MAX, {"chargingProfileKind": "Relative"}, "InvalidProfile"),
        (Version.V21, Purpose.TX_DEFAULT, {"chargingProfileKind": "Recurring"}, "InvalidProfile"),
        (Version.V201, Purpose.TX_DEFAULT, {"chargingProfileKind": "Dynamic"}, "UnsupportedParam"),
        (Version.V201, Purpose.TX_DEFAULT, {"stackLevel": 9}, "InvalidStackLevel"),
        (Version.V201, Purpose.TX_DEFAULT, {"periods": [{"startPeriod": 5, "limit": 6}]}, "InvalidSchedule"),
        (Version.V16, Purpose.TX_DEFAULT, {"periods": [{"startPeriod": 0, "limit": -1}]}, "InvalidSchedule"),
        (
            Version.V21,
            Purpose.TX_DEFAULT,
            {"periods": [{"startPeriod": 0, "limit": 6, "setpoint": -5}]},
            "InvalidSchedule",
        ),
        (
            Version.V21,
            Purpose.MAX,
            {"periods": [{"startPeriod": 0, "setpoint": -5, "operationMode": "CentralSetpoint"}]},
            "InvalidProfile",
        ),
        (
            Version.V21,
            Purpose.TX,
            {"periods": [{"startPeriod": 0, "limit": 6, "operationMode": "LocalFrequency"}]},
            "UnsupportedParam",
        ),
        (Version.V201, Purpose.TX_DEFAULT, {"duration": 10**12}, "InvalidSchedule"),
    ],
)
def test_what_the_standard_forbids(version: Version, purpose: Purpose, more: Json, reason: str) -> None:
    with pytest.raises(ProfileRefused) as refused:
        Bench(version).install(1, purpose, 6, **more)
    assert refused.value.reason == reason


def test_priority_charging_takes_the_place_of_the_transactions_profile_but_not_of_the_maximum() -> None:
    bench = Bench()
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(2, Purpose.TX, 8)
    bench.install(3, Purpose.PRIORITY, 14)
    assert bench.limit_a() == 8
    assert (bench.limit_a(priority=True), bench.at(priority=True).governing) == (14, Purpose.PRIORITY)
    bench.install(4, Purpose.MAX, 10)
    assert bench.limit_a(priority=True) == 10
    with pytest.raises(ProfileRefused, match="until the end"):
        bench.install(5, Purpose.PRIORITY, 14, duration=60)


def test_local_generation_comes_on_top_and_never_above_the_circuit() -> None:
    bench = Bench()
    bench.install(1, Purpose.MAX, 6)
    bench.install(2, Purpose.LOCAL, 4)
    assert bench.limit_a() == 10
    assert bench.at().phase_limit_w == (2300, 2300, 2300)
    bench.install(2, Purpose.LOCAL, 3000, unit="W")
    assert bench.at().limit_w == 6 * PER_AMPERE + 3000
    bench.install(2, Purpose.LOCAL, 40)
    assert bench.at().limit_w == HARDWARE_W
    bench.install(3, Purpose.TX, 10, periods=[{"startPeriod": 0, "limit": 10, "operationMode": "Idle"}])
    assert bench.at().limit_w == 0


def test_limits_by_phase() -> None:
    bench = Bench()
    period = {"startPeriod": 0, "limit": 6, "limit_L2": 8, "limit_L3": 30}
    bench.install(1, Purpose.TX, None, periods=[period])
    assert bench.at().phase_limit_w == (6 * 230, 8 * 230, 16 * 230)
    assert bench.at().limit_w == 30 * 230
    bench.install(2, Purpose.MAX, 7)
    assert bench.at().phase_limit_w == (6 * 230, 7 * 230, 7 * 230)
    bench.install(1, Purpose.TX, None, unit="W", periods=[{"startPeriod": 0, "limit": 1000, "limit_L2": 900}])
    assert (bench.at().phase_limit_w, bench.at().limit_w) == ((1000, 900, 0), 1900)


def test_setpoints_by_phase() -> None:
    bench = Bench()
    period = {"startPeriod": 0, "setpoint": -1000, "setpoint_L2": -2000, "setpoint_L3": -9000}
    bench.install(1, Purpose.TX, None, unit="W", periods=[period | {"operationMode": "CentralSetpoint"}])
    assert bench.at().phase_setpoint_w == (-1000, -2000, -3680)
    assert bench.at().setpoint_w == -6680
    assert bench.at(may_feed=False).phase_setpoint_w == (0, 0, 0)
    floor = {"dischargeLimit": -500, "dischargeLimit_L2": -5000, "dischargeLimit_L3": -100}
    bench.install(1, Purpose.TX, None, unit="W", periods=[period | floor | {"operationMode": "CentralSetpoint"}])
    assert bench.at().phase_setpoint_w == (-500, -2000, -100)


def test_phases_are_chosen_only_where_the_station_can_switch() -> None:
    one = [{"startPeriod": 0, "limit": 10, "numberPhases": 1, "phaseToUse": 2}]
    bench = Bench()
    bench.install(1, Purpose.TX, None, periods=one)
    assert (bench.at().usable, bench.at().phase_limit_w) == ((2,), (0, 2300, 0))
    fixed = Bench()
    fixed.profiles = InstalledProfiles(Version.V21, Wiring(switching=False))
    fixed.install(1, Purpose.TX, None, periods=one)
    assert (fixed.at().usable, fixed.at().limit_w) == ((1, 2, 3), 6900)
    with pytest.raises(ProfileRefused, match="single phase"):
        bench.install(1, Purpose.TX, None, periods=[one[0] | {"numberPhases": 3}])


def test_a_dynamic_profile_holds_for_its_duration_after_each_update() -> None:
    bench = Bench()
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(2, Purpose.TX, 10, chargingProfileKind="Dynamic", duration=60)
    assert [bench.limit_a(second) for second in (0, 59, 60)] == [10, 10, 6]
    bench.profiles.update(2, {"limit": 12}, NOW + timedelta(seconds=50))
    assert [bench.limit_a(second) for second in (50, 109, 110)] == [12, 12, 6]
    for number, values, reason in ((1, {"limit": 9}, "InvalidProfile"), (9, {"limit": 9}, "NotFound")):
        with pytest.raises(ProfileRefused) as refused:
            bench.profiles.update(number, values, NOW)
        assert refused.value.reason == reason
    with pytest.raises(ProfileRefused, match="at least 0"):
        bench.profiles.update(2, {"limit": -1}, NOW)
    assert bench.limit_a(51) == 12


def test_what_is_dynamic_has_one_period_and_nothing_else_is_updated() -> None:
    bench = Bench()
    two = [{"startPeriod": 0, "limit": 6}, {"startPeriod": 60, "limit": 10}]
    with pytest.raises(ProfileRefused, match=r"K28\.FR\.01"):
        bench.install(1, Purpose.TX, None, periods=two, chargingProfileKind="Dynamic")
    with pytest.raises(ProfileRefused, match=r"K28\.FR\.04"):
        bench.install(1, Purpose.TX, 6, dynUpdateInterval=30)


def test_profiles_are_found_by_id_or_by_what_is_given() -> None:
    bench = Bench()
    bench.install(1, Purpose.TX_DEFAULT, 6)
    bench.install(2, Purpose.TX_DEFAULT, 7, stackLevel=3)
    bench.install(3, Purpose.MAX, 9)
    found = bench.profiles.select(purpose=Purpose.TX_DEFAULT, stack_level=3)
    assert [profile.profile_id for profile in found] == [2]
    assert [profile.profile_id for profile in bench.profiles.select(profile_ids=[1, 3], stack_level=3)] == [1, 3]
    assert bench.profiles.clear(evse=0, purpose=Purpose.TX_DEFAULT) == 2
    assert len(bench.profiles) == 1


def test_an_external_constraint_is_not_for_a_csms_to_set() -> None:
    entry = payload(Version.V21, 1, "ChargingStationExternalConstraints", 6)
    with pytest.raises(ProfileRefused, match="not supported"):
        parse_profile(Version.V21, 0, entry, NOW)


def test_the_schemas_are_really_asked() -> None:
    good = {"connectorId": 0, "csChargingProfiles": payload(Version.V16, 1, "TxDefaultProfile", 6.3)}
    assert request_problem(Version.V16, "SetChargingProfile", good) is None
    good["connectorId"] = "0"
    assert request_problem(Version.V16, "SetChargingProfile", good) == "connectorId breaks connectorId/type"
    assert response_problem(Version.V21, "Heartbeat", {}) is not None
    assert request_problem(Version.V21, "../v16/schemas/Reset", {}) == "no schema ../v16/schemas/ResetRequest"


LIMITS = [Purpose.MAX, Purpose.TX_DEFAULT, Purpose.TX, Purpose.PRIORITY]


@st.composite
def any_profile(draw: st.DrawFn, purposes: list[Purpose] | None = None) -> tuple[Purpose, Json]:
    purpose = draw(st.sampled_from(purposes or LIMITS))
    for_a_transaction = purpose in (Purpose.TX, Purpose.TX_DEFAULT)
    starts = sorted(draw(st.sets(st.integers(1, 5000), max_size=3)))
    unit = draw(st.sampled_from("AW"))
    periods: list[Json] = []
    for start in (0, *starts):
        period: Json = {"startPeriod": start, "limit": draw(st.floats(0, 20 if unit == "A" else 12_000))}
        if draw(st.booleans()):
            period["numberPhases"] = draw(st.sampled_from([1, 3]))
        if for_a_transaction and draw(st.booleans()):
            setpoint = draw(st.floats(-15_000, 15_000))
            period |= {"operationMode": "CentralSetpoint", "setpoint": setpoint}
        periods.append(period)
    more: Json = {"periods": periods, "unit": unit, "stackLevel": draw(st.integers(0, 8))}
    more["start"] = NOW + timedelta(seconds=draw(st.integers(-4000, 4000)))
    if purpose is not Purpose.PRIORITY and draw(st.booleans()):
        more["duration"] = draw(st.integers(0, 5000))
    if draw(st.booleans()):
        more["validTo"] = NOW + timedelta(seconds=draw(st.integers(-100, 4000)))
    if for_a_transaction and draw(st.booleans()):
        more |= {"chargingProfileKind": "Relative"}
        more.pop("start")
    return purpose, more


@given(
    profiles=st.lists(any_profile(), max_size=8),
    max_a=st.floats(0, 20),
    seconds=st.integers(0, 6000),
)
def test_never_above_the_stations_maximum(profiles: list[tuple[Purpose, Json]], max_a: float, seconds: int) -> None:
    bench = Bench(Version.V16)
    bench.version = Version.V21
    for number, (purpose, more) in enumerate(profiles):
        bench.install(number, purpose, None, **dict(more))
    # The highest level, so that no other maximum is in its place.
    bench.install(99, Purpose.MAX, max_a, stackLevel=8)
    found = bench.at(seconds)
    assert 0 <= found.limit_w <= min(max_a * PER_AMPERE, HARDWARE_W) + 1e-6
    if found.setpoint_w is not None:
        assert -HARDWARE_W <= found.setpoint_w <= found.limit_w


@given(profiles=st.lists(any_profile(list(Purpose)), max_size=8), max_a=st.floats(0, 20), local_a=st.floats(0, 20))
def test_with_local_generation_never_above_both_together_nor_the_circuit(
    profiles: list[tuple[Purpose, Json]], max_a: float, local_a: float
) -> None:
    bench = Bench(Version.V16)
    bench.version = Version.V21
    for number, (purpose, more) in enumerate(profiles):
        bench.install(number, purpose, None, **dict(more))
    bench.install(98, Purpose.LOCAL, local_a, stackLevel=8)
    bench.install(99, Purpose.MAX, max_a, stackLevel=8)
    for priority in (False, True):
        found = bench.at(priority=priority)
        assert 0 <= found.limit_w <= min((max_a + local_a) * PER_AMPERE, HARDWARE_W) + 1e-6
        assert found.limit_w <= sum(found.phase_limit_w) + 1e-6
        assert all(0 <= watts <= 16 * 230 for watts in found.phase_limit_w)
        assert all(found.phase_limit_w[phase - 1] == 0 for phase in (1, 2, 3) if phase not in found.usable)


@given(profiles=st.lists(any_profile(list(Purpose)), max_size=6), seconds=st.integers(0, 5999))
def test_the_schedule_tells_beforehand_what_will_hold(profiles: list[tuple[Purpose, Json]], seconds: int) -> None:
    bench = Bench(Version.V16)
    bench.version = Version.V21
    for number, (purpose, more) in enumerate(profiles):
        bench.install(number, purpose, None, **dict(more))
    situation = Situation(now=NOW, transaction_id="tx", transaction_start=NOW - timedelta(minutes=5))
    schedule = bench.profiles.schedule(1, situation, 6000)
    assert [start for start, _ in schedule] == sorted({start for start, _ in schedule})
    told = [composite for start, composite in schedule if start <= seconds][-1]
    assert told == bench.at(seconds)
