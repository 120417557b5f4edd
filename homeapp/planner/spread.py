"""So that a street on one price does not charge as one: each home draws its own part of the cheap hours.

Alone, every home would charge at full power in the same few quarters of an hour. Here the cheapest hours of a stay
count as equally cheap; they are cut into as many equal parts as the charging fits into, one part is drawn, and the
power is what fills it. A home that draws this way needs to know nothing of the others, and all of them together take
the same power through all of the cheap hours. What it may cost is bounded by the home's own saving. Starts and ends
come later besides by less than a quarter of an hour, drawn too, because all plans change at the same full quarters.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from homeapp.planner.problem import Problem, Solution
from homeapp.planner.slot_table import Bools, Floats, Indices, SlotTable
from homeapp.planner.stretches import Stretch, stretches

_WIDTHS = ((4.25, 0.06), (6.0, 0.005))
"""How many hours may count as cheap, and which share of the own saving that may cost on average: longer than nearly any
car needs for a day, so that the cars of a street take less together than on arrival; and longer still where it is next
to free."""
_PULL_EUR_PER_KWH = 0.02
"""By how much the far end of the cheap hours is put off: decides between equal plans, and costs nothing."""
_PUT_OFF_EUR_PER_KWH = 0.0005
"""By how much the other hours are, which at a fixed price cost the same."""
_ROOM = 1.0005
"""So much more than the power that fills the part exactly, so that rounding opens no second run."""
_SAME_PRICE_EUR = 1e-4
LONGEST_SHIFT_H = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What a home has drawn for one problem; to be kept until the prices, the departures or the limits change.

    Attributes:
        noise: EUR/kWh per slot, as `Problem.noise`.
        shed: kW per slot, as `Problem.shed`; inf = none.
        shift_h: how much later starts and ends are, 0 <= shift_h < 0.25.
        most_eur: what the plan may cost more than the best one.
    """

    noise: tuple[float, ...]
    shed: tuple[float, ...]
    shift_h: float
    most_eur: float


