"""Which source of prices holds when, and how each stands."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.live import LinkState, ProviderLink
from homeapp.model.tariff import ComponentKind, GhgSlot, PriceSlot, SourceKind, Tariff
from homeapp.tariffs.contract import Band, Contract, ContractKind, ExportRule, PriceBasis
from homeapp.tariffs.home_prices import IMPORTED, KEEP_BACK, HomePrices
from homeapp.tariffs.price_series import PriceSeries, finest, spliced
from homeapp.tariffs.selection import CONTRACT_NAME

ZONE = "Europe/Amsterdam"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
HOUR, QUARTER, DAY = timedelta(hours=1), timedelta(minutes=15), timedelta(days=1)
FIXED = Contract(kind=ContractKind.FIXED, currency="EUR", energy=Decimal("0.25"))
STAND_IN = Contract(currency="EUR", energy=Decimal("0.25"))


def slots(price: str, start: datetime, hours: float, step: timedelta = HOUR) -> tuple[PriceSlot, ...]:
    count = int(timedelta(hours=hours) / step)
    return tuple(
        PriceSlot(start=start + n * step, end=start + (n + 1) * step, import_price=Decimal(price)) for n in range(count)
    )


def told(source: str, *parts: tuple[PriceSlot, ...], currency: str = "EUR") -> Tariff:
    series = tuple(slot for part in parts for slot in part)
    return Tariff(source=source, currency=currency, received_at=NOON, slots=series)


def tariff_of(prices: HomePrices, now: datetime = NOON) -> Tariff:
    tariff = prices.tariff(now)
    assert tariff is not None
    return tariff


def price_at(prices: HomePrices, instant: datetime) -> Decimal | None:
    slot = tariff_of(prices).at(instant)
    return slot.import_price if slot else None


def test_nothing_is_known_before_anybody_has_said_anything() -> None:
    assert HomePrices(time_zone=ZONE).tariff(NOON) is None
    assert HomePrices(time_zone=ZONE).sources({}, NOON) == ()


@pytest.mark.usecase("S6")
def test_the_providers_prices_are_left_as_they_are_by_default() -> None:
    prices, tariff = HomePrices(time_zone=ZONE), told("Day ahead", slots("0.3", NOON, 24))
    prices.received("grid_sp", tariff)
    assert tariff_of(prices) == tariff


@pytest.mark.usecase("S6")
def test_the_providers_market_prices_become_retail_where_the_contract_says_so() -> None:
    contract = Contract(currency="EUR", tax=Decimal("0.1"), vat_pct=Decimal(20), provider_prices=PriceBasis.MARKET)
    prices = HomePrices(contract, ZONE)
    prices.received("grid_sp", told("Day ahead", slots("0.3", NOON, 24)))
    slot = tariff_of(prices).at(NOON)
    assert slot is not None
    assert (slot.market_price, slot.import_price) == (Decimal("0.3"), Decimal("0.480"))
    assert [part.kind for part in slot.components] == [ComponentKind.MARKET, ComponentKind.TAX, ComponentKind.VAT]


def test_the_provider_holds_then_the_import_then_the_contract_and_what_stands_in_is_a_forecast() -> None:
    prices = HomePrices(STAND_IN, ZONE)
    prices.received(IMPORTED[PriceBasis.RETAIL], told("File", slots("0.2", NOON - HOUR, 6)))
    prices.received("grid_sp", told("Day ahead", slots("0.3", NOON, 2)))
    assert [price_at(prices, NOON + n * HOUR) for n in (-2, -1, 0, 1, 2, 4, 5)] == [
        Decimal(text) for text in ("0.25", "0.2", "0.3", "0.3", "0.2", "0.2", "0.25")
    ]
    tariff = tariff_of(prices)
    assert tariff.source == "Day ahead"
    assert tariff.known_until == NOON + 5 * HOUR
    assert tariff.priced_until == MIDNIGHT + 3 * DAY
    assert {slot.forecast for slot in tariff.slots if slot.start >= NOON + 5 * HOUR} == {True}


def test_imported_market_and_retail_prices_lie_side_by_side_in_their_own_resolutions() -> None:
    contract = Contract(currency="EUR", tax=Decimal("0.1"))
    prices = HomePrices(contract, ZONE)
    prices.received(IMPORTED[PriceBasis.MARKET], told("Market", slots("0.05", NOON, 4, QUARTER)))
    prices.received(IMPORTED[PriceBasis.RETAIL], told("Retail", slots("0.2", NOON, 2)))
    tariff = tariff_of(prices)
    assert [slot.end - slot.start for slot in tariff.slots] == [QUARTER] * 16
    assert {slot.import_price for slot in tariff.slots} == {Decimal("0.15")}


@pytest.mark.usecase("S6")
def test_a_day_on_which_the_provider_is_off_has_the_contracts_price_or_none_at_all() -> None:
    tomorrow = MIDNIGHT + DAY
    announced = told("Day ahead", slots("0.3", MIDNIGHT, 24, QUARTER))
    with_price, without = HomePrices(STAND_IN, ZONE), HomePrices(time_zone=ZONE)
    for prices in (with_price, without):
        prices.received("grid_sp", announced)
        assert tariff_of(prices).known_until == tomorrow
    assert price_at(with_price, tomorrow) == Decimal("0.25")
    assert price_at(without, tomorrow) is None


def test_a_gap_within_the_announced_prices_is_filled_and_marked_too() -> None:
    prices = HomePrices(STAND_IN, ZONE)
    prices.received("grid_sp", told("Day ahead", slots("0.3", NOON, 1), slots("0.3", NOON + 2 * HOUR, 1)))
    filled = [slot for slot in tariff_of(prices).slots if NOON + HOUR <= slot.start < NOON + 2 * HOUR]
    assert [slot.forecast for slot in filled] == [True] * 4
    assert tariff_of(prices).known_until == NOON + 3 * HOUR


def test_a_contract_with_its_own_price_holds_whatever_is_announced() -> None:
    prices = HomePrices(replace(FIXED, export=ExportRule.MARKET, provider_prices=PriceBasis.MARKET), ZONE)
    announced = told("Day ahead", slots("-0.05", NOON, 1))
    ghg = GhgSlot(start=NOON, end=NOON + HOUR, g_per_kwh=300.0)
    prices.received("grid_sp", replace(announced, ghg=(ghg,)))
    tariff = tariff_of(prices)
    assert (tariff.source, tariff.ghg) == (CONTRACT_NAME, (ghg,))
    assert {slot.import_price for slot in tariff.slots} == {Decimal("0.25")}
    assert tariff.known_until == MIDNIGHT + 3 * DAY, "what is agreed is no forecast"
    within, before = tariff.at(NOON + QUARTER), tariff.at(NOON - QUARTER)
    assert within is not None
    assert before is not None
    assert (within.market_price, within.export_price) == (Decimal("-0.05"), Decimal("-0.05"))
    assert (before.market_price, before.export_price) == (None, None)


def test_a_fixed_export_price_stays_beside_announced_ones() -> None:
    prices = HomePrices(replace(FIXED, export=ExportRule.FIXED, export_price=Decimal("0.07")), ZONE)
    announced = told("Day ahead", slots("0.3", NOON, 1))
    prices.received("grid_sp", announced)
    assert {slot.export_price for slot in tariff_of(prices).slots} == {Decimal("0.07")}


@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC), NOON])
def test_prices_by_time_of_use_reach_beyond_the_next_two_days_whatever_the_clocks_do(day: datetime) -> None:
    night = Band(price=Decimal("0.1"), start=time(23), end=time(7))
    prices = HomePrices(replace(FIXED, kind=ContractKind.TIME_OF_USE, energy_bands=(night,)), ZONE)
    tariff = tariff_of(prices, day)
    assert all(one.end == two.start for one, two in pairwise(tariff.slots))
    assert tariff.known_until is not None
    assert tariff.known_until > day + 48 * HOUR
    for slot in tariff.slots:
        hour = slot.start.astimezone(ZoneInfo(ZONE)).hour
        assert slot.import_price == (Decimal("0.1") if hour >= 23 or hour < 7 else Decimal("0.25"))


def test_the_contracts_prices_move_on_with_the_local_day_and_back_with_a_clock_set_back() -> None:
    prices = HomePrices(FIXED, ZONE)
    late, early = MIDNIGHT + DAY - QUARTER, MIDNIGHT + DAY
    assert tariff_of(prices, late).priced_until == MIDNIGHT + 3 * DAY
    assert tariff_of(prices, early).priced_until == MIDNIGHT + 4 * DAY
    assert tariff_of(prices, late).priced_until == MIDNIGHT + 3 * DAY
    assert prices.turns_at(late) == early


def test_the_tariff_is_made_once_until_something_changes() -> None:
    prices = HomePrices(FIXED, ZONE)
    assert tariff_of(prices) is tariff_of(prices, NOON + HOUR)
    before = tariff_of(prices)
    prices.received("grid_sp", told("Day ahead", slots("0.3", NOON, 1)))
    assert tariff_of(prices) is not before


def test_prices_in_another_currency_than_the_homes_are_left_out() -> None:
    prices = HomePrices(STAND_IN, ZONE)
    prices.received("grid_sp", told("Day ahead", slots("3", NOON, 1), currency="DKK"))
    assert price_at(prices, NOON) == Decimal("0.25")
    assert [source.used for source in prices.sources({}, NOON)] == [False, True]
    assert prices.currency() == "EUR"


def test_each_source_says_until_when_it_knows_and_since_when_it_is_stale() -> None:
    prices = HomePrices(STAND_IN, ZONE)
    prices.received("grid_sp", told("Day ahead", slots("0.3", NOON, 2)))
    prices.received(IMPORTED[PriceBasis.RETAIL], told("File", slots("0.2", NOON - 6 * HOUR, 5)))
    up = ProviderLink(sp_id="grid_sp", name="Grid", state=LinkState.UP, since=NOON - DAY)
    down = replace(up, state=LinkState.DOWN, since=NOON - QUARTER)
    provider, file, own = prices.sources({"grid_sp": up}, NOON)
    assert (provider.kind, provider.known_until, provider.stale_since) == (
        SourceKind.PROVIDER,
        NOON + 2 * HOUR,
        None,
    )
    assert (file.kind, file.stale_since) == (SourceKind.IMPORT, NOON - HOUR)
    assert (own.kind, own.name, own.known_until) == (SourceKind.CONTRACT, CONTRACT_NAME, None)
    assert prices.sources({"grid_sp": down}, NOON)[0].stale_since == NOON - QUARTER
    assert prices.sources({"grid_sp": down}, NOON + 3 * HOUR)[0].stale_since == NOON - QUARTER
    assert prices.sources({"grid_sp": up}, NOON + 3 * HOUR)[0].stale_since == NOON + 2 * HOUR


def test_a_contract_with_its_own_price_stands_first_and_announced_prices_are_not_used() -> None:
    prices = HomePrices(FIXED, ZONE)
    prices.received("grid_sp", told("Day ahead", slots("0.3", NOON, 2)))
    assert [(source.kind, source.used) for source in prices.sources({}, NOON)] == [
        (SourceKind.CONTRACT, True),
        (SourceKind.PROVIDER, False),
    ]


def test_a_new_import_holds_over_the_earlier_one_and_what_is_long_over_goes() -> None:
    prices = HomePrices(time_zone=ZONE)
    source_id = IMPORTED[PriceBasis.RETAIL]
    old = (*slots("0.1", NOON - KEEP_BACK - 2 * HOUR, 1), *slots("0.2", NOON, 4))
    prices.received(source_id, told("File", old))
    series = PriceSeries(source="New", basis=PriceBasis.RETAIL, currency="EUR", slots=slots("0.5", NOON + HOUR, 1))
    kept = prices.with_import(series, NOON)
    assert [slot.import_price for slot in kept.slots] == [Decimal(text) for text in ("0.2", "0.5", "0.2", "0.2")]
    other = replace(series, currency="DKK")
    assert prices.with_import(other, NOON).slots == series.slots, "two currencies do not mix"


_SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=12)


def _random_slots(spans: list[tuple[int, int]], first_price: int) -> list[PriceSlot]:
    return [
        PriceSlot(
            start=NOON + start * QUARTER,
            end=NOON + (start + length) * QUARTER,
            import_price=Decimal(first_price + number),
        )
        for number, (start, length) in enumerate(spans)
    ]


def _at(series: tuple[PriceSlot, ...], quarter: int) -> Decimal | None:
    instant = NOON + quarter * QUARTER
    return next((slot.import_price for slot in series if slot.start <= instant < slot.end), None)


def _is_series(series: tuple[PriceSlot, ...]) -> bool:
    ascending = all(one.end <= two.start for one, two in pairwise(series))
    return ascending and all(slot.start < slot.end for slot in series)


@given(_SPANS)
def test_of_overlapping_slots_a_shortest_one_holds_everywhere(spans: list[tuple[int, int]]) -> None:
    given_slots = _random_slots(spans, 0)
    series = finest(given_slots)
    assert _is_series(series)
    for quarter in range(60):
        instant = NOON + quarter * QUARTER
        holding = [slot for slot in given_slots if slot.start <= instant < slot.end]
        price = _at(series, quarter)
        assert (price is None) is (not holding)
        if holding:
            shortest = min(slot.end - slot.start for slot in holding)
            assert price in {slot.import_price for slot in holding if slot.end - slot.start == shortest}


@given(_SPANS, _SPANS, _SPANS)
def test_each_layer_holds_where_none_before_it_does(
    first: list[tuple[int, int]], second: list[tuple[int, int]], third: list[tuple[int, int]]
) -> None:
    layers = [finest(_random_slots(layer, 100 * number)) for number, layer in enumerate((first, second, third))]
    series = spliced(layers)
    assert _is_series(series)
    for quarter in range(60):
        told_by = (price for layer in layers if (price := _at(layer, quarter)) is not None)
        assert _at(series, quarter) == next(told_by, None)
