"""Starts and ends of a plan, moved by what the home has drawn: plans of all homes change at the same full quarters."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from homeapp.planner.problem import Problem
from homeapp.planner.slot_table import SlotTable

LONGEST_SHIFT_H = 0.25
_DEAR_EUR = 0.005
"""Per kWh: the price of moving a start or an end that is no matter."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Constant power from ``start_h`` to ``end_h``, hours after the start of the problem, as planned for ``slot``."""

    slot: int
    start_h: float
    end_h: float
    power_kw: float


def moved(problem: Problem, powers_kw: tuple[float, ...], shift_h: float) -> tuple[Piece, ...]:
    """The pieces in which there is power, each run of them moved by what the home has drawn.

    A run starts and ends later by ``shift_h``. Where it must not go on, because the car leaves or a limit begins, or
    where that is dear, it is earlier by the rest of a quarter of an hour instead; and where neither is possible, or it
    starts as the car comes, which nobody does at the same time anyway, it stays.
    """
    table = SlotTable.of(problem)
    longest = min(LONGEST_SHIFT_H, problem.dt_h)
    late = shift_h * longest / LONGEST_SHIFT_H
    pieces: list[Piece] = []
    for start, end in _runs(powers_kw):
        more_late = _more(table, powers_kw, end, start, powers_kw[end - 1])
        more_early = _more(table, powers_kw, start - 1, end - 1, powers_kw[start])
        comes = start == 0 or not table.connected[start - 1]
        if more_late <= (_DEAR_EUR if comes else max(more_early, _DEAR_EUR)) and more_late < np.inf:
            by = late
        else:
            by = late - longest if more_early < np.inf else 0.0
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


def _more(table: SlotTable, powers_kw: tuple[float, ...], slot: int, instead_of: int, power_kw: float) -> float:
    """EUR/kWh by which power is dearer in ``slot`` than in another one; infinite where it has no room there."""
    if not 0 <= slot < len(powers_kw) or powers_kw[slot] != 0:
        return np.inf
    most = table.charge_kw[slot] if power_kw > 0 else table.feed_kw[slot]
    if abs(power_kw) > float(most) + _ROUNDING:
        return np.inf
    slots, powers = np.array([slot, instead_of]), np.array([[0.0, power_kw]] * 2)
    idle, busy = table.cost(slots, powers).T
    return float(np.subtract(*((busy - idle) / (abs(power_kw) * table.hours[slots]))))
