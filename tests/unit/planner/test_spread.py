"""A street does not move as one: what a home draws breaks no rule, costs next to nothing, and is kept."""

import json
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeapp import __main__ as program
from homeapp.bench.late_runs import moved
from homeapp.planner.least_cost import least_cost
from homeapp.planner.problem import Ev, Limit, Problem, Trip
from homeapp.planner.solver import solve, solve_drawn
from homeapp.planner.spread import drawn, seed_of, spread_out
from kit.plan_rules import judge, limits, problems

N = 48
EV = Ev(
    cap_kwh=60.0,
    soc0_kwh=30.0,
    min_kwh=12.0,
    max_kwh=54.0,
    ch_min_kw=1.38,
    ch_max_kw=8.0,
    dis_min_kw=1.38,
    dis_max_kw=0.0,
    eta_c=1.0,
    eta_d=1.0,
    wear=0.0,
    shortfall_penalty=3.0,
    v_end=0.0,
)
NIGHT = Problem(
    n=N,
    dt_h=0.25,
    p_imp=tuple(0.40 - 0.15 * (16 <= slot < 36) + 0.0001 * slot for slot in range(N)),
    p_exp=(0.08,) * N,
    base_kw=(0.3,) * N,
    pv_kw=(0.0,) * N,
    fuse_kw=17.25,
    export_max_kw=10.0,
    ev=EV,
    trips=(Trip(dep=44, ret=N, need_kwh=38.0, use_kwh=0.0),),
    switch_cost=0.002,
)
"""A car that comes at once and needs an hour of the five cheap ones, from slot 16 to slot 36, four kWh a slot-hour."""


def slots_on(powers: tuple[float, ...]) -> list[int]:
    return [slot for slot, power in enumerate(powers) if power]


def test_a_seed_is_the_home_s_own_and_the_day_s() -> None:
    monday = date(2026, 1, 12)
    assert seed_of("home a", monday) == seed_of("home a", monday)
    assert len({seed_of("home a", monday), seed_of("home b", monday), seed_of("home a", date(2026, 1, 13))}) == 3


def test_homes_take_all_of_the_cheap_hours_and_each_its_part() -> None:
    plans = [solve(NIGHT, seed=seed) for seed in range(1, 41)]
    alone = solve(NIGHT)
    assert slots_on(alone.powers_kw) == [16, 17, 18, 19]
    used = {slot for plan in plans for slot in slots_on(plan.powers_kw)}
    assert used >= set(range(17, 33))
    assert used <= set(range(16, 36))
    for plan in plans:
        assert plan.shortfall_kwh == pytest.approx((0.0,), abs=1e-3)
        assert plan.cost_eur <= alone.cost_eur + 8.0 * 0.002
        assert len(slots_on(plan.powers_kw)) <= 6


def test_the_same_seed_draws_the_same() -> None:
    assert solve(NIGHT, seed=5) == solve(NIGHT, seed=5)


@settings(max_examples=25)
@given(problems(most_slots=24), st.integers(1, 2**63))
def test_no_rule_is_broken_and_no_need_is_missed_for_the_street(wanted: Problem, seed: int) -> None:
    alone, apart = solve(wanted), solve(wanted, seed=seed)
    cost, broken = judge(wanted, apart.powers_kw)
    assert broken == []
    assert apart.cost_eur == pytest.approx(cost, abs=1e-6)
    assert sum(apart.shortfall_kwh) <= sum(alone.shortfall_kwh) + 1e-3
    assert apart.cost_eur <= alone.cost_eur + drawn(wanted, alone, seed).most_eur + 1e-3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_home_that_plans_again_goes_on_with_what_it_has_drawn(seed: int) -> None:
    spread = drawn(NIGHT, least_cost(NIGHT), seed)
    plan = solve_drawn(NIGHT, spread)
    passed = slots_on(plan.powers_kw)[0] + 2
    later = replace(
        NIGHT,
        p_imp=NIGHT.p_imp[passed:] + (0.4,) * passed,
        ev=replace(EV, soc0_kwh=plan.soc_kwh[passed - 1]),
        trips=(Trip(dep=44 - passed, ret=N, need_kwh=38.0, use_kwh=0.0),),
    )
    again = solve_drawn(
        later,
        replace(
            spread,
            noise=spread.noise[passed:] + (0.0,) * passed,
            shed=spread.shed[passed:] + (float("inf"),) * passed,
        ),
    )
    assert again.powers_kw[: N - passed] == pytest.approx(plan.powers_kw[passed:], abs=0.05)


