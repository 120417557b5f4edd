"""What the provider's profiles permit: the standard's rules, and agreement with the simulated station's own reading."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.evce.fields import rfc3339
from devices.evce.profiles import StationLimits
from devices.evce.provider.charging_profile import Mode, Profile, ProfileRefused, Purpose
from devices.evce.provider.evaluation import Circumstances, Feed, Permitted, evaluate, feeds
from devices.evce.provider.profile_reader import read_profile
from devices.evce.provider.profile_shelf import Shelf, from_kept, placed, to_kept
from devices.evce.schemas import Version
from homeapp.demo.charger import charging_profile, composite, installed_profiles, profile_reader
from homeapp.demo.charger.ocpp_schemas import Version as StationVersion

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LIMITS = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=3, voltage_v=230.0)
WHEN = Circumstances(now=NOW, evse=1, transaction_id="7", began_at=NOW - timedelta(hours=1))
Json = dict[str, Any]


def profile(
    number: int = 1, purpose: str = "TxDefaultProfile", *periods: Json, version: Version = Version.V21, **more: Any
) -> Json:
    """A profile of 2.x in W, in force since yesterday, or in the words of 1.6; ``more`` goes where it belongs."""
    schedule: Json = {
        "chargingRateUnit": more.pop("unit", "W"),
        "chargingSchedulePeriod": list(periods) or [{"startPeriod": 0, "limit": 6000.0}],
    }
    start = more.pop("start", NOW - timedelta(days=1))
    schedule |= {} if start is None else {"startSchedule": rfc3339(start)}
    schedule |= {name: more.pop(name) for name in ("duration", "useLocalTime", "randomizedDelay") if name in more}
    common = {"stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Absolute", **more}
    if version is Version.V16:
        return common | {"chargingProfileId": number, "chargingSchedule": schedule}
    return common | {"id": number, "chargingSchedule": [schedule | {"id": number}]}


def read(payload: Json, evse: int = 0, version: Version = Version.V21) -> Profile:
    found = read_profile(version, evse, payload, NOW - timedelta(hours=2))
    return replace(found, transaction_id="7") if found.purpose is Purpose.TX else found


def period(limit: float | None = None, start: int = 0, **more: Any) -> Json:
    return {"startPeriod": start, **({} if limit is None else {"limit": limit}), **more}


def permitted(*profiles: Profile, **changes: Any) -> Permitted:
    return evaluate(profiles, LIMITS, replace(WHEN, **changes))


def test_without_profiles_there_is_no_limit() -> None:
    assert permitted() == Permitted(limit_w=None, feed_w=None, phases=3)


def test_the_transactions_own_profile_overrules_the_default_and_the_maximum_still_holds() -> None:
    default, station = read(profile(1)), read(profile(2, "ChargingStationMaxProfile", period(9000.0)))
    own = read(profile(3, "TxProfile", period(11_000.0), transactionId="7"), 1)
    assert permitted(default).limit_w == 6000
    assert permitted(default, own).limit_w == 11_000
    assert permitted(default, own, station).limit_w == 9000
    assert permitted(default, own, transaction_id="8").limit_w == 6000
    assert permitted(default, station, evse=0).limit_w == 9000


def test_the_highest_stack_level_that_has_something_to_say_wins() -> None:
    base = read(profile(1))
    exception = read(profile(2, "TxDefaultProfile", period(2000.0), stackLevel=3, start=NOW, duration=3600))
    assert permitted(base, exception).limit_w == 2000
    later = permitted(base, exception, now=NOW + timedelta(hours=1))
    assert later.limit_w == 6000


def test_amperes_are_per_phase_and_the_fewest_phases_count() -> None:
    amperes = read(profile(1, "TxDefaultProfile", period(10.0), unit="A"))
    assert permitted(amperes).limit_w == 10 * 230 * 3
    single = read(profile(2, "ChargingStationMaxProfile", period(16.0, numberPhases=1), unit="A"))
    found = permitted(amperes, single)
    assert (found.limit_w, found.phases) == (10 * 230, 1)


def test_of_limits_per_phase_the_lowest_holds_on_all() -> None:
    amperes = read(profile(1, "TxDefaultProfile", period(16.0, limit_L2=8.0, limit_L3=16.0), unit="A"))
    watts = read(profile(1, "TxDefaultProfile", period(3000.0, limit_L2=1000.0, limit_L3=3000.0)))
    assert permitted(amperes).limit_w == 8 * 230 * 3
    assert permitted(watts).limit_w == 3000


def test_a_negative_setpoint_asks_for_a_feed_up_to_the_discharge_limit() -> None:
    feed = read(
        profile(1, "TxProfile", period(setpoint=-3000.0, operationMode="CentralSetpoint"), transactionId="7"), 1
    )
    assert (permitted(feed).limit_w, permitted(feed).feed_w) == (0, 3000)
    in_amperes = period(setpoint=-12.0, dischargeLimit=-12.0, operationMode="CentralSetpoint")
    assert permitted(read(profile(1, "TxDefaultProfile", in_amperes, unit="A"))).feed_w == 12 * 230
    charge = read(profile(1, "TxDefaultProfile", period(setpoint=4000.0, operationMode="CentralSetpoint")))
    assert (permitted(charge).limit_w, permitted(charge).feed_w) == (4000, 0)


def test_idle_neither_charges_nor_feeds_and_what_is_left_to_the_hub_limits_nothing() -> None:
    idle = permitted(read(profile(1, "TxDefaultProfile", period(operationMode="Idle"))))
    assert (idle.limit_w, idle.feed_w, idle.mode) == (0, 0, Mode.IDLE)
    own = permitted(read(profile(1, "TxDefaultProfile", period(operationMode="ExternalLimits"))))
    assert (own.limit_w, own.feed_w) == (None, None)


def test_relative_counts_from_the_transaction() -> None:
    steps = [period(6000.0), period(3000.0, 5400)]
    relative = read(profile(1, "TxDefaultProfile", *steps, chargingProfileKind="Relative", start=None))
    assert permitted(relative) == Permitted(
        limit_w=6000, feed_w=None, phases=3, next_change=NOW + timedelta(seconds=1800)
    )
    assert permitted(relative, now=NOW + timedelta(seconds=1800)).limit_w == 3000
    waiting = permitted(relative, transaction_id=None, began_at=None)
    assert (waiting.limit_w, waiting.next_change) == (6000, None)


@pytest.mark.parametrize(("kind", "days"), [("Daily", 1), ("Weekly", 7)])
def test_recurring_begins_again(kind: str, days: int) -> None:
    steps = [period(0.0), period(7000.0, 3600)]
    repeated = read(
        profile(1, "TxDefaultProfile", *steps, chargingProfileKind="Recurring", recurrencyKind=kind,
                start=NOW - timedelta(days=28), duration=7200)
    )  # fmt: skip
    first, second = permitted(repeated), permitted(repeated, now=NOW + timedelta(hours=1))
    assert (first.limit_w, first.next_change) == (0, NOW + timedelta(hours=1))
    assert (second.limit_w, second.next_change) == (7000, NOW + timedelta(hours=2))
    over = permitted(repeated, now=NOW + timedelta(hours=2))
    assert (over.limit_w, over.next_change) == (None, NOW + timedelta(days=days))


def test_a_profile_that_may_not_outlast_the_csms() -> None:
    default = read(profile(1))
    online = read(profile(2, "TxDefaultProfile", period(9000.0), stackLevel=1, maxOfflineDuration=60))
    gone = {"offline_since": NOW - timedelta(seconds=60)}
    assert permitted(default, online, **gone).limit_w == 9000
    assert permitted(default, online, **gone).next_change == NOW + timedelta(seconds=1)
    assert permitted(default, online, now=NOW + timedelta(seconds=1), **gone).limit_w == 6000


def test_priority_charging_overrules_what_else_is_set_for_the_transaction() -> None:
    own = read(profile(1, "TxProfile", period(1000.0), transactionId="7"), 1)
    station = read(profile(2, "ChargingStationMaxProfile", period(9000.0)))
    priority = read(profile(3, "PriorityCharging", period(22_000.0)))
    assert permitted(own, station, priority).limit_w == 1000
    assert permitted(own, station, priority, priority=True).limit_w == 9000


def test_when_a_profile_lets_the_car_feed() -> None:
    steps = [period(5000.0), period(start=3600, setpoint=-2000.0, operationMode="CentralSetpoint"), period(0.0, 7200)]
    timed = read(profile(1, "TxDefaultProfile", *steps, start=NOW))
    begin, end = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    assert feeds(timed, LIMITS, WHEN) == [Feed(begin=begin, end=end, power_w=2000)]
    assert not feeds(timed, LIMITS, replace(WHEN, now=end))
    daily = read(
        profile(1, "TxDefaultProfile", *steps, start=NOW, chargingProfileKind="Recurring", recurrencyKind="Daily")
    )
    tomorrow = timedelta(days=1)
    assert feeds(daily, LIMITS, replace(WHEN, now=end))[0].begin == begin + tomorrow
    allowed = read(profile(1, "TxDefaultProfile", period(dischargeLimit=-4000.0, operationMode="ExternalSetpoint")))
    assert feeds(allowed, LIMITS, WHEN) == [Feed(begin=NOW, end=None, power_w=None)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chargingProfilePurpose": "ChargingStationExternalConstraints"}, "UnsupportedPurpose"),
        ({"chargingProfilePurpose": "LocalGeneration"}, "UnsupportedPurpose"),
        ({"chargingProfileKind": "Relative"}, "InvalidSchedule"),
        ({"start": None}, "InvalidSchedule"),
        ({"chargingProfileKind": "Recurring"}, "InvalidProfile"),
        ({"chargingProfileKind": "Elastic"}, "UnsupportedKind"),
        ({"stackLevel": -1}, "InvalidStackLevel"),
        ({"unit": "V"}, "UnsupportedRateUnit"),
        ({"validFrom": "2026-01-02T00:00:00Z", "validTo": "2026-01-01T00:00:00Z"}, "InvalidProfile"),
        ({"validFrom": "yesterday"}, "InvalidProfile"),
        ({"validTo": "0001-01-01T00:00:00+23:00"}, "InvalidProfile"),
        ({"useLocalTime": True}, "InvalidSchedule"),
        ({"randomizedDelay": 30}, "InvalidSchedule"),
        ({"dynUpdateInterval": 30}, "InvalidProfile"),
        ({"duration": -1}, "InvalidSchedule"),
        ({"maxOfflineDuration": -1}, "InvalidProfile"),
    ],
)
def test_a_profile_that_breaks_a_rule_is_refused(changes: Json, reason: str) -> None:
    with pytest.raises(ProfileRefused) as refusal:
        read(profile(1, **{"purpose": changes.pop("chargingProfilePurpose", "TxDefaultProfile"), **changes}))
    assert refusal.value.reason == reason
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("steps", "purpose", "reason"),
    [
        ([period(1.0, 5)], "TxDefaultProfile", "InvalidSchedule"),
        ([period(1.0), period(2.0, 60), period(3.0, 30)], "TxDefaultProfile", "InvalidSchedule"),
        ([period(-1.0)], "TxDefaultProfile", "InvalidSchedule"),
        ([period()], "TxDefaultProfile", "InvalidSchedule"),
        ([period("much")], "TxDefaultProfile", "InvalidProfile"),  # type: ignore[arg-type]
        ([period(1.0, numberPhases=4)], "TxDefaultProfile", "InvalidSchedule"),
        ([period(1.0, phaseToUse=2, numberPhases=1)], "TxDefaultProfile", "InvalidSchedule"),
        ([period(1.0, setpoint=-5.0)], "TxDefaultProfile", "InvalidSchedule"),
        ([period(operationMode="CentralSetpoint")], "TxDefaultProfile", "InvalidSchedule"),
        ([period(500.0, setpoint=600.0, operationMode="CentralSetpoint")], "TxDefaultProfile", "InvalidSchedule"),
        ([period(setpoint=1.0, operationMode="ExternalSetpoint")], "TxDefaultProfile", "InvalidSchedule"),
        ([period(operationMode="LocalFrequency")], "TxDefaultProfile", "UnsupportedParam"),
        ([period(setpoint=-5.0, operationMode="CentralSetpoint")], "PriorityCharging", "InvalidSchedule"),
        ([period(1.0)], "TxProfile", "InvalidProfile"),
    ],
)
def test_a_period_that_breaks_a_rule_is_refused(steps: list[Json], purpose: str, reason: str) -> None:
    with pytest.raises(ProfileRefused) as refusal:
        read(profile(1, purpose, *steps))
    assert refusal.value.reason == reason


def test_what_is_too_much_is_refused() -> None:
    with pytest.raises(ProfileRefused) as refusal:
        read(profile(1, customData={"vendorId": "x" * 200_000}))
    assert refusal.value.reason == "TooLargeElement"
    long = [period(1.0, start) for start in range(1024)]
    shelf: Shelf = ()
    for number in range(2):
        shelf = placed(shelf, read(profile(number, "TxDefaultProfile", *long, stackLevel=number)))
    with pytest.raises(ProfileRefused, match="periods in all"):
        placed(shelf, read(profile(9, stackLevel=9)))
    with pytest.raises(ProfileRefused) as refusal:
        read(profile(1, "TxDefaultProfile", *long, period(1.0, 5000)))
    assert refusal.value.reason == "TooManyElements"
    forever = read(profile(1, maxOfflineDuration=10**12))
    assert permitted(forever, offline_since=NOW).limit_w == 6000


def test_no_two_profiles_hold_at_the_same_place_and_time() -> None:
    first = read(profile(1, validTo="2026-02-01T00:00:00Z"))
    shelf = placed((), first)
    with pytest.raises(ProfileRefused, match="Profile 1"):
        placed(shelf, read(profile(2)))
    with pytest.raises(ProfileRefused, match="Profile 1"):
        placed(shelf, read(profile(2, validFrom="2026-03-01T00:00:00Z"), evse=1))
    assert len(placed(shelf, read(profile(2, validFrom="2026-02-01T00:00:00Z")))) == 2
    assert len(placed(shelf, read(profile(2, stackLevel=1)))) == 2
    assert placed(shelf, read(profile(1, "TxDefaultProfile", period(1.0))))[0].periods[0].limit == 1.0
    v16 = placed((), read(profile(1, version=Version.V16), version=Version.V16))
    assert [each.profile_id for each in placed(v16, read(profile(2, version=Version.V16), version=Version.V16))] == [2]


ORACLE = {Version.V16: StationVersion.V16, Version.V201: StationVersion.V201, Version.V21: StationVersion.V21}
_HOURS = st.integers(-40, 40).map(lambda hours: NOW + timedelta(hours=hours, minutes=hours % 7))
_EARLIER = st.integers(-90, 3).map(lambda hours: NOW + timedelta(hours=hours))


@st.composite
def schedule_periods(draw: st.DrawFn, version: Version, purpose: str) -> list[Json]:
    starts = [0, *sorted(draw(st.sets(st.integers(1, 60).map(lambda step: step * 1200), max_size=3)))]
    found: list[Json] = []
    for start in starts:
        step: Json = {"startPeriod": start}
        if draw(st.booleans()):
            step["numberPhases"] = draw(st.integers(1, 3))
        modes = ["ChargingOnly"]
        if version is Version.V21 and purpose.startswith("Tx"):
            modes += ["CentralSetpoint", "Idle"]
        mode = draw(st.sampled_from(modes))
        if mode == "ChargingOnly":
            step["limit"] = float(draw(st.integers(0, 40)))
        else:
            step["operationMode"] = mode
        if mode == "CentralSetpoint":
            step["setpoint"] = float(draw(st.integers(-12, 12)))
        found.append(step)
    return found


@st.composite
def profiles_of(draw: st.DrawFn, version: Version) -> tuple[int, Json]:
    top = "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile"
    purpose = draw(st.sampled_from([top, "TxDefaultProfile", "TxProfile"]))
    kinds = ["Recurring", "Absolute"] + ([] if purpose == top else ["Relative"])
    more: Json = {"stackLevel": draw(st.integers(0, 2)), "chargingProfileKind": draw(st.sampled_from(kinds))}
    if more["chargingProfileKind"] == "Recurring":
        more["recurrencyKind"] = "Daily" if draw(st.integers(0, 3)) else "Weekly"
    for name in ("validFrom", "validTo"):
        if draw(st.integers(0, 6)) == 6:
            more[name] = rfc3339(draw(_HOURS))
    if draw(st.booleans()):
        more["duration"] = draw(st.integers(1, 22)) * 3600
    if version is Version.V21 and draw(st.booleans()):
        more |= {"maxOfflineDuration": draw(st.integers(0, 3)) * 600}
    if purpose == "TxProfile":
        more["transactionId"] = 7 if version is Version.V16 else "7"
    steps = draw(schedule_periods(version, purpose))
    start = None if more["chargingProfileKind"] == "Relative" else draw(_EARLIER)
    unit = draw(st.sampled_from(["A", "W"]))
    number = draw(st.integers(1, 9))
    evse = {top: 0, "TxProfile": 1}.get(purpose, draw(st.integers(0, 1)))
    scale = 1.0 if unit == "A" else 230.0
    for step in steps:
        step |= {name: step[name] * scale for name in ("limit", "setpoint") if name in step}
    return evse, profile(number, purpose, *steps, version=version, start=start, unit=unit, **more)


@st.composite
def shelves(draw: st.DrawFn) -> tuple[Version, list[tuple[int, Json]]]:
    version = draw(st.sampled_from(list(Version)))
    return version, draw(st.lists(profiles_of(version), min_size=1, max_size=4))


def both(version: Version, drawn: list[tuple[int, Json]]) -> tuple[Shelf, installed_profiles.InstalledProfiles]:
    """The same profiles on the hub's shelf and in the simulated station: those that both take."""
    ours: Shelf = ()
    theirs = installed_profiles.InstalledProfiles(ORACLE[version], composite.Wiring())
    for evse, payload in drawn:
        try:
            candidate = placed(ours, read(payload, evse, version))
            theirs.install(profile_reader.parse_profile(ORACLE[version], evse, payload, NOW - timedelta(hours=2)), "7")
        except (ProfileRefused, charging_profile.ProfileRefused):
            continue
        ours = candidate
    return ours, theirs


