"""``homeapp bench street``: what many homes take together on one price and one event, minute by minute."""

from dataclasses import dataclass

import numpy as np

from homeapp.bench.late_runs import Piece, moved
from homeapp.bench.price_days import Floats, Season
from homeapp.bench.street_homes import DT_H, EVENTS, NOON, Home, home, street_prices
from homeapp.planner.least_cost import least_cost
from homeapp.planner.solver import solve_drawn
from homeapp.planner.spread import drawn

_MINUTES = 24 * 60
_SLOT_MINUTES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One way to charge, per home, households included.

    Attributes:
        peak_kw, peak_at: the highest power, and when (HH:MM).
        step_kw: the largest change from one minute to the next.
        cost_eur: of the charging alone.
        starts: of charging.
    """

    name: str
    peak_kw: float
    peak_at: str
    step_kw: float
    cost_eur: float
    starts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetFigures:
    """All that was measured.

    Attributes:
        randomness_share: what drawing costs, as a share of what planning saves.
    """

    homes: int
    season: str
    event: str
    loads: tuple[Load, ...]
    randomness_share: float


class _Street:
    """Adds up homes."""

    def __init__(self, prices: Floats) -> None:
        self._prices = np.repeat(prices, _SLOT_MINUTES) / 60
        self.base = np.zeros(_MINUTES // _SLOT_MINUTES)
        self.power: dict[str, Floats] = {}
        self.starts: dict[str, int] = {}

    def add(self, name: str, pieces: tuple[Piece, ...]) -> None:
        minutes = np.zeros(_MINUTES)
        for piece in pieces:
            minutes += _covered(piece.start_h * 60, piece.end_h * 60) * piece.power_kw
        self.power[name] = self.power.get(name, 0.0) + minutes
        self.starts[name] = self.starts.get(name, 0) + int(np.count_nonzero((minutes[1:] > 0) & (minutes[:-1] == 0)))

    def load(self, name: str, homes: int) -> Load:
        power = self.power[name] / homes
        middles = (np.arange(len(self.base)) + 0.5) * _SLOT_MINUTES
        total = power + np.interp(np.arange(_MINUTES), middles, self.base / homes)
        peak = int(total.argmax())
        return Load(
            name=name,
            peak_kw=float(total[peak]),
            peak_at=f"{(12 + peak // 60) % 24:02d}:{peak % 60:02d}",
            step_kw=float(np.abs(np.diff(total)).max()),
            cost_eur=float(power @ self._prices),
            starts=self.starts[name] / homes,
        )


def measure(homes: int, season: Season, event_name: str) -> StreetFigures:
    """Let ``homes`` homes plan, each alone and each with what it has drawn."""
    prices, event = street_prices(season), EVENTS[event_name]
    street = _Street(prices.p_imp[NOON : NOON + len(prices.p_imp) // 2])
    for number in range(homes):
        one = home(number, prices, event)
        alone = least_cost(one.problem)
        spread = drawn(one.problem, alone, seed=number + 1)
        apart = solve_drawn(one.problem, spread, alone)
        street.base += one.problem.base_kw
        street.add("on arrival", _on_arrival(one))
        street.add("planned alone", _as_planned(alone.powers_kw))
        street.add("planned apart", moved(one.problem, apart.powers_kw, spread.shift_h))
    loads = tuple(street.load(name, homes) for name in street.power)
    at_once, alone_cost, apart_cost = (load.cost_eur for load in loads)
    return StreetFigures(
        homes=homes,
        season=season,
        event=event_name,
        loads=loads,
        randomness_share=(apart_cost - alone_cost) / (at_once - alone_cost),
    )


def lines_of(figures: StreetFigures) -> list[str]:
    """The figures for a person."""
    lines = [f"{figures.homes} homes, a day of {figures.season}, the event in the {figures.event}; per home:"]
    lines += [
        f"{load.name:14s} peak {load.peak_kw:5.2f} kW at {load.peak_at}, largest step in a minute "
        f"{load.step_kw:5.3f} kW, {load.cost_eur:5.2f} EUR, {load.starts:4.2f} starts"
        for load in figures.loads
    ]
    return [*lines, f"drawing costs {100 * figures.randomness_share:.2f} % of what planning saves"]


def _as_planned(powers_kw: tuple[float, ...]) -> tuple[Piece, ...]:
    return tuple(
        Piece(slot=slot, start_h=slot * DT_H, end_h=(slot + 1) * DT_H, power_kw=power)
        for slot, power in enumerate(powers_kw)
        if power
    )


def _on_arrival(one: Home) -> tuple[Piece, ...]:
    """Charging as a car does without any plan: at once, at full power; the event is not heard of."""
    power = one.problem.ev.ch_max_kw
    return (
        Piece(
            slot=int(one.arrival_h / DT_H),
            start_h=one.arrival_h,
            end_h=one.arrival_h + one.energy_kwh / power,
            power_kw=power,
        ),
    )


def _covered(start: float, end: float) -> Floats:
    """For each minute of the day, the share of it between ``start`` and ``end``."""
    minutes = np.arange(_MINUTES, dtype=np.float64)
    covered: Floats = np.clip(np.minimum(minutes + 1, end) - np.maximum(minutes, start), 0.0, 1.0)
    return covered
