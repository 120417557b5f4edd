"""From price events to one tariff: per kWh, one currency, no overlaps."""

import heapq
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.providers.grid_sp.intervals import TimedInterval, Window, equal_parts, timed_intervals
from homeapp.providers.grid_sp.objects import MAX_INTERVALS, Descriptor, Event, Program, refused

MAX_PRICE = Decimal(100)
"""Per kWh, either sign; more is a mistake of units."""
MAX_SLOTS = 4000
"""More than a week of five-minute prices; what lies further ahead is left out."""

_SMALLEST_DIGIT = -6
_CURRENCY = re.compile(r"[A-Z]{3}")


class PriceType(StrEnum):
    """Payload types that the tariff is made of."""

    IMPORT = "PRICE"
    EXPORT = "EXPORT_PRICE"


@dataclass(frozen=True, slots=True)
class Price:
    """A price per kWh in [start, end)."""

    start: datetime
    end: datetime
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceEvent:
    """The prices of one event.

    Attributes:
        source: name of its program.
        priority: 0 is the highest; None is the lowest.
        revision: among equal priorities the newer event counts.
    """

    source: str
    priority: int | None
    revision: int
    currency: str
    import_prices: tuple[Price, ...]
    export_prices: tuple[Price, ...]


def price_window(now: datetime) -> Window:
    """From the day before yesterday's midnight, UTC, to eight days ahead; it moves once a day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(midnight - timedelta(days=2), midnight + timedelta(days=9))


def read_prices(event: Event, program: Program, *, known_at: datetime, window: Window) -> PriceEvent:
    """The prices in an event.

    Args:
        event: with PRICE or EXPORT_PRICE payloads.
        program: the one it belongs to; its descriptors count where the event has none.
        known_at: what "now" means in it.
        window: what is of interest.

    Raises:
        MessageRejected: ``value`` for a price, currency or unit that cannot be used, ``schema`` otherwise.
    """
    intervals = timed_intervals(event, now=known_at, window=window)
    told = [descriptors.get(kind) for descriptors in (event.descriptors, program.descriptors) for kind in PriceType]
    currencies = [item.currency for item in told if item is not None and item.currency]
    if not currencies or not _CURRENCY.fullmatch(currencies[0]):
        raise refused("schema", "it names prices without their currency")
    _check_units([item for item in told if item is not None])
    return PriceEvent(
        source=program.name,
        priority=event.priority,
        revision=event.revision,
        currency=currencies[0],
        import_prices=_prices(intervals, PriceType.IMPORT),
        export_prices=_prices(intervals, PriceType.EXPORT),
    )


def tariff_of(events: Sequence[PriceEvent], *, received_at: datetime) -> Tariff | None:
    """One tariff of all events in one currency; None where there is no import price at all.

    Where events overlap the one with the lowest ``priority`` number holds; among equals, the newer.
    """
    ranked = sorted(events, key=lambda event: (-_rank(event), event.revision))
    imports = _overlaid(price for event in ranked for price in event.import_prices)
    exports = _overlaid(price for event in ranked for price in event.export_prices)
    slots = _joined(imports, exports)
    if not slots:
        return None
    leading = next(event for event in reversed(ranked) if event.import_prices)
    return Tariff(
        source=leading.source, currency=leading.currency, received_at=received_at, slots=tuple(slots[:MAX_SLOTS])
    )


def _rank(event: PriceEvent) -> float:
    return float("inf") if event.priority is None else event.priority


def _check_units(descriptors: Iterable[Descriptor]) -> None:
    if any(item.units not in ("", "KWH") for item in descriptors):
        raise refused("value", "its prices are not per kWh")


def _prices(intervals: Iterable[TimedInterval], kind: PriceType) -> tuple[Price, ...]:
    result: list[Price] = []
    for interval in intervals:
        values = interval.payloads.get(kind)
        if values is None:
            continue
        checked = [_checked(value) for value in values]
        if not checked:
            raise refused("value", "one of its prices is missing")
        if len(result) + len(checked) > MAX_INTERVALS:
            raise refused("value", f"it has more than {MAX_INTERVALS} prices")
        for (start, end), value in zip(equal_parts(interval, len(checked)), checked, strict=True):
            result.append(Price(start, end, value))
    return tuple(result)


def _checked(value: object) -> Decimal:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise refused("value", "one of its prices is not a number")
    # abs() would raise for exponents that the decimal context does not allow.
    if value.copy_abs() > MAX_PRICE:
        raise refused("value", f"one of its prices is beyond {MAX_PRICE} per kWh")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < _SMALLEST_DIGIT:
        return value.quantize(Decimal((0, (1,), _SMALLEST_DIGIT)))
    return value


def _overlaid(prices: Iterable[Price]) -> list[Price]:
    """Ascending and without overlaps: of two that overlap the one given later holds."""
    waiting = sorted(enumerate(prices), key=lambda item: item[1].start)
    edges = sorted({edge for _, price in waiting for edge in (price.start, price.end)})
    result: list[Price] = []
    active: list[tuple[int, Price]] = []
    begun, holding = 0, -1
    for start, end in pairwise(edges):
        while begun < len(waiting) and waiting[begun][1].start <= start:
            order, price = waiting[begun]
            heapq.heappush(active, (-order, price))
            begun += 1
        while active and active[0][1].end <= start:
            heapq.heappop(active)
        if not active:
            continue
        order, price = -active[0][0], active[0][1]
        if result and order == holding and result[-1].end == start:
            result[-1] = replace(result[-1], end=end)
        else:
            result.append(Price(start, end, price.value))
        holding = order
    return result


def _joined(imports: Sequence[Price], exports: Sequence[Price]) -> list[PriceSlot]:
    """Import slots, cut where the export price changes within them."""
    slots: list[PriceSlot] = []
    first = 0
    for price in imports:
        while first < len(exports) and exports[first].end <= price.start:
            first += 1
        cursor, index = price.start, first
        while index < len(exports) and exports[index].start < price.end:
            export = exports[index]
            if export.start > cursor:
                slots.append(PriceSlot(start=cursor, end=export.start, import_price=price.value))
            begin, end = max(cursor, export.start), min(export.end, price.end)
            slots.append(PriceSlot(start=begin, end=end, import_price=price.value, export_price=export.value))
            cursor, index = end, index + 1
        if cursor < price.end:
            slots.append(PriceSlot(start=cursor, end=price.end, import_price=price.value))
    return slots
