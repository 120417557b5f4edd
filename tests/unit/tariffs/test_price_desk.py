"""The contract's calls about prices, with the real ledger, and what the command line makes of them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homeapp import api
from homeapp.errors import FileRefused, NotFound
from homeapp.model.tariff import PriceSource, SourceKind
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.tariffs.contract import Contract, ContractKind
from homeapp.tariffs.home_prices import HomePrices
from homeapp.tariffs.price_desk import PriceDesk
from kit.clocks import HandClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CSV = "start,resolution,price,currency\n2026-11-23T12:00Z,60,{price},{currency}\n"
RETAIL = api.ImportPrices(format=api.PriceFormat.CSV_RETAIL, content=CSV.format(price="0.2", currency="EUR"))
MARKET = api.ImportPrices(format=api.PriceFormat.CSV_MARKET, content=CSV.format(price="0.1", currency="EUR"))
CONTRACT = Contract(currency="EUR", tax=Decimal("0.15"))


class Desk:
    """A price desk over a ledger of its own."""

    def __init__(self, database: Database, contract: Contract) -> None:
        self.clock = HandClock(NOON)
        self.ledger = Ledger(database, self.clock)
        self.prices = HomePrices(contract, "Europe/Amsterdam")
        self.changes = 0
        self.desk = PriceDesk(
            prices=self.prices, ledger=self.ledger, clock=self.clock, links=dict, changed=self._changed
        )

    def _changed(self) -> None:
        self.changes += 1

    async def call(self, call: api.Call[Any]) -> Any:
        return await self.desk.handlers()[type(call)](call, api.Role.OWNER)

    def price(self) -> Decimal | None:
        tariff = self.prices.tariff(self.clock.now())
        slot = tariff.at(self.clock.now()) if tariff else None
        return slot.import_price if slot else None


def with_desk(directory: Path, body: Callable[[Desk], Awaitable[None]], contract: Contract = CONTRACT) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            await body(Desk(database, contract))

    asyncio.run(main())


@pytest.mark.usecase("S6")
def test_an_import_is_kept_and_holds_at_once(tmp_path: Path) -> None:
    async def body(desk: Desk) -> None:
        source = await desk.call(RETAIL)
        assert source == PriceSource(
            name="Imported prices",
            kind=SourceKind.IMPORT,
            received_at=NOON,
            known_until=NOON + timedelta(hours=1),
        )
        assert (desk.price(), desk.changes) == (Decimal("0.2"), 1)
        kept = await desk.ledger.tariffs()
        again = HomePrices(CONTRACT, "Europe/Amsterdam")
        for source_id, tariff in kept.items():
            again.received(source_id, tariff)
        assert again.tariff(NOON) == desk.prices.tariff(NOON)

    with_desk(tmp_path, body)


def test_wholesale_prices_get_the_contracts_additions(tmp_path: Path) -> None:
    async def body(desk: Desk) -> None:
        await desk.call(MARKET)
        assert desk.price() == Decimal("0.25")
        assert [source.kind for source in await desk.call(api.GetPriceSources())] == [SourceKind.IMPORT]

    with_desk(tmp_path, body)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CSV.format(price="0.2", currency="DKK"), "in DKK, those of this home in EUR"),
        (CSV.format(price="0.2", currency="EUR").replace("2026", "2025"), "are over"),
        (CSV.format(price="x", currency="EUR"), "Line 2"),
    ],
)
def test_a_file_that_is_refused_changes_nothing(tmp_path: Path, content: str, words: str) -> None:
    async def body(desk: Desk) -> None:
        with pytest.raises(FileRefused, match=words):
            await desk.call(api.ImportPrices(format=api.PriceFormat.CSV_RETAIL, content=content))
        assert (desk.changes, desk.price(), await desk.ledger.tariffs()) == (0, None, {})

    with_desk(tmp_path, body)


def test_a_document_of_entsoe_is_read_as_such(tmp_path: Path) -> None:
    async def body(desk: Desk) -> None:
        with pytest.raises(FileRefused, match="no XML"):
            await desk.call(api.ImportPrices(format=api.PriceFormat.ENTSOE, content="start,price"))

    with_desk(tmp_path, body)


def test_imports_can_be_forgotten_and_the_contract_holds_again(tmp_path: Path) -> None:
    async def body(desk: Desk) -> None:
        await desk.call(RETAIL)
        await desk.call(MARKET)
        await desk.call(api.ForgetPrices())
        assert (desk.price(), await desk.ledger.tariffs()) == (None, {})
        with pytest.raises(NotFound):
            await desk.call(api.ForgetPrices())

    with_desk(tmp_path, body)


def test_with_the_local_day_the_prices_move_on_and_everybody_is_told(tmp_path: Path) -> None:
    async def body(desk: Desk) -> None:
        running = asyncio.create_task(desk.desk.run())
        for _ in range(10):
            await asyncio.sleep(0)
            await desk.clock.move(3600)
        assert desk.changes == 0, "22:00 UTC is 23:00 in Amsterdam"
        for _ in range(2):
            await asyncio.sleep(0)
            await desk.clock.move(1800)
            await asyncio.sleep(0)
        assert desk.changes == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    fixed = Contract(kind=ContractKind.FIXED, currency="EUR", energy=Decimal("0.25"))
    with_desk(tmp_path, body, fixed)
