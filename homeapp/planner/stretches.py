"""The time between two departures, and the lattice of battery energies on which it is planned."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from homeapp.planner.problem import Problem, Trip
from homeapp.planner.slot_table import Floats, Indices

_STEP_KWH = 0.1
_LEAST_STEP_KWH = 0.01
_LEAST_STEPS = 400
"""So many steps at least where the battery is small, down to the least step."""
_MOST_STEPS = 2_000
_TRIED_STEPS = 12
_ROUNDING = 1e-9
_FIT = 1e-6
"""Share of a step by which a node may miss a limit and still be on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The slots ``start`` <= t < ``end`` up to the next departure, ``trip``, or to the end of the plan.

    Attributes:
        low_kwh, high_kwh: the battery holds no less and no more than this in it.
    """

    start: int
    end: int
    trip: Trip | None
    low_kwh: float
    high_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lattice:
    """At each moment of a stretch ``count`` energies, ``step_kwh`` apart.

    Attributes:
        origin_kwh: the energy of node 0.
        lows: for the start of each slot and the end of the last one, the number of the lowest node.
    """

    origin_kwh: float
    step_kwh: float
    lows: Indices
    count: int

    def energies_kwh(self, row: int) -> Floats:
        """The energies at moment ``row``."""
        nodes = np.arange(self.lows[row], self.lows[row] + self.count, dtype=np.float64)
        return self.origin_kwh + self.step_kwh * nodes

    def counts_up_to(self, energy_kwh: float) -> Indices:
        """For each moment, how many nodes lie at or below ``energy_kwh``."""
        return self._clipped(math.floor((energy_kwh - self.origin_kwh) / self.step_kwh + _FIT) + 1)

    def counts_below(self, energy_kwh: float) -> Indices:
        """For each moment, how many nodes lie below ``energy_kwh``."""
        return self._clipped(math.ceil((energy_kwh - self.origin_kwh) / self.step_kwh - _FIT))

    def _clipped(self, node: int) -> Indices:
        return np.clip(node - self.lows, 0, self.count)


def stretches(problem: Problem) -> Iterator[Stretch]:
    """All stretches of ``problem``, in the order of time."""
    ev = problem.ev
    start, low, high = 0, ev.soc0_kwh, ev.soc0_kwh
    for trip in (*(trip for trip in problem.trips if trip.dep < problem.n), None):
        low = min(low, ev.min_kwh) if ev.dis_max_kw > 0 else low
        high = max(high, ev.max_kwh)
        end = trip.dep if trip else problem.n
        yield Stretch(start=start, end=end, trip=trip, low_kwh=low, high_kwh=high)
        if trip:
            start = end
            low, high = max(0.0, low - trip.use_kwh), max(0.0, high - trip.use_kwh)


def full_lattice(problem: Problem, stretch: Stretch) -> Lattice:
    """A lattice over all energies of ``stretch``; the upper limit is on it, the need and the floor if it can be had.

    It goes on by a step of the stretch before on either side, for the nodes around the ends of that one's lattice.
    """
    span = stretch.high_kwh - stretch.low_kwh
    wished = max(min(_STEP_KWH, max(_LEAST_STEP_KWH, span / _LEAST_STEPS)), span / _MOST_STEPS)
    step = _step_kwh(problem, stretch, wished)
    top = problem.ev.max_kwh
    origin = top - step * math.ceil((top - stretch.low_kwh + wished) / step - _ROUNDING)
    count = math.ceil((stretch.high_kwh + wished - origin) / step - _ROUNDING) + 1
    lows = np.zeros(stretch.end - stretch.start + 1, dtype=np.intp)
    return Lattice(origin_kwh=origin, step_kwh=step, lows=lows, count=count)


def tube(problem: Problem, stretch: Stretch, energies_kwh: Floats, step_kwh: float, half_width_kwh: float) -> Lattice:
    """A lattice of about ``step_kwh`` around ``energies_kwh``, one energy for each moment of ``stretch``."""
    step = _step_kwh(problem, stretch, step_kwh)
    half = math.ceil(half_width_kwh / step)
    middle: Indices = np.rint((energies_kwh - problem.ev.max_kwh) / step).astype(np.intp)
    return Lattice(origin_kwh=problem.ev.max_kwh, step_kwh=step, lows=middle - half, count=2 * half + 1)


def _step_kwh(problem: Problem, stretch: Stretch, wished_kwh: float) -> float:
    """The step, near the wished one, of which the distances of need and floor from the top are most nearly multiples.

    A need between two nodes would look dearer than it is: the penalty would be spread over the step around it.
    """
    ev = problem.ev
    marks = [ev.min_kwh] if ev.dis_max_kw > 0 else []
    marks += [stretch.trip.need_kwh] if stretch.trip else []
    below = [ev.max_kwh - mark for mark in marks if ev.max_kwh - mark > wished_kwh]
    if not below:
        return wished_kwh
    fewest = math.ceil(max(below) / wished_kwh - _ROUNDING)
    steps = [max(below) / (fewest + more) for more in range(_TRIED_STEPS)]
    return min(steps, key=lambda step: (round(max(abs(way / step - round(way / step)) for way in below), 6), -step))
