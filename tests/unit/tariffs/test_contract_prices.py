"""The contract's own prices by local time, and what it makes of a market price: exact, on every kind of day."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.tariff import ComponentKind, PriceSlot
from homeapp.tariffs.compose import composed
from homeapp.tariffs.contract import Band, Contract, ContractKind, ExportRule, PriceBasis
from homeapp.tariffs.local_days import QUARTER, next_quarter, quarters
from homeapp.tariffs.time_of_use import contract_slots

ZONE = ZoneInfo("Europe/Amsterdam")
SPRING, NORMAL, AUTUMN = date(2026, 3, 29), date(2026, 11, 23), date(2026, 10, 25)
NIGHT = Band(price=Decimal("0.10"), start=time(23), end=time(7))
WEEKEND = Band(price=Decimal("0.12"), start=time(7), end=time(23), weekdays=frozenset({5, 6}))
CONTRACT = Contract(
    kind=ContractKind.TIME_OF_USE,
    currency="EUR",
    energy=Decimal("0.20"),
    energy_bands=(NIGHT, WEEKEND),
    tax=Decimal("0.11084"),
    grid_fee=Decimal("0.0347"),
    vat_pct=Decimal(21),
)
DYNAMIC = Contract(
    currency="EUR",
    markup=Decimal("0.018"),
    tax=Decimal("0.11084"),
    grid_fee=Decimal("0.0347"),
    vat_pct=Decimal(21),
)
MIDDAY = datetime(2026, 11, 23, 11, tzinfo=UTC)


def of_market(price: str, contract: Contract = DYNAMIC, *, hours: int = 1) -> tuple[PriceSlot, ...]:
    slot = PriceSlot(start=MIDDAY, end=MIDDAY + timedelta(hours=hours), import_price=Decimal(price))
    return composed((slot,), PriceBasis.MARKET, contract, ZONE)


def energy_of(slot: PriceSlot) -> Decimal:
    return slot.components[0].amount


@pytest.mark.usecase("S6")
@pytest.mark.parametrize(("day", "count"), [(SPRING, 92), (NORMAL, 96), (AUTUMN, 100)])
def test_a_local_day_has_92_96_or_100_slots_without_gap_or_overlap(day: date, count: int) -> None:
    slots = contract_slots(CONTRACT, ZONE, day, 1, stands_in=False)
    assert len(slots) == count
    assert slots[0].start == datetime.combine(day, time(), ZONE)
    assert slots[-1].end == datetime.combine(day + timedelta(days=1), time(), ZONE)
    assert all(one.end == two.start for one, two in pairwise(slots))
    assert {slot.end - slot.start for slot in slots} == {QUARTER}
    assert {slot.start.tzinfo for slot in slots} == {UTC}


@pytest.mark.parametrize(("day", "cheap_hours"), [(SPRING, 7), (NORMAL, 8), (AUTUMN, 9)])
def test_a_band_follows_the_clocks_on_the_wall(day: date, cheap_hours: int) -> None:
    slots = contract_slots(CONTRACT, ZONE, day, 1, stands_in=False)
    cheap = [slot for slot in slots if energy_of(slot) == NIGHT.price]
    assert len(cheap) == cheap_hours * 4
    for slot in slots:
        hour = slot.start.astimezone(ZONE).hour
        assert (slot in cheap) is (hour >= 23 or hour < 7)


def test_a_band_of_certain_days_does_not_hold_on_others_and_the_first_that_holds_counts() -> None:
    saturday = contract_slots(CONTRACT, ZONE, date(2026, 11, 28), 1, stands_in=False)
    monday = contract_slots(CONTRACT, ZONE, NORMAL, 1, stands_in=False)
    assert {energy_of(slot) for slot in saturday} == {NIGHT.price, WEEKEND.price}
    assert {energy_of(slot) for slot in monday} == {NIGHT.price, CONTRACT.energy}


def test_a_band_from_midnight_to_midnight_is_the_whole_day() -> None:
    band = Band(price=Decimal(1), start=time(), end=time(), weekdays=frozenset({0}))
    assert all(band.holds_at(start.astimezone(ZONE)) for start in quarters(NORMAL, ZONE))
    assert not any(band.holds_at(start.astimezone(ZONE)) for start in quarters(NORMAL + timedelta(days=1), ZONE))


def test_a_contract_without_a_price_names_none() -> None:
    assert contract_slots(DYNAMIC, ZONE, NORMAL, 1, stands_in=True) == ()


def test_what_stands_in_is_marked() -> None:
    assert {slot.forecast for slot in contract_slots(CONTRACT, ZONE, NORMAL, 1, stands_in=True)} == {True}
    assert {slot.forecast for slot in contract_slots(CONTRACT, ZONE, NORMAL, 1, stands_in=False)} == {False}


def test_a_market_price_becomes_what_the_owner_pays_to_the_last_digit() -> None:
    (slot,) = of_market("0.07311")
    assert [(part.kind, part.amount) for part in slot.components] == [
        (ComponentKind.MARKET, Decimal("0.07311")),
        (ComponentKind.SUPPLIER, Decimal("0.018")),
        (ComponentKind.TAX, Decimal("0.11084")),
        (ComponentKind.GRID_FEE, Decimal("0.0347")),
        (ComponentKind.VAT, Decimal("0.0496965")),
    ]
    assert slot.import_price == Decimal("0.2863465")
    assert slot.market_price == Decimal("0.07311")


def test_a_negative_market_price_may_still_be_one_to_pay_and_its_vat_falls_with_it() -> None:
    (slot,) = of_market("-0.078")
    assert slot.import_price == Decimal("0.1035034"), "(-0.078 + 0.018 + 0.11084 + 0.0347) x 1.21"
    (slot,) = of_market("-0.5")
    assert slot.components[-1].amount < 0
    assert slot.import_price < 0


def test_scarcity_beyond_the_harmonised_maximum_is_a_price_like_any_other() -> None:
    (slot,) = of_market("4.4321")
    assert slot.import_price == (Decimal("4.4321") + Decimal("0.16354")) * Decimal("1.21")


def test_a_grid_fee_that_changes_within_the_hour_cuts_the_hour() -> None:
    evening = Band(price=Decimal("0.09"), start=time(12, 30), end=time(13, 15))
    contract = Contract(currency="EUR", grid_fee=Decimal("0.03"), grid_fee_bands=(evening,))
    slots = of_market("0.10", contract, hours=2)
    local = [(f"{slot.start.astimezone(ZONE):%H:%M}", slot.import_price) for slot in slots]
    assert local == [("12:00", Decimal("0.13")), ("12:30", Decimal("0.19")), ("13:15", Decimal("0.13"))]
    assert (slots[0].start, slots[-1].end) == (MIDDAY, MIDDAY + timedelta(hours=2))
    assert slots[0].end == slots[1].start


def test_retail_prices_are_left_as_they_are() -> None:
    slot = PriceSlot(start=MIDDAY, end=MIDDAY + QUARTER, import_price=Decimal("0.31"), export_price=Decimal("0.05"))
    assert composed((slot,), PriceBasis.RETAIL, DYNAMIC, ZONE) == (slot,)


@pytest.mark.parametrize(
    ("export", "price"),
    [
        (ExportRule.ANNOUNCED, None),
        (ExportRule.FIXED, Decimal("0.08")),
        (ExportRule.MARKET, Decimal("0.0900")),
        (ExportRule.NET_METERING, Decimal("0.3194400")),
    ],
)
def test_what_is_fed_is_paid_by_its_own_rule(export: ExportRule, price: Decimal | None) -> None:
    contract = Contract(
        currency="EUR",
        tax=Decimal("0.164"),
        vat_pct=Decimal(21),
        export=export,
        export_price=Decimal("0.08"),
        export_factor=Decimal("0.9"),
    )
    (slot,) = of_market("0.100", contract)
    assert slot.export_price == price


def test_a_negative_market_price_is_paid_by_whoever_feeds_at_it() -> None:
    (slot,) = of_market("-0.02", Contract(currency="EUR", export=ExportRule.MARKET))
    assert slot.export_price == Decimal("-0.02")


def test_a_retail_price_without_its_market_price_tells_nothing_of_the_market() -> None:
    slot = PriceSlot(start=MIDDAY, end=MIDDAY + QUARTER, import_price=Decimal("0.31"))
    contract = Contract(currency="EUR", export=ExportRule.MARKET)
    assert composed((slot,), PriceBasis.RETAIL, contract, ZONE)[0].export_price is None


_AMOUNTS = st.decimals(min_value=-5, max_value=5, places=8)


@given(_AMOUNTS, _AMOUNTS, _AMOUNTS, _AMOUNTS, st.decimals(min_value=0, max_value=30, places=2))
def test_the_components_always_sum_to_the_price(
    market: Decimal, markup: Decimal, tax: Decimal, fee: Decimal, vat: Decimal
) -> None:
    contract = Contract(currency="EUR", markup=markup, tax=tax, grid_fee=fee, vat_pct=vat)
    (slot,) = of_market(str(market), contract)
    assert sum(part.amount for part in slot.components) == slot.import_price
    assert slot.import_price * 100 == (market + markup + tax + fee) * (100 + vat)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)))
def test_the_next_quarter_is_the_first_one_after(after: timedelta) -> None:
    instant = MIDDAY + after
    following = next_quarter(instant)
    assert timedelta(0) < following - instant <= QUARTER
    assert following.timestamp() % 900 == 0
