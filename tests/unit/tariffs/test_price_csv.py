"""Prices from CSV files: the forms that are understood, and a sentence with the line for all others."""

import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import FileRefused
from homeapp.tariffs.contract import PriceBasis
from homeapp.tariffs.price_csv import read_price_csv
from homeapp.tariffs.price_series import PriceSeries

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)


def read(text: str | bytes) -> PriceSeries:
    content = text.encode() if isinstance(text, str) else text
    return read_price_csv(content, source="File", basis=PriceBasis.RETAIL)


@pytest.mark.usecase("S6")
@pytest.mark.parametrize(
    "text",
    [
        "start,end,price,currency\n2026-11-23T12:00Z,2026-11-23T13:00Z,0.2345,EUR\n",
        "currency;price;start;end\nEUR;0,2345;2026-11-23 13:00+01:00;2026-11-23 14:00+01:00\n",
        "start\tprice\tcurrency\tresolution\r\n2026-11-23T12:00:00Z\t0,2345\teur\tPT60M\r\n\r\n",
        "\ufeffstart,resolution,price,currency,unit\n2026-11-23T12:00Z,60,234.5,EUR,MWh\n",
        "start,resolution,price,currency,unit\n2026-11-23T12:00Z,1h,0.2345,EUR,kWh\n",
    ],
)
def test_the_same_price_in_many_forms(text: str) -> None:
    series = read(text)
    (slot,) = series.slots
    assert (slot.start, slot.end, slot.import_price) == (NOON, NOON + HOUR, Decimal("0.2345"))
    assert (series.currency, series.basis) == ("EUR", PriceBasis.RETAIL)


def test_without_an_end_each_price_holds_until_the_next_and_the_last_as_long_as_the_one_before() -> None:
    series = read(
        "start,price,currency\n2026-11-23T12:00Z,0.1,EUR\n2026-11-23T13:00Z,-0.2,EUR\n2026-11-23T13:15Z,5,EUR\n"
    )
    assert [(slot.start - NOON, slot.end - NOON) for slot in series.slots] == [
        (timedelta(0), HOUR),
        (HOUR, HOUR + QUARTER),
        (HOUR + QUARTER, HOUR + 2 * QUARTER),
    ]


def test_what_is_paid_for_feeding_may_stand_beside_it() -> None:
    series = read(
        "start,resolution,price,export_price,currency\n"
        "2026-11-23T12:00Z,15,0.3,-0.01,EUR\n2026-11-23T12:15Z,15,0.3,,EUR\n"
    )
    assert [slot.export_price for slot in series.slots] == [Decimal("-0.01"), None]


def test_hours_and_quarter_hours_side_by_side() -> None:
    series = read(
        "start,resolution,price,currency\n"
        "2026-11-23T12:00Z,PT60M,0.3,EUR\n2026-11-23T13:00Z,PT60M,0.4,EUR\n2026-11-23T13:15Z,PT15M,0.1,EUR\n"
    )
    assert [(slot.start - NOON, slot.import_price) for slot in series.slots] == [
        (timedelta(0), Decimal("0.3")),
        (HOUR, Decimal("0.4")),
        (HOUR + QUARTER, Decimal("0.1")),
        (HOUR + 2 * QUARTER, Decimal("0.4")),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Line 1: .*currency, price, start is not"),
        ("start,price,currency\n", "no prices in it"),
        ("start,price,currency,price\n", "named twice"),
        ("start,price,currency,color\n", "'color' is none that is known"),
        ("start,price,currency\n2026-11-23T12:00Z,0.1\n", "Line 2: it has 2 columns"),
        ("start,price,currency\n2026-11-23T12:00Z,0.1,EUR\n", "Line 2: nothing says until when"),
        ("start,price,currency\n2026-11-23T12:00,0.1,EUR\n", "Line 2: the time .* has no zone"),
        ("start,price,currency\nnoon,0.1,EUR\n", "Line 2: 'noon' is no time"),
        ("start,price,currency\n0001-01-01T00:00+14:00,0.1,EUR\n", "Line 2: .* is no time"),
        ("start,price,currency\n2026-11-23T12:00Z,abc,EUR\n", "Line 2: 'abc' is no price"),
        ("start,price,currency\n2026-11-23T12:00Z,NaN,EUR\n", "Line 2: 'NaN' is no price"),
        ("start,price,currency\n2026-11-23T12:00Z,-Infinity,EUR\n", "Line 2: .* is no price"),
        ("start,price,currency\n2026-11-23T12:00Z,234,EUR\n", "Line 2: .* not per the unit"),
        ("start,price,currency\n2026-11-23T12:00Z,0.1,Euro\n", "Line 2: 'EURO' is no currency"),
        ("start,end,price,currency\n2026-11-23T12:00Z,2026-11-23T12:00Z,0.1,EUR\n", "Line 2: its end is not after"),
        ("start,resolution,price,currency\n2026-11-23T12:00Z,soon,0.1,EUR\n", "Line 2: 'soon' is no resolution"),
        ("start,price,currency,unit\n2026-11-23T12:00Z,0.1,EUR,Wh\n", "neither kWh nor MWh"),
        (
            "start,resolution,price,currency\n2026-11-23T12:00Z,15,0.1,EUR\n\n2026-11-23T12:15Z,15,x,EUR\n",
            "Line 4: 'x' is no price",
        ),
        (
            "start,resolution,price,currency\n2026-11-23T12:00Z,15,0.1,EUR\n2026-11-23T12:15Z,15,0.1,DKK\n",
            "several currencies: DKK, EUR",
        ),
        ('start,price,currency\n"2026-11-23T12:00Z,0.1,EUR\n', "Line 2: it cannot be read as CSV"),
        (b"\xff\xfe\x00", "no UTF-8"),
        (b" " * 3_000_001, "larger than 3 MB"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text: str | bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        read(text)


def test_a_file_of_odd_lengths_or_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = [f"2026-11-23T12:00Z,{minutes},0.1,EUR" for minutes in range(1, 60)]
    with pytest.raises(FileRefused, match="different lengths"):
        read("\n".join(["start,resolution,price,currency", *odd]))
    monkeypatch.setattr("homeapp.tariffs.price_csv.MOST_PRICES", 100)
    many = ["2026-11-23T12:00Z,15,0.1,EUR"] * 101
    with pytest.raises(FileRefused, match="more than 100"):
        read("\n".join(["start,resolution,price,currency", *many]))


@given(st.text(max_size=60), st.text(alphabet='0123456789.,;-EURZT:+ \n"', max_size=120))
def test_arbitrary_text_is_refused_with_a_sentence_or_has_prices(head: str, rest: str) -> None:
    for text in (head + rest, "start,price,currency\n" + rest):
        with contextlib.suppress(FileRefused):
            assert read(text).slots
