"""Day-ahead prices of the ENTSO-E Transparency Platform: document type A44, Publication_MarketDocument.

IEC 62325-451-3. With curve type A03 a position that is left out has the price of the one before it, up to the end of
the period; with A01 it is missing. Several auctions of one zone differ by their classification sequence, of which the
lowest is the coupled day-ahead market; the same day may come in several resolutions.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

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
from homeapp.tariffs.xml_tree import Element, read_xml

_RESOLUTIONS: Mapping[str, timedelta] = {
    "PT15M": timedelta(minutes=15),
    "PT30M": timedelta(minutes=30),
    "PT60M": timedelta(hours=1),
    "PT1H": timedelta(hours=1),
    "P1D": timedelta(days=1),
}
_CURRENCY = re.compile(r"[A-Z]{3}")
_SEQUENCE = "classificationSequence_AttributeInstanceComponent.position"
_VARIABLE_BLOCKS = "A03"
_LAST_SEQUENCE = 1_000
_WHERE = "ENTSO-E document"


@dataclass(slots=True)
class _Found:
    """What the document's series have in common, and their prices by classification sequence."""

    currencies: set[str] = field(default_factory=set)
    zones: set[str] = field(default_factory=set)
    slots: dict[int, list[PriceSlot]] = field(default_factory=dict)
    count: int = 0


def read_a44(document: bytes) -> PriceSeries:
    """The prices of one bidding zone.

    Raises:
        FileRefused: it is no such document, has no prices, or those of several zones or currencies.
    """
    root = read_xml(document)
    if root.name == "Acknowledgement_MarketDocument":
        told = " ".join(reason.text_of("text") for reason in root.every("Reason"))
        raise FileRefused(f"ENTSO-E had no prices when this file was made: {told[:200] or 'it says no more'}")
    if root.name != "Publication_MarketDocument":
        raise FileRefused("The file is no ENTSO-E document with day-ahead prices (A44).")
    found = _Found()
    for series in root.every("TimeSeries"):
        _read_series(series, found)
    if not found.slots:
        raise FileRefused("The ENTSO-E document has no prices in it.")
    if len(found.zones) > 1:
        raise FileRefused("The ENTSO-E document has prices of several bidding zones. Ask for the one of your home.")
    if len(found.currencies) > 1:
        raise FileRefused("The ENTSO-E document has prices in several currencies.")
    return PriceSeries(
        source=f"ENTSO-E {''.join(found.zones)}".strip(),
        basis=PriceBasis.MARKET,
        currency=found.currencies.pop(),
        slots=finest(found.slots[min(found.slots)]),
    )


def _read_series(series: Element, found: _Found) -> None:
    currency, unit = series.text_of("currency_Unit.name"), series.text_of("price_Measure_Unit.name")
    if not _CURRENCY.fullmatch(currency):
        raise FileRefused("The ENTSO-E document does not say in which currency its prices are.")
    if unit != "MWH":
        raise FileRefused(f"The ENTSO-E document has prices per {unit[:20] or 'nothing'}, not per MWH.")
    told = series.text_of(_SEQUENCE) or "1"
    sequence = int(told) if told.isdecimal() and len(told) < len(str(_LAST_SEQUENCE)) else _LAST_SEQUENCE
    slots = found.slots.setdefault(sequence, [])
    for period in series.every("Period"):
        slots += _read_period(period, found, fills=series.text_of("curveType") == _VARIABLE_BLOCKS)
    if not slots:
        del found.slots[sequence]
        return
    found.currencies.add(currency)
    found.zones.add(_zone(series))


def _zone(series: Element) -> str:
    zone = series.text_of("in_Domain.mRID") or series.text_of("inBiddingZone_Domain.mRID")
    return "".join(letter for letter in zone[:18] if letter.isascii() and (letter.isalnum() or letter == "-"))


def _read_period(period: Element, found: _Found, *, fills: bool) -> Iterator[PriceSlot]:
    interval = period.child("timeInterval")
    start, end = (checked_instant(interval.text_of(name), _WHERE) for name in ("start", "end"))
    step = _RESOLUTIONS.get(period.text_of("resolution"))
    if step is None or not is_sound_span(start, end):
        raise FileRefused("The ENTSO-E document has a period whose times or resolution cannot be used.")
    count = (end - start) // step
    found.count += count
    if found.count > MOST_PRICES:
        raise FileRefused(f"The ENTSO-E document has more than {MOST_PRICES} prices.")
    prices = dict(_point(point, count) for point in period.every("Point"))
    price: Decimal | None = None
    for number in range(count):
        price = prices.get(number + 1, price if fills else None)
        if price is not None:
            begin = start + number * step
            yield PriceSlot(start=begin, end=begin + step, import_price=price)


def _point(point: Element, count: int) -> tuple[int, Decimal]:
    told = point.text_of("position")
    if not told.isascii() or not told.isdecimal() or not 1 <= int(told[:9]) <= count:
        raise FileRefused(f"The ENTSO-E document has a price at position {told[:20]!r} of {count}.")
    price = checked_price(point.text_of("price.amount"), PER_MWH, f"{_WHERE}, position {told}")
    return int(told), price