@given(drawn=shelves(), at=_HOURS, running=st.booleans(), offline_s=st.sampled_from([0, 599, 600, 601, 5000]))
@settings(max_examples=150, deadline=None)
def test_the_simulated_station_reads_profiles_alike(
    drawn: tuple[Version, list[tuple[int, Json]]], at: datetime, *, running: bool, offline_s: int
) -> None:
    ours, theirs = both(*drawn)
    transaction, began_at = ("7", NOW - timedelta(hours=1)) if running else (None, None)
    found = evaluate(
        ours,
        LIMITS,
        Circumstances(
            now=at,
            evse=1,
            transaction_id=transaction,
            began_at=began_at,
            offline_since=at - timedelta(seconds=offline_s) if offline_s else None,
        ),
    )
    expected = theirs.composite(
        1,
        composite.Situation(now=at, transaction_id=transaction, transaction_start=began_at, offline_s=float(offline_s)),
    )
    circuit_w = 16 * 230.0 * found.phases
    limit_w = circuit_w if found.limit_w is None else min(circuit_w, found.limit_w)
    assert found.phases == expected.phases
    if expected.setpoint_w is None:
        assert limit_w == pytest.approx(expected.limit_w)
        assert not found.feed_w
    elif expected.setpoint_w < 0:
        assert (limit_w, found.feed_w) == (0, pytest.approx(-expected.setpoint_w))
    else:
        assert (limit_w, found.feed_w) == (pytest.approx(expected.setpoint_w), 0)


