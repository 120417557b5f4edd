"""The main-fuse guard: the lowest layer of control, over which nothing else has a say.

Per phase, chargers may draw what the fuse leaves after the rest of the home, and feed what it leaves for export. The
rest is known exactly only when chargers and meter speak of the same moment. Between such moments each charger may draw
anything that it was allowed lately, which bounds the rest from both sides; what was known last is kept within those
bounds. A bound falls at once and rises only after it has held for a while.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from homeapp.load.charger_book import Draw
from homeapp.load.currents import phase_currents
from homeapp.load.series import Estimate, Moves, PerPhase, Window
from homeapp.model.readings import MeterReading
from homeapp.model.site import Site

METER_MAX_AGE_S = 15.0
OVERLOAD = 1.10
OVERLOAD_FOR_S = 5.0
HEAVY_OVERLOAD = 1.25


class Overload(IntEnum):
    """What an overloaded phase demands of all chargers on it."""

    NONE = 0
    FLOOR = 1
    """no more than the safe current"""
    PAUSE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the grid connection leaves for all chargers together.

    Attributes:
        charge_a, feed_a: A on each phase of the grid; ``charge_a`` is negative where the home alone takes too much.
        overload: on each phase.
    """

    charge_a: PerPhase
    feed_a: PerPhase
    overload: tuple[Overload, ...]


class FuseGuard:
    """Keeps the estimates of the home's own current and the overload timers; asked every control cycle.

    All instants are the clock's monotonic seconds, so that a step of the civil time changes nothing.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        count = range(site.phases)
        self._home = [Estimate() for _ in count]
        self._least_home = [Estimate() for _ in count]
        self._charge = [Window() for _ in count]
        self._feed = [Window() for _ in count]
        self._overload = [Window() for _ in count]
        self._overload_since: list[float | None] = [None for _ in count]
        self._moves = Moves()

    def budget(
        self, meter: MeterReading | None, meter_age_s: float, draws: Sequence[Draw], monotonic: float
    ) -> Budget | None:
        """The budget of this cycle; None without a fresh meter.

        Args:
            meter: the newest reading.
            meter_age_s: s of the hub's clock.
            draws: what each charger may be drawing.
            monotonic: now.
        """
        currents = phase_currents(meter, self._site) if meter is not None else ()
        if not currents or meter_age_s > METER_MAX_AGE_S:
            self._overload_since = [None for _ in self._overload_since]
            return None
        if len(currents) < self._site.phases:
            # One number for all phases: the worst case has the home's part of it all on one.
            self._estimate(currents[:1] * self._site.phases, [_summed(draw) for draw in draws], monotonic)
            currents = (currents[0] / self._site.phases,) * self._site.phases
        else:
            self._estimate(currents[: self._site.phases], draws, monotonic)
        for phase, current in enumerate(currents[: self._site.phases]):
            self._overload[phase].add(self._judge(phase, current, monotonic), monotonic)
            self._charge[phase].add(self._left(phase), monotonic)
            self._feed[phase].add(self._feedable(phase, current), monotonic)
        return Budget(
            charge_a=tuple(window.least for window in self._charge),
            feed_a=tuple(window.least for window in self._feed),
            overload=tuple(Overload(round(window.most)) for window in self._overload),
        )

    def _estimate(self, currents: PerPhase, draws: Sequence[Draw], monotonic: float) -> None:
        self._moves.add(currents, monotonic)
        bounds = [draw.now(self._moves) for draw in draws]
        for phase, current in enumerate(currents):
            low = current - sum(most[phase] for _, most in bounds)
            high = current - sum(least[phase] for least, _ in bounds)
            self._home[phase].bound(low, high, unknown=high)
            self._least_home[phase].bound(low, high, unknown=low)

    def _left(self, phase: int) -> float:
        # What the sun gives may be gone with the next cloud.
        return self._site.fuse_a * self._site.fuse_margin - max(0.0, self._home[phase].value)

    def _feedable(self, phase: int, current: float) -> float:
        site = self._site
        if not site.feed_allowed or current < -site.fuse_a * OVERLOAD:
            return 0.0
        carries = site.fuse_a * site.fuse_margin
        most = carries if site.feed_cap_a is None else min(carries, site.feed_cap_a)
        return max(0.0, most + min(0.0, self._least_home[phase].value))

    def _judge(self, phase: int, current: float, monotonic: float) -> Overload:
        fuse_a = self._site.fuse_a
        if current <= fuse_a * OVERLOAD:
            self._overload_since[phase] = None
            return Overload.NONE
        since = self._overload_since[phase]
        if since is None:
            since = self._overload_since[phase] = monotonic
        if current > fuse_a * HEAVY_OVERLOAD:
            return Overload.PAUSE
        return Overload.FLOOR if monotonic - since >= OVERLOAD_FOR_S else Overload.NONE


def _summed(draw: Draw) -> Draw:
    """The same where the meter shows but the sum of all phases."""
    count = len(draw.least)
    exact = None if draw.exact is None else (sum(draw.exact),) * count
    return Draw(least=(sum(draw.least),) * count, most=(sum(draw.most),) * count, exact=exact, exact_s=draw.exact_s)
