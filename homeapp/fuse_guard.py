"""The main-fuse guard: the lowest layer of control, over which nothing else has a say.

Per phase, the charger may draw what the fuse leaves after the rest of the home, and feed what it leaves for export.
The rest is known exactly only when charger and meter speak of the same moment. Between such moments the charger may
draw anything that it was allowed lately, which bounds the rest from both sides; what was known last is kept within
those bounds. A bound falls at once and rises only after it has held for a while.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from homeapp.model.readings import EvceState, MeterReading
from homeapp.model.site import Site

METER_MAX_AGE_S = 15.0
SETTLE_S = 12.0
"""From a new limit until meter and charger both show it."""
STEADY_A = 1.0
CHARGER_MAX_AGE_S = 60.0
OVERLOAD = 1.10
OVERLOAD_FOR_S = 5.0
HEAVY_OVERLOAD = 1.25
RESUME_MARGIN_A = 1.0
MIN_CURRENT_A = 6.0
"""IEC 61851-1: the least current that a control pilot can offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the fuse allows the charger now.

    Attributes:
        current_a: A per phase; 0 or at least 6, unless the installer's safe current is less.
        feed_a: A per phase that may be fed.
        limiting: the fuse, and not the charger's own circuit, sets the bound.
        fail_safe: no fresh meter or no fresh charger, so this is at most the installer's safe current.
    """

    current_a: float
    feed_a: float
    limiting: bool
    fail_safe: bool


class FuseGuard:
    """Keeps the estimate of the home's own current and the overload timers.

    One guard serves one charger; ``allow`` is called every control cycle. All instants are the clock's monotonic
    seconds, so that a step of the civil time changes nothing.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._home = _Estimate()
        self._least_home = _Estimate()
        self._asked = _Window()
        self._charging = _Window()
        self._feeding = _Window()
        self._sample: tuple[datetime | None, str | None] | None = None
        self._sample_at = 0.0
        self._overload_since: float | None = None
        self._paused = False

    def granted(self, current_a: float, monotonic: float) -> None:
        """The hub has just asked the charger for ``current_a`` per phase, feeding -."""
        self._asked.add(current_a, monotonic)

    def allow(
        self, *, meter: MeterReading | None, meter_age_s: float, evce: EvceState | None, monotonic: float
    ) -> Allowance:
        """The bound for this cycle; ages in s of the hub's clock."""
        site = self._site
        safe_a = min(site.safe_current_a, site.max_current_a)
        currents = phase_currents(meter, site) if meter is not None else ()
        if not currents or meter_age_s > METER_MAX_AGE_S:
            self._overload_since = None
            return Allowance(current_a=safe_a, feed_a=0.0, limiting=True, fail_safe=True)
        # One number for all phases: the worst case has the home's part of it all on one.
        summed = len(currents) < site.phases
        silent = self._estimate_home(currents, evce, monotonic, summed=summed)
        budget_a = site.fuse_a * site.fuse_margin
        bound_a = min(
            site.max_current_a,
            budget_a - max(0.0, self._home.value),
            self._overload_bound(max(currents) / (site.phases if summed else 1), monotonic),
            safe_a if silent else site.max_current_a,
        )
        self._charging.add(bound_a, monotonic)
        self._feeding.add(0.0 if silent else self._feed_bound(min(currents), budget_a), monotonic)
        current_a = self._charging.least
        return Allowance(
            current_a=self._with_hysteresis(current_a),
            feed_a=self._feeding.least,
            limiting=current_a < site.max_current_a,
            fail_safe=silent and current_a >= safe_a,
        )

    def _estimate_home(
        self, currents: tuple[float, ...], evce: EvceState | None, monotonic: float, *, summed: bool
    ) -> bool:
        """Renew the estimates; True where a charger at work has said nothing for too long."""
        if evce is None or evce.transaction_id is None:
            self._sample = None
            self._keep(currents, 0.0, 0.0)
            return False
        share = _phases(evce, self._site) if summed else 1
        sample = (evce.power_at, evce.transaction_id)
        new = sample != self._sample
        if new:
            self._sample, self._sample_at = sample, monotonic
        self._asked.forget(monotonic)
        measured_a = _charger_current(evce, self._site)
        per_ampere = self._site.voltage_v * _phases(evce, self._site)
        accepted_a = (evce.granted_w or 0.0) / per_ampere
        possible = (self._asked.least, self._asked.most, accepted_a, -evce.granted_feed_w / per_ampere)
        if new and evce.connected and measured_a is not None and self._asked.most - self._asked.least <= STEADY_A:
            drawn_a = _total_current(evce, measured_a, self._site) if summed else measured_a
            self._keep(currents, drawn_a, drawn_a)
        else:
            most_a, least_a = max(0.0, measured_a or 0.0, *possible), min(0.0, measured_a or 0.0, *possible)
            self._keep(currents, share * least_a, share * most_a)
        return evce.connected and monotonic - self._sample_at > CHARGER_MAX_AGE_S

    def _keep(self, currents: tuple[float, ...], least_a: float, most_a: float) -> None:
        self._home.bound(max(currents) - most_a, max(currents) - least_a, unknown=max(currents) - least_a)
        self._least_home.bound(min(currents) - most_a, min(currents) - least_a, unknown=min(currents) - most_a)

    def _feed_bound(self, lowest_a: float, budget_a: float) -> float:
        site = self._site
        if not site.feed_allowed or lowest_a < -site.fuse_a * OVERLOAD:
            return 0.0
        return max(0.0, min(site.max_current_a, budget_a + min(0.0, self._least_home.value)))

    def _overload_bound(self, worst_a: float, monotonic: float) -> float:
        fuse_a = self._site.fuse_a
        if worst_a <= fuse_a * OVERLOAD:
            self._overload_since = None
            return self._site.max_current_a
        if self._overload_since is None:
            self._overload_since = monotonic
        if worst_a > fuse_a * HEAVY_OVERLOAD:
            return 0.0
        if monotonic - self._overload_since >= OVERLOAD_FOR_S:
            return self._site.safe_current_a
        return self._site.max_current_a

    def _with_hysteresis(self, current_a: float) -> float:
        needed = MIN_CURRENT_A + (RESUME_MARGIN_A if self._paused else 0.0)
        self._paused = current_a < needed
        return 0.0 if self._paused else current_a


