"""The first planner: limits, deadline, commitments, honesty about what cannot be met."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.offer import OfferInterval
from homeapp.model.plan import ChargingMode, Goal, Plan, SlotReason
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.planner.cheapest_slots import cheapest_slots
from homeapp.planner.interface import PlanRequest

NOW = datetime(2026, 1, 15, 18, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)


def tariff(*cents: int, start: datetime = NOW - timedelta(minutes=7)) -> Tariff:
    slots = tuple(
        PriceSlot(start=start + i * HOUR, end=start + (i + 1) * HOUR, import_price=Decimal(price) / 100)
        for i, price in enumerate(cents)
    )
    return Tariff(source="test", currency="EUR", received_at=NOW, slots=slots)


def request(
    prices: Tariff | None,
    *,
    soc: float | None = 50.0,
    target: float = 80.0,
    hours: float = 8.0,
    mode: ChargingMode = ChargingMode.CHEAPEST,
    commitments: tuple[OfferInterval, ...] = (),
) -> PlanRequest:
    goal = Goal(
        mode=mode, target_pct=target, ready_by=NOW + timedelta(hours=hours), floor_pct=30.0, capacity_wh=50_000.0
    )
    return PlanRequest(
        now=NOW,
        tariff=prices,
        soc_pct=soc,
        goal=goal,
        charge_min_w=4140.0,
        charge_max_w=11_040.0,
        efficiency=1.0,
        commitments=commitments,
    )


def charged_wh(plan: Plan, until: datetime | None = None) -> float:
    return sum(
        slot.power_w * (slot.end - slot.start) / HOUR
        for slot in plan.slots
        if slot.power_w > 0 and (until is None or slot.start < until)
    )


@pytest.mark.usecase("T2")
def test_it_charges_in_the_cheapest_hours_before_the_deadline() -> None:
    plan = cheapest_slots(request(tariff(30, 30, 10, 12, 30, 30, 30, 30, 5, 5), hours=7.5))
    charging = [slot for slot in plan.slots if slot.power_w > 0]
    assert {slot.price for slot in charging} == {Decimal("0.10"), Decimal("0.12")}
    assert charged_wh(plan) == pytest.approx(15_000, abs=150)
    assert plan.reaches_pct == pytest.approx(80, abs=0.5)
    assert plan.shortfall_wh == 0
    assert all(slot.reason is SlotReason.CHEAP for slot in charging)


def test_what_cannot_be_met_is_said_and_still_as_much_as_possible_is_charged() -> None:
    plan = cheapest_slots(request(tariff(10, 10, 10), hours=0.5))
    assert charged_wh(plan, NOW + HOUR / 2) == pytest.approx(11_040 / 2, abs=60)
    assert plan.shortfall_wh == pytest.approx(15_000 - 5_520, abs=200)


def test_without_prices_the_car_is_still_ready() -> None:
    plan = cheapest_slots(request(None))
    assert plan.cost is None
    assert plan.shortfall_wh == 0
    assert {slot.reason for slot in plan.slots if slot.power_w > 0} == {SlotReason.NEEDED}


def test_unknown_state_of_charge_counts_as_the_floor() -> None:
    assert charged_wh(cheapest_slots(request(tariff(*[10] * 12), soc=None))) == pytest.approx(25_000, abs=150)


def test_pause_charges_nothing_and_now_charges_at_once() -> None:
    paused = cheapest_slots(request(tariff(*[10] * 12), mode=ChargingMode.PAUSE))
    assert charged_wh(paused) == 0
    assert paused.shortfall_wh == 0
    now = cheapest_slots(request(tariff(90, 10, 10), mode=ChargingMode.NOW))
    assert now.slots[0].power_w == 11_040
    assert now.slots[0].reason is SlotReason.NOW


def test_commitments_cap_and_feed() -> None:
    shed = OfferInterval(start=NOW, end=NOW + HOUR, max_w=0.0)
    feed = OfferInterval(start=NOW + HOUR, end=NOW + 2 * HOUR, setpoint_w=-6000.0)
    plan = cheapest_slots(request(tariff(1, 1, 20, 20, 20), commitments=(shed, feed)))
    reduced, fed = plan.at(NOW), plan.at(NOW + HOUR)
    assert reduced is not None
    assert fed is not None
    assert (reduced.power_w, reduced.reason) == (0, SlotReason.REDUCED_BY_OFFER)
    assert (fed.power_w, fed.reason) == (-6000, SlotReason.FEED_OFFER)
    assert charged_wh(plan) == pytest.approx(15_000 + 6_000, abs=150)


def test_a_tariff_that_holds_for_ever_is_planned_two_days_ahead() -> None:
    slot = PriceSlot(start=NOW, end=datetime(9999, 1, 1, tzinfo=UTC), import_price=Decimal("0.2"))
    for_ever = Tariff(source="test", currency="EUR", received_at=NOW, slots=(slot,))
    plan = cheapest_slots(request(for_ever))
    assert plan.slots[-1].end <= NOW + 48 * HOUR
    assert plan.shortfall_wh == 0


@given(
    cents=st.lists(st.integers(-50, 90), min_size=1, max_size=40),
    soc=st.one_of(st.none(), st.floats(0, 100)),
    target=st.floats(0, 100),
    hours=st.floats(0.1, 40),
)
def test_no_slot_breaks_a_limit(cents: list[int], soc: float | None, target: float, hours: float) -> None:
    plan = cheapest_slots(request(tariff(*cents), soc=soc, target=target, hours=hours))
    assert plan.slots[0].start == NOW
    for before, after in zip(plan.slots, plan.slots[1:], strict=False):
        assert before.end == after.start
    assert all(slot.power_w == 0 or 4139 <= slot.power_w <= 11_041 for slot in plan.slots)
    assert plan.shortfall_wh >= 0
