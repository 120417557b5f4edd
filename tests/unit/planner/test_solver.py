"""The least-cost plan: no rule is ever broken, nothing cheaper is overlooked, and what is committed comes first."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from homeapp.planner.least_cost import kept
from homeapp.planner.problem import Ev, Limit, LimitScope, Problem, Reward, Trip
from homeapp.planner.slot_table import SlotTable
from homeapp.planner.solver import solve
from kit.plan_rules import best_of_grid, judge, problems

EV = Ev(
    cap_kwh=60.0,
    soc0_kwh=30.0,
    min_kwh=12.0,
    max_kwh=54.0,
    ch_min_kw=1.38,
    ch_max_kw=7.36,
    dis_min_kw=1.38,
    dis_max_kw=0.0,
    eta_c=1.0,
    eta_d=1.0,
    wear=0.0,
    shortfall_penalty=3.0,
    v_end=0.0,
)
NAN = float("nan")


def problem(prices: list[float], ev: Ev = EV, **more: object) -> Problem:
    """One-hour slots, nobody at home, no sun."""
    n = len(prices)
    nothing = (0.0,) * n
    values = {
        "n": n,
        "dt_h": 1.0,
        "p_imp": tuple(prices),
        "p_exp": tuple(price - 0.1 for price in prices),
        "base_kw": nothing,
        "pv_kw": nothing,
        "fuse_kw": 17.25,
        "export_max_kw": 10.0,
        "ev": ev,
        **more,
    }
    return Problem(**values)  # type: ignore[arg-type]


@pytest.mark.usecase("T2")
@settings(max_examples=40)
@given(problems(most_slots=16))
def test_no_rule_is_ever_broken_and_the_cost_is_the_true_one(wanted: Problem) -> None:
    solution = solve(wanted)
    cost, broken = judge(wanted, solution.powers_kw)
    assert broken == []
    assert solution.cost_eur == pytest.approx(cost, abs=1e-6)
    assert len(solution.soc_kwh) == wanted.n
    assert len(solution.shortfall_kwh) == len(wanted.trips)


@settings(max_examples=40)
@given(problems(most_slots=3, extras=False))
def test_no_plan_of_a_coarse_grid_is_cheaper(wanted: Problem) -> None:
    assert solve(wanted).cost_eur <= best_of_grid(wanted) + 1e-3


@pytest.mark.usecase("T2")
def test_the_need_is_charged_in_the_cheapest_slots() -> None:
    wanted = problem([0.3, 0.1, 0.2, 0.4, 0.05], trips=(Trip(dep=4, ret=5, need_kwh=40.0, use_kwh=0.0),))
    solution = solve(wanted)
    assert solution.powers_kw == pytest.approx((0.0, 7.36, 2.64, 0.0, 0.0), abs=1e-3)
    assert solution.shortfall_kwh == pytest.approx((0.0,), abs=1e-6)


def test_what_is_cheap_now_is_carried_beyond_the_next_trip() -> None:
    trips = (Trip(dep=2, ret=3, need_kwh=30.0, use_kwh=5.0), Trip(dep=5, ret=6, need_kwh=30.0, use_kwh=5.0))
    solution = solve(problem([0.1, 0.1, 0.0, 0.5, 0.5, 0.0], trips=trips))
    assert sum(solution.powers_kw[:2]) == pytest.approx(5.0, abs=1e-3)
    assert solution.powers_kw[3:] == (0.0, 0.0, 0.0)


def test_no_slot_has_a_power_below_the_least_one() -> None:
    solution = solve(problem([0.1, 0.1, 0.1], trips=(Trip(dep=2, ret=3, need_kwh=30.5, use_kwh=0.0),)))
    assert [power for power in solution.powers_kw if power] == pytest.approx([1.38])


def test_negative_prices_fill_the_battery_and_missing_energy_is_told() -> None:
    solution = solve(problem([-0.1] * 6, trips=(Trip(dep=2, ret=2, need_kwh=60.0, use_kwh=0.0),)))
    assert solution.soc_kwh[-1] == pytest.approx(54.0, abs=1e-6)
    assert solution.shortfall_kwh == pytest.approx((60.0 - 30.0 - 2 * 7.36,), abs=1e-6)


def test_scarcity_is_fed_down_to_the_floor_and_no_further() -> None:
    car = replace(EV, dis_max_kw=10.0, wear=0.03)
    solution = solve(problem([0.2, 2.0, 2.0, 2.0], ev=car))
    assert solution.soc_kwh[-1] == pytest.approx(12.0, abs=1e-3)
    assert solve(problem([0.2, 0.12, 0.12], ev=car)).powers_kw == (-10.0, 0.0, 0.0), "fed for less than its wear"


def test_a_car_below_its_floor_may_charge_and_never_feeds() -> None:
    car = replace(EV, soc0_kwh=5.0, dis_max_kw=10.0)
    solution = solve(problem([2.0, 2.0, 0.1, 2.0], ev=car))
    assert min(solution.powers_kw) == 0.0


@pytest.mark.parametrize("scope", LimitScope)
def test_a_limit_of_nothing_stops_the_charging(scope: LimitScope) -> None:
    limit = Limit(start=1, end=3, kw=0.0, scope=scope)
    trips = (Trip(dep=4, ret=9, need_kwh=54.0, use_kwh=0.0),)
    solution = solve(problem([0.1] * 4 + [0.0], dr=(limit,), trips=trips))
    assert solution.powers_kw == pytest.approx((7.36, 0.0, 0.0, 7.36, 0.0))


def test_a_limit_at_the_grid_leaves_the_sun_to_the_car() -> None:
    limit = Limit(start=0, end=1, kw=0.0, scope=LimitScope.GRID)
    trips = (Trip(dep=1, ret=1, need_kwh=54.0, use_kwh=0.0),)
    solution = solve(problem([0.1, 0.1], dr=(limit,), trips=trips, pv_kw=(3.0, 0.0), ev=replace(EV, v_end=-1.0)))
    assert solution.powers_kw == pytest.approx((3.0, 0.0))


def test_a_reward_is_earned_up_to_its_cap() -> None:
    car = replace(EV, dis_max_kw=10.0, v_end=0.3)
    reward = Reward(start=0, end=1, baseline_kw=1.0, cap_kw=5.0, eur_per_kwh=0.6)
    solution = solve(problem([0.2], ev=car, dr=(reward,)))
    assert solution.powers_kw == pytest.approx((-4.0,), abs=1e-3)
    assert solution.cost_eur == pytest.approx(-4.0 * 0.1 - 5.0 * 0.6 - 26.0 * 0.3)


def test_a_house_above_its_fuse_leaves_nothing_for_the_car() -> None:
    assert solve(problem([-1.0, -1.0], base_kw=(16.0, 20.0))).powers_kw == (0.0, 0.0)


def test_a_slot_for_the_sun_takes_its_surplus_and_no_more() -> None:
    more = {"pv_kw": (5.0, 5.0, 1.5), "base_kw": (1.0, 0.0, 1.0), "solar_only": (True, False, True)}
    assert solve(problem([-0.1, -0.1, -0.1], **more)).powers_kw == pytest.approx((4.0, 7.36, 0.0))


def test_a_committed_power_comes_before_money() -> None:
    forced = (NAN, -3.0, 0.0, 5.0)
    car = replace(EV, dis_max_kw=10.0, v_end=0.2)
    solution = solve(problem([0.2, -0.5, -0.5, 0.9], ev=car, forced_kw=forced))
    assert solution.powers_kw[1:] == pytest.approx((-3.0, 0.0, 5.0), abs=1e-3)


def test_a_committed_power_yields_to_the_need_of_the_trip_and_to_the_floor() -> None:
    car = replace(EV, dis_max_kw=10.0)
    trips = (Trip(dep=1, ret=9, need_kwh=29.0, use_kwh=0.0),)
    solution = solve(problem([0.2, 0.2], ev=car, forced_kw=(-8.0, NAN), trips=trips))
    assert solution.powers_kw[0] == 0.0, "one kWh can be spared, which is less than the least power feeds"
    low = solve(problem([0.2], ev=replace(car, soc0_kwh=15.0), forced_kw=(-8.0,)))
    assert low.powers_kw[0] == pytest.approx(-3.0, abs=1e-6)


def test_energy_for_a_commitment_is_charged_before_it() -> None:
    car = replace(EV, soc0_kwh=12.0, dis_max_kw=10.0)
    solution = solve(problem([0.4, 0.2, 0.2], ev=car, forced_kw=(NAN, NAN, -5.0)))
    assert solution.powers_kw == pytest.approx((0.0, 5.0, -5.0), abs=1e-3)


def test_a_cap_of_an_offer_holds_and_noise_is_no_cost() -> None:
    trips = (Trip(dep=2, ret=9, need_kwh=34.0, use_kwh=0.0),)
    wanted = problem([0.2, 0.2, 0.0], trips=trips, shed=(3.0, float("inf"), 0.0), noise=(-0.01, 0.01, 0.0))
    solution = solve(wanted)
    assert solution.powers_kw == pytest.approx((2.62, 1.38, 0.0), abs=1e-3)
    assert solution.cost_eur == pytest.approx(4.0 * 0.2, abs=1e-4)


def test_of_equal_plans_the_one_with_fewer_starts_is_taken() -> None:
    trips = (Trip(dep=8, ret=9, need_kwh=30.0 + 3 * 7.36, use_kwh=0.0),)
    prices = [0.2, 0.2001, 0.2, 0.2001, 0.2, 0.2001, 0.2, 0.2001, 0.0]
    flat = solve(problem([0.2] * 8 + [0.0], trips=trips))
    assert starts(flat.powers_kw) == 1
    assert starts(solve(problem(prices, trips=trips)).powers_kw) == 3
    assert starts(solve(problem(prices, trips=trips, switch_cost=0.005)).powers_kw) == 1


@pytest.mark.parametrize("slots", [92, 96, 100])
def test_days_of_every_length_are_planned(slots: int) -> None:
    prices = [0.3 - 0.1 * (slots // 3 <= slot < slots // 3 + 16) for slot in range(slots)]
    trips = (Trip(dep=slots - 4, ret=slots, need_kwh=45.0, use_kwh=5.0),)
    solution = solve(replace(problem(prices, trips=trips), dt_h=0.25))
    charged = [slot for slot, power in enumerate(solution.powers_kw) if power]
    assert all(prices[slot] == pytest.approx(0.2) for slot in charged)
    assert solution.shortfall_kwh == pytest.approx((0.0,), abs=1e-6)


def starts(powers: tuple[float, ...]) -> int:
    return sum(1 for before, now in zip((0.0, *powers), powers, strict=False) if now and not before)


def test_powers_that_nobody_should_want_are_cut_to_what_is_allowed() -> None:
    """The last guard: whatever the search does, this is what leaves the planner."""
    car = replace(EV, soc0_kwh=50.0, dis_max_kw=10.0)
    wanted = problem([0.2] * 5, ev=car, fuse_kw=5.0)
    cut = kept(SlotTable.of(wanted), np.array([9.0, 1.0, -20.0, -9.0, -30.0]))
    assert cut.tolist() == pytest.approx([4.0, 0.0, -10.0, -9.0, -10.0])
    low = kept(SlotTable.of(replace(wanted, ev=replace(car, soc0_kwh=17.0))), np.array([-9.0, -9.0, 9.0, 0.0, 9.0]))
    assert low.tolist() == pytest.approx([-5.0, 0.0, 5.0, 0.0, 5.0])
