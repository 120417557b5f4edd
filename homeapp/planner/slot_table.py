"""What each slot of a planning problem allows and costs, as arrays."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from homeapp.planner.problem import Limit, LimitScope, Problem, Reward

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

_ROUNDING_KW = 1e-12
_NEED_BEFORE_COMMITMENT = 10.0
"""A committed power yields to a trip's need and to nothing that has a price."""


@dataclass(frozen=True, slots=True, eq=False)
class SlotTable:
    """Limits and prices per slot; arrays of ``problem.n`` values.

    Attributes:
        net_kw: household load less PV.
        connected: the car is there.
        charge_kw: most charging power; 0, or at least the car's least one.
        feed_kw: most feeding power, positive; 0 where it must not feed.
        forced_kw: committed power, nan = free.
        noise: EUR/kWh, see ``Problem.noise``.
        hours: length, h.
        charge_gain, feed_gain: kWh that 1 kW puts into the battery, and takes out of it.
    """

    problem: Problem
    net_kw: Floats
    connected: Bools
    charge_kw: Floats
    feed_kw: Floats
    p_imp: Floats
    p_exp: Floats
    forced_kw: Floats
    noise: Floats
    hours: Floats
    charge_gain: Floats
    feed_gain: Floats

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """The table of ``problem``."""
        net = np.array(problem.base_kw) - np.array(problem.pv_kw)
        forced = np.full(problem.n, np.nan) if problem.forced_kw is None else np.array(problem.forced_kw)
        hours = np.full(problem.n, problem.dt_h) if problem.hours is None else np.array(problem.hours)
        connected = _connected(problem)
        return cls(
            problem=problem,
            net_kw=net,
            connected=connected,
            charge_kw=_charge_kw(problem, net, connected, forced),
            feed_kw=_feed_kw(problem, net, connected, forced),
            p_imp=np.array(problem.p_imp),
            p_exp=np.array(problem.p_exp),
            forced_kw=forced,
            noise=np.zeros(problem.n) if problem.noise is None else np.array(problem.noise),
            hours=hours,
            charge_gain=hours * problem.ev.eta_c,
            feed_gain=hours / problem.ev.eta_d,
        )

    @property
    def gain_c(self) -> float:
        """The kWh that a slot of 1 kW charging puts into the battery."""
        return self.problem.dt_h * self.problem.ev.eta_c

    @property
    def gain_d(self) -> float:
        """The kWh that a slot of 1 kW feeding takes out of the battery."""
        return self.problem.dt_h / self.problem.ev.eta_d

    def cost(self, rows: Indices, powers: Floats) -> Floats:
        """True cost in EUR of ``powers`` (rows x any) in the slots ``rows``."""
        return self._cost(rows, powers, self.p_imp)

    def choice_cost(self, rows: Indices, powers: Floats) -> Floats:
        """What decides between ``powers`` (rows x any), EUR above doing nothing: with noise and commitments."""
        p_imp = self.p_imp + self.noise
        cost = self._cost(rows, powers, p_imp) - self._cost(rows, np.zeros((len(rows), 1)), p_imp)
        forced = self.forced_kw[rows, None]
        if np.isnan(forced).all():
            return cost
        missed = np.abs(powers - forced) - np.abs(forced)
        return cost + self.hours[rows, None] * self._commitment * np.where(np.isnan(missed), 0.0, missed)

    def kinks_kw(self, rows: Indices) -> Floats:
        """Powers (rows x any, nan = none) at which the cost changes its slope: no grid power, the ends of a reward."""
        net = self.net_kw[rows]
        columns = [-net]
        for reward in self._rewards():
            inside = (rows >= reward.start) & (rows < reward.end)
            ends_kw = (reward.baseline_kw, reward.baseline_kw - reward.cap_kw)
            columns += [np.where(inside, grid_kw - net, np.nan) for grid_kw in ends_kw]
        return np.column_stack(columns)

    @property
    def need_penalty(self) -> float:
        """EUR per kWh that a need is missed by, as far as plans are chosen by it."""
        penalty = self.problem.ev.shortfall_penalty
        return penalty if np.isnan(self.forced_kw).all() else penalty * _NEED_BEFORE_COMMITMENT

    @property
    def _commitment(self) -> float:
        """EUR per kWh that a committed power is missed by."""
        return self.problem.ev.shortfall_penalty or 1.0

    def _rewards(self) -> list[Reward]:
        return [window for window in self.problem.dr if isinstance(window, Reward)]

    def _cost(self, rows: Indices, powers: Floats, p_imp: Floats) -> Floats:
        problem = self.problem
        grid = self.net_kw[rows, None] + powers
        cost = grid * np.where(grid > 0, p_imp[rows, None], self.p_exp[rows, None])
        if problem.ev.dis_max_kw > 0:
            cost -= problem.ev.wear * np.minimum(powers, 0.0)
        for reward in self._rewards():
            inside = np.flatnonzero((rows >= reward.start) & (rows < reward.end))
            below = np.clip(reward.baseline_kw - grid[inside], 0.0, reward.cap_kw)
            cost[inside] -= reward.eur_per_kwh * below
        return self.hours[rows, None] * cost


def _connected(problem: Problem) -> Bools:
    connected = np.ones(problem.n, dtype=np.bool_)
    for trip in problem.trips:
        connected[trip.dep : trip.ret] = False
    return connected


def _charge_kw(problem: Problem, net: Floats, connected: Bools, forced: Floats) -> Floats:
    most = np.minimum(problem.ev.ch_max_kw, problem.fuse_kw - net)
    for window in problem.dr:
        if isinstance(window, Limit):
            during = slice(window.start, window.end)
            own = window.kw if window.scope is LimitScope.EV else window.kw - net[during]
            most[during] = np.minimum(most[during], own)
    if problem.shed is not None:
        most = np.fmin(most, np.array(problem.shed))
    if problem.solar_only is not None:
        bound = np.array(problem.solar_only) & np.isnan(forced)
        most = np.where(bound, np.minimum(most, -net), most)
    most = np.fmin(most, forced)
    return np.where(connected & (most >= problem.ev.ch_min_kw - _ROUNDING_KW), np.maximum(most, 0.0), 0.0)


def _feed_kw(problem: Problem, net: Floats, connected: Bools, forced: Floats) -> Floats:
    if problem.ev.dis_max_kw <= 0:
        return np.zeros(problem.n)
    most = np.minimum(problem.ev.dis_max_kw, problem.export_max_kw + net)
    if problem.feed_most is not None:
        most = np.fmin(most, np.array(problem.feed_most))
    most = np.fmin(most, -forced)
    return np.where(connected & (most >= problem.ev.dis_min_kw - _ROUNDING_KW), np.maximum(most, 0.0), 0.0)
