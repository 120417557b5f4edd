"""The battery and the on-board charger of a simulated car; pure physics."""

VOLTAGE_V = 230.0
EFFICIENCY = 0.93
MIN_SOC_PCT = 20.0
"""The car itself feeds no further than down to this."""
_TAPER_FROM_PCT = 80.0
_SLOWEST_TAPER = 0.05
_RISE_W_PER_S = 2000.0
# IEC 61851-1 leaves a car 5 s to obey a lower limit; from 11 kW this takes it 4.4 s.
_FALL_W_PER_S = 2500.0
_LONGEST_STEP_S = 1.0


class Car:
    """A car at the end of a charging cable.

    Args:
        capacity_wh: of the battery.
        soc_pct: state of charge at the beginning.
        max_charge_w: most that it draws, W >= 0.
        max_feed_w: most that it feeds, W >= 0; 0 for a car that cannot.
        phases: that its charger uses, 1, 2 or 3.
        min_current_a: below this offer per phase it draws nothing (IEC 61851-1).
        on_phases: the outlet's conductors that its charger is on, each 1..3; by default the first ``phases``.
        min_soc_pct: it feeds no further than down to this.
        target_soc_pct: it charges no further than up to this.
        sleeps_after_s: it falls asleep after so many seconds without an offer.
        wake_s: asleep, it needs so many seconds of an offer until it draws.
        wakes_by_offer: an offer wakes it; otherwise nothing but an interruption of the control pilot does.

    Attributes:
        power_w: at the plug just now; charging +, feeding -.
        soc_pct: state of charge.
        asleep: it takes nothing, whatever is offered.
    """

    def __init__(
        self,
        capacity_wh: float,
        soc_pct: float,
        max_charge_w: float,
        max_feed_w: float,
        phases: int,
        min_current_a: float = 6.0,
        *,
        on_phases: tuple[int, ...] | None = None,
        min_soc_pct: float = MIN_SOC_PCT,
        target_soc_pct: float = 100.0,
        sleeps_after_s: float = 0.0,
        wake_s: float = 0.0,
        wakes_by_offer: bool = True,
    ) -> None:
        self.capacity_wh = capacity_wh
        self.soc_pct = soc_pct
        self.max_charge_w = max_charge_w
        self.max_feed_w = max_feed_w
        self.phases = phases
        self.on_phases = tuple(range(1, phases + 1)) if on_phases is None else on_phases
        self.min_current_a = min_current_a
        self.min_soc_pct = min_soc_pct
        self.target_soc_pct = target_soc_pct
        self.power_w = 0.0
        self.asleep = False
        self._sleeps_after_s = sleeps_after_s
        self._wake_s = wake_s
        self._wakes_by_offer = wakes_by_offer
        self._without_offer_s = 0.0
        self._offered_s = 0.0

    @property
    def can_feed(self) -> bool:
        """Whether it can feed power back at all."""
        return self.max_feed_w > 0

    @property
    def full(self) -> bool:
        """It wants no more."""
        return self.soc_pct >= self.target_soc_pct

    def step(self, dt: float, granted_w: float, phases: int | None = None) -> float:
        """Let ``dt`` seconds pass.

        Args:
            dt: s.
            granted_w: what the station permits (charging +) or demands (feeding -).
            phases: that the station offers; None for as many as the car uses.

        Returns:
            The power at the end, W.
        """
        used = self.phases if phases is None else min(self.phases, phases)
        left = dt
        while left > 0:
            part = min(left, _LONGEST_STEP_S)
            self._doze(part, offered=granted_w < 0 or granted_w >= self._least_w(used))
            self._advance(part, granted_w, used)
            left -= part
        return self.power_w

    def detach(self) -> None:
        """The contactor opens: no power from now on."""
        self.power_w = 0.0

    def interrupt(self) -> None:
        """The control pilot goes away and comes back: the car wakes up."""
        self.asleep, self._without_offer_s = False, 0.0

    def _least_w(self, phases: int) -> float:
        return self.min_current_a * VOLTAGE_V * phases

    def _doze(self, dt: float, *, offered: bool) -> None:
        if not offered:
            self._without_offer_s, self._offered_s = self._without_offer_s + dt, 0.0
            self.asleep = self.asleep or self._without_offer_s >= self._sleeps_after_s
            return
        self._without_offer_s = 0.0
        if self.asleep:
            if self._wakes_by_offer and self._offered_s >= self._wake_s:
                self.asleep = False
            self._offered_s += dt

    def _advance(self, dt: float, granted_w: float, phases: int) -> None:
        before, target = self.power_w, 0.0 if self.asleep else self._target(granted_w, phases)
        rises = abs(target) > abs(before) and target * before >= 0
        reach = (_RISE_W_PER_S if rises else _FALL_W_PER_S) * dt
        self.power_w = min(max(target, before - reach), before + reach)
        mean_w = (before + self.power_w) / 2
        into_battery = mean_w * EFFICIENCY if mean_w > 0 else mean_w / EFFICIENCY
        self.soc_pct += 100 * into_battery * dt / 3600 / self.capacity_wh
        self.soc_pct = min(100.0, max(0.0, self.soc_pct))

    def _target(self, granted_w: float, phases: int) -> float:
        if granted_w < 0:
            return max(granted_w, -self.max_feed_w) if self.soc_pct > self.min_soc_pct else 0.0
        if granted_w < self._least_w(phases) or self.full:
            return 0.0
        taper = min(1.0, max(_SLOWEST_TAPER, (100 - self.soc_pct) / (100 - _TAPER_FROM_PCT)))
        return min(granted_w, self.max_charge_w * taper * phases / self.phases)
