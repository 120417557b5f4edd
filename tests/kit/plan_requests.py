"""Requests for plans, and what the plans made of them come to."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from homeapp.goal import goal_at
from homeapp.model.offer import OfferInterval
from homeapp.model.plan import ChargingMode, ForecastStep, Goal, HomeForecast, Plan, Schedule
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.planning.price_outlook import NO_HISTORY
from homeapp.planning.request import Commitment, Guarantee, PlanRequest

ZONE = "Europe/Amsterdam"
NOW = datetime(2026, 1, 15, 18, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
CAPACITY_WH = 50_000.0
LEAST_W, MOST_W = 4140.0, 11_040.0
CENTS = (30, 30, 10, 12, 30, 30, 30, 30, 5, 5, 8, 30)
"""Per hour from 18:00 UTC."""


def tariff(cents: Sequence[float], *, start: datetime = NOW - timedelta(minutes=7), step: timedelta = HOUR) -> Tariff:
    slots = tuple(
        PriceSlot(
            start=start + number * step,
            end=start + (number + 1) * step,
            import_price=Decimal(repr(price)) / 100,
            export_price=Decimal(repr(price)) / 100 - Decimal("0.05"),
        )
        for number, price in enumerate(cents)
    )
    return Tariff(source="test", currency="EUR", received_at=NOW, slots=slots)


def goal(mode: ChargingMode = ChargingMode.READY_BY, *, now: datetime = NOW, **schedule: Any) -> Goal:
    wanted = {"target_pct": 80.0, "floor_pct": 30.0, "ready_by": "07:00", **schedule}
    return goal_at(now, Schedule(**wanted), mode, ZONE, CAPACITY_WH)


def flat_home(home_w: float, now: datetime = NOW) -> HomeForecast:
    step = ForecastStep(start=now - HOUR, low_w=home_w, middle_w=home_w, high_w=home_w)
    return HomeForecast(steps=(step,), days=28, sentence="as always")


def request(mode: ChargingMode = ChargingMode.READY_BY, **changes: Any) -> PlanRequest:
    schedule = changes.pop("schedule", {})
    now = changes.get("now", NOW)
    plain = PlanRequest(
        now=now,
        tariff=tariff(CENTS),
        soc_pct=50.0,
        goal=goal(mode, now=now, **schedule),
        charge_min_w=LEAST_W,
        charge_max_w=MOST_W,
        fuse_w=17_250.0,
        history=NO_HISTORY,
        forecast=flat_home(400.0, now),
        feed_max_w=7_000.0,
        export_max_w=17_250.0,
        efficiency=0.9,
        feed_efficiency=0.9,
        time_zone=ZONE,
    )
    return replace(plain, **changes)


def shed(start: datetime, hours: float, max_w: float, *, mandatory: bool = False) -> Commitment:
    interval = OfferInterval(start=start, end=start + hours * HOUR, max_w=max_w)
    return Commitment(interval=interval, mandatory=mandatory)


def feed(start: datetime, hours: float, power_w: float, least_pct: float = 0.0) -> Commitment:
    interval = OfferInterval(start=start, end=start + hours * HOUR, setpoint_w=-power_w)
    return Commitment(interval=interval, least_pct=least_pct)


def promised(at: datetime, soc_pct: float) -> Commitment:
    guarantee = Guarantee(at=at, soc_pct=soc_pct, sp_name="Provider")
    return Commitment(interval=OfferInterval(start=min(NOW - HOUR, at), end=at), guarantee=guarantee)


def charged_wh(plan: Plan, until: datetime | None = None) -> float:
    """AC energy that it charges."""
    return sum(
        max(0.0, slot.power_w) * ((slot.end - slot.start) / HOUR)
        for slot in plan.slots
        if until is None or slot.start < until
    )


def fed_wh(plan: Plan) -> float:
    """AC energy that it feeds."""
    return sum(max(0.0, -slot.power_w) * ((slot.end - slot.start) / HOUR) for slot in plan.slots)


def reasons(plan: Plan, *, charging: bool = True) -> set[str]:
    return {slot.reason.value for slot in plan.slots if (slot.power_w > 0) == charging and slot.power_w >= 0}
