"""The made-up prices of the demo street."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from homeapp.demo.grid.prices import SLOT, PriceCurve, PriceKind

FRIDAY = date(2027, 1, 15)


@pytest.mark.parametrize(
    ("day", "zone", "count"),
    [
        (FRIDAY, "Europe/Amsterdam", 96),
        (date(2026, 3, 29), "Europe/Amsterdam", 92),
        (date(2026, 10, 25), "Europe/Amsterdam", 100),
        (date(2026, 10, 25), "UTC", 96),
        (date(2026, 4, 5), "Australia/Lord_Howe", 98),
    ],
)
def test_a_local_day_has_all_its_quarters(day: date, zone: str, count: int) -> None:
    quarters = PriceCurve(zone=zone).day(day)
    assert len(quarters) == count
    assert all(item.end - item.start == SLOT for item in quarters)
    assert all(before.end == after.start for before, after in pairwise(quarters))
    assert {PriceCurve(zone=zone).local_day(item.start) for item in quarters} == {day}


def test_days_join_without_a_gap_over_the_change_of_the_clock() -> None:
    curve = PriceCurve()
    days = [date(2026, 10, 24) + timedelta(days=ahead) for ahead in range(3)]
    assert all(curve.day(before)[-1].end == curve.day(after)[0].start for before, after in pairwise(days))


@pytest.mark.parametrize("kind", PriceKind)
def test_the_same_day_always_has_the_same_prices_and_others_differ(kind: PriceKind) -> None:
    assert PriceCurve(kind).day(FRIDAY) == PriceCurve(kind).day(FRIDAY)
    another = PriceCurve(kind).day(FRIDAY + timedelta(days=1))
    assert [item.import_price for item in another] != [item.import_price for item in PriceCurve(kind).day(FRIDAY)]


def test_a_normal_day_is_cheap_at_noon_and_dear_in_the_evening() -> None:
    quarters = PriceCurve().day(FRIDAY)
    dearest = max(quarters, key=lambda item: item.import_price)
    cheapest = min(quarters, key=lambda item: item.import_price)
    assert 17 <= dearest.start.hour <= 18  # UTC, an hour behind
    assert 11 <= cheapest.start.hour <= 13
    assert "0.10" < str(cheapest.import_price) < "0.12"
    assert "0.32" < str(dearest.import_price) < "0.34"


def test_extremes_show_what_they_are_named_for() -> None:
    sunny, scarce = (PriceCurve(kind).day(FRIDAY) for kind in (PriceKind.NEGATIVE, PriceKind.SCARCITY))
    assert sum(item.import_price < 0 for item in sunny) >= 8
    assert max(item.import_price for item in scarce) > 2 * max(item.import_price for item in PriceCurve().day(FRIDAY))


@pytest.mark.parametrize("kind", PriceKind)
def test_prices_have_four_digits_and_feeding_pays_less_than_using_costs(kind: PriceKind) -> None:
    for item in PriceCurve(kind).day(FRIDAY):
        assert item.import_price.as_tuple().exponent == item.export_price.as_tuple().exponent == -4
        assert item.export_price < item.import_price


def test_the_local_day_of_an_instant() -> None:
    assert PriceCurve().local_day(datetime(2027, 1, 15, 23, 30, tzinfo=UTC)) == date(2027, 1, 16)


def test_dear_power_is_dirty_and_none_is_quite_clean() -> None:
    for kind in PriceKind:
        quarters = PriceCurve(kind).day(FRIDAY)
        by_price = [item.emissions_g for item in sorted(quarters, key=lambda item: item.import_price)]
        assert by_price == sorted(by_price)
        assert by_price[0] >= 35
    assert by_price[0] < by_price[-1]
