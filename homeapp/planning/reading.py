"""Powers as a plan that people can follow: a reason for every slot, and in words what cannot be kept."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from homeapp.model.plan import BrokenPromise, ChargingMode, Departure, Plan, PlanSlot, Promise, SlotReason
from homeapp.planning.feeding import Settled
from homeapp.planning.formulation import Frame, fastest, import_price
from homeapp.planning.grid import Span
from homeapp.planning.solving import slot_cost

_CENT = Decimal("0.01")
_IDLE_W = 1.0
_DAY = timedelta(days=1)
_FULL_WH = 100.0
_MISSING_SHARE = 0.001
"""Of the battery: less is no broken promise."""


def plan_of(frame: Frame, settled: Settled) -> Plan:
    """The plan that these powers are."""
    request, draft = frame.request, settled.draft
    reaches_wh = _reaches_wh(frame, draft.soc_wh)
    broken = tuple(sorted(_broken(frame, settled), key=lambda promise: promise.at))
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
    last = max((number for number, power_w in enumerate(draft.powers_w) if power_w > _IDLE_W), default=-1)
    for number, span in enumerate(frame.spans):
        power_w = draft.powers_w[number]
        yield PlanSlot(
            start=span.start,
            end=span.end,
            power_w=round(power_w, 1) if abs(power_w) > _IDLE_W else 0.0,
            reason=_reason(frame, settled, number, dear, charges_later=number < last),
            price=span.price.import_price,
            export_price=span.price.export_price,
            price_known=span.price.known,
            soc_pct=None
            if frame.request.soc_pct is None or not frame.request.soc_told
            else round(100 * draft.soc_wh[number] / capacity_wh, 1),
            home_w=max(0.0, span.home_w) if frame.request.forecast.steps else None,
            pv_w=max(0.0, -span.home_w) if frame.request.forecast.steps else None,
        )


def _reason(frame: Frame, settled: Settled, number: int, dear: float, *, charges_later: bool) -> SlotReason:
    span, power_w = frame.spans[number], settled.draft.powers_w[number]
    if power_w < -_IDLE_W:
        return SlotReason.FEED_OFFER if span.committed_w is not None and span.committed_w < 0 else SlotReason.FEED_PLAN
    if power_w > _IDLE_W:
        return _why_charging(frame, span, power_w, dear, number)
    return _why_idle(frame, settled, number, charges_later=charges_later)


def _why_charging(frame: Frame, span: Span, power_w: float, dear: float, number: int) -> SlotReason:
    mode = frame.request.goal.mode
    if span.capped and power_w >= span.charge_w - _IDLE_W:
        return SlotReason.REDUCED_BY_GRID if span.mandatory else SlotReason.REDUCED_BY_OFFER
    if mode is ChargingMode.NOW:
        return SlotReason.NOW
    if number in frame.forced:
        return frame.forced[number][1]
    if -span.home_w >= power_w - _IDLE_W:
        return SlotReason.SOLAR
    if span.price.import_price is None:
        return SlotReason.NO_PRICE
    if import_price(span) <= dear:
        return SlotReason.CHEAP
    return SlotReason.NEEDED if mode in (ChargingMode.READY_BY, ChargingMode.POWER_FEED) else SlotReason.CHEAP


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


def _broken(frame: Frame, settled: Settled) -> Iterator[BrokenPromise]:
    yield from _missed_departures(frame, settled)
    yield from _missed_feeds(frame, settled)


def _missed_departures(frame: Frame, settled: Settled) -> Iterator[BrokenPromise]:
    request, least_wh = frame.request, frame.request.goal.capacity_wh * _MISSING_SHARE
    for number, departure in frame.needs:
        held_wh = settled.draft.soc_wh[number - 1]
        missing_wh = frame.need_wh(departure) - held_wh
        if missing_wh > least_wh:
            reaches = round(100 * held_wh / request.goal.capacity_wh)
            yield BrokenPromise(
                kind=Promise.DEPARTURE,
                at=departure.at,
                by_wh=missing_wh,
                sentence=_departure_sentence(frame, number, departure, reaches, missing_wh),
            )


def _departure_sentence(frame: Frame, number: int, departure: Departure, reaches: int, missing_wh: float) -> str:
    request = frame.request
    when = _local(departure.at, request.time_zone)
    what = (
        f"At {when} the car has {reaches} % instead of {departure.target_pct:.0f} %: {missing_wh / 1000:.1f} kWh are "
        "missing"
    )
    before = frame.spans[:number]
    if any(span.mandatory and span.capped for span in before):
        return f"{what}, because the grid operator limits the charging. Leave later, or be content with less."
    if any(span.capped or (span.committed_w or 0.0) < 0 for span in before):
        return f"{what}, because of what you have agreed to with a provider. Leave later, or take part in less."
    if any(span.charge_w < request.charge_max_w for span in before):
        return f"{what}, even if it charges all the time: the main fuse leaves no more. Leave later, or use less power."
    hours = missing_wh / (request.charge_max_w * request.efficiency)
    return f"{what}, even if it charges all the time. Leave {_duration(hours)} later, or be content with less."


def _missed_feeds(frame: Frame, settled: Settled) -> Iterator[BrokenPromise]:
    agreed_wh = missed_wh = 0.0
    first: datetime | None = None
    for span, power_w in zip(frame.spans, settled.draft.powers_w, strict=True):
        if span.committed_w is None or span.committed_w >= 0:
            continue
        agreed_wh -= span.committed_w * span.hours
        short_wh = (power_w - span.committed_w) * span.hours
        if short_wh > 1.0:
            first, missed_wh = first or span.start, missed_wh + short_wh
    if first is not None and missed_wh > frame.request.goal.capacity_wh * _MISSING_SHARE:
        yield BrokenPromise(
            kind=Promise.FEED_OFFER,
            at=first,
            by_wh=missed_wh,
            sentence=(
                f"Of {agreed_wh / 1000:.1f} kWh that you have agreed to feed, {missed_wh / 1000:.1f} kWh will be "
                f"missing from {_local(first, frame.request.time_zone)} on: your reserve and your departure come first."
            ),
        )


def _local(instant: datetime, time_zone: str) -> str:
    return f"{instant.astimezone(ZoneInfo(time_zone)):%a %H:%M}"


def _duration(hours: float) -> str:
    minutes = max(5, 5 * math.ceil(hours * 12))
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _money(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 6))).quantize(_CENT)
