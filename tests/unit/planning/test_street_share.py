"""The part of the cheap hours that a home has drawn: another one in each home, kept however often it plans."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from homeapp.model.plan import ChargingMode, Plan
from homeapp.planning.grid import SLOT
from homeapp.planning.make_plan import make_plan
from homeapp.planning.street_share import StreetShare
from kit.plan_requests import CENTS, NOW, charged_wh, request, tariff

NEARLY_FLAT = tariff([30, 30, 30, 10.0, 10.1, 10.2, 10.1, 10.0, 30, 30, 30, 30])
"""Five hours that are about as cheap."""


def plan(key: str | None, share: StreetShare | None = None, **changes: Any) -> Plan:
    asked = request(changes.pop("mode", ChargingMode.READY_BY), **{"tariff": NEARLY_FLAT, "soc_pct": 65.0, **changes})
    return make_plan(asked, share or (StreetShare(key) if key else None))


def begins(found: Plan) -> str:
    return next(f"{slot.start:%H:%M}" for slot in found.slots if slot.power_w > 0)


def test_homes_on_the_same_prices_charge_at_different_times_and_are_all_ready() -> None:
    plans = [plan(f"home {number}") for number in range(6)]
    assert len({begins(found) for found in plans}) >= 3
    alone = plan(None)
    for found in plans:
        assert (found.reaches_pct, found.broken) == (80.0, ())
        assert charged_wh(found) == pytest.approx(charged_wh(alone), rel=0.01)
        assert found.cost is not None
        assert alone.cost is not None
        assert alone.cost_uncontrolled is not None
        assert float(found.cost - alone.cost) <= 0.05 * float(alone.cost_uncontrolled - alone.cost) + 0.01


def test_the_same_home_plans_the_same_and_keeps_to_it_while_time_passes() -> None:
    for number in range(4):
        share = StreetShare(f"home {number}")
        first = plan(None, share)
        assert begins(first) == begins(plan(f"home {number}"))
        later = [plan(None, share, now=NOW + timedelta(minutes=minutes)) for minutes in (20, 65, 100)]
        assert {begins(found) for found in later} == {begins(first)}


@pytest.mark.parametrize("key", ["home 0", "home 1", "home 2"])
def test_a_car_that_has_begun_goes_on_until_it_is_full(key: str) -> None:
    share, soc_pct, running_w, charges = StreetShare(key), 65.0, 0.0, []
    for quarter in range(26):
        now = NOW + timedelta(minutes=8) + quarter * SLOT
        slot = plan(None, share, now=now, soc_pct=soc_pct, running_w=running_w).slots[0]
        soc_pct, running_w = slot.soc_pct or 0.0, slot.power_w
        charges.append(running_w > 0)
    starts = sum(begun and not before for before, begun in pairwise([False, *charges]))
    assert (starts, round(soc_pct)) == (1, 80)


def test_other_prices_are_drawn_for_anew() -> None:
    share = StreetShare("home")
    plan(None, share)
    held = share._held
    plan(None, share, tariff=tariff(CENTS))
    assert share._held is not held
    assert timedelta() <= share.delay() < timedelta(minutes=15)


def test_where_the_drawn_part_would_miss_the_need_the_home_plans_for_itself() -> None:
    found = plan("home", soc_pct=20.0, schedule={"ready_by": "23:00"})
    assert (found.reaches_pct, found.broken) == (80.0, ())


@pytest.mark.parametrize("mode", [ChargingMode.SOLAR, ChargingMode.NOW, ChargingMode.PAUSE])
def test_modes_that_do_not_go_by_price_draw_nothing(mode: ChargingMode) -> None:
    share = StreetShare("home")
    assert plan(None, share, mode=mode) == plan(None, mode=mode)
    assert share.delay() == timedelta()
