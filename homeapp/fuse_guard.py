"""The main-fuse guard: the lowest layer of control, over which nothing else has a say.

Per phase, the charger may draw what the fuse leaves after the rest of the home. The rest is known exactly only when
charger and meter speak of the same moment, so between such moments it is bounded from below by "meter minus the most
the charger may draw", and a limit that is not yet confirmed counts with the larger of old and new.
"""

from dataclasses import dataclass

from homeapp.model.readings import EvceState, MeterReading
from homeapp.model.site import Site

METER_MAX_AGE_S = 15.0
SETTLE_S = 12.0
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
        current_a: A per phase; 0 or at least 6.
        feed_allowed: feeding may start or go on.
        limiting: the fuse, and not the charger's own circuit, sets the bound.
        fail_safe: no fresh meter, so this is the installer's safe current.
    """

    current_a: float
    feed_allowed: bool
    limiting: bool
    fail_safe: bool


class FuseGuard:
    """Keeps the estimate of the home's own current and the overload timers.

    One guard serves one charger; ``allow`` is called every control cycle.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._home_a: float | None = None
        self._granted_a = 0.0
        self._granted_at = 0.0
        self._overload_since: float | None = None
        self._paused = False

    def granted(self, current_a: float, monotonic: float) -> None:
        """The hub has just asked the charger for ``current_a`` per phase."""
        if abs(current_a - self._granted_a) > 0.1:
            self._granted_at = monotonic
        self._granted_a = current_a

    def allow(
        self, *, meter: MeterReading | None, meter_age_s: float, evce: EvceState | None, monotonic: float
    ) -> Allowance:
        """The bound for this cycle; ages in s of the hub's clock."""
        site = self._site
        if meter is None or meter_age_s > METER_MAX_AGE_S:
            self._overload_since = None
            return Allowance(current_a=site.safe_current_a, feed_allowed=False, limiting=True, fail_safe=True)
        meter_a = phase_currents(meter, site)
        worst_a = max(meter_a)
        self._estimate_home(worst_a, evce, monotonic)
        overload = self._overload_bound(worst_a, monotonic)
        budget_a = site.fuse_a * site.fuse_margin - (self._home_a or 0.0)
        current_a = min(site.max_current_a, budget_a, overload)
        limiting = current_a < site.max_current_a
        feed_allowed = site.feed_allowed and min(meter_a) > -site.fuse_a * site.fuse_margin
        return Allowance(
            current_a=self._with_hysteresis(current_a), feed_allowed=feed_allowed, limiting=limiting, fail_safe=False
        )

    def _estimate_home(self, worst_a: float, evce: EvceState | None, monotonic: float) -> None:
        if evce is None or not evce.connected:
            self._home_a = worst_a
            return
        charger_a = _charger_current(evce, self._site)
        settled = monotonic - self._granted_at >= SETTLE_S
        if charger_a is not None and (settled or self._home_a is None):
            self._home_a = worst_a - charger_a
        else:
            at_least = worst_a - max(self._granted_a, charger_a or 0.0)
            self._home_a = at_least if self._home_a is None else max(self._home_a, at_least)

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


def phase_currents(meter: MeterReading, site: Site) -> tuple[float, ...]:
    """A per phase at the meter, import +; estimated from power where the meter gives no currents."""
    if meter.phase_power_w is not None:
        voltages = meter.phase_voltage_v or (site.voltage_v,) * len(meter.phase_power_w)
        by_power = tuple(
            power / (voltage or site.voltage_v) for power, voltage in zip(meter.phase_power_w, voltages, strict=False)
        )
        if meter.phase_current_a is None:
            return by_power
        # Apparent current can exceed active power over voltage; the sign is only in the power.
        return tuple(
            abs(current) if power >= 0 else -abs(current)
            for current, power in zip(meter.phase_current_a, by_power, strict=False)
        )
    if meter.phase_current_a is not None:
        return meter.phase_current_a
    # One number for all phases: the worst case puts all of it on one.
    return (meter.power_w / site.voltage_v,)


def _charger_current(evce: EvceState, site: Site) -> float | None:
    if evce.transaction_id is None:
        return 0.0
    phases = evce.capabilities.phases if evce.capabilities else 1
    by_power_a = None if evce.power_w is None else evce.power_w / (site.voltage_v * phases)
    if evce.phase_current_a and (by_power_a is None or by_power_a >= 0):
        return max(abs(current) for current in evce.phase_current_a)
    # While feeding, stations report the exported current elsewhere or not at all.
    return by_power_a
