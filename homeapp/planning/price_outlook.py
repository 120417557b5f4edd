"""Prices of any span ahead: announced ones where there are any, else what such hours have cost lately."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from zoneinfo import ZoneInfo

from homeapp.model.past import PastPrice
from homeapp.model.tariff import PriceSlot, Tariff

_PLACES = Decimal("0.0001")
_HourOfWeek = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPrice:
    """The price of a span; None where nothing at all is known of prices.

    Attributes:
        known: announced for all of the span.
    """

    import_price: Decimal | None = None
    export_price: Decimal | None = None
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceHistory:
    """Medians of past prices: of the same hour of the same weekday, else of that hour of any day, else of all."""

    time_zone: str
    by_hour_of_week: Mapping[_HourOfWeek, ExpectedPrice] = field(default_factory=dict)
    by_hour: Mapping[int, ExpectedPrice] = field(default_factory=dict)
    overall: ExpectedPrice | None = None

    def at(self, instant: datetime) -> ExpectedPrice | None:
        """What a quarter hour that begins then has cost, or None without any history."""
        local = instant.astimezone(ZoneInfo(self.time_zone))
        same = self.by_hour_of_week.get((local.isoweekday(), local.hour))
        return same or self.by_hour.get(local.hour) or self.overall


NO_HISTORY = PriceHistory(time_zone="UTC")


def history_of(past: Iterable[PastPrice], time_zone: str) -> PriceHistory:
    """Of the quarter hours of the past weeks."""
    zone = ZoneInfo(time_zone)
    week: dict[_HourOfWeek, list[PastPrice]] = defaultdict(list)
    day: dict[int, list[PastPrice]] = defaultdict(list)
    everything: list[PastPrice] = []
    for price in past:
        local = price.start.astimezone(zone)
        week[local.isoweekday(), local.hour].append(price)
        day[local.hour].append(price)
        everything.append(price)
    return PriceHistory(
        time_zone=time_zone,
        by_hour_of_week={hour: _middle(prices) for hour, prices in week.items()},
        by_hour={hour: _middle(prices) for hour, prices in day.items()},
        overall=_middle(everything) if everything else None,
    )


class PriceOutlook:
    """The price of any span, from a tariff and a history."""

    def __init__(self, tariff: Tariff | None, history: PriceHistory) -> None:
        self._slots = tariff.slots if tariff else ()
        self._starts = [slot.start for slot in self._slots]
        self._history = history
        # Without a past the announced prices are the best guess of the others.
        self._level = _middle(self._slots) if self._slots else ExpectedPrice()

    def of(self, start: datetime, end: datetime) -> ExpectedPrice:
        """The price of [start, end), weighted by time where several hold in it."""
        parts = list(self._parts(start, end))
        covered = sum((length for _, length in parts), timedelta())
        if not covered:
            return self._history.at(start) or self._level
        announced = all(not slot.forecast for slot, _ in parts)
        exports = [(slot.export_price, length) for slot, length in parts if slot.export_price is not None]
        return ExpectedPrice(
            import_price=_mean([(slot.import_price, length) for slot, length in parts]),
            export_price=_mean(exports) if len(exports) == len(parts) else None,
            known=announced and covered >= end - start,
        )

    def _parts(self, start: datetime, end: datetime) -> Iterable[tuple[PriceSlot, timedelta]]:
        for slot in self._slots[max(0, bisect_right(self._starts, start) - 1) :]:
            if slot.start >= end:
                return
            length = min(end, slot.end) - max(start, slot.start)
            if length > timedelta():
                yield slot, length


def _mean(parts: list[tuple[Decimal, timedelta]]) -> Decimal:
    if len({price for price, _ in parts}) == 1:
        # An announced price is shown as it was announced.
        return parts[0][0]
    seconds = [Decimal(length / timedelta(seconds=1)) for _, length in parts]
    weighted = sum((price * second for (price, _), second in zip(parts, seconds, strict=True)), Decimal(0))
    return (weighted / sum(seconds, Decimal(0))).quantize(_PLACES)


def _middle(prices: Sequence[PastPrice | PriceSlot]) -> ExpectedPrice:
    exports = [price.export_price for price in prices if price.export_price is not None]
    return ExpectedPrice(
        import_price=Decimal(median(price.import_price for price in prices)).quantize(_PLACES),
        export_price=Decimal(median(exports)).quantize(_PLACES) if exports else None,
    )
