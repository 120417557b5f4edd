"""The first planner: the cheapest slots before the deadline, within limits and commitments."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from homeapp.model.offer import OfferInterval
from homeapp.model.plan import ChargingMode, Plan, PlanSlot, SlotReason
from homeapp.planner.interface import PlanRequest

SLOT = timedelta(minutes=15)
_SHORTEST_HORIZON = timedelta(hours=12)
_LONGEST_HORIZON = timedelta(hours=48)
"""Some tariffs hold for ever; what lies further ahead is planned later."""


@dataclass(frozen=True, slots=True)
class _Span:
    start: datetime
    end: datetime
    price: Decimal | None
    limit_w: float
    feed_w: float
    capped: bool

    @property
    def hours(self) -> float:
        return (self.end - self.start) / timedelta(hours=1)


def cheapest_slots(request: PlanRequest) -> Plan:
    """Fill the cheapest slots before ``ready_by`` until the target is reached; of equal prices the later one first."""
    spans = _spans(request)
    if request.goal.mode is ChargingMode.PAUSE:
        return _finish(request, spans, {})
    if request.goal.mode is ChargingMode.NOW:
        return _finish(request, spans, _fill(request, spans, spans))
    usable = [span for span in spans if span.start < request.goal.ready_by]
    by_price = sorted(usable, key=lambda span: (_price_key(span), -span.start.timestamp()))
    return _finish(request, spans, _fill(request, spans, by_price))


def _price_key(span: _Span) -> Decimal:
    return Decimal("Infinity") if span.price is None else span.price


def _spans(request: PlanRequest) -> list[_Span]:
    known_until = request.tariff.known_until if request.tariff else None
    ends = [request.now + _SHORTEST_HORIZON, request.goal.ready_by, *([known_until] if known_until else [])]
    end = min(max(ends), request.now + _LONGEST_HORIZON)
    edges = sorted({request.now, *_grid(request.now, end), *_inside(request, end), min(end, request.goal.ready_by)})
    return [_span(request, start, end) for start, end in pairwise(edges) if start >= request.now and end > start]


def _grid(start: datetime, end: datetime) -> Iterable[datetime]:
    seconds = SLOT.total_seconds()
    moment = datetime.fromtimestamp(start.timestamp() // seconds * seconds + seconds, UTC)
    while moment < end:
        yield moment
        moment += SLOT
    yield end


def _inside(request: PlanRequest, end: datetime) -> Iterable[datetime]:
    for interval in request.commitments:
        yield from (edge for edge in (interval.start, interval.end) if request.now < edge < end)
    if request.tariff is not None:
        for slot in request.tariff.slots:
            yield from (edge for edge in (slot.start, slot.end) if request.now < edge < end)


def _span(request: PlanRequest, start: datetime, end: datetime) -> _Span:
    slot = request.tariff.at(start) if request.tariff else None
    limit_w, feed_w = request.charge_max_w, 0.0
    for interval in _active(request.commitments, start):
        if interval.max_w is not None:
            limit_w = min(limit_w, interval.max_w)
        if interval.setpoint_w is not None and interval.setpoint_w < 0:
            limit_w, feed_w = 0.0, -interval.setpoint_w
    if limit_w < request.charge_min_w:
        limit_w = 0.0
    return _Span(start, end, slot.import_price if slot else None, limit_w, feed_w, limit_w < request.charge_max_w)


def _active(commitments: tuple[OfferInterval, ...], instant: datetime) -> Iterable[OfferInterval]:
    return (interval for interval in commitments if interval.start <= instant < interval.end)


def _need_wh(request: PlanRequest, spans: list[_Span]) -> float:
    """Energy to take from the grid before the deadline, Wh."""
    goal = request.goal
    soc_pct = goal.floor_pct if request.soc_pct is None else request.soc_pct
    missing = max(0.0, goal.target_pct - soc_pct) / 100 * goal.capacity_wh
    fed = sum(span.feed_w * span.hours for span in spans if span.start < goal.ready_by)
    return (missing + fed) / request.efficiency


def _fill(request: PlanRequest, spans: list[_Span], order: list[_Span]) -> dict[datetime, float]:
    missing_wh = _need_wh(request, spans)
    powers: dict[datetime, float] = {}
    for span in order:
        if missing_wh <= 1.0:
            break
        if span.limit_w <= 0:
            continue
        power = max(request.charge_min_w, min(span.limit_w, missing_wh / span.hours))
        powers[span.start] = power
        missing_wh -= power * span.hours
    return powers


def _finish(request: PlanRequest, spans: list[_Span], powers: dict[datetime, float]) -> Plan:
    goal = request.goal
    dear = _dear_from(spans)
    slots: list[PlanSlot] = []
    cost: Decimal | None = Decimal(0)
    soc_pct = goal.floor_pct if request.soc_pct is None else request.soc_pct
    reaches = soc_pct
    for span in spans:
        power = -span.feed_w if span.feed_w else powers.get(span.start, 0.0)
        slots.append(_slot(request, span, power, dear))
        factor = request.efficiency if power > 0 else 1.0
        soc_pct = min(100.0, max(0.0, soc_pct + power * factor * span.hours / goal.capacity_wh * 100))
        if span.start < goal.ready_by:
            reaches = soc_pct
        if power > 0 and cost is not None:
            cost = None if span.price is None else cost + span.price * Decimal(repr(power * span.hours / 1000))
    shortfall = max(0.0, goal.target_pct - reaches) / 100 * goal.capacity_wh
    if goal.mode is ChargingMode.PAUSE or shortfall < goal.capacity_wh / 1000:
        shortfall = 0.0
    return Plan(
        made_at=request.now,
        slots=_merged(slots),
        reaches_pct=round(reaches, 1),
        shortfall_wh=round(shortfall),
        cost=None if cost is None else cost.quantize(Decimal("0.01")),
    )


def _dear_from(spans: list[_Span]) -> Decimal | None:
    """The price above which a chosen slot is chosen by need and not for being cheap: the mean of the known prices."""
    prices = [span.price for span in spans if span.price is not None]
    return sum(prices, Decimal(0)) / len(prices) if prices else None


def _slot(request: PlanRequest, span: _Span, power_w: float, dear: Decimal | None) -> PlanSlot:
    if power_w < 0:
        reason = SlotReason.FEED_OFFER
    elif span.capped and (power_w > 0 or span.limit_w < request.charge_min_w):
        reason = SlotReason.REDUCED_BY_OFFER
    elif power_w == 0:
        reason = SlotReason.IDLE
    elif request.goal.mode is ChargingMode.NOW:
        reason = SlotReason.NOW
    elif span.price is not None and dear is not None and span.price <= dear:
        reason = SlotReason.CHEAP
    else:
        reason = SlotReason.NEEDED
    return PlanSlot(start=span.start, end=span.end, power_w=round(power_w, 1), reason=reason, price=span.price)


def _merged(slots: list[PlanSlot]) -> tuple[PlanSlot, ...]:
    """Neighbours that differ in nothing but time become one."""
    merged: list[PlanSlot] = []
    for slot in slots:
        last = merged[-1] if merged else None
        if last and (last.power_w, last.reason, last.price) == (slot.power_w, slot.reason, slot.price):
            merged[-1] = replace(last, end=slot.end)
        else:
            merged.append(slot)
    return tuple(merged)
