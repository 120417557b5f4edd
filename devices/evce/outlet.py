"""What is known of each EVSE (1.6: connector) of a station: its transaction, its car, what it draws and what it may.

One of them leads: plan, goal and power feed are about the car there, and the hub's state of the charger tells of its
transaction. What the station draws and what it is granted are the sums of all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from devices.evce.dialect import ChargingNeeds, Reported
from devices.evce.grants import Grants
from devices.evce.measured import Measured
from devices.evce.profiles import StationLimits, Unit, floor_current_a, floor_w
from homeapp.ports import Clock


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """The running transaction; see TransactionReport."""

    id: str
    evse: int
    sequence: int | None = None
    reported: Reported | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a leased profile goes; ``transaction_id`` None where 1.6 does not tell."""

    evse: int
    transaction_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setpoint:
    """A Dynamic profile of the hub that stands in the station.

    Attributes:
        power_w: feeding -.
        phases_w: most that the car feeds on each phase, where each has a setpoint of its own.
        until: when the hub's command lapses; afterwards the station is told 0.
        seconds: for so long the station goes on without an update.
    """

    power_w: float
    phases_w: tuple[float, ...]
    until: datetime
    seconds: float


class Outlet:
    """One EVSE.

    Attributes:
        evse: its number; 0 while the station has named none.
        transaction: that runs, or None.
        needed: what the car has told of its wishes, or None.
        setpoint: the Dynamic profile that stands, or None.
        doubtful: a power cut may have ended the transaction without a word.
    """

    def __init__(self, evse: int, clock: Clock, floor_w: float) -> None:
        self.evse = evse
        self.transaction: Transaction | None = None
        self.needed: ChargingNeeds | None = None
        self.setpoint: Setpoint | None = None
        self.doubtful = False
        self.measured = Measured(clock)
        self.grants = Grants(floor_w)

    def over(self) -> None:
        """Its transaction has ended, and its leases with it (K01.FR.09); from here on the floor holds."""
        self.transaction = self.needed = self.setpoint = None
        self.doubtful = False
        self.measured.power_ceased()
        self.grants.fall_back()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a station draws in all, as old as the oldest part of it; see ``Measured``."""

    power_w: float | None
    power_at: datetime | None
    phase_current_a: tuple[float, ...] | None


class Outlets:
    """Those of one station.

    Attributes:
        lead: see the module.
        floor_a: A per phase that the floor in the station lets each EVSE draw; what it was before it is in force.
        floor_w: the same, W.
    """

    def __init__(self, limits: StationLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._told = 1
        self._known: dict[int, Outlet] = {}
        self._floor_for = 1
        self.floor_a = limits.safe_current_a
        self.floor_w = limits.watts(self.floor_a)
        self.lead = Outlet(0, clock, self.floor_w)

    @property
    def count(self) -> int:
        """How many there are, as far as the station has told."""
        return max(1, len(self._known), self._told)

    @property
    def floor_outdated(self) -> bool:
        """More have shown themselves than the floor in the station was made for."""
        made_a = floor_current_a(self._limits, self._floor_for)
        return floor_current_a(self._limits, self.count) != made_a

    @property
    def running(self) -> tuple[Outlet, ...]:
        """Those with a transaction, the leading one first."""
        if self._alone:
            return (self.lead,) if self.lead.transaction is not None else ()
        others = [self._known[evse] for evse in sorted(self._known)]
        ordered = [self.lead, *(outlet for outlet in others if outlet is not self.lead)]
        return tuple(outlet for outlet in ordered if outlet.transaction is not None)

    @property
    def beside(self) -> tuple[Outlet, ...]:
        """Those with a transaction but the leading one."""
        return tuple(outlet for outlet in self.running if outlet is not self.lead)

    @property
    def idle_w(self) -> float:
        """What those without a transaction may begin to draw at any moment, W."""
        return (self.count - max(1, len(self.running))) * self.floor_w

    def __iter__(self) -> Iterator[Outlet]:
        yield self.lead
        yield from (outlet for outlet in self._known.values() if outlet is not self.lead)

    def told(self, count: int) -> None:
        """The station says that it has so many; what has shown itself counts all the same."""
        self._told = count

    def at(self, evse: int) -> Outlet:
        """The one with this number, the leading one for 0."""
        if evse == 0 or self.lead.evse == evse:
            return self.lead
        if self.lead.evse == 0:
            self.lead.evse = evse
            return self._known.setdefault(evse, self.lead)
        if evse not in self._known:
            outlet = self._known[evse] = Outlet(evse, self._clock, self.floor_w)
            if self.lead.grants.most(self._clock.now())[0] is not None:
                outlet.grants.floor_stands(self._clock.now())
        return self._known[evse]

    def of(self, transaction_id: str) -> Outlet | None:
        """The one where this transaction runs."""
        return next((one for one in self.running if one.transaction and one.transaction.id == transaction_id), None)

    def choose(self, likely_evse: int) -> None:
        """Another one leads where the leading one has nothing to do; ``likely_evse`` where nothing runs at all."""
        if self.lead.transaction is not None and not self.lead.doubtful:
            return
        certain = (outlet for outlet in self.running if not outlet.doubtful)
        anything = next(iter(self.running), self._known.get(likely_evse, self.lead))
        self.lead = next(certain, anything)

    def floor_is(self, evses: int, unit: Unit) -> None:
        """The station has accepted the floor that is made for so many, in this unit."""
        self._floor_for, self.floor_a = evses, floor_current_a(self._limits, evses)
        self.floor_w = floor_w(self._limits, evses, unit)
        for outlet in self:
            outlet.grants.floor_is(self.floor_w)
            outlet.grants.kept()
            outlet.grants.floor_stands(self._clock.now())

    def forget(self) -> None:
        """Another protocol: its old names for things mean nothing in it."""
        for outlet in self:
            outlet.over()
        self.lead.evse = 0
        self._known.clear()

    def granted(self, *, bounded: bool = False) -> tuple[float | None, float, datetime | None]:
        """The most that the station may draw and feed, W, and when the first of its leases ends; see ``Grants.most``.

        The first: only from then on can be said which command each of them has. ``bounded``: the station heeds a
        maximum for all of them.
        """
        now = self._clock.now()
        found = [outlet.grants.most(now) for outlet in self]
        lead_w, feed_w, _ = found[0]
        if lead_w is None:
            return None, feed_w, None
        ends = [until for _, _, until in found if until is not None]
        if len(found) == self.count == 1:
            return found[0]
        unseen_w = (self.count - len(found)) * self.floor_w
        granted_w = sum(limit_w or 0.0 for limit_w, _, _ in found) + unseen_w
        if bounded and not any(outlet.grants.exceeds for outlet in self):
            granted_w = min(granted_w, self._limits.watts(self._limits.max_current_a))
        return granted_w, feed_w, min(ends, default=None)

    def drawn(self) -> Drawn:
        """The sum of all; unknown as long as it is of one of them."""
        if self._alone:
            lead = self.lead.measured
            at = lead.power_at if lead.power_w is not None else None
            return Drawn(power_w=lead.power_w, power_at=at, phase_current_a=lead.phase_current_a)
        # A power cut may have ended it: then nothing is measured there.
        beside = [one for one in self.beside if not one.doubtful or one.measured.power_w is not None]
        parts = [outlet.measured for outlet in (self.lead, *beside)]
        powers = [part.power_w for part in parts if part.power_w is not None]
        stamps = [part.power_at for part in parts if part.power_at is not None]
        currents = [part.phase_current_a for part in parts if part.phase_current_a is not None]
        whole = len(powers) == len(parts)
        even = len(currents) == len(parts) and len({len(current) for current in currents}) == 1
        return Drawn(
            power_w=sum(powers) if whole else None,
            power_at=min(stamps) if whole and stamps else None,
            phase_current_a=tuple(map(sum, zip(*currents, strict=True))) if even else None,
        )

    @property
    def _alone(self) -> bool:
        """None but the leading one has shown itself, as at nearly every station."""
        return self._known.keys() <= {self.lead.evse}