def test_a_fixed_price_is_spread_for_nothing() -> None:
    fixed = replace(NIGHT, p_imp=(0.3,) * N)
    starts = {slots_on(solve(fixed, seed=seed).powers_kw)[0] for seed in range(1, 21)}
    assert len(starts) > 3
    assert solve(fixed, seed=1).cost_eur == pytest.approx(solve(fixed).cost_eur, abs=1e-6)


def test_noise_and_caps_of_the_problem_are_kept() -> None:
    wanted = replace(NIGHT, noise=(0.001,) * N, shed=(2.0,) * N)
    out = spread_out(wanted, replace(drawn(NIGHT, least_cost(NIGHT), 1), noise=(0.002,) * N, shed=(4.0,) * N))
    assert out.noise == pytest.approx((0.003,) * N)
    assert out.shed == (2.0,) * N


def test_a_run_starts_and_ends_later_by_what_was_drawn() -> None:
    powers = (0.0,) * 20 + (8.0, 6.0) + (0.0,) * 26
    first, last = moved(NIGHT, powers, 0.1)
    assert (first.slot, first.start_h, first.end_h, first.power_kw) == pytest.approx((20, 5.1, 5.35, 8.0))
    assert (last.slot, last.start_h, last.end_h, last.power_kw) == pytest.approx((21, 5.35, 5.6, 6.0))


@pytest.mark.parametrize("ended_by", ["limit", "departure", "end"])
def test_a_run_that_must_not_go_on_stays(ended_by: str) -> None:
    more = {
        "limit": {"dr": (Limit(start=22, end=24, kw=0.0),)},
        "departure": {"trips": (Trip(dep=22, ret=24, need_kwh=0.0, use_kwh=0.0),)},
        "end": {"n": 22, "p_imp": (0.2,) * 22, "base_kw": (0.3,) * 22, "pv_kw": (0.0,) * 22, "trips": ()},
    }[ended_by]
    wanted = replace(NIGHT, **more)  # type: ignore[arg-type]
    first, last = moved(wanted, ((0.0,) * 20 + (8.0, 8.0) + (0.0,) * 26)[: wanted.n], 0.1)
    assert (first.start_h, last.end_h) == pytest.approx((5.0, 5.5))


@pytest.mark.parametrize("away", [0, 3])
def test_a_run_from_the_moment_the_car_comes_stays(away: int) -> None:
    wanted = replace(NIGHT, trips=(Trip(dep=0, ret=away, need_kwh=0.0, use_kwh=0.0),))
    pieces = moved(wanted, (0.0,) * away + (8.0,) + (0.0,) * (N - away - 1), 0.1)
    assert [piece.start_h for piece in pieces] == [away * 0.25]


@settings(max_examples=25)
@given(problems(most_slots=24), st.floats(0, 0.2499))
def test_moved_pieces_keep_their_energy_and_never_meet(wanted: Problem, shift: float) -> None:
    powers = solve(wanted).powers_kw
    pieces = moved(wanted, powers, shift)
    assert sum(piece.power_kw * (piece.end_h - piece.start_h) for piece in pieces) == pytest.approx(
        sum(powers) * wanted.dt_h
    )
    assert all(before.end_h <= after.start_h + 1e-9 for before, after in pairwise(pieces))
    for piece in pieces:
        for hour in (piece.start_h + 1e-6, piece.end_h - 1e-6):
            charge, feed = limits(wanted, int(hour / wanted.dt_h))
            assert (charge if piece.power_kw > 0 else feed) > 0


def test_many_homes_take_less_together_than_on_arrival(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["bench", "street", "--homes", "80", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    on_arrival, alone, apart = figures["loads"]
    assert alone["peak_kw"] > 1.5 * on_arrival["peak_kw"]
    assert apart["peak_kw"] < 0.65 * alone["peak_kw"]
    assert apart["step_kw"] < 0.5 < alone["step_kw"]
    assert 0 < figures["randomness_share"] < 0.03
    assert program.main(["bench", "street", "--homes", "3", "--season", "scarcity", "--event", "night"]) == 0
    assert "of what planning saves" in capsys.readouterr().out
