"""A station with two EVSEs: together they never draw more than what the hub has the station down for."""

from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devices.evce.profiles import StationLimits, floor_current_a
from devices.evce.schemas import Version
from devices.evce.side_charges import FOLLOW_S, STRIKES, share_out
from homeapp.errors import DeviceError
from homeapp.model.readings import EvceCommand, EvceStatus
from kit import evce_street
from kit.evce_street import ALL, Street, Tls, run
from kit.two_outlets import TwoOutlets, two_outlets

AMPERE_W = 3 * 230.0
_TOLERANCE_W = 1.0


def limits(safe_a: float) -> StationLimits:
    return StationLimits(max_current_a=16.0, safe_current_a=safe_a, phases=3, voltage_v=230.0)


def check(station: TwoOutlets, bound_w: float | None = None) -> None:
    station.look()
    for drawn_w, granted_w in station.instants:
        assert drawn_w <= granted_w + _TOLERANCE_W, station.instants
    if bound_w is not None:
        assert station.total_w <= bound_w + _TOLERANCE_W, (station.total_w, bound_w)
    station.instants.clear()


def amperes(station: TwoOutlets) -> list[int]:
    """What both draw, A per phase."""
    return [round(station.drawn(evse) / AMPERE_W) for evse in (1, 2)]


async def apply(station: TwoOutlets, limit_w: float) -> None:
    """One command; while it is carried out the hub grants no more than it, unless that was granted before."""
    check(station)
    station.look()
    before_w = station.instants[-1][1]
    try:
        await station.evce.apply(EvceCommand(limit_w=limit_w))
    finally:
        station.look()
        for _, granted_w in station.instants[1:]:
            assert granted_w <= max(limit_w, before_w) + _TOLERANCE_W, (limit_w, before_w, station.instants)
        check(station)


async def command(station: TwoOutlets, current_a: float, *, times: int = 3) -> None:
    """So often, each time long enough after the one before for the cars to have followed."""
    for _ in range(times):
        await apply(station, current_a * AMPERE_W)
        await station.measure()
        check(station)
        station.street.clock.move(FOLLOW_S + 1)


@pytest.mark.parametrize(
    ("safe_a", "floors"), [(6.0, [6.0, 0.0, 0.0]), (12.0, [12.0, 6.0, 0.0]), (4.0, [4.0, 0.0, 0.0])]
)
def test_the_floors_of_all_are_no_more_than_the_safe_current(safe_a: float, floors: list[float]) -> None:
    assert [floor_current_a(limits(safe_a), evses) for evses in (1, 2, 3)] == floors


@given(
    total_a=st.floats(0, 40),
    charging=st.integers(1, 8),
)
def test_what_is_shared_out_is_all_and_nobody_gets_too_little_to_charge(total_a: float, charging: int) -> None:
    shares = share_out(total_a, charging, 6.0)
    assert sum(shares) == pytest.approx(total_a)
    assert all(share >= 6.0 or share == 0 for share in shares[1:])
    assert list(shares) == sorted(shares, reverse=True)