class _Estimate:
    """A value that is known exactly now and then, and in between only within bounds."""

    def __init__(self) -> None:
        self.value = 0.0
        self._known = False

    def bound(self, low: float, high: float, *, unknown: float) -> None:
        """Move the value as little as the bounds want; ``unknown`` where there is none yet."""
        self.value = min(max(self.value, low), high) if self._known else unknown
        self._known = True


class _Window:
    """The values of the last ``SETTLE_S``, and the one that holds."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, float]] = deque()

    @property
    def least(self) -> float:
        return min((value for _, value in self._values), default=0.0)

    @property
    def most(self) -> float:
        return max((value for _, value in self._values), default=0.0)

    def add(self, value: float, monotonic: float) -> None:
        """From now on it is ``value``."""
        if self._values and self._values[-1][1] == value:
            # Said again, it only holds on.
            self.forget(monotonic)
            return
        if self._values:
            # What held until this moment counts from this moment.
            self._values[-1] = (monotonic, self._values[-1][1])
        self._values.append((monotonic, value))
        self.forget(monotonic)

    def forget(self, monotonic: float) -> None:
        """Drop what no longer counts; the newest always does."""
        while len(self._values) > 1 and monotonic - self._values[0][0] >= SETTLE_S:
            self._values.popleft()


def phase_currents(meter: MeterReading, site: Site) -> tuple[float, ...]:
    """A per phase at the meter, import +; one number, the sum, where the meter tells no phases apart."""
    if meter.phase_power_w:
        voltages = meter.phase_voltage_v or ()
        if len(voltages) != len(meter.phase_power_w):
            voltages = (site.voltage_v,) * len(meter.phase_power_w)
        by_power = tuple(
            power / (voltage or site.voltage_v) for power, voltage in zip(meter.phase_power_w, voltages, strict=True)
        )
        if meter.phase_current_a is None or len(meter.phase_current_a) != len(by_power):
            return by_power
        # Apparent current can exceed active power over voltage; the sign is only in the power.
        return tuple(
            abs(current) if power >= 0 else -abs(current)
            for current, power in zip(meter.phase_current_a, by_power, strict=True)
        )
    return meter.phase_current_a or (meter.power_w / site.voltage_v,)


def _phases(evce: EvceState | None, site: Site) -> int:
    return evce.capabilities.phases if evce is not None and evce.capabilities is not None else site.phases


def _charger_current(evce: EvceState, site: Site) -> float | None:
    """A on the charger's fullest phase, feeding -."""
    by_power_a = None if evce.power_w is None else evce.power_w / (site.voltage_v * _phases(evce, site))
    if evce.phase_current_a and (by_power_a is None or by_power_a >= 0):
        return max(abs(current) for current in evce.phase_current_a)
    # While feeding, stations report the exported current elsewhere or not at all.
    return by_power_a


def _total_current(evce: EvceState, measured_a: float, site: Site) -> float:
    """A on all of the charger's phases together."""
    return measured_a * _phases(evce, site) if evce.power_w is None else evce.power_w / site.voltage_v
