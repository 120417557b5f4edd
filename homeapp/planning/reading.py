"""Powers as a plan that people can follow: a reason for every slot, and what it all comes to."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from homeapp.model.plan import ChargingMode, Plan, PlanSlot, Promise, SlotReason
from homeapp.planning.feeding import Settled
from homeapp.planning.formulation import Frame, fastest, import_price
from homeapp.planning.guarantees import feeds_agreed, reserve_wh
from homeapp.planning.promises import broken_promises
from homeapp.planning.solving import slot_cost

_CENT = Decimal("0.01")
_IDLE_W = 1.0
_DAY = timedelta(days=1)
_FULL_WH = 100.0


def plan_of(frame: Frame, settled: Settled) -> Plan:
    """The plan that these powers are."""
    request, draft = frame.request, settled.draft
    reaches_wh = _reaches_wh(frame, draft.soc_wh)
    broken = broken_promises(frame, draft)
    missed = next((promise for promise in broken if promise.kind is Promise.DEPARTURE), None)
    fed_wh = draft.fed_wh(frame.spans)
    priced = any(span.price.import_price is not None for span in frame.spans)
    return Plan(
        made_at=request.now,
        slots=tuple(_slots(frame, settled)),
        reaches_pct=round(100 * reaches_wh / request.goal.capacity_wh, 1),
        shortfall_wh=round(missed.by_wh) if missed and missed.at <= request.goal.ready_by else 0.0,
        cost=_money(_cost(frame, draft.powers_w)) if priced else None,
        cost_uncontrolled=_money(_cost(frame, _uncontrolled(frame, settled))) if priced else None,
        broken=broken,
        feed_gain=None if settled.gain is None else _money(settled.gain),
        feed_refused=settled.refused,
        switches=_switches(draft.powers_w),
        cycles=round(fed_wh / request.goal.capacity_wh, 3),
        forecast=request.forecast,
    )


def _slots(frame: Frame, settled: Settled) -> Iterator[PlanSlot]:
    draft, capacity_wh = settled.draft, frame.request.goal.capacity_wh
    dear = _dear_from(frame)
    reserve = reserve_wh(frame.request, frame.spans, frame.guarantees, draft.powers_w)
    last = max((number for number, power_w in enumerate(draft.powers_w) if power_w > _IDLE_W), default=-1)
    for number, span in enumerate(frame.spans):
        power_w = draft.powers_w[number]
        yield PlanSlot(
            start=span.start,
            end=span.end,
            power_w=round(power_w, 1) if abs(power_w) > _IDLE_W else 0.0,
            reason=_reason(frame, settled, number, dear, reserve, charges_later=number < last),
            price=span.price.import_price,
            export_price=span.price.export_price,
            price_known=span.price.known,
            soc_pct=None
            if frame.request.soc_pct is None or not frame.request.soc_told
            else round(100 * draft.soc_wh[number] / capacity_wh, 1),
            home_w=max(0.0, span.home_w) if frame.request.forecast.steps else None,
            pv_w=max(0.0, -span.home_w) if frame.request.forecast.steps else None,
        )


def _reason(
    frame: Frame, settled: Settled, number: int, dear: float, reserve: Sequence[float], *, charges_later: bool
) -> SlotReason:
    span, power_w = frame.spans[number], settled.draft.powers_w[number]
    if _feeds_less(frame, settled, number, reserve[number]):
        return SlotReason.FEED_LESS
    if power_w < -_IDLE_W:
        return SlotReason.FEED_OFFER if feeds_agreed(span) else SlotReason.FEED_PLAN
    if power_w > _IDLE_W:
        return _why_charging(frame, settled, number, dear, reserve[number])
    return _why_idle(frame, settled, number, charges_later=charges_later)


def _feeds_less(frame: Frame, settled: Settled, number: int, reserved_wh: float) -> bool:
    """More of what is agreed would be missing for what a provider has promised."""
    agreed_w, draft = frame.spans[number].committed_w, settled.draft
    if (
        agreed_w is None
        or draft.powers_w[number] <= agreed_w + _IDLE_W
        or frame.request.goal.mode is ChargingMode.PAUSE
    ):
        return False
    return reserved_wh > 0 and draft.soc_wh[number] < reserved_wh + _FULL_WH


def _why_charging(frame: Frame, settled: Settled, number: int, dear: float, reserved_wh: float) -> SlotReason:
    mode, span, power_w = frame.request.goal.mode, frame.spans[number], settled.draft.powers_w[number]
    sunny, held_wh = -span.home_w >= power_w - _IDLE_W, _held_before(frame, settled, number)
    owed = _owed(frame, number, held_wh)
    if mode is ChargingMode.SOLAR and number in frame.forced:
        return frame.forced[number][1]
    if mode is ChargingMode.SOLAR and owed and (not sunny or held_wh < reserved_wh):
        # Later there would not be time enough for it any more, whether the sun shines or not.
        return SlotReason.GUARANTEE
    if span.capped and power_w >= span.charge_w - _IDLE_W:
        return SlotReason.REDUCED_BY_GRID if span.mandatory else SlotReason.REDUCED_BY_OFFER
    if mode is ChargingMode.NOW:
        return SlotReason.NOW
    if number in frame.forced:
        return frame.forced[number][1]
    if sunny or mode is ChargingMode.SOLAR:
        return SlotReason.SOLAR
    if span.price.import_price is None:
        return SlotReason.NO_PRICE
    worth = frame.end_value * frame.request.efficiency if mode is ChargingMode.CHEAPEST else dear
    if import_price(span) <= min(dear, worth):
        return SlotReason.CHEAP
    if owed:
        return SlotReason.GUARANTEE
    return SlotReason.NEEDED if mode in (ChargingMode.READY_BY, ChargingMode.POWER_FEED) else SlotReason.CHEAP


def _owed(frame: Frame, number: int, held_wh: float) -> bool:
    """Of all that is still to be charged for after a slot, a provider's promise comes first."""
    departures = ((due, departure.target_pct) for due, departure in frame.needs)
    promised = ((due, guarantee.soc_pct) for due, guarantee in frame.guarantees)
    leaves, owed = (
        next((due for due, soc_pct in found if due > number and frame.wh(soc_pct) > held_wh), None)
        for found in (departures, promised)
    )
    return owed is not None and (leaves is None or owed < leaves)


