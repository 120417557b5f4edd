"""Homes of a made-up street: who comes when, how much is to be charged, how fast; the same for the same number."""

import math
from dataclasses import dataclass

import numpy as np

from homeapp.bench.price_days import QUARTERS, PriceDays, Season, price_days
from homeapp.planner.problem import Ev, Limit, Problem, Trip

NOON = QUARTERS // 2
DT_H = 0.25
_EFFICIENCY = 0.9
_CHARGERS = ((3.7, 1.38), (7.4, 1.38), (11.0, 4.14))
"""Most and least power, kW: one phase of 16 A, one of 32 A, three of 16 A."""
_SHARES = (0.25, 0.25, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Demand response: no car takes more than ``kw`` in the slots ``start`` <= t < ``end`` from noon on."""

    start: int
    end: int
    kw: float


EVENTS = {"evening": Event(start=24, end=32, kw=0.0), "night": Event(start=58, end=62, kw=0.0)}
"""18:00 to 20:00, and 02:30 to 03:30, when charging is cheapest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """One home from noon to noon.

    Attributes:
        arrival_h, energy_kwh: when the car comes, hours after noon, and what it then wants, AC.
    """

    problem: Problem
    arrival_h: float
    energy_kwh: float


def street_prices(season: Season) -> PriceDays:
    """The prices that all homes have, over two days from midnight."""
    return price_days(np.random.default_rng(20), season, 2)


def home(number: int, prices: PriceDays, event: Event) -> Home:
    """Home ``number`` of the street."""
    rng = np.random.default_rng([21, number])
    most, least = _CHARGERS[rng.choice(len(_CHARGERS), p=_SHARES)]
    cap = float(rng.choice([40.0, 60.0, 77.0]))
    arrival = float(np.clip(rng.normal(5.8, 1.7), 1.0, 11.0))
    departure = float(np.clip(rng.normal(19.4, 0.9), 17.0, 23.0))
    wanted = float(rng.lognormal(math.log(9.0), 0.55))
    stored = min(wanted, 0.6 * cap, most * _EFFICIENCY * (departure - arrival) * 0.8)
    ev = Ev(
        cap_kwh=cap,
        soc0_kwh=0.8 * cap - stored,
        min_kwh=0.2 * cap,
        max_kwh=cap,
        ch_min_kw=least,
        ch_max_kw=most,
        dis_min_kw=0.0,
        dis_max_kw=0.0,
        eta_c=_EFFICIENCY,
        eta_d=_EFFICIENCY,
        wear=0.0,
        shortfall_penalty=3.0,
        v_end=0.0,
    )
    load = price_days(rng, Season.WINTER, 2).base_kw[NOON : NOON + QUARTERS]
    trips = (
        Trip(dep=0, ret=math.ceil(arrival / DT_H), need_kwh=0.0, use_kwh=0.0),
        Trip(dep=int(departure / DT_H), ret=QUARTERS, need_kwh=0.8 * cap, use_kwh=0.0),
    )
    problem = Problem(
        n=QUARTERS,
        dt_h=DT_H,
        p_imp=tuple(prices.p_imp[NOON : NOON + QUARTERS].tolist()),
        p_exp=(0.0,) * QUARTERS,
        base_kw=tuple(load.tolist()),
        pv_kw=(0.0,) * QUARTERS,
        fuse_kw=24.15,
        export_max_kw=10.0,
        ev=ev,
        trips=trips,
        dr=(Limit(start=event.start, end=event.end, kw=event.kw),),
        switch_cost=0.002,
    )
    return Home(problem=problem, arrival_h=arrival, energy_kwh=stored / _EFFICIENCY)
