"""The planning problem as a mixed-integer program for HiGHS: the yardstick that the planner is measured by.

Tight where it can be: every bound is the smallest that is valid for its slot, a variable that has no choice is left
out, and the floor is a plain bound wherever the battery cannot be below it.
"""

from dataclasses import dataclass, field

from homeapp.planner.problem import Problem, Reward
from homeapp.planner.slot_table import SlotTable

_INFINITE = float("inf")


@dataclass(slots=True)
class Program:
    """Columns and rows of a program, row-wise.

    Attributes:
        powers: per slot the columns that add up to the car's power, with their signs.
        constant: EUR that no column can change.
    """

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    powers: list[list[tuple[int, float]]] = field(default_factory=list)
    constant: float = 0.0

    def column(self, lower: float, upper: float, cost: float = 0.0, *, integer: bool = False) -> int:
        """A new column; its number."""
        self.lower.append(lower)
        self.upper.append(upper)
        self.cost.append(cost)
        self.integer.append(integer)
        return len(self.cost) - 1

    def row(self, lower: float, upper: float, *terms: tuple[int, float]) -> None:
        """A new row over columns with their factors."""
        for column, value in terms:
            self.columns.append(column)
            self.values.append(value)
        self.starts.append(len(self.columns))
        self.row_lower.append(lower)
        self.row_upper.append(upper)


def program_of(problem: Problem) -> Program:
    """The program whose optimum is the best plan of ``problem``; of its extra fields none is looked at."""
    return _Builder(problem).build()


class _Builder:
    """Slot by slot, with the least and the most that the battery can hold there."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._table = SlotTable.of(problem)
        self._program = Program()
        self._low = self._high = problem.ev.soc0_kwh
        self._energy = self._program.column(self._low, self._high)

    def build(self) -> Program:
        departures = {trip.dep: trip for trip in self._problem.trips}
        for slot in range(self._problem.n):
            if slot in departures:
                self._depart(departures[slot].need_kwh, departures[slot].use_kwh)
            self._slot(slot)
        self._program.cost[self._energy] -= self._problem.ev.v_end
        return self._program

    def _depart(self, need: float, use: float) -> None:
        program = self._program
        short = program.column(0.0, _INFINITE, self._problem.ev.shortfall_penalty)
        program.row(need, _INFINITE, (short, 1.0), (self._energy, 1.0))
        low, high = max(0.0, self._low - use), max(0.0, self._high - use)
        after = program.column(low, high)
        if self._low >= use:
            program.row(-use, -use, (after, 1.0), (self._energy, -1.0))
        else:
            enough = program.column(0.0, 1.0, integer=True)
            program.row(-use, _INFINITE, (after, 1.0), (self._energy, -1.0))
            program.row(-_INFINITE, 0.0, (after, 1.0), (self._energy, -1.0), (enough, use))
            program.row(-_INFINITE, 0.0, (after, 1.0), (enough, -high))
        self._energy, self._low, self._high = after, low, high

    def _slot(self, slot: int) -> None:
        program, table, ev = self._program, self._table, self._problem.ev
        low, high, terms = self._low, self._high, [(self._energy, -1.0)]
        power: list[tuple[int, float]] = []
        switches: list[tuple[int, float]] = []
        most, feed = float(table.charge_kw[slot]), float(table.feed_kw[slot])
        charging = feeding = None
        if most > 0 and low < ev.max_kwh:
            column, charging = self._switched(min(ev.ch_min_kw, most), most, 0.0)
            terms.append((column, -table.gain_c))
            power.append((column, 1.0))
            switches.append((charging, 1.0))
            high = max(high, min(ev.max_kwh, high + table.gain_c * most))
        if feed > 0 and self._high > ev.min_kwh:
            column, feeding = self._switched(min(ev.dis_min_kw, feed), feed, self._problem.dt_h * ev.wear)
            terms.append((column, table.gain_d))
            power.append((column, -1.0))
            switches.append((feeding, 1.0))
            low = min(low, max(ev.min_kwh, low - table.gain_d * feed))
        program.powers.append(power)
        if power:
            if len(switches) > 1:
                program.row(-_INFINITE, 1.0, *switches)
            after = program.column(low, high)
            program.row(0.0, 0.0, (after, 1.0), *terms)
            if feeding is not None and low < ev.min_kwh:
                program.row(low, _INFINITE, (after, 1.0), (feeding, low - ev.min_kwh))
            if charging is not None and high > ev.max_kwh:
                program.row(-_INFINITE, high, (after, 1.0), (charging, high - ev.max_kwh))
            self._energy, self._low, self._high = after, low, high
        self._pay(slot, power, -feed if feeding is not None else 0.0, most if charging is not None else 0.0)

    def _switched(self, least: float, most: float, cost: float) -> tuple[int, int]:
        """A power of 0 or within ``least`` and ``most``: its column, and the one that is 1 while it is not 0."""
        power = self._program.column(0.0, most, cost)
        switch = self._program.column(0.0, 1.0, integer=True)
        self._program.row(-_INFINITE, 0.0, (power, 1.0), (switch, -most))
        if least > 0:
            self._program.row(0.0, _INFINITE, (power, 1.0), (switch, -least))
        return power, switch

    def _pay(self, slot: int, power: list[tuple[int, float]], least: float, most: float) -> None:
        """The grid's two prices and the rewards, for a power of the car between ``least`` and ``most``."""
        program, net, hours = self._program, float(self._table.net_kw[slot]), self._problem.dt_h
        p_imp, p_exp = hours * self._problem.p_imp[slot], hours * self._problem.p_exp[slot]
        low, high = net + least, net + most
        if low >= 0 or high <= 0 or p_imp == p_exp:
            price = p_imp if low >= 0 else p_exp
            program.constant += price * net
            for column, sign in power:
                program.cost[column] += price * sign
        else:
            imported, exported = program.column(0.0, high, p_imp), program.column(0.0, -low, -p_exp)
            program.row(net, net, (imported, 1.0), (exported, -1.0), *((column, -sign) for column, sign in power))
            if p_imp < p_exp:
                buys = program.column(0.0, 1.0, integer=True)
                program.row(-_INFINITE, 0.0, (imported, 1.0), (buys, -high))
                program.row(-_INFINITE, -low, (exported, 1.0), (buys, -low))
        for window in self._problem.dr:
            if isinstance(window, Reward) and window.start <= slot < window.end:
                self._reward(window, power, net, window.baseline_kw - high, window.baseline_kw - low)

    def _reward(self, window: Reward, power: list[tuple[int, float]], net: float, least: float, most: float) -> None:
        """Paid for what the grid power is below the baseline, which is between ``least`` and ``most``."""
        program, hours = self._program, self._problem.dt_h
        if most <= 0:
            return
        paid = program.column(0.0, min(window.cap_kw, most), -hours * window.eur_per_kwh)
        if least >= 0:
            program.row(-_INFINITE, window.baseline_kw - net, (paid, 1.0), *power)
            return
        below = program.column(0.0, 1.0, integer=True)
        program.row(-_INFINITE, window.baseline_kw - net - least, (paid, 1.0), (below, -least), *power)
        program.row(-_INFINITE, 0.0, (paid, 1.0), (below, -min(window.cap_kw, most)))