@pytest.mark.usecase("D1")
@pytest.mark.parametrize("version", ALL)
def test_two_cars_share_what_the_station_is_allowed(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with two_outlets(street, version) as station:
            for evse in (1, 2):
                await station.plug_in(evse)
                await station.begin(evse)
                check(station)
            await command(station, 16)
            assert amperes(station) == [8, 8]
            assert station.evce.state.power_w == pytest.approx(16 * AMPERE_W, abs=2)
            await command(station, 10)
            assert amperes(station) == [10, 0], "too little for both"
            await station.unplug(1)
            await command(station, 10)
            assert station.drawn(2) == pytest.approx(10 * AMPERE_W, abs=1)
            assert station.evce.state.transaction_id == station.running[2]
            await station.plug_in(1)
            await station.begin(1)
            check(station, 10 * AMPERE_W)
            await command(station, 0)
            assert station.total_w == 0
            street.clock.move(61)
            check(station, 6 * AMPERE_W)

    run(tls, body)


def test_what_one_gives_up_the_other_gets_once_its_car_had_time_to_follow(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with two_outlets(street, Version.V21) as station:
            for evse in (1, 2):
                await station.plug_in(evse)
                await station.begin(evse)
            await command(station, 16)
            await apply(station, 10 * AMPERE_W)
            assert amperes(station) == [8, 0]
            street.clock.move(FOLLOW_S + 1)
            await apply(station, 10 * AMPERE_W)
            assert amperes(station) == [10, 0]
            await apply(station, 14 * AMPERE_W)
            assert amperes(station) == [7, 0]
            street.clock.move(FOLLOW_S + 1)
            await apply(station, 14 * AMPERE_W)
            assert amperes(station) == [7, 7]

    run(tls, body)


def test_one_car_leaves_room_for_what_another_may_begin_with_unless_the_station_itself_bounds_both(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with two_outlets(street, Version.V201) as station:
            await station.plug_in(1)
            await station.begin(1)
            await command(station, 13)
            assert amperes(station) == [7, 0]
            await station.plug_in(2)
            await station.begin(2)
            check(station, 13 * AMPERE_W)
            assert amperes(station) == [7, 6]
            await station.unplug(2)
            await command(station, 16)
            assert amperes(station) == [16, 0]
            assert station.evce.state.granted_w == pytest.approx(16 * AMPERE_W)
            await station.plug_in(2)
            await station.begin(2)
            check(station, 16 * AMPERE_W)

    with patch.object(evce_street, "LIMITS", limits(12.0)):
        run(tls, body)


@pytest.mark.parametrize("version", [Version.V16, Version.V21])
def test_a_hub_that_is_gone_leaves_both_within_the_safe_current(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with two_outlets(street, version) as station:
            for evse in (1, 2):
                await station.plug_in(evse)
                await station.begin(evse)
            await command(station, 16)
            street.clock.move(61)
            assert station.total_w <= 6 * AMPERE_W + _TOLERANCE_W

    run(tls, body)


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_a_car_that_waits_at_the_second_one_is_started_there(tls: Tls, version: Version) -> None:
    name, where = (
        ("RemoteStartTransaction", "connectorId")
        if version is Version.V16
        else (
            "RequestStartTransaction",
            "evseId",
        )
    )

    async def body(street: Street) -> None:
        async with two_outlets(street, version) as station:
            await station.plug_in(2)
            await street.register.until_status(EvceStatus.PLUGGED)
            await station.evce.apply(EvceCommand(limit_w=16 * AMPERE_W))
            await station.begin(2)
            await command(station, 16)
            assert station.drawn(2) == pytest.approx(16 * AMPERE_W, abs=1), "nobody else is there"
            await station.plug_in(1)
            await command(station, 10, times=1)
            await command(station, 16, times=1)
            asked = [payload[where] for action, payload in station.raw.calls if action == name]
            assert asked == [2, 1], "the second one only where there is enough for both"

    run(tls, body)


def test_each_evse_is_asked_how_it_stands_and_one_more_where_the_number_is_not_known(tls: Tls) -> None:
    def asked(station: TwoOutlets) -> list[tuple[str, int]]:
        calls = [payload for action, payload in station.raw.calls if action == "TriggerMessage"]
        return [(call["requestedMessage"], call["evse"]["id"]) for call in calls if "evse" in call]

    async def body(street: Street) -> None:
        async with two_outlets(street, Version.V201) as station:
            assert ("StatusNotification", 3) in asked(station)
        async with two_outlets(street, Version.V201) as station:
            names = ("StatusNotification", "TransactionEvent", "MeterValues")
            assert asked(station) == [(name, evse) for evse in (1, 2) for name in names]

    run(tls, body)


def test_what_the_second_car_needs_is_not_taken_for_the_first_ones(tls: Tls) -> None:
    needs = {"requestedEnergyTransfer": "AC_BPT", "v2xChargingParameters": {"maxDischargePower": 8000}}

    async def body(street: Street) -> None:
        async with two_outlets(street, Version.V21) as station:
            for evse in (1, 2):
                await station.plug_in(evse)
                await station.begin(evse)
            await station.raw.call("NotifyEVChargingNeeds", {"evseId": 2, "chargingNeeds": needs})
            told = station.evce.state.capabilities
            assert told is not None
            assert not told.can_feed
            await station.unplug(1)
            told = station.evce.state.capabilities
            assert told is not None
            assert told.can_feed

    run(tls, body)


def test_where_the_second_one_takes_no_limit_it_stays_at_its_floor_and_the_first_one_has_its_part(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with two_outlets(street, Version.V201) as station:
            station.limit_refused_at = 2
            for evse in (1, 2):
                await station.plug_in(evse)
                await station.begin(evse)
            await command(station, 16, times=4)
            assert amperes(station) == [8, 0]
            profiles = [payload for action, payload in station.raw.calls if action == "SetChargingProfile"]
            refused = [payload for payload in profiles if payload["evseId"] == 2]
            assert len(refused) == 4, "in A and in W, and again only after a while"

    run(tls, body)


def test_a_car_beside_that_ignores_its_limit_counts_with_what_it_draws_and_is_stopped(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with two_outlets(street, Version.V201) as station:
            for evse in (1, 2):
                await station.plug_in(evse)
                await station.begin(evse)
            await command(station, 16)
            for _ in range(STRIKES):
                street.clock.move(5)
                await station.measured_as(1, 8 * AMPERE_W)
                await station.measured_as(2, 14 * AMPERE_W)
                await station.evce.apply(EvceCommand(limit_w=16 * AMPERE_W))
                assert (station.evce.state.granted_w or 0) >= 14 * AMPERE_W
            stops = [payload for action, payload in station.raw.calls if action == "RequestStopTransaction"]
            assert [payload["transactionId"] for payload in stops] == [station.running[2]]
            assert "another outlet" in (station.evce.state.problem or "")

    run(tls, body)


def test_the_installer_is_told_where_the_floor_is_too_little_for_all(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with two_outlets(street, Version.V16) as station:
            assert "2 outlets" in (station.evce.state.problem or "")

    run(tls, body)


Step = tuple[str, float]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["plug", "begin", "end", "unplug"]), st.sampled_from([1.0, 2.0])),
        st.tuples(st.just("command"), st.sampled_from([0.0, 6.0, 9.0, 13.0, 16.0])),
        st.tuples(st.just("pass"), st.sampled_from([2.0, 10.0, 31.0, 61.0])),
    ),
    min_size=4,
    max_size=24,
)


_LOWERED_AT_ONCE: list[Step] = [("plug", 1.0), ("begin", 1.0), ("command", 9.0), ("pass", 2.0), ("command", 0.0)]
"""What was measured last was drawn under the limit before."""


async def take(station: TwoOutlets, step: Step) -> None:
    name, value = step
    evse = int(value)
    match name:
        case "plug" if evse not in station.plugged:
            await station.plug_in(evse)
        case "begin" if evse in station.plugged and evse not in station.running:
            await station.begin(evse)
        case "end" if evse in station.running:
            await station.end(evse)
        case "unplug" if evse in station.plugged:
            await station.unplug(evse)
        case "command":
            try:
                await apply(station, value * AMPERE_W)
            except DeviceError:
                return
        case "pass":
            station.street.clock.move(value)
            await station.measure()


@pytest.mark.usecase("D1")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, version=st.sampled_from(ALL), safe_a=st.sampled_from([6.0, 12.0]))
@example(steps=_LOWERED_AT_ONCE, version=Version.V16, safe_a=6.0)
def test_whatever_happens_they_draw_no_more_than_is_granted(
    tls: Tls, steps: Sequence[Step], version: Version, safe_a: float
) -> None:
    async def body(street: Street) -> None:
        async with two_outlets(street, version) as station:
            for step in steps:
                await take(station, step)
                check(station)
            await command(station, 7, times=2)
            check(station, max(7.0, safe_a) * AMPERE_W)

    with patch.object(evce_street, "LIMITS", limits(safe_a)):
        run(tls, body)
