"""Planning problems for measuring: cars, tariffs and requests of every kind, the same for the same seed."""

from dataclasses import replace

import numpy as np

from homeapp.bench.price_days import PriceDays, Season, price_days
from homeapp.planner.problem import Ev, Limit, LimitScope, Problem, Reward, Trip

_DAYS = 2


def made_up_problems(count: int, seed: int = 1) -> list[Problem]:
    """``count`` problems of two days from 22:00 on; two in three of the cars can feed."""
    return [_problem(np.random.default_rng([seed, index])) for index in range(count)]


def _problem(rng: np.random.Generator) -> Problem:
    season = list(Season)[rng.integers(len(Season))]
    days = price_days(rng, season, _DAYS + 1, pv_peak_kw=float(rng.choice([0.0, 0.0, 6.0, 10.0])))
    begin = 22 * 4
    n = _DAYS * 96
    car = _car(rng, days)
    trips = _trips(rng, car)
    return Problem(
        n=n,
        dt_h=0.25,
        p_imp=tuple(days.p_imp[begin : begin + n].tolist()),
        p_exp=tuple(_export(rng, days)[begin : begin + n].tolist()),
        base_kw=tuple(days.base_kw[begin : begin + n].tolist()),
        pv_kw=tuple(days.pv_kw[begin : begin + n].tolist()),
        fuse_kw=float(rng.choice([9.2, 17.25, 24.15])),
        export_max_kw=float(rng.choice([4.6, 10.0, 17.25])),
        ev=car,
        trips=trips,
        dr=_requests(rng),
    )


def _export(rng: np.random.Generator, days: PriceDays) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Paid for export: a fixed price, the market's, or the same as for import."""
    kinds = (np.full_like(days.market, 0.08), days.market - 0.005, days.p_imp.copy())
    return kinds[rng.integers(len(kinds))]


def _car(rng: np.random.Generator, days: PriceDays) -> Ev:
    cap = float(rng.choice([40.0, 60.0, 77.0]))
    least, most = ((1.38, 7.36), (4.14, 11.04))[rng.integers(2)]
    car = Ev(
        cap_kwh=cap,
        soc0_kwh=round(cap * float(rng.uniform(0.2, 0.7)), 2),
        min_kwh=0.2 * cap,
        max_kwh=cap * float(rng.choice([0.8, 0.9, 1.0])),
        ch_min_kw=least,
        ch_max_kw=most,
        dis_min_kw=0.0,
        dis_max_kw=0.0,
        eta_c=float(rng.choice([0.88, 0.9, 0.93])),
        eta_d=float(rng.choice([0.88, 0.93])),
        wear=float(rng.choice([0.03, 0.05, 0.08])),
        shortfall_penalty=3.0,
        v_end=round(0.9 * float(np.mean(days.p_imp)) * 0.8, 4),
    )
    if rng.random() < 1 / 3:
        return car
    return replace(car, dis_min_kw=1.38, dis_max_kw=float(rng.choice([5.0, 7.36, 10.0])))


def _trips(rng: np.random.Generator, car: Ev) -> tuple[Trip, ...]:
    need = min(car.cap_kwh * float(rng.choice([0.5, 0.6, 0.8])), car.max_kwh)
    use = round(car.cap_kwh * float(rng.uniform(0.08, 0.3)), 2)
    first = int(rng.integers(34, 42))
    trips = [Trip(dep=first, ret=first + int(rng.integers(32, 44)), need_kwh=need, use_kwh=use)]
    if rng.random() < 0.7:
        second = first + 96
        trips.append(Trip(dep=second, ret=second + int(rng.integers(20, 40)), need_kwh=need, use_kwh=use))
    return tuple(trips)


def _requests(rng: np.random.Generator) -> tuple[Limit | Reward, ...]:
    if rng.random() < 0.2:
        return ()
    start = int(rng.integers(76, 84))
    scope = LimitScope.EV if rng.random() < 0.5 else LimitScope.GRID
    limit = Limit(start=start, end=start + int(rng.integers(4, 10)), kw=float(rng.choice([0.0, 4.2, 5.0])), scope=scope)
    start = int(rng.integers(172, 180))
    pay = float(rng.choice([0.1, 0.3, 0.6]))
    return (limit, Reward(start=start, end=start + 8, baseline_kw=1.0, cap_kw=6.0, eur_per_kwh=pay))
