"""Prices ahead: announced, expected from the past, or not known; on days of 92, 96 and 100 quarter hours."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from homeapp.goal import local_midnight
from homeapp.model.past import PastPrice
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.planning.price_outlook import NO_HISTORY, PriceOutlook, history_of
from kit.plan_requests import HOUR, NOW, ZONE, tariff

QUARTER = timedelta(minutes=15)


@pytest.mark.usecase("S6")
def test_an_announced_price_is_told_as_it_is() -> None:
    outlook = PriceOutlook(tariff([30, -12.34]), NO_HISTORY)
    found = outlook.of(NOW + HOUR, NOW + HOUR + QUARTER)
    assert (found.import_price, found.export_price, found.known) == (Decimal("-0.1234"), Decimal("-0.1734"), True)


def test_a_span_over_several_prices_is_weighted_by_time() -> None:
    outlook = PriceOutlook(tariff([10, 40], start=NOW, step=5 * QUARTER / 15), NO_HISTORY)
    found = outlook.of(NOW, NOW + 2 * 5 * QUARTER / 15)
    assert found.import_price == Decimal("0.2500")
    assert outlook.of(NOW, NOW + HOUR).known is False


def test_a_forecast_is_no_announced_price() -> None:
    slot = PriceSlot(start=NOW, end=NOW + HOUR, import_price=Decimal("0.3"), forecast=True)
    outlook = PriceOutlook(Tariff(source="s", currency="EUR", received_at=NOW, slots=(slot,)), NO_HISTORY)
    found = outlook.of(NOW, NOW + QUARTER)
    assert (found.import_price, found.known) == (Decimal("0.3"), False)


def test_without_anything_no_price_is_invented() -> None:
    found = PriceOutlook(None, NO_HISTORY).of(NOW, NOW + QUARTER)
    assert (found.import_price, found.export_price, found.known) == (None, None, False)


def test_what_is_missing_is_expected_from_the_same_hour_of_the_same_weekday() -> None:
    past = [
        PastPrice(start=NOW - timedelta(weeks=week, days=day), import_price=Decimal(10 * week + day) / 100)
        for week in (1, 2, 3)
        for day in range(7)
    ]
    outlook = PriceOutlook(tariff([30]), history_of(past, ZONE))
    expected = outlook.of(NOW + timedelta(weeks=1), NOW + timedelta(weeks=1) + QUARTER)
    assert (expected.import_price, expected.known) == (Decimal("0.2000"), False)
    other_hour = outlook.of(NOW + 5 * HOUR, NOW + 5 * HOUR + QUARTER)
    assert other_hour.import_price == Decimal("0.2300")


def test_the_hour_is_that_of_the_wall_clock() -> None:
    # 18:30 in winter and in summer: another instant of the day, the same habit of the market.
    winter = PastPrice(start=datetime(2026, 3, 26, 17, 30, tzinfo=UTC), import_price=Decimal("0.41"))
    other = PastPrice(start=datetime(2026, 3, 26, 16, 30, tzinfo=UTC), import_price=Decimal("0.11"))
    summer = datetime(2026, 4, 2, 16, 30, tzinfo=UTC)
    found = PriceOutlook(None, history_of([winter, other], ZONE)).of(summer, summer + QUARTER)
    assert found.import_price == Decimal("0.4100")


@pytest.mark.parametrize(("day", "count"), [((2026, 3, 29), 92), ((2026, 1, 15), 96), ((2026, 10, 25), 100)])
def test_every_quarter_hour_of_a_day_has_its_own_price(day: tuple[int, int, int], count: int) -> None:
    midnight = local_midnight(datetime(*day, 12, tzinfo=UTC), ZONE)
    next_midnight = local_midnight(datetime(*day, 12, tzinfo=UTC) + timedelta(days=1), ZONE)
    assert (next_midnight - midnight) / QUARTER == count
    outlook = PriceOutlook(tariff(range(count), start=midnight, step=QUARTER), NO_HISTORY)
    found = [outlook.of(midnight + n * QUARTER, midnight + (n + 1) * QUARTER) for n in range(count)]
    assert [price.import_price for price in found] == [Decimal(n) / 100 for n in range(count)]
    assert all(price.known for price in found)
    assert next_midnight.astimezone(ZoneInfo(ZONE)).hour == 0


def test_without_a_past_the_announced_prices_are_the_guess() -> None:
    found = PriceOutlook(tariff([10, 12, 50]), NO_HISTORY).of(NOW + 9 * HOUR, NOW + 9 * HOUR + QUARTER)
    assert (found.import_price, found.export_price, found.known) == (Decimal("0.1200"), Decimal("0.0700"), False)
