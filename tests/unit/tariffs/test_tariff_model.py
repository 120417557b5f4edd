"""One tariff for planner and screen: what holds when, and until when it is certain."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from homeapp.model.tariff import ComponentKind, GhgSlot, PriceComponent, PriceSlot, Tariff
from homeapp.store.records import decode, encode

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def _slot(number: int, *, forecast: bool = False) -> PriceSlot:
    start = NOON + number * QUARTER
    return PriceSlot(start=start, end=start + QUARTER, import_price=Decimal("0.25"), forecast=forecast)


def _tariff(*slots: PriceSlot) -> Tariff:
    return Tariff(source="Day ahead", currency="EUR", received_at=NOON, slots=slots)


@pytest.mark.usecase("S6")
def test_what_is_only_expected_is_priced_but_not_known() -> None:
    tariff = _tariff(_slot(0), _slot(1), _slot(2, forecast=True), _slot(3, forecast=True))
    assert tariff.known_until == NOON + 2 * QUARTER
    assert tariff.priced_until == NOON + 4 * QUARTER


def test_a_known_price_behind_an_expected_one_counts() -> None:
    assert _tariff(_slot(0), _slot(1, forecast=True), _slot(2)).known_until == NOON + 3 * QUARTER


def test_nothing_is_known_of_forecasts_alone_or_of_an_empty_tariff() -> None:
    assert _tariff(_slot(0, forecast=True)).known_until is None
    assert (_tariff().known_until, _tariff().priced_until) == (None, None)


def test_a_tariff_that_was_stored_before_there_were_components_decodes() -> None:
    stored = (
        '{"source":"Day ahead","currency":"EUR","received_at":"2026-11-23T12:00:00Z","slots":[{"start":'
        '"2026-11-23T12:00:00Z","end":"2026-11-23T12:15:00Z","import_price":"0.25","export_price":null}]}'
    )
    assert decode(stored, Tariff) == _tariff(_slot(0))


def test_every_part_of_a_tariff_survives_the_store() -> None:
    slot = PriceSlot(
        start=NOON,
        end=NOON + QUARTER,
        import_price=Decimal("-0.0131"),
        export_price=Decimal("-0.09"),
        components=(
            PriceComponent(kind=ComponentKind.MARKET, amount=Decimal("-0.078")),
            PriceComponent(kind=ComponentKind.TAX, amount=Decimal("0.0649")),
        ),
        forecast=True,
        market_price=Decimal("-0.078"),
    )
    ghg = GhgSlot(start=NOON, end=NOON + QUARTER, g_per_kwh=312.5)
    tariff = Tariff(source="Day ahead", currency="EUR", received_at=NOON, slots=(slot,), ghg=(ghg,))
    assert decode(encode(tariff), Tariff) == tariff
