"""From what a charger measures to charging periods and power-feed cycles: a pure state machine.

A power counts from its sample until the next one. A period begins with the first sample of a flow that lasts, and ends
with the first sample of a pause that lasts, at once where the flow turns round, the transaction ends or the car leaves.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from homeapp.model.period import Direction, Period, Quality
from homeapp.model.readings import EvceState, EvceStatus

FLOW_W = 100.0
"""Less is the charger's own use and noise."""
BEGINS_AFTER = {Direction.CHARGE: timedelta(seconds=10), Direction.FEED: timedelta(seconds=1)}
"""A car may draw for a moment for reasons of its own; it feeds only where it is asked to, and each cycle counts."""
ENDS_AFTER = timedelta(seconds=30)
LONGEST_GAP = timedelta(seconds=60)
"""A power that is older counts no longer."""
GOES_ON_WITHIN = timedelta(minutes=5)
"""A flow that a restarted hub finds later than that is another one."""
_NAMESPACE = uuid.UUID("6f1d2b5e-6c0c-4f0a-9a53-3c2a6c0e7f51")
_UNSEEN = (EvceStatus.OFFLINE, EvceStatus.STARTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A charger at one instant.

    Attributes:
        direction: which way energy flows, or None.
        power_w: its amount, W >= 0; 0 where it is not measured.
        charged_wh, fed_wh: the charger's registers, or None.
        over: there is no car or no transaction any more, so no flow can go on.
    """

    at: datetime
    device_id: str
    direction: Direction | None
    power_w: float = 0.0
    charged_wh: float | None = None
    fed_wh: float | None = None
    transaction_id: str | None = None
    over: bool = False

    def register(self, direction: Direction) -> float | None:
        """The register of this direction."""
        return self.charged_wh if direction is Direction.CHARGE else self.fed_wh


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """What is known between two samples.

    Attributes:
        last: the newest sample.
        period: the one under way; perhaps only a first sign of one, see ``certain``.
        certain: the flow has lasted, so ``period`` is one.
        paused: the sample since which nothing flows, or None.
        carried_wh: integrated over ``period``, Wh; up to ``paused`` this is its energy.
    """

    last: Sample | None = None
    period: Period | None = None
    certain: bool = False
    paused: Sample | None = None
    carried_wh: float = 0.0


def sample_of(state: EvceState, now: datetime) -> Sample | None:
    """The sample in a charger's state; None where it says nothing about the flow."""
    if not state.connected or state.status in _UNSEEN:
        return None
    direction, power_w = _flow(state, now)
    return Sample(
        at=now,
        device_id=state.device_id,
        direction=direction,
        power_w=power_w,
        charged_wh=state.import_wh,
        fed_wh=state.export_wh,
        transaction_id=state.transaction_id,
        over=not state.status.car_present,
    )


def follow(tracking: Tracking, sample: Sample) -> tuple[Tracking, tuple[Period, ...]]:
    """Take a sample in.

    Returns:
        What is known now, and the periods that have begun (``ended_at`` None) or ended with it, in order.
    """
    last = tracking.last
    if last is not None and sample.at < last.at:
        # The clock was set back: time stands still until it has caught up.
        sample = replace(sample, at=last.at)
    told: list[Period] = []
    tracking = _measured(tracking, sample)
    if _is_over(tracking, sample):
        tracking, told = _closed(tracking, tracking.paused or sample)
    if tracking.period is None:
        tracking = _opened(tracking, sample)
    tracking, begun = _confirmed(tracking, sample)
    return replace(tracking, last=sample), (*told, *begun)


def unseen_end(period: Period) -> Period:
    """An open period whose end nobody has seen, closed with what is known."""
    return replace(period, ended_at=period.seen_at, quality=Quality.ESTIMATED)


def taken_up(period: Period, tracking: Tracking, *, told: bool) -> tuple[Tracking, Period | None] | None:
    """What becomes of a period that an earlier life of the hub has left open.

    The registers have gone on counting. Nobody but a hub has a car fed, so what was fed meanwhile belongs to the cycle
    that was under way; a charger goes on charging by itself, so what was charged counts within its transaction only.

    Args:
        period: the newest that was left open at its charger.
        tracking: what is known of this charger in this life.
        told: that its period has begun is known outside already.

    Returns:
        What is known now, and the period where it has ended, None where it goes on. None as long as too little is
        known.
    """
    sample = tracking.last
    if sample is None:
        return None
    same = sample.transaction_id is not None and sample.transaction_id == period.transaction_id
    if not same and period.direction is Direction.CHARGE:
        return None if sample.transaction_id is None else (tracking, unseen_end(period))
    register, before = _unclaimed(tracking, sample, period.direction), period.meter_end_wh
    if before is None or (register is not None and register < before):
        return tracking, unseen_end(period)
    if register is None:
        return None
    whole = _with_energy(replace(period, meter_end_wh=register), period.energy_wh)
    flows = same and sample.direction is period.direction and not told
    if not flows or sample.at - period.seen_at > GOES_ON_WITHIN:
        return tracking, unseen_end(whole)
    register = sample.register(period.direction)
    whole = _with_energy(replace(period, meter_end_wh=register, seen_at=sample.at), whole.energy_wh)
    return Tracking(last=sample, period=whole, certain=True, carried_wh=whole.energy_wh), None


def _unclaimed(tracking: Tracking, sample: Sample, direction: Direction) -> float | None:
    """The register up to where a period of this life has begun to count."""
    running = tracking.period
    if running is not None and running.direction is direction and running.meter_start_wh is not None:
        return running.meter_start_wh
    return sample.register(direction)


def _flow(state: EvceState, now: datetime) -> tuple[Direction | None, float]:
    power_w, power_at = state.power_w, state.power_at
    if power_w is not None and power_at is not None and now - power_at <= LONGEST_GAP:
        if abs(power_w) <= FLOW_W:
            return None, 0.0
        return (Direction.CHARGE if power_w > 0 else Direction.FEED), abs(power_w)
    match state.status:
        case EvceStatus.CHARGING:
            return Direction.CHARGE, 0.0
        case EvceStatus.FEEDING:
            return Direction.FEED, 0.0
    return None, 0.0


def _measured(tracking: Tracking, sample: Sample) -> Tracking:
    """The period with the energy that has flowed since the last sample."""
    period, last = tracking.period, tracking.last
    if period is None or last is None or sample.device_id != period.device_id or tracking.paused is not None:
        return tracking
    gap = sample.at - last.at
    carried_wh = tracking.carried_wh + last.power_w * min(gap, LONGEST_GAP).total_seconds() / 3600
    register = sample.register(period.direction)
    period = replace(period, seen_at=sample.at, meter_end_wh=period.meter_end_wh if register is None else register)
    return replace(tracking, period=_with_energy(period, carried_wh), carried_wh=carried_wh)


def _with_energy(period: Period, carried_wh: float) -> Period:
    start, end = period.meter_start_wh, period.meter_end_wh
    if start is not None and end is not None and end >= start:
        # Registers go on counting where nobody looks, so gaps do not matter.
        return replace(period, energy_wh=end - start, quality=Quality.OK)
    return replace(period, energy_wh=carried_wh, meter_start_wh=None, meter_end_wh=None, quality=Quality.ESTIMATED)


def _is_over(tracking: Tracking, sample: Sample) -> bool:
    period = tracking.period
    if period is None:
        return False
    if sample.device_id != period.device_id or sample.over or sample.transaction_id != period.transaction_id:
        return True
    if sample.direction not in (None, period.direction):
        return True
    return sample.direction is None and (
        not tracking.certain or (tracking.paused is not None and sample.at - tracking.paused.at >= ENDS_AFTER)
    )


def _closed(tracking: Tracking, end: Sample) -> tuple[Tracking, list[Period]]:
    period = tracking.period
    rest = replace(tracking, period=None, certain=False, paused=None, carried_wh=0.0)
    if period is None or not tracking.certain:
        return rest, []
    last = tracking.last
    if end.device_id != period.device_id:
        return rest, [unseen_end(period)]
    if last is not None and end.at - last.at > LONGEST_GAP:
        # Its end lies somewhere in the time that nobody has seen.
        return rest, [unseen_end(replace(period, seen_at=last.at + LONGEST_GAP))]
    return rest, [replace(period, ended_at=end.at, seen_at=end.at)]


def _opened(tracking: Tracking, sample: Sample) -> Tracking:
    if sample.direction is None or sample.over:
        return tracking
    register = _register_before(tracking.last, sample, sample.direction)
    key = f"{sample.device_id} {sample.direction} {sample.at.isoformat()}"
    period = Period(
        period_id=str(uuid.uuid5(_NAMESPACE, key)),
        device_id=sample.device_id,
        direction=sample.direction,
        begun_at=sample.at,
        seen_at=sample.at,
        meter_start_wh=register,
        meter_end_wh=register,
        transaction_id=sample.transaction_id,
        quality=Quality.ESTIMATED if register is None else Quality.OK,
    )
    return replace(tracking, period=period, certain=False, paused=None, carried_wh=0.0)


def _register_before(last: Sample | None, sample: Sample, direction: Direction) -> float | None:
    """Where the register stood before the flow: what has flowed up to its first sample counts too."""
    now_wh, before_wh = sample.register(direction), last.register(direction) if last else None
    if last is None or now_wh is None or before_wh is None or before_wh > now_wh:
        return now_wh
    recent = last.device_id == sample.device_id and sample.at - last.at <= LONGEST_GAP
    return before_wh if recent and last.direction is not direction else now_wh


def _confirmed(tracking: Tracking, sample: Sample) -> tuple[Tracking, tuple[Period, ...]]:
    period = tracking.period
    if period is None:
        return tracking, ()
    if sample.direction is None:
        return replace(tracking, paused=tracking.paused or sample), ()
    tracking = replace(tracking, paused=None)
    if not tracking.certain and sample.at - period.begun_at >= BEGINS_AFTER[period.direction]:
        return replace(tracking, certain=True), (period,)
    return tracking, ()