@given(drawn=shelves(), at=_HOURS, share=st.floats(0, 0.999), offline=st.booleans())
@settings(max_examples=100, deadline=None)
def test_nothing_changes_before_the_next_change_is_due(
    drawn: tuple[Version, list[tuple[int, Json]]], at: datetime, share: float, *, offline: bool
) -> None:
    ours, _theirs = both(*drawn)
    when = replace(WHEN, now=at, offline_since=at - timedelta(seconds=5) if offline else None)
    found = evaluate(ours, LIMITS, when)
    ahead = timedelta(days=30) if found.next_change is None else found.next_change - at
    assert ahead > timedelta(0)
    # The second beyond the longest time offline belongs to both sides.
    later = evaluate(ours, LIMITS, replace(when, now=at + max(timedelta(0), ahead * share - timedelta(seconds=1))))
    assert replace(later, next_change=None) == replace(found, next_change=None)


@given(drawn=shelves())
@settings(max_examples=40, deadline=None)
def test_what_is_kept_over_a_restart_is_the_same(drawn: tuple[Version, list[tuple[int, Json]]]) -> None:
    ours, _theirs = both(*drawn)
    assert from_kept(to_kept(ours)) == tuple(each for each in ours if each.survives_restart)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "stackLevel",
                        "chargingProfilePurpose",
                        "chargingProfileKind",
                        "chargingSchedule",
                        "startPeriod",
                        "limit",
                        "chargingSchedulePeriod",
                        "chargingRateUnit",
                        "setpoint",
                        "validFrom",
                        "transactionId",
                    ]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(list(Version)),
)
@settings(max_examples=150, deadline=None)
def test_garbage_is_refused_with_a_reason(garbage: object, version: Version) -> None:
    payload = {**profile(version=version), **(garbage if isinstance(garbage, dict) else {"chargingSchedule": garbage})}
    reason = "taken"
    try:
        read_profile(version, 1, payload, NOW)
    except ProfileRefused as refusal:
        reason = refusal.reason
    assert 0 < len(reason) <= 20
