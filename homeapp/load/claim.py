"""What a charger may be doing by what it was told: while nothing is confirmed, the larger of the old and the new.

A command that was asked for may be in force from then on, answered or not, until a later one is confirmed or its lease
ends. A command is confirmed by the lease that the charger's state shows: it began when that command was asked for, so
all that was asked before is over. Cars and stations still need a while to follow, so what is over counts on for
``SETTLE_S``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from homeapp.load.currents import is_at_work
from homeapp.load.series import SETTLE_S, Window
from homeapp.model.readings import EvceState, LimitControl
from homeapp.model.site import Circuit, Site

LONGEST_LEASE_S = 60.0
"""So long what an earlier life of the hub has asked for may hold; the settings allow no longer lease."""
COARSE_LEASE_S = 600.0
"""The same of a charger that keeps its limits in flash memory, which is written as rarely as possible."""
LAPSE_S = 15.0
"""A lease that ends sooner may already be followed by the floor before the other chargers have made room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Now.

    Attributes:
        monotonic: s; nothing is measured by anything else, so that a step of the civil time changes nothing.
        civil: hub clock, UTC; only to compare with the stamps in a charger's state.
    """

    monotonic: float
    civil: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A current that the charger may be holding.

    Attributes:
        current_a: A per phase, feeding -.
        phases: how many of its own phases, its L1 first.
    """

    current_a: float
    phases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One wish; said again, it only holds on.

    Attributes:
        civil: when it was said last.
        lapses_s: when its lease ends unless it is said again.
        over_s: since when another one is known to hold, or None.
    """

    held: Held
    civil: datetime
    lapses_s: float
    over_s: float | None = None


class Claim:
    """The commands of one charger that may be in force."""

    def __init__(self, circuit: Circuit, site: Site) -> None:
        self._circuit = circuit
        self._site = site
        self._floor = Held(current_a=circuit.safe_current_a, phases=circuit.phases)
        self._asked: list[_Asked] = []
        self._accepted: Held | None = None
        self._lately = Window()
        self._lease: tuple[datetime | None, float] = (None, float("-inf"))
        self._length_s = 0.0
        self._lease_s = 0.0
        self._leased_phases = circuit.phases
        self._floor_counts = False
        self._floor_lingers = False
        self._floor_until = float("-inf")
        self._full_counts = False
        self._born_s: float | None = None
        self._superseded = False
        self._unknown_until = float("-inf")

    @property
    def newest(self) -> Held | None:
        """What was asked for last and may still hold."""
        return self._asked[-1].held if self._asked else None

    @property
    def least_a(self) -> float:
        """What surely is in force, A."""
        if self.newest is None:
            return 0.0
        held = [asked.held for asked in self._asked[:-1] if asked.over_s is None]
        held += [self.newest, *([self._floor] if self._floor_counts else [])]
        # What the charger's state shows may be a command whose fate is not known yet.
        lately_a = self.newest.current_a if self._accepted is None else self._lately.least
        return min(lately_a, *(one.current_a for one in held))

    @property
    def steady_a(self) -> float:
        """How far apart the currents are that may be in force."""
        currents = [held.current_a for held in self.all()]
        return max(currents, default=0.0) - min(currents, default=0.0)

    def floor_is_for(self, phases: int) -> None:
        """The charger's safe current is given to it as what so many phases make."""
        self._floor = replace(self._floor, phases=phases)

    def ask(self, held: Held, at: Moment, lease_s: float) -> None:
        """The hub asks the charger for this now."""
        self._lease_s = lease_s
        asked = _Asked(held=held, civil=at.civil, lapses_s=at.monotonic + lease_s)
        if self.newest == held:
            self._asked.pop()
        self._asked.append(asked)

    def look(self, evce: EvceState | None, at: Moment) -> None:
        """Take in what the charger's newest state confirms; None where it has not come yet."""
        if self._born_s is None:
            self._born_s = at.monotonic
        if not self._superseded:
            longest_s = COARSE_LEASE_S if is_coarse(evce) else LONGEST_LEASE_S
            self._unknown_until = max(self._unknown_until, self._born_s + longest_s + SETTLE_S)
        self._confirm(evce, at)
        if self._accepted is None:
            self._lately = Window()
        else:
            self._lately.add(self._accepted.current_a, at.monotonic)
        if self._floor_counts:
            self._floor_until = at.monotonic + SETTLE_S
        idle = evce is not None and evce.connected and not is_at_work(evce)
        self._full_counts = self._full_counts or (not idle and at.monotonic < self._unknown_until)
        if idle:
            # A leased profile dies with its transaction (K01.FR.09).
            self._asked = [replace(asked, over_s=asked.over_s or at.monotonic) for asked in self._asked]
        self._floor_lingers = not idle and at.monotonic < self._floor_until
        self._asked = [asked for asked in self._asked if not _is_past(asked, at.monotonic)]

    def all(self) -> Iterator[Held]:
        """All that may be in force."""
        for asked in self._asked:
            yield asked.held
        if self._accepted is not None:
            for current_a in {self._accepted.current_a, self._lately.most, self._lately.least}:
                yield replace(self._accepted, current_a=current_a)
        if self._full_counts:
            yield Held(current_a=self._circuit.max_current_a, phases=self._circuit.phases)
        if self._floor_counts or self._floor_lingers:
            yield self._floor

    def _confirm(self, evce: EvceState | None, at: Moment) -> None:
        self._accepted, self._floor_counts, self._full_counts = None, True, False
        if evce is None:
            return
        if evce.connected and not is_at_work(evce):
            # Where it is asked to begin, it begins at the floor.
            self._floor_counts = self.newest is not None and self.newest.current_a > 0
            return
        if evce.granted_w is None:
            # Where it has taken no floor yet, its circuit alone limits it.
            self._full_counts = evce.connected
            return
        if evce.lease_until is None:
            # The floor, or a limit without an end.
            self._accepted, self._floor_counts = self._held(evce.granted_w, self._circuit.phases), False
            return
        until, seen_s = self._lease
        if until != evce.lease_until:
            until, seen_s = self._lease = evce.lease_until, at.monotonic
            coarse = is_coarse(evce) and (until - at.civil).total_seconds() > self._lease_s
            self._length_s = COARSE_LEASE_S if coarse else self._lease_s
            self._supersede(until, at.monotonic)
        accepted = self._held(evce.granted_w - evce.granted_feed_w, self._leased_phases)
        left_s = min((until - at.civil).total_seconds(), self._length_s - (at.monotonic - seen_s))
        if left_s > -SETTLE_S:
            self._accepted = accepted
        # What cannot be told anything will fall back to it, sooner or later.
        self._floor_counts = left_s < LAPSE_S or not evce.connected

    def _held(self, power_w: float, phases: int) -> Held:
        return Held(current_a=power_w / (self._site.voltage_v * phases), phases=phases)

    def _supersede(self, until: datetime, monotonic: float) -> None:
        """The lease up to then was asked for at its beginning: what was asked before does not hold any more."""
        # It has taken the place of whatever an earlier life of the hub has left behind.
        self._superseded = True
        self._unknown_until = min(self._unknown_until, monotonic + SETTLE_S)
        begun = until - timedelta(seconds=self._length_s)
        before = [asked for asked in self._asked if asked.civil <= begun]
        self._leased_phases = before[-1].held.phases if before else self._circuit.phases
        self._asked = [
            replace(asked, over_s=monotonic) if asked.over_s is None and asked.civil < begun else asked
            for asked in self._asked
        ]


def is_coarse(evce: EvceState | None) -> bool:
    """The station keeps its limits in flash memory, so they are leased for ``COARSE_LEASE_S``."""
    capabilities = evce.capabilities if evce is not None else None
    return capabilities is not None and capabilities.control is LimitControl.COARSE


def _is_past(asked: _Asked, monotonic: float) -> bool:
    over_s = asked.lapses_s if asked.over_s is None else min(asked.over_s, asked.lapses_s)
    return monotonic - over_s >= SETTLE_S