def _held_before(frame: Frame, settled: Settled, number: int) -> float:
    return settled.draft.soc_wh[number - 1] if number else frame.request.soc_wh


def _why_idle(frame: Frame, settled: Settled, number: int, *, charges_later: bool) -> SlotReason:
    span, request = frame.spans[number], frame.request
    if request.goal.mode is ChargingMode.PAUSE:
        return SlotReason.IDLE
    if span.capped and span.charge_w == 0:
        return SlotReason.REDUCED_BY_GRID if span.mandatory else SlotReason.REDUCED_BY_OFFER
    if settled.draft.soc_wh[number] >= frame.most_wh - _FULL_WH:
        return SlotReason.FULL
    if request.goal.mode is ChargingMode.SOLAR:
        return SlotReason.WAIT_SOLAR
    return SlotReason.WAIT_CHEAPER if charges_later or request.goal.mode is ChargingMode.CHEAPEST else SlotReason.IDLE


def _dear_from(frame: Frame) -> float:
    """The price above which a slot is chosen by need, not for being cheap: the mean of a day."""
    day = [span for span in frame.spans if span.start < frame.request.now + _DAY]
    prices = [import_price(span) for span in day if span.price.import_price is not None]
    return sum(prices) / len(prices) if prices else 0.0


def _reaches_wh(frame: Frame, soc_wh: tuple[float, ...]) -> float:
    """At the next departure; where none is counted on, at the end."""
    if frame.needs:
        return soc_wh[frame.needs[0][0] - 1]
    until = frame.request.goal.ready_by
    before = [wh for span, wh in zip(frame.spans, soc_wh, strict=True) if span.start < until]
    return (before or soc_wh)[-1]


def _cost(frame: Frame, powers_w: tuple[float, ...]) -> float:
    """What the car adds to the bill of the home."""
    return sum(
        slot_cost(span, power_w, 0.0) - slot_cost(span, 0.0, 0.0)
        for span, power_w in zip(frame.spans, powers_w, strict=True)
    )


def _uncontrolled(frame: Frame, settled: Settled) -> tuple[float, ...]:
    """As fast as possible from now, as much as the plan leaves in the battery."""
    request = frame.request
    wanted_wh = settled.draft.soc_wh[-1] - request.soc_wh
    powers = fastest(frame.spans, wanted_wh, request.charge_min_w, request.efficiency)
    return tuple(powers.get(number, 0.0) for number in range(len(frame.spans)))


def _switches(powers_w: tuple[float, ...]) -> int:
    signs = [(power_w > _IDLE_W) - (power_w < -_IDLE_W) for power_w in powers_w]
    return sum(sign != 0 and sign != before for before, sign in zip([0, *signs], signs, strict=False))


def _money(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 6))).quantize(_CENT)
