"""The planning problem of one car as numbers, and its answer.

Energies kWh in the battery, powers kW on the AC side with + = import and charging, money EUR, time in slots from 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Ev:
    """The car and what its charger can do with it.

    Attributes:
        cap_kwh: capacity of the battery.
        soc0_kwh: energy in it at the start of the first slot.
        min_kwh: no power feed takes it below this.
        max_kwh: no charging takes it above this.
        ch_min_kw: least charging power (IEC 61851: 6 A on the phases in use); a slot has 0 or at least this.
        dis_min_kw: least feeding power, where it feeds at all.
        dis_max_kw: most feeding power; 0 = cannot feed.
        eta_c: share of the charged AC energy that arrives in the battery, 0..1.
        eta_d: share of the energy taken from the battery that arrives on the AC side, 0..1.
        wear: EUR per kWh fed (AC side).
        shortfall_penalty: EUR per kWh that a trip's need is missed by.
        v_end: EUR per kWh left after the last slot.
    """

    cap_kwh: float
    soc0_kwh: float
    min_kwh: float
    max_kwh: float
    ch_min_kw: float
    ch_max_kw: float
    dis_min_kw: float
    dis_max_kw: float
    eta_c: float
    eta_d: float
    wear: float
    shortfall_penalty: float
    v_end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """The car is away in the slots ``dep`` <= t < ``ret``.

    Attributes:
        ret: may lie beyond the last slot, and may equal ``dep`` where only the need counts.
        need_kwh: wanted in the battery when it leaves.
        use_kwh: taken out of it on the way; it comes back with no less than nothing.
    """

    dep: int
    ret: int
    need_kwh: float
    use_kwh: float


class LimitScope(StrEnum):
    """What a limit is measured at."""

    EV = "ev"
    GRID = "grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Charging must not take the power of its scope above ``kw`` in the slots ``start`` <= t < ``end``."""

    start: int
    end: int
    kw: float
    scope: LimitScope = LimitScope.EV


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """Paid for grid power below ``baseline_kw``, at most for ``cap_kw`` of it, in ``start`` <= t < ``end``."""

    start: int
    end: int
    baseline_kw: float
    cap_kw: float
    eur_per_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One car, one grid connection, ``n`` slots; every series has ``n`` values.

    Attributes:
        dt_h: length of a slot, h.
        p_imp: EUR per kWh imported; may be negative.
        p_exp: EUR per kWh exported; may be negative or above ``p_imp``.
        base_kw: household load without the car.
        pv_kw: photovoltaic power.
        fuse_kw: most import of the grid connection; above it the car does not charge.
        export_max_kw: most export; above it the car does not feed.
        trips: departures differ; ascending.
        dr: demand response: limits and rewards, in any number and overlap.
        solar_only: slots in which charging uses no more than the surplus of the PV over the household.
        forced_kw: committed power, nan = free. It comes before money, after the limits, the battery's bounds and the
            needs of the trips: where these leave less, the plan comes as near to it as they allow.
        shed: cap on the charging power, inf = none.
        feed_most: cap on the feeding power, inf = none.
        switch_cost: EUR per start of charging or feeding; only decides between plans that cost about the same.
        noise: EUR per kWh added to ``p_imp`` while choosing, never counted as cost.
        hours: length of each slot, h, where they differ; None = ``dt_h`` each.
    """

    n: int
    dt_h: float
    p_imp: tuple[float, ...]
    p_exp: tuple[float, ...]
    base_kw: tuple[float, ...]
    pv_kw: tuple[float, ...]
    fuse_kw: float
    export_max_kw: float
    ev: Ev
    trips: tuple[Trip, ...] = ()
    dr: tuple[Limit | Reward, ...] = ()
    solar_only: tuple[bool, ...] | None = None
    forced_kw: tuple[float, ...] | None = None
    shed: tuple[float, ...] | None = None
    feed_most: tuple[float, ...] | None = None
    switch_cost: float = 0.0
    noise: tuple[float, ...] | None = None
    hours: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A plan that breaks no rule of its problem.

    Attributes:
        powers_kw: power of the car per slot, + charges, - feeds.
        soc_kwh: energy in the battery after each slot.
        cost_eur: all that the plan costs by the true prices: grid, wear, rewards, shortfall, less the value of what is
            left at the end; ``switch_cost`` and ``noise`` are not in it.
        shortfall_kwh: per trip, by how much its need is missed.
    """

    powers_kw: tuple[float, ...]
    soc_kwh: tuple[float, ...]
    cost_eur: float
    shortfall_kwh: tuple[float, ...]


Solver = Callable[[Problem], Solution]
"""Never fails for a valid problem: what cannot be met is in ``Solution.shortfall_kwh``."""
