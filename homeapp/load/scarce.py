"""What chargers compete for: each phase of the fuse, each phase's share of uneven load, and a limit in watts."""

import math

from homeapp.load.charger_book import ChargerBook
from homeapp.load.claim import Held
from homeapp.load.fuse_guard import Budget
from homeapp.load.series import PerPhase
from homeapp.model.site import Site

Amounts = tuple[float, ...]
"""Of everything that is scarce: A on each phase, A of uneven load on each phase, W of all chargers together."""

_EVEN = 3


class Scarce:
    """Reckons in ``Amounts``."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def room(self, budget: Budget | None, cap_w: float | None) -> Amounts:
        """All that there is; without a budget the phases are left to the chargers' safe currents."""
        site = self._site
        charge_a = (math.inf,) * site.phases if budget is None else budget.charge_a
        uneven_a = math.inf if site.asymmetry_a is None else site.asymmetry_a
        return (*charge_a, *(uneven_a,) * site.phases, math.inf if cap_w is None else cap_w)

    def takes(self, book: ChargerBook, phases: int) -> Amounts:
        """What one ampere on so many of the charger's phases takes."""
        load = book.load(Held(current_a=1.0, phases=phases))
        return (*self.uneven_too(load), self._site.voltage_v * phases)

    def claimed(self, book: ChargerBook) -> Amounts:
        """What the charger has taken already, as far as the hub knows."""
        return (*self.uneven_too(book.claimed()), book.claimed_w())

    def uneven_too(self, load: PerPhase) -> Amounts:
        """A load on each phase, and what of it is uneven."""
        even = self._site.phases < _EVEN or all(current > 0 for current in load)
        return (*load, *((0.0,) * len(load) if even else load))


def less(room: Amounts, taken: Amounts) -> Amounts:
    """What is left."""
    return tuple(free - used for free, used in zip(room, taken, strict=True))


def larger(one: Amounts, other: Amounts) -> Amounts:
    """The larger of each."""
    return tuple(max(pair) for pair in zip(one, other, strict=True))


def scaled(takes: Amounts, current_a: float) -> Amounts:
    """What so many amperes take."""
    return tuple(take * current_a for take in takes)


def most_within(takes: Amounts, left: Amounts) -> float:
    """The most amperes that what is left allows."""
    return min((free / take for take, free in zip(takes, left, strict=True) if take > 0), default=math.inf)
