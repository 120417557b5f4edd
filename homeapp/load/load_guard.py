"""Load management: what each charger is allowed now.

What holds at every cycle, on each phase of the grid: with what it is allowed now counted for each charger, or what it
may still be doing by what it was told before where that is more, all chargers together stay within the budget of the
main-fuse guard; and where they do not, because the home has begun to take more, none is allowed more than it may
already be doing, and what all are allowed is within the budget. So a rise is granted only out of room that a
confirmed fall has left. A charger that cannot be told anything counts with its last lease, and after it with its safe
current for ever. The home's own load is outside of all control: the budget follows it within one cycle. So is a charge
that somebody starts at the charger itself, which begins at its safe current.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from homeapp.load.charger_book import ChargerBook
from homeapp.load.claim import Held, Moment
from homeapp.load.fuse_guard import Budget, FuseGuard, Overload
from homeapp.load.pace import Cadence, Pace
from homeapp.load.scarce import Amounts, Scarce, larger, less, most_within, scaled
from homeapp.load.shares import Contender, share
from homeapp.model.readings import EvceState, MeterReading
from homeapp.model.site import MIN_CURRENT_A, Circuit, Site

_SAME_A = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a charger is allowed now.

    Attributes:
        current_a: A per phase; 0 or at least 6, unless the installer's safe current is less.
        feed_a: A per phase that may be fed.
        fail_safe: no fresh meter or no fresh charger, so this is at most the installer's safe current.
        rising: it is on its way up, so ``current_a`` is no reason to tell.
        phases: for how many ``current_a`` is reckoned where that is not for all: where the charger can switch, or
            takes limits in watts; else None.
    """

    current_a: float
    feed_a: float
    fail_safe: bool = False
    rising: bool = False
    phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """An adopted charger and what is wanted for it, before the fuse has its say.

    Attributes:
        evce: its newest state, None where it has not come since the hub runs.
        wish_a: A per phase to charge with, on all of its phases; 0 also where it is to feed.
        feed_a: A per phase to feed with.
        urgent: its car needs the energy to be ready in time.
    """

    evce: EvceState | None
    wish_a: float = 0.0
    feed_a: float = 0.0
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cycle:
    """One cycle's view of all chargers."""

    takers: Mapping[str, Taker]
    budget: Budget | None
    room: Amounts
    at: Moment


