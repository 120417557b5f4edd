"""What a slot allows, as moves on a lattice: steps from node to node, and powers that end between two nodes."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from homeapp.planner.slot_table import Bools, Floats, Indices, SlotTable
from homeapp.planner.stretches import Lattice, Stretch

SNAP = 1e-7
"""Share of a step that counts as none."""
_FIT = 1e-6
_LEAST_KW = 1e-6


class Direction(IntEnum):
    """The sign of a power."""

    FEED = -1
    CHARGE = 1


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """The moves of one slot in one direction, in steps from a node to the node of the same place a slot later.

    Attributes:
        first: the lowest step that leads from node to node.
        powers_kw: power of that and each following step.
        costs: EUR of each of them.
        below: of the ends of the allowed powers and the kinks of their cost: the step to the node below.
        share: how far above it they end, in steps, 0..1.
        end_powers_kw: their powers.
        end_costs: EUR of each.
    """

    first: int
    powers_kw: Floats
    costs: Floats
    below: Indices
    share: Floats
    end_powers_kw: Floats
    end_costs: Floats

    @property
    def reach(self) -> int:
        """No move leads further than this."""
        return int(max(abs(self.first), abs(self.first + len(self.costs)), *(np.abs(self.below) + 1)))


def ranges_kw(table: SlotTable, slots: Indices, charging: Bools) -> tuple[Floats, Floats]:
    """Least and most signed power other than none in ``slots``: of charging or of feeding, as ``charging`` says."""
    ev = table.problem.ev
    charge, feed = table.charge_kw[slots], table.feed_kw[slots]
    least = np.where(charging, np.minimum(max(ev.ch_min_kw, _LEAST_KW), charge), -feed)
    most = np.where(charging, charge, -np.minimum(max(ev.dis_min_kw, _LEAST_KW), feed))
    return least, most


def moves_of(table: SlotTable, stretch: Stretch, lattice: Lattice, direction: Direction) -> dict[int, Moves]:
    """The moves of each slot of ``stretch`` in which there are any."""
    limits = table.charge_kw if direction is Direction.CHARGE else table.feed_kw
    slots = stretch.start + np.flatnonzero(limits[stretch.start : stretch.end] > 0)
    if not len(slots):
        return {}
    per_kw = (table.charge_gain if direction is Direction.CHARGE else table.feed_gain)[slots] / lattice.step_kwh
    least, most = ranges_kw(table, slots, np.full(len(slots), direction is Direction.CHARGE))
    climb = -np.diff(lattice.lows)[slots - stretch.start]
    first, counts, powers = _steps(least * per_kw, most * per_kw, climb, lattice.count)
    powers = np.clip(powers / per_kw[:, None], least[:, None], most[:, None])
    costs = table.choice_cost(slots, powers)
    ends, end_counts = _ends(table, slots, least, most)
    end_costs = table.choice_cost(slots, ends)
    below: Indices = np.floor(ends * per_kw[:, None] + SNAP).astype(np.intp)
    share = np.maximum(ends * per_kw[:, None] - below, 0.0)
    below += climb[:, None]
    share[share < SNAP] = 0.0
    return {
        slot: Moves(
            first=int(first[row] + climb[row]),
            powers_kw=powers[row, : counts[row]],
            costs=costs[row, : counts[row]],
            below=below[row, : end_counts[row]],
            share=share[row, : end_counts[row]],
            end_powers_kw=ends[row, : end_counts[row]],
            end_costs=end_costs[row, : end_counts[row]],
        )
        for row, slot in enumerate(slots.tolist())
    }


def _steps(least: Floats, most: Floats, climb: Indices, nodes: int) -> tuple[list[int], list[int], Floats]:
    """Per slot the first step between ``least`` and ``most`` that meets a node, how many follow, and all of them."""
    first: Indices = np.ceil(least - _FIT).astype(np.intp)
    last: Indices = np.floor(most + _FIT).astype(np.intp)
    first = np.maximum(np.where(most > 0, np.maximum(first, 1), first), 1 - nodes - climb)
    last = np.minimum(np.where(most > 0, last, np.minimum(last, -1)), nodes - 1 - climb)
    counts = np.maximum(last - first + 1, 0)
    steps = first[:, None] + np.arange(max(1, int(counts.max())), dtype=np.float64)
    return first.tolist(), counts.tolist(), steps


def _ends(table: SlotTable, slots: Indices, least: Floats, most: Floats) -> tuple[Floats, list[int]]:
    """Per slot the ends and kinks, and how many of the columns count."""
    kinks = table.kinks_kw(slots)
    inside = (kinks > least[:, None]) & (kinks < most[:, None])
    ends = np.column_stack([least, most, np.sort(np.where(inside, kinks, np.nan), axis=1)])
    return np.nan_to_num(ends), (2 + inside.sum(axis=1)).tolist()
