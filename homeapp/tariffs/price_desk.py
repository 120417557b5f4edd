"""What the contract's calls about prices do, and the turn of the day at which the contract's own prices move on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, Protocol

from homeapp import api
from homeapp.errors import FileRefused, NotFound
from homeapp.model.live import ProviderLink
from homeapp.model.tariff import PriceSource, Tariff
from homeapp.ports import Clock
from homeapp.tariffs.contract import PriceBasis
from homeapp.tariffs.entsoe import read_a44
from homeapp.tariffs.home_prices import IMPORTED, HomePrices
from homeapp.tariffs.price_csv import read_price_csv
from homeapp.tariffs.price_series import PriceSeries

logger = logging.getLogger(__name__)

_CSV_NAME = "Imported prices"
_LONGEST_PAUSE_S = 3600.0
"""The civil time may be set anew meanwhile."""


class PriceLedger(Protocol):
    """Where prices are kept.

    Raises (all operations):
        StoreUnavailable: it cannot be written.
    """

    async def keep_tariff(self, sp_id: str, tariff: Tariff) -> None:
        """Replace the prices of one source."""

    async def forget_tariff(self, sp_id: str) -> bool:
        """Remove the prices of one source; False where there were none."""


class PriceDesk:
    """Takes prices from files.

    Args:
        links: to the providers, by sp_id.
        changed: told when the tariff is another one.
    """

    def __init__(
        self,
        *,
        prices: HomePrices,
        ledger: PriceLedger,
        clock: Clock,
        links: Callable[[], Mapping[str, ProviderLink]],
        changed: Callable[[], None],
    ) -> None:
        self._prices = prices
        self._ledger = ledger
        self._clock = clock
        self._links = links
        self._changed = changed

    def handlers(self) -> Mapping[type[api.Call[Any]], Callable[[Any, api.Role], Awaitable[Any]]]:
        """One handler for each of its calls."""
        return {
            api.GetPriceSources: self._get_sources,
            api.ImportPrices: self._import,
            api.ForgetPrices: self._forget,
        }

    async def run(self) -> NoReturn:
        """With each local day the prices move on by one, until cancelled."""
        turns_at = self._prices.turns_at(self._clock.now())
        while True:
            to_turn_s = (turns_at - self._clock.now()).total_seconds()
            await self._clock.sleep(min(_LONGEST_PAUSE_S, max(1.0, to_turn_s)))
            now = self._clock.now()
            if now >= turns_at:
                turns_at = self._prices.turns_at(now)
                self._changed()

    async def _get_sources(self, _call: api.GetPriceSources, _caller: api.Role) -> tuple[PriceSource, ...]:
        return self._prices.sources(self._links(), self._clock.now())

    async def _import(self, call: api.ImportPrices, _caller: api.Role) -> PriceSource:
        series = await asyncio.to_thread(_read, call)
        currency = self._prices.currency()
        if currency not in ("", series.currency):
            raise FileRefused(f"The file's prices are in {series.currency}, those of this home in {currency}.")
        now = self._clock.now()
        tariff = await asyncio.to_thread(self._prices.with_import, series, now)
        if not tariff.slots:
            raise FileRefused("All prices of the file are over.")
        source_id = IMPORTED[series.basis]
        await self._ledger.keep_tariff(source_id, tariff)
        self._prices.received(source_id, tariff)
        logger.info("%d prices of %s imported, known until %s", len(series.slots), series.source, tariff.known_until)
        self._changed()
        return self._prices.source(source_id, None, now)

    async def _forget(self, _call: api.ForgetPrices, _caller: api.Role) -> None:
        forgotten = [await self._ledger.forget_tariff(source_id) for source_id in IMPORTED.values()]
        for source_id in IMPORTED.values():
            self._prices.forgotten(source_id)
        if not any(forgotten):
            raise NotFound("No prices have been imported.")
        self._changed()


def _read(call: api.ImportPrices) -> PriceSeries:
    """Blocks."""
    content = call.content.encode()
    match call.format:
        case api.PriceFormat.ENTSOE:
            return read_a44(content)
        case api.PriceFormat.CSV_MARKET:
            return read_price_csv(content, source=_CSV_NAME, basis=PriceBasis.MARKET)
        case api.PriceFormat.CSV_RETAIL:
            return read_price_csv(content, source=_CSV_NAME, basis=PriceBasis.RETAIL)
