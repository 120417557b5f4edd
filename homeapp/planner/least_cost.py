"""The least-cost plan of one car: dynamic programming, then polish, then a run that keeps every rule."""

from collections.abc import Sequence

import numpy as np

from homeapp.planner.dynamic_program import StretchValues
from homeapp.planner.polish import polished
from homeapp.planner.problem import Problem, Solution
from homeapp.planner.slot_table import Floats, SlotTable
from homeapp.planner.stretches import Lattice, Stretch, full_lattice, stretches, tube

_ROUNDING = 1e-9
_TUBES_KWH = ((0.05, 3.0), (0.02, 1.5))
"""Step and half width of the finer lattices around a plan that costs more than its lattice has promised."""
_MISSED_EUR = 2e-4


def least_cost(problem: Problem) -> Solution:
    """A plan that breaks no rule and costs next to nothing more than the best one; never fails for a valid problem."""
    table = SlotTable.of(problem)
    parts = tuple(stretches(problem))
    plan, expected = _plan(table, parts, [full_lattice(problem, stretch) for stretch in parts])
    for step, half_width in _TUBES_KWH:
        if _objective(table, plan) <= expected + _MISSED_EUR:
            break
        lattices = [
            tube(problem, stretch, energies, step, half_width)
            for stretch, energies in zip(parts, _path(table, parts, plan), strict=True)
        ]
        finer, expected = _plan(table, parts, lattices)
        plan = min(plan, finer, key=lambda powers: _objective(table, powers))
    return evaluated(table, plan)


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
            power = min(power, float(table.charge_kw[slot]), (ev.max_kwh - energy) / float(table.charge_gain[slot]))
            power = power if power >= max(ev.ch_min_kw, _ROUNDING) - _ROUNDING else 0.0
        elif power < 0:
            power = -min(-power, float(table.feed_kw[slot]), (energy - ev.min_kwh) / float(table.feed_gain[slot]))
            power = power if -power >= max(ev.dis_min_kw, _ROUNDING) - _ROUNDING else 0.0
        powers[slot] = power
        energy += power * float((table.charge_gain if power > 0 else table.feed_gain)[slot])
    return powers


def evaluated(table: SlotTable, powers_kw: Floats) -> Solution:
    """What ``powers_kw`` lead to and what they truly cost."""
    problem = table.problem
    departures = {trip.dep: index for index, trip in enumerate(problem.trips)}
    shortfall = [0.0] * len(problem.trips)
    energy = problem.ev.soc0_kwh
    energies = []
    gains = np.where(powers_kw > 0, table.charge_gain, table.feed_gain) * powers_kw
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


def _plan(table: SlotTable, parts: Sequence[Stretch], lattices: Sequence[Lattice]) -> tuple[Floats, float]:
    """The best plan that ``lattices`` lead to, and what they expect it to cost (as `_objective`)."""
    values: list[StretchValues] = []
    for stretch, lattice in zip(reversed(parts), reversed(lattices), strict=True):
        values.insert(0, StretchValues(table, stretch, lattice, values[0] if values else None))
    energy = table.problem.ev.soc0_kwh
    expected = float(values[0].at(np.array([energy]))[0])
    powers: list[float] = []
    for stretch, of_stretch in zip(parts, values, strict=True):
        more, energy = of_stretch.powers_kw(energy)
        powers += more
        energy = _after_trip(stretch, energy)
    rough = np.array(powers)
    plans = [kept(table, rough), kept(table, polished(table, parts, rough))]
    return min(plans, key=lambda plan: _objective(table, plan)), expected


def _path(table: SlotTable, parts: Sequence[Stretch], powers_kw: Floats) -> list[Floats]:
    """For each stretch the energy at the start of each slot and at the end of the last one."""
    gains = np.where(powers_kw > 0, table.charge_gain, table.feed_gain) * powers_kw
    energy = table.problem.ev.soc0_kwh
    path: list[Floats] = []
    for stretch in parts:
        path.append(energy + np.concatenate(([0.0], np.cumsum(gains[stretch.start : stretch.end]))))
        energy = _after_trip(stretch, float(path[-1][-1]))
    return path


def _after_trip(stretch: Stretch, energy_kwh: float) -> float:
    return energy_kwh if stretch.trip is None else max(0.0, energy_kwh - stretch.trip.use_kwh)


def _objective(table: SlotTable, powers_kw: Floats) -> float:
    """What the choice is by, EUR above doing nothing: with noise, commitments and starts."""
    problem = table.problem
    signs = np.sign(powers_kw)
    starts = np.count_nonzero(signs) - np.count_nonzero((signs[1:] == signs[:-1]) & (signs[1:] != 0))
    of_slots = table.choice_cost(np.arange(problem.n), powers_kw[:, None]).sum()
    solution = evaluated(table, powers_kw)
    missing = table.need_penalty * sum(solution.shortfall_kwh)
    return float(of_slots + missing - problem.ev.v_end * solution.soc_kwh[-1] + problem.switch_cost * starts)
