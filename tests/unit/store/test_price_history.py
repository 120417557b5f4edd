"""Prices by quarter hour: announced ones only, the newest word counts, old ones go."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from homeapp.model.past import PastPrice
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.store.database import Database
from homeapp.store.price_history import KEEP, PriceStore

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def slot(hour: float, price: str, *, hours: float = 1, forecast: bool = False, export: str | None = None) -> PriceSlot:
    return PriceSlot(
        start=NOON + hour * HOUR,
        end=NOON + (hour + hours) * HOUR,
        import_price=Decimal(price),
        export_price=None if export is None else Decimal(export),
        forecast=forecast,
    )


def tariff(*slots: PriceSlot, currency: str = "EUR") -> Tariff:
    return Tariff(source="s", currency=currency, received_at=NOON, slots=slots)


def past(directory: Path, now: datetime, *kept: Tariff, currency: str = "EUR") -> tuple[PastPrice, ...]:
    async def main() -> tuple[PastPrice, ...]:
        async with Database(directory) as database:
            store = PriceStore(database)
            for one in kept:
                await store.keep(one, NOON)
            return await store.past(now, currency)

    return asyncio.run(main())


def test_each_quarter_hour_keeps_its_exact_price_and_what_is_ahead_is_no_past(tmp_path: Path) -> None:
    found = past(tmp_path, NOON + HOUR, tariff(slot(0, "0.18705", export="-0.01"), slot(1, "0.2")))
    assert [price.start for price in found] == [NOON + n * HOUR / 4 for n in range(4)]
    assert {(price.import_price, price.export_price) for price in found} == {(Decimal("0.18705"), Decimal("-0.01"))}
    assert len(past(tmp_path, NOON + 2 * HOUR)) == 8


def test_a_later_word_replaces_an_earlier_one_and_a_forecast_replaces_nothing(tmp_path: Path) -> None:
    found = past(
        tmp_path,
        NOON + HOUR,
        tariff(slot(0, "0.1")),
        tariff(slot(0, "0.3")),
        tariff(slot(0, "0.9", forecast=True)),
    )
    assert {price.import_price for price in found} == {Decimal("0.3")}


def test_a_price_that_holds_for_ever_is_kept_for_a_few_days(tmp_path: Path) -> None:
    for_ever = replace(slot(-24 * 365, "0.25"), end=datetime(9999, 1, 1, tzinfo=UTC))
    found = past(tmp_path, datetime(2030, 1, 1, tzinfo=UTC), tariff(for_ever))
    assert found[0].start == NOON - KEEP
    assert found[-1].start == NOON + timedelta(days=3) - HOUR / 4


def test_old_prices_go_and_other_currencies_do_not_count(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            store = PriceStore(database)
            await store.keep(tariff(slot(0, "0.1")), NOON)
            await store.keep(tariff(slot(0, "1.1", hours=0.5), currency="CHF"), NOON)
            assert len(await store.past(NOON + HOUR, "EUR")) == 2
            assert len(await store.past(NOON + HOUR, "CHF")) == 2
            later = NOON + KEEP + 2 * HOUR
            await store.keep(replace(tariff(), slots=()), later)
            assert await store.past(later, "EUR") == ()

    asyncio.run(main())
