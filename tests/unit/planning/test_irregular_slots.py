"""The solver on slots of differing length: on even ones as before, and no rule broken on others."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeapp.planner.problem import Ev, Problem, Solution, Trip
from homeapp.planner.solver import solve

EV = Ev(
    cap_kwh=50.0,
    soc0_kwh=20.0,
    min_kwh=15.0,
    max_kwh=40.0,
    ch_min_kw=4.0,
    ch_max_kw=11.0,
    dis_min_kw=1.0,
    dis_max_kw=6.0,
    eta_c=0.9,
    eta_d=0.9,
    wear=0.05,
    shortfall_penalty=20.0,
    v_end=0.1,
)


def problem(prices: list[float], hours: list[float] | None = None) -> Problem:
    n = len(prices)
    return Problem(
        n=n,
        dt_h=0.25,
        p_imp=tuple(prices),
        p_exp=tuple(price - 0.05 for price in prices),
        base_kw=(0.5,) * n,
        pv_kw=(0.0,) * n,
        fuse_kw=15.0,
        export_max_kw=10.0,
        ev=EV,
        trips=(Trip(dep=n * 3 // 4, ret=n * 3 // 4, need_kwh=30.0, use_kwh=0.0),),
        hours=None if hours is None else tuple(hours),
    )


def check(asked: Problem, found: Solution) -> None:
    hours = asked.hours or (asked.dt_h,) * asked.n
    energy, cost = EV.soc0_kwh, 0.0
    for slot, power in enumerate(found.powers_kw):
        if slot == asked.trips[0].dep:
            cost += EV.shortfall_penalty * max(0.0, asked.trips[0].need_kwh - energy)
        assert power == 0 or 4.0 - 1e-6 <= power <= 11.0 + 1e-6 or 1.0 - 1e-6 <= -power <= 6.0 + 1e-6
        energy += hours[slot] * (power * 0.9 if power > 0 else power / 0.9)
        assert power <= 0 or energy <= EV.max_kwh + 1e-4
        assert power >= 0 or energy >= EV.min_kwh - 1e-4
        assert energy == pytest.approx(found.soc_kwh[slot], abs=1e-6)
        grid = 0.5 + power
        cost += hours[slot] * (grid * (asked.p_imp[slot] if grid > 0 else asked.p_exp[slot]) + 0.05 * max(0.0, -power))
    assert cost - EV.v_end * energy == pytest.approx(found.cost_eur, abs=1e-6)


PRICES = [0.3, 0.3, 0.1, 0.12, 0.4, 0.45, 0.2, 0.2, 0.05, 0.3, 0.3, 0.1] * 2


def test_even_lengths_are_as_without_lengths() -> None:
    asked = problem(PRICES)
    assert solve(replace(asked, hours=(0.25,) * asked.n)) == solve(asked)


def test_a_slot_in_two_parts_costs_the_same_as_in_one() -> None:
    halves = [price for price in PRICES for _ in range(2)]
    split = solve(problem(halves, [0.05, 0.2] * len(PRICES)))
    assert split.cost_eur == pytest.approx(solve(problem(PRICES)).cost_eur, abs=0.005)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-0.2, 0.8), st.sampled_from([0.02, 0.1, 0.25, 0.25, 0.25, 1.0])), min_size=4, max_size=30
    )
)
def test_no_rule_is_broken(slots: list[tuple[float, float]]) -> None:
    asked = problem([price for price, _ in slots], [hours for _, hours in slots])
    check(asked, solve(asked))
