"""ENTSO-E documents A44 as the platform writes them, and as somebody hostile might."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import FileRefused
from homeapp.tariffs.contract import PriceBasis
from homeapp.tariffs.entsoe import read_a44
from homeapp.tariffs.price_series import PriceSeries

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
NAMESPACE = "urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"
DAY = datetime(2026, 11, 22, 23, tzinfo=UTC)
"""Midnight in Amsterdam."""


def period(points: str, *, start: datetime = DAY, hours: int = 24, resolution: str = "PT60M") -> str:
    end = start + timedelta(hours=hours)
    return (
        f"<Period><timeInterval><start>{start:%Y-%m-%dT%H:%MZ}</start><end>{end:%Y-%m-%dT%H:%MZ}</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{points}</Period>"
    )


def point(position: object, price: object) -> str:
    return f"<Point><position>{position}</position><price.amount>{price}</price.amount></Point>"


def series(
    *periods: str,
    curve: str = "A03",
    unit: str = "MWH",
    currency: str = "EUR",
    zone: str = "10YNL----------L",
    more: str = "",
) -> str:
    return (
        f"<TimeSeries>{more}<in_Domain.mRID>{zone}</in_Domain.mRID><currency_Unit.name>{currency}</currency_Unit.name>"
        f"<price_Measure_Unit.name>{unit}</price_Measure_Unit.name><curveType>{curve}</curveType>"
        f"{''.join(periods)}</TimeSeries>"
    )


def document(*parts: str, root: str = "Publication_MarketDocument") -> bytes:
    text = f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="{NAMESPACE}">{"".join(parts)}</{root}>'
    return text.encode()


def sequence(number: object) -> str:
    name = "classificationSequence_AttributeInstanceComponent.position"
    return f"<{name}>{number}</{name}>"


def prices(read: PriceSeries) -> list[Decimal]:
    return [slot.import_price for slot in read.slots]


@pytest.mark.usecase("S6")
def test_positions_left_out_have_the_price_before_them_also_at_the_end() -> None:
    read = read_a44(document(series(period(point(1, "50.01") + point(3, "-12.5") + point(20, "4100")))))
    assert prices(read) == [Decimal("0.05001")] * 2 + [Decimal("-0.0125")] * 17 + [Decimal("4.1")] * 5
    assert (read.slots[0].start, read.slots[-1].end) == (DAY, DAY + 24 * HOUR)
    assert (read.currency, read.basis, read.source) == ("EUR", PriceBasis.MARKET, "ENTSO-E 10YNL----------L")


def test_with_blocks_of_fixed_size_a_position_that_is_missing_is_a_gap() -> None:
    read = read_a44(document(series(period(point(1, 50) + point(3, 60)), curve="A01")))
    assert [(slot.start - DAY) // HOUR for slot in read.slots] == [0, 2]


@pytest.mark.parametrize(
    ("start", "hours", "count"),
    [
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 23, 92),
        (DAY, 24, 96),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 25, 100),
    ],
)
def test_the_days_on_which_the_clocks_change(start: datetime, hours: int, count: int) -> None:
    read = read_a44(document(series(period(point(1, 50), start=start, hours=hours, resolution="PT15M"))))
    assert len(read.slots) == count
    assert read.slots[-1].end == start + timedelta(hours=hours)


def test_of_one_day_in_two_resolutions_the_finer_holds_and_the_coarser_fills() -> None:
    fine = series(period(point(1, 40) + point(2, 44), hours=1, resolution="PT15M"))
    coarse = series(period(point(1, 42) + point(2, 60), hours=2))
    for order in ((fine, coarse), (coarse, fine)):
        read = read_a44(document(*order))
        assert prices(read) == [Decimal("0.04")] + [Decimal("0.044")] * 3 + [Decimal("0.06")]
        assert [slot.end - slot.start for slot in read.slots] == [QUARTER] * 4 + [HOUR]


def test_of_several_auctions_the_lowest_sequence_holds_wherever_it_stands_in_the_document() -> None:
    other = series(period(point(1, 192)), more=sequence(2))
    coupled = series(period(point(1, 196)), more=sequence(1))
    assert set(prices(read_a44(document(other, coupled)))) == {Decimal("0.196")}


def test_days_beside_each_other_become_one_series() -> None:
    read = read_a44(document(series(period(point(1, 50), start=DAY + 24 * HOUR)), series(period(point(1, 40)))))
    assert prices(read) == [Decimal("0.04")] * 24 + [Decimal("0.05")] * 24


def test_no_data_is_told_in_the_platforms_own_words() -> None:
    reason = "<Reason><code>999</code><text>No matching data found</text></Reason>"
    with pytest.raises(FileRefused, match="No matching data found"):
        read_a44(document(reason, root="Acknowledgement_MarketDocument"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no XML"),
        (b"start,price\n", "no XML"),
        (document(), "has no prices"),
        (document(series()), "has no prices"),
        (document(series(period(""))), "has no prices"),
        (document(root="GL_MarketDocument"), "no ENTSO-E document"),
        (document(series(period(point(1, 50)), unit="MAW")), "per MAW, not per MWH"),
        (document(series(period(point(1, 50)), currency="")), "in which currency"),
        (document(series(period(point(1, "abc")))), "no price"),
        (document(series(period(point(1, "NaN")))), "no price"),
        (document(series(period(point(1, "1E+30")))), "not per the unit"),
        (document(series(period(point(1, "")))), "no price"),
        (document(series(period(point(0, 50)))), "position '0' of 24"),
        (document(series(period(point(25, 50)))), "position '25' of 24"),
        (document(series(period(point("x", 50)))), "position 'x'"),
        (document(series(period(point(1, 50), resolution="PT7M"))), "resolution cannot be used"),
        (document(series(period(point(1, 50), hours=-1))), "cannot be used"),
        (document(series(period(point(1, 50), hours=24 * 400))), "cannot be used"),
        (document(series(period(point(1, 50)).replace("Z<", "<"))), "no zone"),
        (document(series(period(point(1, 50)).replace("2026", "soon"))), "no time"),
        (document(series(period(point(1, 50))), series(period(point(1, 50)), zone="10YBE----------2")), "several"),
        (document(series(period(point(1, 50))), series(period(point(1, 50)), currency="DKK")), "several currencies"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused_with_a_reason(content: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        read_a44(content)


def test_prices_without_end_are_refused() -> None:
    year = series(period(point(1, 50), hours=24 * 300, resolution="PT15M"))
    with pytest.raises(FileRefused, match="more than 40000"):
        read_a44(document(year, year))


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE a [<!ENTITY e "50">]>',
        '<!DOCTYPE a SYSTEM "file:///etc/hostname">',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://192.0.2.1/">%p;]>',
    ],
)
def test_a_document_type_is_refused_whatever_it_says(head: str) -> None:
    content = document(series(period(point(1, "50")))).replace(b"?>", b"?>" + head.encode(), 1)
    with pytest.raises(FileRefused, match="document type"):
        read_a44(content)


def test_what_is_too_deep_too_long_or_oddly_encoded_is_refused() -> None:
    with pytest.raises(FileRefused, match="more in it"):
        read_a44(b"<a>" * 50)
    with pytest.raises(FileRefused, match="larger than 3 MB"):
        read_a44(b" " * 3_000_001)
    with pytest.raises(FileRefused, match="encoding"):
        read_a44(document().replace(b"UTF-8", b"UTF-7"))


@given(st.binary(max_size=300) | st.text(alphabet="<>/ab&;?![]\"'=x1", max_size=80).map(str.encode))
def test_arbitrary_bytes_are_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(FileRefused):
        read_a44(content)


@given(st.dictionaries(st.integers(1, 24), st.integers(-500, 4000), min_size=1))
def test_every_slot_has_the_newest_price_named_up_to_it(told: dict[int, int]) -> None:
    read = read_a44(document(series(period("".join(point(number, price) for number, price in told.items())))))
    expected = {
        number: told[max(named for named in told if named <= number)]
        for number in range(1, 25)
        if any(named <= number for named in told)
    }
    assert {(slot.start - DAY) // HOUR + 1: slot.import_price * 1000 for slot in read.slots} == expected
