"""Plans of every mode: what they charge and when, why, and what they say where a promise cannot be kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeapp.goal import local_midnight
from homeapp.model.past import PastPrice
from homeapp.model.plan import ChargingMode, Departure, Plan, Promise, SlotReason
from homeapp.planning.grid import SLOT
from homeapp.planning.make_plan import make_plan
from homeapp.planning.price_outlook import history_of
from homeapp.planning.request import PlanRequest
from kit.plan_requests import (
    CAPACITY_WH,
    CENTS,
    HOUR,
    LEAST_W,
    MOST_W,
    NOW,
    ZONE,
    charged_wh,
    fed_wh,
    feed,
    flat_home,
    goal,
    reasons,
    request,
    shed,
    tariff,
)


def plan(mode: ChargingMode = ChargingMode.READY_BY, **changes: Any) -> Plan:
    return make_plan(request(mode, **changes))


def in_battery(wh: float) -> float:
    return wh * 0.9


@pytest.mark.usecase("T2")
def test_ready_by_takes_the_cheapest_hours_before_the_departure() -> None:
    found = plan()
    assert {slot.price for slot in found.slots if slot.power_w > 0} == {Decimal("0.05")}
    assert in_battery(charged_wh(found)) == pytest.approx(15_000, abs=60)
    assert (found.reaches_pct, found.shortfall_wh, found.broken) == (80.0, 0, ())
    assert reasons(found) == {"cheap"}
    assert reasons(found, charging=False) >= {"wait_cheaper", "full"}
    assert found.cost is not None
    assert found.cost_uncontrolled is not None
    assert found.cost == Decimal("0.83")
    assert found.cost_uncontrolled > 4 * found.cost
    assert found.switches == 1


def test_the_first_slot_begins_now_and_the_others_at_quarter_hours() -> None:
    slots = plan().slots
    assert (slots[0].start, slots[0].end) == (NOW, NOW + timedelta(minutes=8))
    assert all(slot.end - slot.start == SLOT for slot in slots[1:])
    assert all(before.end == after.start for before, after in pairwise(slots))


def test_of_a_nearly_over_quarter_hour_the_rest_belongs_to_the_next() -> None:
    now = NOW + timedelta(minutes=7, seconds=10)
    assert plan(now=now).slots[0].end == NOW + timedelta(minutes=23)
    assert plan(now=now - timedelta(seconds=20)).slots[0].end == NOW + timedelta(minutes=8)


def test_slots_are_cut_where_a_request_begins_and_ends_and_where_the_car_leaves() -> None:
    commitments = (feed(NOW + timedelta(minutes=3), 2 / 60, 5000.0),)
    found = plan(commitments=commitments, schedule={"ready_by": "06:50"}, soc_pct=30.0)
    before, feeding, after = (found.at(NOW + timedelta(minutes=minute, seconds=30)) for minute in (2, 3, 5))
    assert feeding is not None
    assert (feeding.start - NOW, feeding.end - NOW) == (timedelta(minutes=3), timedelta(minutes=5))
    assert before is not None
    # From the reserve on only what was charged before can be fed.
    assert (before.power_w > 0, feeding.power_w) == (True, -5000.0)
    assert after is not None
    assert (before.end, after.start) == (feeding.start, feeding.end)
    leaves = datetime(2026, 1, 16, 5, 50, tzinfo=UTC)
    assert leaves in {slot.start for slot in found.slots}


def test_a_request_of_two_minutes_does_not_keep_the_car_from_charging_around_it() -> None:
    found = plan(
        tariff=tariff([5, 30, 30, 30, *[30] * 10]), commitments=(feed(NOW + timedelta(minutes=3), 2 / 60, 5000.0),)
    )
    powers = [slot.power_w for slot in found.slots[:3]]
    assert powers == [MOST_W, -5000.0, MOST_W]


def test_what_is_going_on_goes_on_where_it_costs_the_same() -> None:
    flat = tariff([30] * 14)
    going = plan(tariff=flat, running_w=MOST_W)
    assert going.slots[0].power_w == MOST_W
    assert plan(tariff=flat, running_w=0.0).slots[0].power_w == 0.0


def test_a_dear_hour_that_is_needed_is_called_so() -> None:
    found = plan(soc_pct=10.0, schedule={"ready_by": "22:00", "target_pct": 60.0})
    assert "needed" in reasons(found)
    assert found.broken == ()


@pytest.mark.usecase("T2")
def test_what_cannot_be_kept_is_said_with_its_amount_and_as_much_as_possible_is_charged() -> None:
    found = plan(soc_pct=10.0, schedule={"ready_by": "20:00", "target_pct": 80.0})
    (promise,) = found.broken
    assert promise.kind is Promise.DEPARTURE
    assert all(slot.power_w == MOST_W for slot in found.slots if slot.end <= promise.at)
    charged_pct = 53 / 60 * MOST_W * 0.9 / CAPACITY_WH * 100
    assert found.reaches_pct == pytest.approx(10 + charged_pct, abs=0.1)
    assert promise.by_wh == pytest.approx(found.shortfall_wh, abs=1)
    assert promise.sentence == (
        "At Thu 20:00 the car has 28 % instead of 80 %: 26.2 kWh are missing, even if it charges all the time. Leave "
        "2.7 h later, or be content with less."
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"commitments": (shed(NOW, 3, 0.0, mandatory=True),)}, "because the grid operator limits the charging"),
        ({"commitments": (shed(NOW, 3, 0.0),)}, "because of what you have agreed to"),
        ({"commitments": (feed(NOW, 1, 3000.0),)}, "because of what you have agreed to"),
        ({"forecast": flat_home(9000.0)}, "the main fuse leaves no more"),
    ],
)
def test_it_is_said_why(changes: dict[str, Any], says: str) -> None:
    found = plan(soc_pct=50.0, schedule={"ready_by": "21:00", "target_pct": 95.0}, **changes)
    assert any(says in promise.sentence for promise in found.broken)


def test_a_later_departure_that_wants_more_is_planned_for_too() -> None:
    once = (Departure(at=NOW + 11 * HOUR, target_pct=95.0),)
    found = plan(schedule={"ready_by": "23:00", "once": once})
    by_first = next(slot for slot in found.slots if slot.end >= datetime(2026, 1, 15, 22, tzinfo=UTC))
    assert by_first.soc_pct == pytest.approx(80.0, abs=0.1)
    assert found.slots[-1].soc_pct == pytest.approx(95.0, abs=0.1)
    assert found.broken == ()


def test_cheapest_has_no_departure_and_takes_only_the_cheap_hours() -> None:
    found = plan(ChargingMode.CHEAPEST, soc_pct=40.0, tariff=tariff([*CENTS, *[25] * 12]))
    charging = [slot.price for slot in found.slots if slot.power_w > 0]
    assert set(charging) == {Decimal("0.05"), Decimal("0.08")} or set(charging) == {Decimal("0.05")}
    assert reasons(found) == {"cheap"}
    assert found.broken == ()


@pytest.mark.parametrize("mode", [ChargingMode.CHEAPEST, ChargingMode.SOLAR])
def test_up_to_the_floor_it_charges_at_once(mode: ChargingMode) -> None:
    found = plan(mode, soc_pct=20.0)
    first = [slot for slot in found.slots if slot.reason is SlotReason.FLOOR]
    assert first[0].start == NOW
    assert first[-1].soc_pct == pytest.approx(30.0, abs=2.1)
    assert in_battery(sum(slot.power_w * ((slot.end - slot.start) / HOUR) for slot in first)) >= 5_000 - 1
    assert all(before.end == after.start for before, after in pairwise(first))


@pytest.mark.parametrize("mode", [ChargingMode.READY_BY, ChargingMode.POWER_FEED])
def test_with_a_departure_the_floor_only_keeps_the_car_from_feeding(mode: ChargingMode) -> None:
    found = plan(mode, soc_pct=20.0)
    assert found.slots[0].power_w == 0.0
    assert fed_wh(found) == 0.0 or mode is ChargingMode.POWER_FEED


def test_solar_takes_what_is_left_over_and_nothing_else() -> None:
    dark = plan(ChargingMode.SOLAR)
    assert charged_wh(dark) == 0.0
    assert reasons(dark, charging=False) == {"wait_solar"}
    sunny = plan(ChargingMode.SOLAR, forecast=flat_home(-5000.0))
    assert all(LEAST_W <= slot.power_w <= 5000.0 for slot in sunny.slots if slot.power_w)
    assert reasons(sunny) == {"solar"}
    assert in_battery(charged_wh(sunny)) == pytest.approx(15_000, abs=1100)
    assert charged_wh(plan(ChargingMode.SOLAR, forecast=flat_home(-4000.0))) == 0.0


def test_now_charges_at_once_until_it_is_full_and_pause_nothing() -> None:
    found = plan(ChargingMode.NOW)
    assert (found.slots[0].power_w, found.slots[0].reason) == (MOST_W, SlotReason.NOW)
    assert found.slots[-1].soc_pct == pytest.approx(100.0, abs=2.1)
    paused = plan(ChargingMode.PAUSE)
    assert (charged_wh(paused), paused.broken, paused.shortfall_wh) == (0.0, (), 0)
    assert reasons(paused, charging=False) == {"idle"}


def test_after_a_missed_departure_it_charges_on_as_fast_as_it_can() -> None:
    late = replace(goal(), overdue=Departure(at=NOW - HOUR, target_pct=70.0))
    found = plan(goal=late, tariff=tariff([30] * 14))
    first = [slot for slot in found.slots if slot.reason is SlotReason.AFTER_DEADLINE]
    assert (first[0].start, first[0].power_w) == (NOW, MOST_W)
    assert in_battery(sum(slot.power_w * ((slot.end - slot.start) / HOUR) for slot in first)) >= 10_000 - 1


@pytest.mark.usecase("T1", "S6")
def test_agreed_requests_are_kept_and_named() -> None:
    commitments = (
        shed(NOW, 1, 0.0),
        feed(NOW + 113 / 60 * HOUR, 1, 6000.0),
        shed(NOW + 8 * HOUR, 2, 5000.0, mandatory=True),
    )
    found = plan(commitments=commitments)
    at_once, feeding, limited = found.at(NOW), found.at(NOW + 2 * HOUR), found.at(NOW + 8.5 * HOUR)
    assert at_once is not None
    assert feeding is not None
    assert limited is not None
    assert (at_once.power_w, at_once.reason) == (0.0, SlotReason.REDUCED_BY_OFFER)
    assert (feeding.power_w, feeding.reason) == (-6000.0, SlotReason.FEED_OFFER)
    assert (limited.power_w, limited.reason) == (5000.0, SlotReason.REDUCED_BY_GRID)
    assert fed_wh(found) == pytest.approx(6000, abs=10)
    assert (found.reaches_pct, found.cycles) == (80.0, pytest.approx(0.12, abs=0.001))


def test_only_what_is_agreed_is_fed_however_dear_the_hour() -> None:
    found = plan(tariff=tariff([30, 500, 10, 12, *[5] * 10]), commitments=(feed(NOW + 113 / 60 * HOUR, 1, 3000.0),))
    assert fed_wh(found) == pytest.approx(3000, abs=10)


def test_an_agreed_feed_ends_at_the_floor_and_what_is_missing_is_said() -> None:
    found = plan(soc_pct=35.0, commitments=(feed(NOW, 2, 6000.0),), schedule={"target_pct": 40.0})
    assert min(slot.soc_pct or 0.0 for slot in found.slots) >= 29.9
    promise = next(one for one in found.broken if one.kind is Promise.FEED_OFFER)
    assert promise.by_wh == pytest.approx(12_000 - fed_wh(found), abs=20)
    assert promise.sentence.startswith("Of 12.0 kWh that you have agreed to feed")


def test_negative_prices_are_used_even_if_nothing_is_needed() -> None:
    found = plan(soc_pct=70.0, schedule={"target_pct": 80.0}, tariff=tariff([30, -20, -25, 30, *[30] * 10]))
    assert {slot.price for slot in found.slots if slot.power_w > 0} == {Decimal("-0.25")}
    assert found.cost is not None
    assert found.cost < 0


def test_without_prices_the_car_is_ready_and_the_cost_is_not_invented() -> None:
    found = plan(tariff=None)
    assert (found.cost, found.cost_uncontrolled, found.reaches_pct, found.shortfall_wh) == (None, None, 80.0, 0)
    assert reasons(found) == {"no_price"}
    assert not any(slot.price_known for slot in found.slots)


def test_a_provider_that_is_off_for_a_day_leaves_hours_that_are_expected_from_the_past() -> None:
    past = [
        PastPrice(start=start, import_price=Decimal("0.04") if start.hour == 3 else Decimal("0.28"))
        for start in (NOW - timedelta(days=day, minutes=7) + n * HOUR for day in range(1, 15) for n in range(24))
    ]
    found = plan(tariff=tariff([30, 30]), history=history_of(past, ZONE))
    charging = [slot for slot in found.slots if slot.power_w > 0]
    assert {slot.start.hour for slot in charging} <= {3, 4}
    assert charging[0].price == Decimal("0.0400")
    assert not any(slot.price_known for slot in charging)
    assert [slot.price_known for slot in found.slots[:3]] == [True, True, True]
    assert found.cost is not None


def test_a_tariff_that_holds_for_ever_is_planned_two_days_ahead() -> None:
    for_ever = tariff([20], step=timedelta(days=365_000))
    assert plan(tariff=for_ever).slots[-1].end <= NOW + 48.5 * HOUR


def test_a_car_that_does_not_tell_counts_as_standing_at_the_floor_and_shows_no_state_of_charge() -> None:
    found = plan(soc_pct=None)
    assert in_battery(charged_wh(found)) == pytest.approx(25_000, abs=60)
    assert {slot.soc_pct for slot in found.slots} == {None}
    assert {slot.soc_pct for slot in plan(soc_told=False).slots} == {None}


@pytest.mark.parametrize(("day", "count"), [((2026, 3, 29), 92), ((2026, 1, 15), 96), ((2026, 10, 25), 100)])
def test_a_day_is_planned_in_all_its_quarter_hours(day: tuple[int, int, int], count: int) -> None:
    midnight = local_midnight(datetime(*day, 12, tzinfo=UTC), ZONE)
    cents = [30 - (n == count - 8) * 25 for n in range(count)]
    found = plan(
        ChargingMode.CHEAPEST,
        now=midnight,
        tariff=tariff(cents, start=midnight, step=SLOT),
        soc_pct=75.0,
        forecast=flat_home(400.0, midnight),
    )
    end = local_midnight(midnight + timedelta(hours=36), ZONE)
    in_day = [slot for slot in found.slots if slot.start < end]
    assert len(in_day) == count
    assert in_day[-1].end == end
    cheap = next(slot for slot in in_day if slot.price == Decimal("0.05"))
    assert (cheap.power_w, cheap.start) == (MOST_W, end - 8 * SLOT)


COMMITMENTS = st.lists(
    st.builds(
        lambda start, hours, power, kind: (
            feed(NOW + start * HOUR, hours, power) if kind == "feed" else shed(NOW + start * HOUR, hours, power)
        ),
        st.floats(-1, 20),
        st.floats(0.1, 4),
        st.floats(0, 9000),
        st.sampled_from(["feed", "shed"]),
    ),
    max_size=2,
)


@pytest.mark.parametrize("mode", [ChargingMode.NOW, ChargingMode.PAUSE, ChargingMode.READY_BY])
def test_an_agreed_feed_leaves_room_for_the_sun_in_the_grid_connection(mode: ChargingMode) -> None:
    found = plan(mode, export_max_w=8000.0, forecast=flat_home(-3000.0), commitments=(feed(NOW, 1.0, 6000.0),))
    assert {slot.power_w for slot in found.slots if slot.power_w < 0} == {-5000.0}


@settings(max_examples=30, deadline=None)
@given(
    mode=st.sampled_from(list(ChargingMode)),
    cents=st.lists(st.integers(-60, 120), min_size=0, max_size=40),
    soc=st.one_of(st.none(), st.floats(0, 100)),
    target=st.floats(0, 100),
    floor=st.floats(0, 100),
    ready_by=st.times().map(lambda value: f"{value:%H:%M}"),
    home_w=st.floats(-12_000, 20_000),
    commitments=COMMITMENTS,
    minute=st.integers(0, 59),
)
def test_whatever_is_asked_there_is_a_plan_that_breaks_no_limit(
    mode: ChargingMode,
    cents: list[int],
    soc: float | None,
    target: float,
    floor: float,
    ready_by: str,
    home_w: float,
    commitments: list[Any],
    minute: int,
) -> None:
    asked = request(
        mode,
        now=NOW.replace(minute=minute),
        tariff=tariff(cents) if cents else None,
        soc_pct=soc,
        forecast=flat_home(home_w),
        commitments=tuple(commitments),
        schedule={"target_pct": target, "floor_pct": floor, "ready_by": ready_by},
    )
    keeps_its_limits(make_plan(asked), asked)


def keeps_its_limits(found: Plan, asked: PlanRequest) -> None:
    home_w = asked.forecast.steps[0].middle_w
    assert found.slots[0].start == asked.now
    assert all(before.end == after.start for before, after in pairwise(found.slots))
    soc_wh = asked.soc_wh
    for slot in found.slots:
        hours = (slot.end - slot.start) / HOUR
        if slot.power_w > 0:
            assert LEAST_W - 1 <= slot.power_w <= MOST_W + 1
            assert slot.power_w + home_w <= asked.fuse_w + 1
            for one in asked.commitments:
                overlaps = one.interval.start < slot.end and one.interval.end > slot.start
                assert not overlaps or one.interval.max_w is None or slot.power_w <= one.interval.max_w + 1
        if slot.power_w < 0:
            assert asked.export_max_w + home_w >= -slot.power_w - 1
        soc_wh += slot.power_w * hours * (0.9 if slot.power_w > 0 else 1 / 0.9)
        assert slot.power_w >= 0 or soc_wh >= asked.goal.floor_pct / 100 * CAPACITY_WH - 30
        assert soc_wh <= CAPACITY_WH + 60
    assert all(promise.by_wh > 0 and promise.sentence for promise in found.broken)
