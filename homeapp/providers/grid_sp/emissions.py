"""From GHG events to what the electricity emits, g/kWh (OpenADR 3.1 enumerations, GHG)."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from homeapp.model.tariff import GhgSlot
from homeapp.providers.grid_sp.intervals import Window, equal_parts, timed_intervals
from homeapp.providers.grid_sp.objects import MAX_INTERVALS, Event, refused

GHG = "GHG"
MAX_SLOTS = 4000
MAX_G_PER_KWH = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class GhgEvent:
    """The emissions in one event; ``rank`` orders events, the highest first."""

    rank: tuple[float, int]
    slots: tuple[GhgSlot, ...]


def read_emissions(event: Event, *, known_at: datetime, window: Window) -> GhgEvent:
    """The emissions in an event with GHG payloads; several values in one payload are equal parts of the interval.

    Args:
        event: as it came in.
        known_at: what "now" means in it.
        window: what is of interest.

    Raises:
        MessageRejected: ``value`` or ``schema``.
    """
    slots: list[GhgSlot] = []
    for interval in timed_intervals(event, now=known_at, window=window):
        values = [_checked(value) for value in interval.payloads.get(GHG, ())]
        if len(slots) + len(values) > MAX_INTERVALS:
            raise refused("value", f"it has more than {MAX_INTERVALS} values")
        if values:
            for (start, end), value in zip(equal_parts(interval, len(values)), values, strict=True):
                slots.append(GhgSlot(start=start, end=end, g_per_kwh=value))
    priority = float("inf") if event.priority is None else float(event.priority)
    return GhgEvent(rank=(priority, -event.revision), slots=tuple(slots))


def emissions_of(events: Iterable[GhgEvent]) -> tuple[GhgSlot, ...]:
    """Ascending and without overlaps: the event with the lower priority number holds, among equals the newer."""
    starts: list[datetime] = []
    kept: list[GhgSlot] = []
    for event in sorted(events, key=lambda event: event.rank):
        for slot in event.slots:
            place = bisect_left(starts, slot.start)
            free_before = place == 0 or kept[place - 1].end <= slot.start
            free_after = place == len(kept) or slot.end <= kept[place].start
            if slot.start < slot.end and free_before and free_after:
                starts.insert(place, slot.start)
                kept.insert(place, slot)
    return tuple(kept[:MAX_SLOTS])


def _checked(value: object) -> float:
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= MAX_G_PER_KWH:
        raise refused("value", "one of its emissions is not a number, or beyond all measure")
    return float(value)