def seed_of(home_key: str, day: date) -> int:
    """What a home draws by: of its own, another one every day, and the same when it plans again."""
    digest = hashlib.sha256(f"{home_key} {day.isoformat()}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def drawn(problem: Problem, alone: Solution, seed: int) -> Spread:
    """What the home of ``seed`` draws where its best plan by itself is ``alone``."""
    table = SlotTable.of(problem)
    rng = np.random.default_rng(seed)
    shift = float(rng.random()) * LONGEST_SHIFT_H
    noise = np.zeros(problem.n)
    shed = np.full(problem.n, np.inf)
    most_eur = 0.0
    for stretch in stretches(problem):
        share = float(rng.random())
        if (stay := _Stay.of(table, stretch, np.array(alone.powers_kw))) is not None:
            stay.draw(share, noise, shed)
            most_eur += stay.most_eur
    return Spread(noise=tuple(noise.tolist()), shed=tuple(shed.tolist()), shift_h=shift, most_eur=most_eur)


def spread_out(problem: Problem, spread: Spread) -> Problem:
    """``problem`` with what the home has drawn."""
    noise = spread.noise if problem.noise is None else tuple(map(sum, zip(problem.noise, spread.noise, strict=True)))
    shed = spread.shed if problem.shed is None else tuple(np.fmin(problem.shed, spread.shed).tolist())
    return replace(problem, noise=noise, shed=shed)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stay:
    """The cheap slots of a stay.

    Attributes:
        slots: in the order of time.
        others: the slots of the stay that are not cheap.
        prices: EUR/kWh of charging in each of them.
        mean: of these.
        energy_kwh: to charge, AC.
        needed: slots at full power for it.
        started: in which of the slots a part may lie.
        most_eur: what it may cost more than alone.
    """

    table: SlotTable
    slots: Indices
    others: Indices
    prices: Floats
    mean: float
    energy_kwh: float
    needed: float
    started: Bools
    most_eur: float

    @classmethod
    def of(cls, table: SlotTable, stretch: Stretch, alone_kw: Floats) -> "_Stay | None":
        """The cheap slots of ``stretch``; None where there is nothing to charge or no choice."""
        slots = np.arange(stretch.start, stretch.end)
        slots = slots[(table.charge_kw[slots] > 0) & np.isnan(table.forced_kw[slots])]
        most_kwh = table.charge_kw[slots] * table.hours[slots]
        alone_kwh = np.maximum(alone_kw[slots], 0.0) * table.hours[slots]
        energy = float(alone_kwh.sum())
        if energy <= 0:
            return None
        prices = _prices(table, slots)
        own = float(prices @ alone_kwh) / energy
        before = np.cumsum(most_kwh) - most_kwh
        at_once = float(prices @ np.clip(energy - before, 0.0, most_kwh)) / energy
        cheap = max(
            (
                _cheapest(prices, most_kwh, own + share * max(0.0, at_once - own), round(hours / table.problem.dt_h))
                for hours, share in _WIDTHS
            ),
            key=len,
        )
        needed = energy / float(most_kwh.max())
        started = _with_room_to_start_late(table, slots[cheap])
        if np.count_nonzero(started) < needed:
            return None
        mean = float(prices[cheap] @ most_kwh[cheap] / most_kwh[cheap].sum())
        return cls(
            table=table,
            slots=slots[cheap],
            others=np.delete(slots, cheap),
            prices=prices[cheap],
            mean=mean,
            energy_kwh=energy,
            needed=needed,
            started=started,
            most_eur=energy * float(prices[cheap].max() - own),
        )

    def draw(self, share: float, noise: Floats, shed: Floats) -> None:
        """Enter the part that ``share``, 0 <= share < 1, falls on."""
        problem, count = self.table.problem, int(self.started.sum())
        parts = min(int(count / self.needed), count)
        width = count / parts
        start = int(share * parts) * width
        middles = np.cumsum(self.started) - 0.5
        outside = np.maximum(np.maximum(start - middles, middles - start - width) + 0.5, 0.0)
        outside[~self.started] = len(self.slots)
        noise[self.others] = _PUT_OFF_EUR_PER_KWH
        noise[self.slots] = self.mean - self.prices + _PULL_EUR_PER_KWH * outside / len(self.slots)
        shed[self.slots] = max(_ROOM * self.energy_kwh / (width * problem.dt_h), problem.ev.ch_min_kw)


def _with_room_to_start_late(table: SlotTable, slots: Indices) -> Bools:
    """All ``slots`` but the last one and those before a limit or a departure: there the late ones of a part end."""
    after = np.append(table.charge_kw, 0.0)[slots + 1]
    with_room: Bools = after > 0
    with_room[-1] = False
    return with_room


def _prices(table: SlotTable, slots: Indices) -> Floats:
    """EUR per kWh of charging as much as can be charged."""
    powers = table.charge_kw[slots, None]
    cost = table.cost(slots, powers) - table.cost(slots, np.zeros_like(powers))
    return cost[:, 0] / (powers[:, 0] * table.hours[slots])


def _cheapest(prices: Floats, most_kwh: Floats, allowed: float, most: int) -> Indices:
    """The ``most`` cheapest slots, or as many as have the ``allowed`` mean price, in the order of time.

    Of equally cheap ones those close together.
    """
    away = np.abs(np.arange(len(prices)) - int(prices.argmin()))
    order = np.lexsort((away, np.round(prices / _SAME_PRICE_EUR)))
    means = np.cumsum((prices * most_kwh)[order]) / np.cumsum(most_kwh[order])
    over = np.flatnonzero(means > allowed + _SAME_PRICE_EUR / 10)
    count = min(int(over[0]) if len(over) else len(order), most)
    return np.sort(order[:count])
