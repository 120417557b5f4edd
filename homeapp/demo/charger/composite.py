"""What charging profiles of several purposes together permit at an instant; pure (2.1 part 2 K 3.6)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from homeapp.demo.charger.charging_profile import PHASES, Period, Profile, Purpose

PerPhase = tuple[float, float, float]
"""Values for L1, L2 and L3."""
Choice = tuple[Profile, Period]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The station's own circuit.

    Attributes:
        max_current_a: per phase.
        switching: it can use fewer phases on demand; otherwise it always offers all of them.
    """

    phases: int = 3
    max_current_a: float = 16.0
    voltage_v: float = 230.0
    switching: bool = True

    @property
    def phase_w(self) -> float:
        """Most power of one phase."""
        return self.max_current_a * self.voltage_v


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the composite depends on besides the profiles.

    Attributes:
        transaction_id: of the transaction at the EVSE, in the version's own words, or None.
        offline_s: for how long the station has been offline.
        may_feed: the car can feed, and this transaction may.
        priority: priority charging is active for the transaction (2.1, K21 and K22).
        heeds_tx: TxProfiles count.
        defaults: the TxDefaultProfiles that count; None for all.
    """

    now: datetime
    transaction_id: str | None = None
    transaction_start: datetime | None = None
    offline_s: float = 0.0
    may_feed: bool = True
    priority: bool = False
    heeds_tx: bool = True
    defaults: tuple[Profile, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """What holds at an instant.

    Attributes:
        limit_w: most charging power, W, of all phases together.
        setpoint_w: power to keep to, feeding -, W, of all phases; None where there is only the limit.
        source: purpose of the profile that binds; None where only the station's circuit does.
        governing: TX, TX_DEFAULT or PRIORITY, whichever profile holds for the transaction, or None.
        phases: how many may be used.
        usable: which ones.
        phase_limit_w: most charging power of each phase, W; 0 for one that is not to be used.
        phase_setpoint_w: the setpoint of each phase, where they are told apart.
    """

    limit_w: float
    setpoint_w: float | None
    source: Purpose | None
    governing: Purpose | None
    phases: int
    mode: str
    usable: tuple[int, ...]
    phase_limit_w: PerPhase
    phase_setpoint_w: PerPhase | None


def combine(
    wiring: Wiring, own: Choice | None, highest: Choice | None, local: Choice | None, *, may_feed: bool
) -> Composite:
    """The composite of what holds for each purpose.

    Args:
        wiring: the station's.
        own: for the transaction.
        highest: for the station.
        local: generation at the place, which comes on top.
        may_feed: a setpoint may be negative.
    """
    found = [choice for choice in (own, highest) if choice is not None]
    usable = _usable(wiring, [period for _, period in found])
    limit_w, source = wiring.phase_w * len(usable), None
    phase_w = [wiring.phase_w if phase in usable else 0.0 for phase in PHASES]
    for profile, period in reversed(found):
        each_w = _phase_limits_w(wiring, profile, period)
        phase_w = [min(pair) for pair in zip(phase_w, each_w, strict=True)]
        watts = min(_total_limit_w(profile, period), sum(each_w[phase - 1] for phase in usable))
        # Of equal limits the one nearest to the transaction is named.
        if watts <= limit_w:
            limit_w, source = watts, profile.purpose
    if local is not None and (own is None or own[1].mode != "Idle"):
        limit_w, phase_w = _on_top(wiring, usable, (limit_w, phase_w), local)
    limit_w = min(limit_w, sum(phase_w))
    setpoint_w, phase_setpoint_w = (
        (None, None) if own is None else _setpoint(wiring, usable, own, limit_w, may_feed=may_feed)
    )
    return Composite(
        limit_w=limit_w,
        setpoint_w=setpoint_w,
        source=own[0].purpose if own is not None and setpoint_w is not None else source,
        governing=None if own is None else own[0].purpose,
        phases=len(usable),
        mode="ChargingOnly" if own is None else own[1].mode,
        usable=usable,
        phase_limit_w=(phase_w[0], phase_w[1], phase_w[2]),
        phase_setpoint_w=phase_setpoint_w,
    )


def _usable(wiring: Wiring, periods: Sequence[Period]) -> tuple[int, ...]:
    every = PHASES[: wiring.phases]
    if not wiring.switching:
        return every
    fewest = min(periods, key=lambda period: period.phases, default=None)
    if fewest is None or fewest.phases >= len(every):
        return every
    return (fewest.phase_to_use or 1,) if fewest.phases == 1 else every[: fewest.phases]


def _to_watts(wiring: Wiring, profile: Profile) -> float:
    return wiring.voltage_v if profile.amperes else 1.0


def _phase_limits_w(wiring: Wiring, profile: Profile, period: Period) -> list[float]:
    if period.mode == "Idle":
        return [0.0, 0.0, 0.0]
    if not period.limit:
        return [math.inf] * 3
    values = period.limit if len(period.limit) > 1 else period.limit * 3
    return [value * _to_watts(wiring, profile) for value in values]


def _total_limit_w(profile: Profile, period: Period) -> float:
    return period.limit[0] if len(period.limit) == 1 and not profile.amperes else math.inf


def _on_top(
    wiring: Wiring, usable: tuple[int, ...], limits: tuple[float, list[float]], local: Choice
) -> tuple[float, list[float]]:
    limit_w, phase_w = limits
    profile, period = local
    each_w = _phase_limits_w(wiring, profile, period)
    total_w = _total_limit_w(profile, period)
    if total_w < math.inf:
        each_w = [total_w / len(usable)] * 3
    more_w = sum(each_w[phase - 1] for phase in usable)
    raised = [min(phase_w[phase - 1] + each_w[phase - 1], wiring.phase_w) if phase in usable else 0 for phase in PHASES]
    return limit_w + more_w, raised


def _setpoint(
    wiring: Wiring, usable: tuple[int, ...], own: Choice, limit_w: float, *, may_feed: bool
) -> tuple[float | None, PerPhase | None]:
    profile, period = own
    if period.mode != "CentralSetpoint" or not period.setpoint:
        return None, None
    # Setpoints and discharge limits in A are the sum of the phases, unlike limits, where they are not told apart.
    per_unit = _to_watts(wiring, profile)
    most_w = wiring.phase_w * len(usable)
    if period.discharge_limit:
        most_w = min(most_w, -per_unit * sum(period.discharge_limit))
    lowest_w = -most_w if may_feed else 0.0
    if len(period.setpoint) == 1:
        return min(max(period.setpoint[0] * per_unit, lowest_w), limit_w), None
    floors_w = [-wiring.phase_w if may_feed else 0.0] * 3
    if len(period.discharge_limit) > 1:
        floors_w = [max(pair) for pair in zip(floors_w, (per_unit * a for a in period.discharge_limit), strict=True)]
    each_w = [
        max(value * per_unit, floor) if phase in usable else 0.0
        for phase, value, floor in zip(PHASES, period.setpoint, floors_w, strict=True)
    ]
    return min(max(sum(each_w), lowest_w), limit_w), (each_w[0], each_w[1], each_w[2])
