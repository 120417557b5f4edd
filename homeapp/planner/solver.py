"""The least-cost plan of one car: dynamic programming, then polish, then a run that keeps every rule."""

from collections.abc import Sequence

import numpy as np

from homeapp.planner.dynamic_program import StretchValues
from homeapp.planner.polish import polished
from homeapp.planner.problem import Problem, Solution
from homeapp.planner.slot_table import Floats, SlotTable
from homeapp.planner.stretches import Stretch, stretches

_ROUNDING = 1e-9


def solve(problem: Problem) -> Solution:
    """A plan that breaks no rule and costs next to nothing more than the best one; never fails for a valid problem."""
    table = SlotTable.of(problem)
    parts = tuple(stretches(problem))
    rough = _rough(table, parts)
    plans = [kept(table, powers) for powers in (rough, polished(table, parts, rough))]
    return evaluated(table, min(plans, key=lambda powers: _choice(table, powers)))


def kept(table: SlotTable, powers_kw: Floats) -> Floats:
    """``powers_kw`` cut to what the limits of each slot and the battery allow."""
    ev = table.problem.ev
    uses = {trip.dep: trip.use_kwh for trip in table.problem.trips}
    energy = ev.soc0_kwh
    powers = np.zeros(table.problem.n)
    for slot in range(table.problem.n):
        energy = max(0.0, energy - uses[slot]) if slot in uses else energy
        power = float(powers_kw[slot])
        if power > 0:
            power = min(power, float(table.charge_kw[slot]), (ev.max_kwh - energy) / table.gain_c)
            power = power if power >= max(ev.ch_min_kw, _ROUNDING) - _ROUNDING else 0.0
        elif power < 0:
            power = -min(-power, float(table.feed_kw[slot]), (energy - ev.min_kwh) / table.gain_d)
            power = power if -power >= max(ev.dis_min_kw, _ROUNDING) - _ROUNDING else 0.0
        powers[slot] = power
        energy += power * (table.gain_c if power > 0 else table.gain_d)
    return powers


def evaluated(table: SlotTable, powers_kw: Floats) -> Solution:
    """What ``powers_kw`` lead to and what they truly cost."""
    problem = table.problem
    departures = {trip.dep: index for index, trip in enumerate(problem.trips)}
    shortfall = [0.0] * len(problem.trips)
    energy = problem.ev.soc0_kwh
    energies = []
    gains = np.where(powers_kw > 0, table.gain_c, table.gain_d) * powers_kw
    for slot, gain in enumerate(gains.tolist()):
        if slot in departures:
            trip = problem.trips[departures[slot]]
            shortfall[departures[slot]] = max(0.0, trip.need_kwh - energy)
            energy = max(0.0, energy - trip.use_kwh)
        energy += gain
        energies.append(energy)
    cost = float(table.cost(np.arange(problem.n), powers_kw[:, None]).sum())
    cost += problem.ev.shortfall_penalty * sum(shortfall) - problem.ev.v_end * energy
    return Solution(
        powers_kw=tuple(powers_kw.tolist()),
        soc_kwh=tuple(energies),
        cost_eur=cost,
        shortfall_kwh=tuple(shortfall),
    )


def _rough(table: SlotTable, parts: Sequence[Stretch]) -> Floats:
    values: list[StretchValues] = []
    for stretch in reversed(parts):
        values.append(StretchValues(table, stretch, values[-1] if values else None))
    powers: list[float] = []
    energy = table.problem.ev.soc0_kwh
    for stretch, of_stretch in zip(parts, reversed(values), strict=True):
        more, energy = of_stretch.powers_kw(energy)
        powers += more
        energy = max(0.0, energy - (stretch.trip.use_kwh if stretch.trip else 0.0))
    return np.array(powers)


def _choice(table: SlotTable, powers_kw: Floats) -> float:
    """What decides between two plans, EUR: the true cost, noise, commitments and starts."""
    problem = table.problem
    rows = np.arange(problem.n)
    powers = powers_kw[:, None]
    signs = np.sign(powers_kw)
    starts = np.count_nonzero(signs) - np.count_nonzero((signs[1:] == signs[:-1]) & (signs[1:] != 0))
    more = table.choice_cost(rows, powers).sum() - table.cost(rows, powers).sum()
    return evaluated(table, powers_kw).cost_eur + float(more) + problem.switch_cost * starts
