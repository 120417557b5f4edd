"""Announced prices as they are read from a file: any resolution, side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from homeapp.errors import FileRefused
from homeapp.model.tariff import PriceSlot
from homeapp.tariffs.contract import PriceBasis

MOST_PRICES = 40_000
"""More than a year of quarter hours."""
MAX_PRICE = Decimal(100)
"""Per kWh, either sign; more is a mistake of units."""
PER_MWH = Decimal(1000)
_LONGEST_SLOT = timedelta(days=366)
_MOST_LENGTHS = 50
_SMALLEST_DIGIT = Decimal("0.00000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSeries:
    """Prices per kWh, ascending and without overlaps.

    Attributes:
        source: for people.
        basis: what they are.
        currency: ISO 4217.
    """

    source: str
    basis: PriceBasis
    currency: str
    slots: tuple[PriceSlot, ...]


def checked_price(text: str, per: Decimal, where: str) -> Decimal:
    """A price per kWh from a number per ``per`` kWh.

    Raises:
        FileRefused: it is no number, or beyond all measure.
    """
    try:
        value = Decimal(text.strip())
    except InvalidOperation as error:
        raise FileRefused(f"{where}: {text.strip()[:40]!r} is no price.") from error
    # A comparison of NaN, and abs() of an absurd exponent, would raise.
    if not value.is_finite() or value.copy_abs() > MAX_PRICE * per:
        raise FileRefused(f"{where}: {text.strip()[:40]!r} is no price, or not per the unit that the file names.")
    return (value / per).quantize(_SMALLEST_DIGIT).normalize() + 0


def checked_instant(text: str, where: str) -> datetime:
    """An instant, UTC.

    Raises:
        FileRefused: it is no time, or has no zone.
    """
    try:
        told = datetime.fromisoformat(text)
        if told.tzinfo is not None:
            return told.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FileRefused(f"{where}: {text[:40]!r} is no time; write it like 2026-11-23T13:00+01:00.") from error
    raise FileRefused(f"{where}: the time {text[:40]!r} has no zone; write it like 2026-11-23T13:00+01:00.")


def finest(slots: Iterable[PriceSlot]) -> tuple[PriceSlot, ...]:
    """Ascending and without overlaps: where slots overlap the shorter one holds, of equal ones the one given first.

    Raises:
        FileRefused: hardly two of them have the same length.
    """
    layers: dict[timedelta, list[PriceSlot]] = {}
    for slot in slots:
        layers.setdefault(slot.end - slot.start, []).append(slot)
        if len(layers) > _MOST_LENGTHS:
            raise FileRefused(f"The file has prices for more than {_MOST_LENGTHS} different lengths of time.")
    return spliced([_first_of_equal(layers[length]) for length in sorted(layers)])


def spliced(layers: Sequence[Sequence[PriceSlot]]) -> tuple[PriceSlot, ...]:
    """One series: each layer holds where none before it does; a slot is cut where it is covered in part.

    Args:
        layers: each ascending and without overlaps.
    """
    held: list[PriceSlot] = []
    for layer in layers:
        held = sorted([*held, *_uncovered(layer, held)], key=lambda slot: slot.start)
    return tuple(held)


def is_sound_span(start: datetime, end: datetime) -> bool:
    """Whether a price may be said to hold for [start, end)."""
    return timedelta(0) < end - start <= _LONGEST_SLOT


def _first_of_equal(layer: Sequence[PriceSlot]) -> list[PriceSlot]:
    kept: list[PriceSlot] = []
    for slot in sorted(layer, key=lambda slot: slot.start):
        if kept and kept[-1].end > slot.start:
            # Sorting is stable: the one that the file names first came first.
            if kept[-1].end >= slot.end:
                continue
            slot = replace(slot, start=kept[-1].end)  # noqa: PLW2901 - what is left of it
        kept.append(slot)
    return kept


def _uncovered(layer: Sequence[PriceSlot], held: Sequence[PriceSlot]) -> list[PriceSlot]:
    """What of ``layer`` lies outside ``held``; both ascending."""
    left: list[PriceSlot] = []
    first = 0
    for slot in layer:
        while first < len(held) and held[first].end <= slot.start:
            first += 1
        cursor, index = slot.start, first
        while index < len(held) and held[index].start < slot.end:
            if held[index].start > cursor:
                left.append(replace(slot, start=cursor, end=held[index].start))
            cursor, index = max(cursor, held[index].end), index + 1
        if cursor < slot.end:
            left.append(replace(slot, start=cursor))
    return left
