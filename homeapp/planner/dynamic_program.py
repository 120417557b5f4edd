"""Dynamic programming over the energy in the battery: backwards on a lattice of it, then forwards along the best path.

From slot to slot one number is carried on, so everything awkward (the 6 A step, two prices, rewards) is a matter of
one slot. What is to come is worth less by the price of a start where the car is idle and has to start.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from homeapp.planner.moves import SNAP, Direction, Moves, moves_of
from homeapp.planner.slot_table import Floats, SlotTable
from homeapp.planner.stretches import Lattice, Stretch

_NEVER = 1e7
"""EUR: the value of what is not allowed; finite, because values are interpolated."""
_LEAST_START_COST = 1e-6
_NO_GAIN = 1e-9


class StretchValues:
    """What is still to come from each slot of a stretch on, in EUR, by the energy in the battery."""

    def __init__(self, table: SlotTable, stretch: Stretch, lattice: Lattice, after: "StretchValues | None") -> None:
        """Compute all values on ``lattice``; ``after`` are those of the next stretch."""
        problem = table.problem
        self._table = table
        self._stretch = stretch
        self._lattice = lattice
        self._climbs: list[int] = (-np.diff(lattice.lows)).tolist()
        self._start_cost = max(problem.switch_cost, _LEAST_START_COST)
        moves = {direction: moves_of(table, stretch, lattice, direction) for direction in Direction}
        self._moves = {direction: by_slot for direction, by_slot in moves.items() if by_slot}
        reach = (m.reach for by_slot in self._moves.values() for m in by_slot.values())
        self._pad = max(max(reach, default=0), max(map(abs, self._climbs), default=0)) + 2
        shape = (stretch.end - stretch.start + 1, lattice.count + 2 * self._pad)
        self._idle = np.full(shape, _NEVER)
        self._on = {direction: np.full(shape, _NEVER) for direction in self._moves}
        self._go_back(after)

    def at(self, energies_kwh: Floats) -> Floats:
        """Values before the first slot."""
        values = self._idle[0, self._pad : self._pad + self._lattice.count]
        between: Floats = np.interp(energies_kwh, self._lattice.energies_kwh(0), values, left=_NEVER, right=_NEVER)
        return between

    def powers_kw(self, energy_kwh: float) -> tuple[list[float], float]:
        """The best powers from ``energy_kwh`` on, and the energy after the last of them."""
        powers: list[float] = []
        mode: Direction | None = None
        for row in range(self._stretch.end - self._stretch.start):
            power = self._best_power(row, energy_kwh, mode)
            mode = None if power == 0 else Direction.CHARGE if power > 0 else Direction.FEED
            gain = self._table.charge_gain if power > 0 else self._table.feed_gain
            energy_kwh += power * float(gain[self._stretch.start + row])
            powers.append(power)
        return powers, energy_kwh

    def _go_back(self, after: "StretchValues | None") -> None:
        ev, count, pad = self._table.problem.ev, self._lattice.count, self._pad
        tops, floors = self._lattice.counts_up_to(ev.max_kwh).tolist(), self._lattice.counts_below(ev.min_kwh).tolist()
        views = {direction: self._shifted(values) for direction, values in self._on.items()}
        idle = self._last_values(after)
        best: dict[Direction, Floats] = {}
        for row in reversed(range(len(self._idle))):
            if row < len(self._climbs):
                start = pad + self._climbs[row]
                idle = self._idle[row + 1, start : start + count]
                best = self._best_values(row, views)
            for values in best.values():
                idle = np.minimum(idle, values + self._start_cost)
            self._idle[row, pad : pad + count] = idle
            for direction, on in self._on.items():
                values = np.minimum(idle, best[direction]) if direction in best else idle
                low, high = (0, tops[row]) if direction is Direction.CHARGE else (floors[row], count)
                on[row, pad + low : pad + high] = values[low:high]

    def _last_values(self, after: "StretchValues | None") -> Floats:
        energies = self._lattice.energies_kwh(len(self._climbs))
        ev, trip = self._table.problem.ev, self._stretch.trip
        if after is None or trip is None:
            return -ev.v_end * energies
        missing = np.maximum(trip.need_kwh - energies, 0.0)
        return self._table.need_penalty * missing + after.at(np.maximum(energies - trip.use_kwh, 0.0))

    def _shifted(self, values: Floats) -> Floats:
        """A view in which [row, shift] are the values of ``row`` at all nodes moved by ``shift`` - padding steps."""
        rows, width = values.shape
        shape = (rows, width - self._lattice.count + 1, self._lattice.count)
        return as_strided(values, shape, (*values.strides, values.strides[1]), writeable=False)

    def _best_values(self, row: int, views: dict[Direction, Floats]) -> dict[Direction, Floats]:
        """For each direction that there is in slot ``row``, the value of its best move from each node."""
        slot = self._stretch.start + row
        return {
            direction: self._best_of(views[direction][row + 1], by_slot[slot])
            for direction, by_slot in self._moves.items()
            if slot in by_slot
        }

    def _best_of(self, shifted: Floats, moves: Moves) -> Floats:
        steps = len(moves.costs)
        values = np.empty((steps + len(moves.end_costs), self._lattice.count))
        first = self._pad + moves.first
        np.add(shifted[first : first + steps], moves.costs[:, None], out=values[:steps])
        below = shifted[self._pad + moves.below]
        ends = shifted[self._pad + moves.below + 1]
        ends -= below
        ends *= moves.share[:, None]
        ends += below
        np.add(ends, moves.end_costs[:, None], out=values[steps:])
        best: Floats = values.min(axis=0)
        return best

    def _best_power(self, row: int, energy_kwh: float, mode: Direction | None) -> float:
        lattice = self._lattice
        place = (energy_kwh - lattice.origin_kwh) / lattice.step_kwh - lattice.lows[row] + self._pad
        node = min(max(int(place + SNAP), self._pad - 1), self._pad + lattice.count - 1)
        share = min(float(place - node), 1.0) if place - node > SNAP else 0.0
        best = _between(self._idle[row + 1], node + self._climbs[row], share)
        if mode is None and _between(self._idle[row], node, share) > best - _NO_GAIN:
            return 0.0
        power = 0.0
        for direction, by_slot in self._moves.items():
            if (moves := by_slot.get(self._stretch.start + row)) is None:
                continue
            value, candidate = _best_move(self._on[direction][row + 1], moves, node, share)
            value += 0.0 if direction is mode else self._start_cost
            if value < best:
                best, power = value, candidate
        return power


def _between(values: Floats, node: int, share: float) -> float:
    return float(values[node] + share * (values[node + 1] - values[node]))


def _best_move(values: Floats, moves: Moves, node: int, share: float) -> tuple[float, float]:
    """Value and power of the best of ``moves`` from ``share`` of a step above ``node``: to a node, or to an end."""
    ends = moves.below + moves.share
    places = np.concatenate((moves.first + np.arange(len(moves.costs), dtype=np.float64), ends))
    order = places.argsort()
    places = places[order]
    targets = np.arange(math.ceil(places[0] + share - SNAP), math.floor(places[-1] + share + SNAP) + 1)
    costs = np.interp(targets - share, places, np.concatenate((moves.costs, moves.end_costs))[order])
    over = moves.share + share >= 1 - SNAP
    end = node + moves.below + over
    rest = np.maximum(moves.share + share - over, 0.0)
    to_ends = values[end] + rest * (values[end + 1] - values[end]) + moves.end_costs
    all_values = np.concatenate((values[node + targets] + costs, to_ends))
    best = int(all_values.argmin())
    if best >= len(targets):
        return float(all_values[best]), float(moves.end_powers_kw[best - len(targets)])
    powers = np.concatenate((moves.powers_kw, moves.end_powers_kw))[order]
    return float(all_values[best]), float(np.interp(targets[best] - share, places, powers))
