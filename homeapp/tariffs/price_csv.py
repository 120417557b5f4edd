"""Prices from a CSV file: one line per price, times with their zone.

The first line names the columns: ``start``, ``price`` and ``currency``; ``end`` or ``resolution`` (``PT15M``, minutes,
or ``1h``), or neither, where each price holds until the next line begins; ``export_price`` and ``unit`` (``kWh`` or
``MWh``) if wanted. Columns are separated by comma, semicolon or tab; with semicolon or tab a decimal comma is fine.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from homeapp.errors import FileRefused
from homeapp.model.tariff import PriceSlot
from homeapp.tariffs.contract import PriceBasis
from homeapp.tariffs.price_series import (
    MOST_PRICES,
    PER_MWH,
    PriceSeries,
    checked_instant,
    checked_price,
    finest,
    is_sound_span,
)

LARGEST_FILE = 3_000_000
_COLUMNS = frozenset({"start", "end", "resolution", "price", "export_price", "currency", "unit"})
_RESOLUTION = re.compile(r"(?:PT)?(?P<count>[1-9][0-9]{0,3})(?P<unit>M|MIN|H)?", re.IGNORECASE)
_CURRENCY = re.compile(r"[A-Z]{3}")
_PER = {"": Decimal(1), "KWH": Decimal(1), "MWH": PER_MWH}


@dataclass(frozen=True, slots=True)
class _Line:
    """One price; ``end`` is None where the next line says it."""

    where: str
    start: datetime
    end: datetime | None
    price: Decimal
    export_price: Decimal | None
    currency: str


def read_price_csv(content: bytes, *, source: str, basis: PriceBasis) -> PriceSeries:
    """The prices in the file.

    Args:
        content: of the file, UTF-8.
        source: what to call it.
        basis: what the prices are.

    Raises:
        FileRefused: a line cannot be read; the sentence names it.
    """
    text = _text(content)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[_Line] = []
    try:
        names = _names(next(rows, []))
        for row in rows:
            if any(cell.strip() for cell in row):
                lines.append(_line(names, row, f"Line {rows.line_num}", decimal_comma=separator != ","))
            if len(lines) > MOST_PRICES:
                raise FileRefused(f"The file has more than {MOST_PRICES} prices.")
    except csv.Error as error:
        raise FileRefused(f"Line {rows.line_num}: it cannot be read as CSV ({error}).") from error
    if not lines:
        raise FileRefused("The file has no prices in it.")
    currencies = {line.currency for line in lines}
    if len(currencies) > 1:
        raise FileRefused(f"The file has prices in several currencies: {', '.join(sorted(currencies))}.")
    return PriceSeries(source=source, basis=basis, currency=currencies.pop(), slots=finest(_slots(lines)))


def _text(content: bytes) -> str:
    if len(content) > LARGEST_FILE:
        raise FileRefused(f"The file is larger than {LARGEST_FILE // 1_000_000} MB.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused("The file is no UTF-8 text. Save it as CSV, UTF-8.") from error


def _names(row: Sequence[str]) -> tuple[str, ...]:
    names = tuple(cell.strip().lower() for cell in row)
    unknown = sorted(set(names) - _COLUMNS)
    missing = sorted({"start", "price", "currency"} - set(names))
    if missing:
        raise FileRefused(f"Line 1: it names the columns, but {', '.join(missing)} is not among them.")
    if unknown or len(set(names)) < len(names):
        what = f"{unknown[0][:40]!r} is none that is known" if unknown else "one of them is named twice"
        raise FileRefused(f"Line 1: it names the columns, but {what}.")
    return names


def _line(names: tuple[str, ...], row: Sequence[str], where: str, *, decimal_comma: bool) -> _Line:
    if len(row) != len(names):
        raise FileRefused(f"{where}: it has {len(row)} columns, the first line names {len(names)}.")
    cells = dict(zip(names, (cell.strip() for cell in row), strict=True))
    per = _PER.get(cells.get("unit", "").upper())
    if per is None:
        raise FileRefused(f"{where}: the unit is neither kWh nor MWh.")
    currency = cells["currency"].upper()
    if not _CURRENCY.fullmatch(currency):
        raise FileRefused(f"{where}: {currency[:20]!r} is no currency; write three letters, like EUR.")

    def price(name: str) -> Decimal:
        text = cells[name]
        return checked_price(text.replace(",", ".") if decimal_comma else text, per, where)

    start = checked_instant(cells["start"], where)
    return _Line(
        where=where,
        start=start,
        end=_end(cells, start, where),
        price=price("price"),
        export_price=price("export_price") if cells.get("export_price") else None,
        currency=currency,
    )


def _end(cells: Mapping[str, str], start: datetime, where: str) -> datetime | None:
    if told := cells.get("end"):
        end = checked_instant(told, where)
    elif told := cells.get("resolution"):
        found = _RESOLUTION.fullmatch(told)
        if found is None:
            raise FileRefused(f"{where}: {told[:20]!r} is no resolution; write PT15M, PT60M or minutes.")
        hours = (found["unit"] or "").upper() == "H"
        end = start + int(found["count"]) * (timedelta(hours=1) if hours else timedelta(minutes=1))
    else:
        return None
    if not is_sound_span(start, end):
        raise FileRefused(f"{where}: its end is not after its start, or more than a year later.")
    return end


def _slots(lines: Sequence[_Line]) -> list[PriceSlot]:
    """The last line holds as long as the one before it where nothing says how long."""
    following = [second.start for _, second in pairwise(lines)]
    slots: list[PriceSlot] = []
    for number, line in enumerate(lines):
        end = line.end
        if end is None and number < len(following):
            end = following[number]
        elif end is None and slots:
            end = line.start + (slots[-1].end - slots[-1].start)
        if end is None or not is_sound_span(line.start, end):
            raise FileRefused(f"{line.where}: nothing says until when its price holds.")
        slots.append(PriceSlot(start=line.start, end=end, import_price=line.price, export_price=line.export_price))
    return slots
