"""The time between two departures, and the lattice of battery energies on which it is planned."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from homeapp.planner.problem import Problem, Trip
from homeapp.planner.slot_table import Floats

_STEP_KWH = 0.1
_LEAST_STEP_KWH = 0.01
_STEPS = 400
"""At least so many steps where the battery is small."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """``count`` energies from ``origin_kwh`` upwards, ``step_kwh`` apart."""

    origin_kwh: float
    step_kwh: float
    count: int

    @property
    def energies_kwh(self) -> Floats:
        """The energy of each node."""
        return self.origin_kwh + self.step_kwh * np.arange(self.count, dtype=np.float64)

    def count_up_to(self, energy_kwh: float) -> int:
        """How many nodes lie at or below ``energy_kwh``."""
        return min(max(0, math.floor((energy_kwh - self.origin_kwh) / self.step_kwh + _FIT) + 1), self.count)

    def count_below(self, energy_kwh: float) -> int:
        """How many nodes lie below ``energy_kwh``."""
        return min(max(0, math.ceil((energy_kwh - self.origin_kwh) / self.step_kwh - _FIT)), self.count)


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


def lattice_of(problem: Problem, stretch: Stretch) -> Lattice:
    """A lattice over all energies of ``stretch``; the upper limit is on it, the need and the floor if it can be had.

    It goes on by a step of the stretch before on either side, for the nodes around the ends of that one's lattice.
    """
    step = _step_kwh(problem, stretch)
    top = problem.ev.max_kwh
    origin = top - step * math.ceil((top - stretch.low_kwh + _STEP_KWH) / step - _ROUNDING)
    count = math.ceil((stretch.high_kwh + _STEP_KWH - origin) / step - _ROUNDING) + 1
    return Lattice(origin_kwh=origin, step_kwh=step, count=count)


def _step_kwh(problem: Problem, stretch: Stretch) -> float:
    """The step, near the wished one, of which the distances of need and floor from the top are most nearly multiples.

    A need between two nodes would look dearer than it is: the penalty would be spread over the step around it.
    """
    ev = problem.ev
    span = stretch.high_kwh - stretch.low_kwh
    wished = min(_STEP_KWH, max(_LEAST_STEP_KWH, span / _STEPS))
    marks = [ev.min_kwh] if ev.dis_max_kw > 0 else []
    marks += [stretch.trip.need_kwh] if stretch.trip else []
    below = [ev.max_kwh - mark for mark in marks if ev.max_kwh - mark > wished]
    if not below:
        return wished
    fewest = math.ceil(max(below) / wished - _ROUNDING)
    steps = [max(below) / (fewest + more) for more in range(_TRIED_STEPS)]
    return min(steps, key=lambda step: (round(max(abs(way / step - round(way / step)) for way in below), 6), -step))
