"""What is known of one charger from cycle to cycle: its claim, its newest sample, the phases that its car uses."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from homeapp.load.claim import Claim, Held, Moment
from homeapp.load.currents import is_at_work, on_grid, own_currents, phases_in_use, spread
from homeapp.load.series import SETTLE_S, Moves, PerPhase, Window
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.model.site import MIN_CURRENT_A, Circuit, Site

STEADY_A = 1.0
"""Wishes that differ by less are one."""
SILENT_S = 60.0
"""A charger at work that has measured nothing for so long is given no more than its safe current."""

REMEMBERED_S = 60.0
"""So long a phase counts as used after the car has used it last."""
_ROUNDED = 1e-6


class _Watts:
    """Among how many phases a charger that takes limits in watts deals them out, as far as it has shown.

    One that pauses under a power that would be enough for fewer phases deals it out among more.

    Attributes:
        applies: it takes limits in watts.
        among: at least so many.
    """

    def __init__(self, circuit: Circuit, site: Site) -> None:
        self._wired = circuit.phases
        self._phase_w = MIN_CURRENT_A * site.voltage_v
        self._paused_s: float | None = None
        self._more = Window()
        self.applies, self.among = False, 1

    def look(self, evce: EvceState | None, least_w: float, monotonic: float) -> None:
        """Take in the charger's newest state, and the least that it may have been given by what it was told, W."""
        if evce is None or evce.capabilities is None:
            return
        self.applies = evce.capabilities.in_watts
        if not self.applies or evce.status is not EvceStatus.SUSPENDED_EVSE:
            self._paused_s = None
            return
        more = min(self._wired, int(max(0.0, least_w) / self._phase_w + _ROUNDED) + 1)
        if self._paused_s is None:
            self._paused_s, self._more = monotonic, Window()
        self._more.add(more, monotonic)
        if monotonic - self._paused_s > SETTLE_S:
            self.among = max(self.among, round(self._more.least))

    def another_car(self) -> None:
        """What was about the car before is over."""
        self._paused_s, self.among = None, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a charger may be drawing at this moment, on each phase of the grid.

    Attributes:
        least, most: the bounds; feeding -.
        exact: what it is known to draw, or None.
        exact_s: when that was, monotonic.
    """

    least: PerPhase
    most: PerPhase
    exact: PerPhase | None
    exact_s: float

    def now(self, moves: Moves) -> tuple[PerPhase, PerPhase]:
        """The bounds, narrower where it is known: since then it can have moved no further than the meter has."""
        if self.exact is None:
            return self.least, self.most
        low, high = [], []
        for phase, known in enumerate(self.exact):
            down, up = moves.since(self.exact_s, phase)
            low.append(max(min(self.least[phase], known), known + down))
            high.append(min(max(self.most[phase], known), known + up))
        return tuple(low), tuple(high)


class ChargerBook:
    """One adopted charger.

    Attributes:
        circuit: as the installer has set it.
        claim: what it was told.
    """

    def __init__(self, circuit: Circuit, site: Site) -> None:
        self.circuit = circuit
        self.claim = Claim(circuit, site)
        self._site = site
        self._evce: EvceState | None = None
        self._sample: tuple[datetime | None, str | None] | None = None
        self._sample_s = 0.0
        self._measured: PerPhase | None = None
        self._exact: tuple[PerPhase, float] | None = None
        self._used: dict[int, float] = {}
        self._transaction_id: str | None = None
        self._working = False
        self._silence = Window()
        self._watts = _Watts(circuit, site)
        self._switches = False

    @property
    def reachable(self) -> bool:
        """It can be told something; where not, what it may draw is a part of the home's."""
        return self._evce is not None and self._evce.connected

    @property
    def at_work(self) -> bool:
        """A transaction runs, or may run unseen."""
        return not self.reachable or self._working

    @property
    def present(self) -> bool:
        """A car is there, or a transaction runs."""
        return self.at_work or (self._evce is not None and self._evce.status.car_present)

    @property
    def silent(self) -> bool:
        """It is at work but has measured nothing for too long, now or a short while ago."""
        return self._silence.most > 0

    @property
    def seen_phases(self) -> frozenset[int]:
        """Its own phases that its car uses; empty where that was not seen lately."""
        # On the one phase that it was switched to it does not show how many its car would use.
        switched = self._switches and any(held.phases != self.circuit.phases for held in self.claim.all())
        return frozenset() if switched or not self.reachable else frozenset(self._used)

    @property
    def own_phases(self) -> frozenset[int]:
        """Its own phases that a current on it will load: those that its car uses, where that was seen lately."""
        return self.seen_phases or frozenset(range(self.circuit.phases))

    @property
    def shares_power(self) -> bool:
        """Its limit is a power that its car may draw from any of the phases, for all that is known."""
        return self._watts.applies and self._watts.among < self.circuit.phases

    @property
    def fewest_phases(self) -> int:
        """The number of phases among which a power is shared at least."""
        return max(self._watts.among, len(self.seen_phases))

    def look(self, evce: EvceState | None, at: Moment) -> Draw:
        """Take in its newest state, None where it has not come since the hub runs."""
        self._evce = evce
        self._working = evce is not None and is_at_work(evce)
        self.claim.floor_is_for(1 if self._watts.applies else self.circuit.phases)
        self.claim.look(evce, at)
        held_a = [held.current_a * held.phases for held in self.claim.all()]
        self._watts.look(evce, min(held_a, default=0.0) * self._site.voltage_v, at.monotonic)
        if evce is not None and evce.capabilities is not None:
            self._switches = evce.capabilities.phase_switching
        transaction_id = evce.transaction_id if evce is not None else None
        if transaction_id != self._transaction_id:
            self._transaction_id, self._exact, self._used = transaction_id, None, {}
            self._watts.another_car()
        new = self._take_sample(evce, at.monotonic)
        silent = self.reachable and self._working and at.monotonic - self._sample_s > SILENT_S
        self._silence.add(1.0 if silent else 0.0, at.monotonic)
        self._settle(at.monotonic, new=new)
        exact, exact_s = self._exact or (None, 0.0)
        least, most = self._bounds()
        return Draw(least=least, most=most, exact=exact, exact_s=exact_s)

    def kept_a(self, phases: int) -> float:
        """What it surely has already, A; while it was asked for nothing yet, its safe current where it takes that.

        A power that was reckoned for another number of phases is so many amperes on ``phases``.
        """
        if not self.at_work:
            return 0.0
        if self._watts.applies and self.claim.newest is not None:
            return max(0.0, min(held.current_a * held.phases for held in self.claim.all()) / phases)
        if self.claim.newest is not None:
            return max(0.0, self.claim.least_a)
        measured_a = max(self._measured) if self._measured is not None and self.reachable else 0.0
        return min(measured_a, self.circuit.safe_current_a)

    def claimed(self) -> PerPhase:
        """The most that it may draw on each phase of the grid by what it was told and by what it measures, A >= 0."""
        return self._extreme(max)

    def claimed_w(self) -> float:
        """The same, W."""
        watts = [held.current_a * held.phases * self._site.voltage_v for held in self.claim.all()]
        if self._measured is not None and self.reachable:
            watts.append(sum(self._measured) * self._site.voltage_v)
        return max(0.0, *watts) if watts else 0.0

    def fed(self) -> PerPhase:
        """The most that it may feed into each phase of the grid, A >= 0."""
        return tuple(-current for current in self._extreme(min))

    def load(self, held: Held) -> PerPhase:
        """What a command for this would make it draw on each phase of the grid."""
        if self.shares_power and held.current_a > 0:
            return self._any_of_it(held.current_a * held.phases)
        own = self.own_phases if held.phases == self.circuit.phases else frozenset(range(held.phases))
        # A limit holds for each phase, but what is to be fed is a power: it goes into the phases that there are.
        share = held.phases / len(own) if held.current_a < 0 else 1.0
        return spread(held.current_a * share, own, self.circuit, self._site)

    def _any_of_it(self, summed_a: float) -> PerPhase:
        """A power, as A of all phases together: on the phases that the car uses, or as much on each as is possible."""
        each_a = min(self.circuit.max_current_a, summed_a / self.fewest_phases)
        return spread(each_a, self.own_phases, self.circuit, self._site)

    def _bounds(self) -> tuple[PerPhase, PerPhase]:
        if not self.at_work:
            idle = (0.0,) * self._site.phases
            return idle, idle
        return self._extreme(min), self._extreme(max)

    def _extreme(self, pick: Callable[[Iterable[float]], float]) -> PerPhase:
        loads = [self.load(held) for held in self.claim.all()]
        if self._measured is not None and self.reachable:
            loads.append(self._measured)
        return tuple(pick((0.0, *(load[phase] for load in loads))) for phase in range(self._site.phases))

    def _take_sample(self, evce: EvceState | None, monotonic: float) -> bool:
        if evce is None or not self._working:
            self._sample, self._sample_s, self._measured = None, monotonic, None
            return False
        sample = (evce.power_at, evce.transaction_id)
        if sample == self._sample:
            return False
        self._sample, self._sample_s = sample, monotonic
        own = own_currents(evce, self.circuit, self._site)
        if own is None:
            self._measured = None
        elif evce.power_w is not None and evce.power_w < 0:
            self._measured = self.load(Held(current_a=own[0], phases=self.circuit.phases))
        else:
            self._measured = on_grid(own, self.circuit, self._site)
            self._remember(phases_in_use(own) if evce.phase_current_a is not None else frozenset(), monotonic)
        return True

    def _remember(self, used: frozenset[int], monotonic: float) -> None:
        self._used |= dict.fromkeys(used, monotonic)
        if used:
            self._used = {phase: at for phase, at in self._used.items() if monotonic - at < REMEMBERED_S}

    def _settle(self, monotonic: float, *, new: bool) -> None:
        """What was measured is what it draws only where it did not follow a new limit just then."""
        if self.claim.steady_a > STEADY_A or not self.reachable:
            self._exact = None
        elif new and self._measured is not None:
            self._exact = (self._measured, monotonic)
        elif self._exact is not None and monotonic - self._exact[1] > SETTLE_S:
            self._exact = None
