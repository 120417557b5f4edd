"""The last tenths of a kWh: the slots in which something happens stay, their powers are shifted among each other.

A small lattice moves along with the path of the plan, so that every power the plan already has is kept exactly,
whatever its step. It never makes a plan dearer, except by what a trip that empties the battery rounds away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import as_strided

from homeapp.planner.moves import ranges_kw
from homeapp.planner.problem import Trip
from homeapp.planner.slot_table import Bools, Floats, Indices, SlotTable
from homeapp.planner.stretches import Stretch

_NEVER = 1e7
"""EUR: the value of what is not allowed."""
_STEPS_KWH = (0.05, 0.0125, 0.003, 0.0008, 0.0002)
_REACH = 8
"""Nodes on either side of the path."""
_OFFSETS = np.arange(-_REACH, _REACH + 1, dtype=np.float64)
_ROUNDING = 1e-9
_FIT = 1e-6


def polished(table: SlotTable, stretches: Sequence[Stretch], powers_kw: Floats) -> Floats:
    """Better powers for the slots in which ``powers_kw`` has any."""
    for step in _STEPS_KWH:
        if not powers_kw.any():
            break
        powers_kw = _shift(_Path.of(table, stretches, powers_kw, step))
    return powers_kw


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Path:
    """What can be done around the path of a plan.

    Attributes:
        step_kwh: of the lattice.
        slots: the slots with a power.
        powers_kw: per slot of those, the powers that change its energy by -2 reach ... 2 reach steps.
        costs: EUR of each of them.
        blocked: per slot, 0 for each node that may be reached, else a prohibitive value.
        ends: per stretch, how many of ``slots`` begin before its end.
        energies_kwh: per stretch, the energy at its end.
    """

    table: SlotTable
    stretches: Sequence[Stretch]
    step_kwh: float
    slots: Indices
    powers_kw: Floats
    costs: Floats
    blocked: Floats
    ends: list[int]
    energies_kwh: list[float]

    @classmethod
    def of(cls, table: SlotTable, stretches: Sequence[Stretch], powers_kw: Floats, step_kwh: float) -> Self:
        """The surroundings of the plan ``powers_kw``."""
        slots = np.flatnonzero(powers_kw)
        on = powers_kw[slots]
        per_kw = np.where(on > 0, table.charge_gain[slots], table.feed_gain[slots])
        gains = on * per_kw
        least, most = ranges_kw(table, slots, on > 0)
        shifts = step_kwh * np.arange(-2 * _REACH, 2 * _REACH + 1)
        powers = (gains[:, None] + shifts) / per_kw[:, None]
        fits = (powers >= least[:, None] - _ROUNDING) & (powers <= most[:, None] + _ROUNDING)
        powers = np.clip(powers, least[:, None], most[:, None])
        ends, energies, after = _energies(table.problem.ev.soc0_kwh, stretches, slots, gains)
        return cls(
            table=table,
            stretches=stretches,
            step_kwh=step_kwh,
            slots=slots,
            powers_kw=powers,
            costs=np.where(fits, table.choice_cost(slots, powers), _NEVER),
            blocked=_blocked(table, on > 0, after[:, None] + step_kwh * _OFFSETS),
            ends=ends,
            energies_kwh=energies,
        )


def _energies(
    energy_kwh: float, stretches: Sequence[Stretch], slots: Indices, gains: Floats
) -> tuple[list[int], list[float], Floats]:
    """Per stretch the count of slots and the energy at its end; per slot the energy after it."""
    after = np.empty(len(slots))
    ends: list[int] = []
    energies: list[float] = []
    start = 0
    for stretch in stretches:
        end = int(np.searchsorted(slots, stretch.end))
        after[start:end] = energy_kwh + np.cumsum(gains[start:end])
        energy_kwh = float(after[end - 1]) if end > start else energy_kwh
        ends.append(end)
        energies.append(energy_kwh)
        energy_kwh = max(0.0, energy_kwh - (stretch.trip.use_kwh if stretch.trip else 0.0))
        start = end
    return ends, energies, after


def _blocked(table: SlotTable, charging: Bools, reached_kwh: Floats) -> Floats:
    ev = table.problem.ev
    above, below = reached_kwh > ev.max_kwh + _ROUNDING, reached_kwh < ev.min_kwh - _ROUNDING
    return np.where(np.where(charging[:, None], above, below), _NEVER, 0.0)


def _shift(path: _Path) -> Floats:
    """The best powers in the surroundings of the path."""
    ways = _ways(path.costs)
    totals, landings = _go_back(path, ways)
    powers = np.zeros(path.table.problem.n)
    node, start = _REACH, 0
    for end, landing in zip(path.ends, landings, strict=True):
        for k in range(start, end):
            target = int((ways[k, node] + totals[k]).argmin())
            powers[path.slots[k]] = path.powers_kw[k, 2 * _REACH + target - node]
            node = target
        node, start = int(landing[node]), end
    return powers


def _ways(costs: Floats) -> Floats:
    """A view in which [slot, node, target] is the cost of getting from node to target in a slot."""
    count = len(_OFFSETS)
    row, column = costs.strides
    return as_strided(costs[:, 2 * _REACH :], (len(costs), count, count), (row, -column, column), writeable=False)


def _go_back(path: _Path, ways: Floats) -> tuple[Floats, list[Indices]]:
    """Per slot what each node after it is worth; per stretch the node at which each of its last nodes goes on."""
    totals = np.empty_like(path.blocked)
    landings: list[Indices] = []
    values = np.zeros(len(_OFFSETS))
    for index in reversed(range(len(path.stretches))):
        energies = path.energies_kwh[index] + path.step_kwh * _OFFSETS
        trip = path.stretches[index].trip
        if trip is None:
            values, landing = -path.table.problem.ev.v_end * energies, np.arange(len(_OFFSETS))
        else:
            landing = _landing(energies, trip, path.step_kwh)
            inside = (landing >= 0) & (landing < len(_OFFSETS))
            penalty = path.table.need_penalty * np.maximum(trip.need_kwh - energies, 0.0)
            values = penalty + np.where(inside, values[np.clip(landing, 0, len(_OFFSETS) - 1)], _NEVER)
        landings.insert(0, landing)
        for k in reversed(range(path.ends[index - 1] if index else 0, path.ends[index])):
            totals[k] = values + path.blocked[k]
            values = (ways[k] + totals[k]).min(axis=1)
    return totals, landings


def _landing(energies_kwh: Floats, trip: Trip, step_kwh: float) -> Indices:
    """The node after ``trip`` for each node before it; a battery that is emptied leaves the steps of the lattice."""
    after = np.maximum(energies_kwh - trip.use_kwh, 0.0)
    steps: Indices = np.floor((after - after[_REACH]) / step_kwh + _FIT).astype(np.intp)
    return steps + _REACH
