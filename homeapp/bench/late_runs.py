"""What a hub makes of its plan in time: starts and ends come later than the full quarter by what the home has drawn."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from homeapp.planner.problem import Problem
from homeapp.planner.slot_table import SlotTable
from homeapp.planner.spread import LONGEST_SHIFT_H

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Constant power from ``start_h`` to ``end_h``, hours after the start of the problem, as planned for ``slot``."""

    slot: int
    start_h: float
    end_h: float
    power_kw: float


def moved(problem: Problem, powers_kw: tuple[float, ...], shift_h: float) -> tuple[Piece, ...]:
    """The pieces in which there is power: each run of them later by ``shift_h``, where it may go on for so long.

    Where the car leaves or a limit begins, and where the car has just come, which no two do at the same time, a run
    stays as planned.
    """
    table = SlotTable.of(problem)
    late = shift_h * min(1.0, problem.dt_h / LONGEST_SHIFT_H)
    pieces: list[Piece] = []
    for start, end in _runs(powers_kw):
        by = late if _may_be_late(table, powers_kw, start, end) else 0.0
        pieces += [
            Piece(
                slot=slot,
                start_h=slot * problem.dt_h + by,
                end_h=(slot + 1) * problem.dt_h + by,
                power_kw=powers_kw[slot],
            )
            for slot in range(start, end)
        ]
    return tuple(pieces)


def _runs(powers_kw: tuple[float, ...]) -> list[tuple[int, int]]:
    """Start and end of each row of slots with power of one sign."""
    signs = np.sign((0.0, *powers_kw, 0.0))
    edges = np.flatnonzero(np.diff(signs)).tolist()
    return [(start, end) for start, end in pairwise(edges) if signs[start + 1] != 0]


def _may_be_late(table: SlotTable, powers_kw: tuple[float, ...], start: int, end: int) -> bool:
    """Whether the run does not begin as the car comes, and its last power may go on in the slot after it."""
    if start == 0 or not table.connected[start - 1] or end == len(powers_kw) or powers_kw[end] != 0:
        return False
    most = table.charge_kw[end] if powers_kw[end - 1] > 0 else table.feed_kw[end]
    return abs(powers_kw[end - 1]) <= float(most) + _ROUNDING
