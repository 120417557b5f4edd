"""The tariff that a VTN's price and emission events make, told when it is another than before."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from homeapp.errors import MessageRejected
from homeapp.model.tariff import Tariff
from homeapp.ports import ProviderInbox
from homeapp.providers.grid_sp.emissions import GHG, GhgEvent, emissions_of, read_emissions
from homeapp.providers.grid_sp.intervals import Window
from homeapp.providers.grid_sp.objects import Event, Program, refused
from homeapp.providers.grid_sp.tariffs import PriceEvent, PriceType, price_window, read_prices, tariff_of

logger = logging.getLogger(__name__)

Reject = Callable[[str, MessageRejected], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Priced:
    """An event with prices or emissions, and when it became known."""

    event: Event
    program: Program
    known_at: datetime


@dataclass(frozen=True, slots=True)
class _Read(Generic[T]):
    usable: list[T]
    rejected: list[tuple[str, MessageRejected]]


def is_priced(event: Event) -> bool:
    """Whether the event has prices or emissions."""
    return event.has(*PriceType, GHG)


class PriceNews:
    """Remembers the tariff that was told last; that is lost with the process, and then it is told once more."""

    def __init__(self, sp_id: str) -> None:
        self._sp_id = sp_id
        self._tariff: Tariff | None = None

    async def tell(self, inbox: ProviderInbox, priced: Iterable[Priced], now: datetime, reject: Reject) -> None:
        """Pass the tariff on where it has changed; events that cannot be used are left out of it."""
        events = tuple(priced)
        prices, emissions = await asyncio.to_thread(_read, events, price_window(now))
        for event_id, error in (*prices.rejected, *emissions.rejected):
            reject(event_id, error)
        tariff = await asyncio.to_thread(tariff_of, prices.usable, received_at=now)
        if tariff is None:
            return
        tariff = replace(tariff, ghg=await asyncio.to_thread(emissions_of, emissions.usable))
        if self._tariff is None or replace(self._tariff, received_at=now) != tariff:
            await inbox.tariff(self._sp_id, tariff)
            self._tariff = tariff
            logger.info("%s: prices known until %s", self._sp_id, tariff.known_until)


def _read(priced: Iterable[Priced], window: Window) -> tuple[_Read[PriceEvent], _Read[GhgEvent]]:
    prices: _Read[PriceEvent] = _Read([], [])
    emissions: _Read[GhgEvent] = _Read([], [])
    for item in priced:
        event, known_at = item.event, item.known_at
        if event.has(*PriceType):
            try:
                read = read_prices(event, item.program, known_at=known_at, window=window)
                if prices.usable and read.currency != prices.usable[0].currency:
                    raise refused("value", "its prices are in another currency than the others")
                prices.usable.append(read)
            except MessageRejected as error:
                prices.rejected.append((event.event_id, error))
        if event.has(GHG):
            try:
                emissions.usable.append(read_emissions(event, known_at=known_at, window=window))
            except MessageRejected as error:
                emissions.rejected.append((event.event_id, error))
    return prices, emissions