class LoadGuard:
    """All adopted chargers at one grid connection; ``allow`` is called every control cycle."""

    def __init__(self, site: Site, pace: Pace | None = None) -> None:
        self._site = site
        self._pace = pace or Pace()
        self._scarce = Scarce(site)
        self._fuse = FuseGuard(site)
        self._books: dict[str, ChargerBook] = {}
        self._cadences: dict[str, Cadence] = {}
        self._wanted: dict[str, bool] = {}
        self._budget: Budget | None = None

    @property
    def budget(self) -> Budget | None:
        """What the newest cycle had to share out; None without a fresh meter."""
        return self._budget

    def chargers_are(self, circuits: Iterable[Circuit]) -> None:
        """The adopted chargers, the one adopted first first; what is known of the others is forgotten."""
        known = {book.circuit: book for book in self._books.values()}
        circuits = tuple(circuits)
        if circuits == tuple(known):
            return
        self._books = {
            circuit.device_id: known.get(circuit) or ChargerBook(circuit, self._site) for circuit in circuits
        }
        self._cadences = {
            device_id: self._cadences.get(device_id) or Cadence(self._pace, book.circuit.phases)
            for device_id, book in self._books.items()
        }

    def asked(self, device_id: str, held: Held, at: Moment, lease_s: float) -> None:
        """The hub has just asked a charger for this; it holds for so long without being said again."""
        book = self._books.get(device_id)
        if book is not None and book.present:
            book.claim.ask(held, at, lease_s)
            wanted = self._wanted.get(device_id, False)
            # What it is asked to begin with it has not got yet.
            given_a = max(0.0, held.current_a) if book.at_work else 0.0
            self._cadences[device_id].given(given_a, at.monotonic, wanted=wanted)

    def phases_of(self, device_id: str) -> int:
        """Phases wired to a charger."""
        book = self._books.get(device_id)
        return self._site.phases if book is None else book.circuit.phases

    def claimed_w(self, device_id: str) -> float:
        """What a charger may draw at this moment by what it was told and measures, W."""
        book = self._books.get(device_id)
        return 0.0 if book is None else book.claimed_w()

    def allow(
        self,
        *,
        meter: MeterReading | None,
        meter_age_s: float,
        takers: Mapping[str, Taker],
        cap_w: float | None,
        at: Moment,
    ) -> dict[str, Allowance]:
        """The bounds of this cycle, by device id.

        Args:
            meter: the newest reading.
            meter_age_s: s of the hub's clock.
            takers: by device id; a charger that is missing has not come yet.
            cap_w: most W that all chargers together may draw, or None.
            at: now.
        """
        states = {device_id: takers.get(device_id, Taker(evce=None)) for device_id in self._books}
        draws = [self._books[device_id].look(taker.evce, at) for device_id, taker in states.items()]
        self._budget = self._fuse.budget(meter, meter_age_s, draws, at.monotonic)
        for device_id, book in self._books.items():
            if not book.present:
                self._cadences[device_id].another_car(book.circuit.phases)
        cycle = _Cycle(takers=states, budget=self._budget, room=self._room(cap_w), at=at)
        self._wanted = {device_id: taker.wish_a > 0 for device_id, taker in states.items()}
        self._choose_phases(cycle)
        return self._allowances(cycle, self._targets(cycle))

    def _room(self, cap_w: float | None) -> Amounts:
        """What is there for all that can be told something."""
        room = self._scarce.room(self._budget, cap_w)
        for book in self._books.values():
            if not book.reachable:
                room = less(room, self._scarce.claimed(book))
        return room

    def _targets(self, cycle: _Cycle) -> Mapping[str, float]:
        """What each would have once all have followed."""
        return share([self._contender(book, cycle) for book in self._in_order(cycle)], cycle.room)

    def _in_order(self, cycle: _Cycle) -> Sequence[ChargerBook]:
        """Those that compete now, in the order in which they are let in."""
        monotonic = cycle.at.monotonic

        def place(book: ChargerBook) -> tuple[object, ...]:
            cadence = self._cadences[book.circuit.device_id]
            return (not cadence.keeps(monotonic), *self._rank(book, cycle), *cadence.place(monotonic))

        wanting = [
            book
            for device_id, book in self._books.items()
            if book.reachable and book.present and cycle.takers[device_id].wish_a > 0
        ]
        return sorted((book for book in wanting if not self._rests(book, cycle)), key=place)

    def _rests(self, book: ChargerBook, cycle: _Cycle) -> bool:
        # Without a meter the safe current is what the installer allows at any time.
        return cycle.budget is not None and self._cadences[book.circuit.device_id].rests(cycle.at.monotonic)

    def _rank(self, book: ChargerBook, cycle: _Cycle) -> tuple[int, int]:
        return book.circuit.priority, 0 if cycle.takers[book.circuit.device_id].urgent else 1

    def _contender(self, book: ChargerBook, cycle: _Cycle) -> Contender:
        cadence = self._cadences[book.circuit.device_id]
        bound_a, least_a = self._bound_a(book, cycle), _least_a(book)
        most_a = min(bound_a, self._step_a(book, cycle))
        return Contender(
            key=book.circuit.device_id,
            rank=self._rank(book, cycle),
            least_a=least_a,
            enters_a=least_a if cycle.budget is None else max(least_a, cadence.enters_a),
            # It begins at its safe current, even where less is wanted.
            most_a=most_a if book.at_work or most_a <= 0 else max(most_a, least_a),
            takes=self._scarce.takes(book, cadence.phases),
        )

    def _step_a(self, book: ChargerBook, cycle: _Cycle) -> float:
        """The most that it may be raised to now, A."""
        return max(_least_a(book), self._cadences[book.circuit.device_id].most_a(cycle.at.monotonic))

    def _bound_a(self, book: ChargerBook, cycle: _Cycle) -> float:
        """The most that it may have whatever the others do, A."""
        circuit, budget = book.circuit, cycle.budget
        safe_a = min(circuit.safe_current_a, circuit.max_current_a)
        bound_a = min(circuit.max_current_a, cycle.takers[circuit.device_id].wish_a)
        if budget is None:
            return min(bound_a, safe_a)
        takes = self._scarce.takes(book, self._cadences[circuit.device_id].phases)
        worst = max(overload for take, overload in zip(takes, budget.overload, strict=False) if take > 0)
        if worst is Overload.PAUSE:
            return 0.0
        return min(bound_a, safe_a) if worst is Overload.FLOOR or book.silent else bound_a

    def _choose_phases(self, cycle: _Cycle) -> None:
        """One phase where a charger that can switch would else pause, and back to three as soon as there is room."""
        for book in self._in_order(cycle):
            device_id, wired = book.circuit.device_id, book.circuit.phases
            cadence = self._cadences[device_id]
            if not _switches(cycle.takers[device_id]):
                self._count_phases(book, cycle)
            can = wired > 1 and cycle.budget is not None and _switches(cycle.takers[device_id])
            if not can or not cadence.may_switch(cycle.at.monotonic):
                continue
            before, targets = cadence.phases, {}
            for phases in (1, wired):
                cadence.phases = phases
                targets[phases] = self._targets(cycle)[device_id]
            cadence.phases = before
            enough_a = MIN_CURRENT_A + (0.0 if before == wired else self._pace.resume_a)
            best = wired if targets[wired] >= enough_a - _SAME_A else 1 if targets[1] > 0 else before
            if best != before:
                cadence.switch(best, cycle.at.monotonic)

    def _count_phases(self, book: ChargerBook, cycle: _Cycle) -> None:
        """For how many phases a limit in watts is reckoned: those that the car uses, else as many as there is room for.

        A car that may draw all of the power from one phase gets no more than one of them bears.
        """
        device_id, wired = book.circuit.device_id, book.circuit.phases
        cadence = self._cadences[device_id]
        if not book.shares_power:
            cadence.phases = wired
        elif book.seen_phases or cycle.budget is None:
            cadence.phases = book.fewest_phases
        else:
            cadence.phases = wired
            if self._targets(cycle)[device_id] < MIN_CURRENT_A - _SAME_A:
                cadence.phases = book.fewest_phases

    def _allowances(self, cycle: _Cycle, targets: Mapping[str, float]) -> dict[str, Allowance]:
        """Of the targets what the others have left free so far."""
        books = {device_id: book for device_id, book in self._books.items() if book.reachable}
        claimed = {device_id: self._scarce.claimed(book) for device_id, book in books.items()}
        left = cycle.room
        for taken in claimed.values():
            left = less(left, taken)
        granted = dict.fromkeys(books, 0.0)
        for book in self._in_order(cycle):
            device_id = book.circuit.device_id
            takes = self._scarce.takes(book, self._cadences[device_id].phases)
            own = claimed[device_id]
            granted[device_id] = self._granted_a(book, targets[device_id], most_within(takes, _plus(left, own)))
            left = less(left, less(larger(own, scaled(takes, granted[device_id])), own))
        feeds = self._feeds(cycle)
        return {
            device_id: self._allowance(
                book,
                cycle,
                target_a=targets.get(device_id, 0.0),
                granted_a=granted[device_id],
                feed_a=feeds.get(device_id, 0.0),
                left=left,
            )
            for device_id, book in books.items()
        }

    def _granted_a(self, book: ChargerBook, target_a: float, free_a: float) -> float:
        # What it has already takes nothing from anybody.
        granted_a = min(target_a, max(free_a, book.kept_a(self._cadences[book.circuit.device_id].phases)))
        return granted_a if granted_a >= MIN_CURRENT_A - _SAME_A else 0.0

    def _allowance(
        self, book: ChargerBook, cycle: _Cycle, *, target_a: float, granted_a: float, feed_a: float, left: Amounts
    ) -> Allowance:
        device_id = book.circuit.device_id
        bound_a, step_a = self._bound_a(book, cycle), self._step_a(book, cycle)
        stepping = target_a >= step_a - _SAME_A and bound_a > target_a + _SAME_A
        allowance = Allowance(
            current_a=granted_a,
            feed_a=feed_a,
            fail_safe=cycle.budget is None or (book.silent and granted_a >= book.circuit.safe_current_a),
            rising=stepping or granted_a < target_a - _SAME_A,
            phases=self._cadences[device_id].phases
            if book.shares_power or _switches(cycle.takers[device_id])
            else None,
        )
        return allowance if book.present else replace(allowance, current_a=self._found_a(book, cycle, left))

    def _found_a(self, book: ChargerBook, cycle: _Cycle, left: Amounts) -> float:
        """What a car would find that came now, A."""
        circuit = book.circuit
        takes = self._scarce.takes(book, self._cadences[circuit.device_id].phases)
        found_a = min(circuit.max_current_a, most_within(takes, left))
        found_a = min(found_a, circuit.safe_current_a) if cycle.budget is None else found_a
        return found_a if found_a >= _least_a(book) else 0.0

    def _feeds(self, cycle: _Cycle) -> Mapping[str, float]:
        """What each may feed, A per phase, besides what the others may be feeding."""
        count, uneven_a = self._site.phases, self._site.asymmetry_a
        if cycle.budget is None:
            return {}
        left = (*cycle.budget.feed_a, *(math.inf if uneven_a is None else uneven_a,) * count)
        fed = {device_id: self._scarce.uneven_too(book.fed()) for device_id, book in self._books.items()}
        for amounts in fed.values():
            left = less(left, amounts)
        feeds = {}
        for device_id, book in self._books.items():
            wish_a = cycle.takers[device_id].feed_a
            if wish_a <= 0 or book.silent or not book.reachable:
                continue
            feeding = Held(current_a=-1.0, phases=book.circuit.phases)
            takes = self._scarce.uneven_too(tuple(-current for current in book.load(feeding)))
            most_a = most_within(takes, _plus(left, fed[device_id]))
            feeds[device_id] = max(0.0, min(wish_a, book.circuit.max_current_a, most_a))
            taken = larger(fed[device_id], scaled(takes, feeds[device_id]))
            left = less(left, less(taken, fed[device_id]))
        return feeds


def _switches(taker: Taker) -> bool:
    capabilities = taker.evce.capabilities if taker.evce is not None else None
    return capabilities is not None and capabilities.phase_switching


def _least_a(book: ChargerBook) -> float:
    """A charge begins at the safe current, whatever was asked for."""
    circuit = book.circuit
    return MIN_CURRENT_A if book.at_work else max(MIN_CURRENT_A, min(circuit.safe_current_a, circuit.max_current_a))


def _plus(one: Amounts, other: Amounts) -> Amounts:
    return tuple(first + second for first, second in zip(one, other, strict=True))
