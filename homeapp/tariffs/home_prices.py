"""All that is known of prices, and the one tariff that is made of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from homeapp.model.live import LinkState, ProviderLink
from homeapp.model.tariff import PriceSource, SourceKind, Tariff
from homeapp.tariffs.contract import Contract, ContractKind, PriceBasis
from homeapp.tariffs.local_days import day_start, local_day
from homeapp.tariffs.price_series import PriceSeries, spliced
from homeapp.tariffs.selection import CONTRACT_NAME, Announced, leading_currency, selected

IMPORTED: Mapping[PriceBasis, str] = {PriceBasis.RETAIL: "imported.retail", PriceBasis.MARKET: "imported.market"}
"""Under which ids imported prices are kept, beside the providers' own."""
KEEP_BACK = timedelta(days=3)
MOST_SLOTS = 4000
"""Of imported prices; what lies further ahead is left out."""


class HomePrices:
    """Prices by who has told them; the tariff is made anew when something has changed, and with each local day.

    Attributes:
        contract: the owner's.
    """

    def __init__(self, contract: Contract | None = None, time_zone: str = "UTC") -> None:
        self.contract = contract or Contract()
        self._zone = ZoneInfo(time_zone)
        self._told: dict[str, Tariff] = {}
        self._tariff: Tariff | None = None
        self._made_on: date | None = None

    def received(self, source_id: str, tariff: Tariff) -> None:
        """Prices of a provider (by sp_id), or imported ones (``IMPORTED``); they replace what it told before."""
        self._told[source_id] = tariff
        self._made_on = None

    def forgotten(self, source_id: str) -> None:
        """That source counts no more."""
        self._told.pop(source_id, None)
        self._made_on = None

    def tariff(self, now: datetime) -> Tariff | None:
        """What holds, known or expected; None where nobody has said anything."""
        today = local_day(now, self._zone)
        if self._made_on != today:
            self._tariff = selected(self._announced(), self.contract, self._zone, now)
            self._made_on = today
        return self._tariff

    def turns_at(self, now: datetime) -> datetime:
        """The end of the local day, when the contract's prices move on by one."""
        return day_start(local_day(now, self._zone) + timedelta(days=1), self._zone)

    def with_import(self, series: PriceSeries, now: datetime) -> Tariff:
        """What is to be kept of an import: ``series``, and around it what was imported before."""
        before = self._told.get(IMPORTED[series.basis])
        earlier = before.slots if before is not None and before.currency == series.currency else ()
        slots = [slot for slot in spliced([series.slots, earlier]) if slot.end > now - KEEP_BACK]
        return Tariff(source=series.source, currency=series.currency, received_at=now, slots=tuple(slots[:MOST_SLOTS]))

    def currency(self) -> str:
        """The one that prices have to be in; empty where that is open."""
        return leading_currency(self._announced(), self.contract)

    def sources(self, links: Mapping[str, ProviderLink], now: datetime) -> tuple[PriceSource, ...]:
        """Who has told prices, those that count first first; ``links`` to the providers by sp_id."""
        rows = tuple(self.source(source_id, links.get(source_id), now) for source_id, _ in self._in_order())
        if self.contract.energy is None:
            return rows
        own = PriceSource(name=CONTRACT_NAME, kind=SourceKind.CONTRACT)
        return (*rows, own) if self.contract.kind is ContractKind.DYNAMIC else (own, *rows)

    def source(self, source_id: str, link: ProviderLink | None, now: datetime) -> PriceSource:
        """How one source stands that has told prices; ``link`` to it, or None where it needs none."""
        tariff = self._told[source_id]
        return PriceSource(
            name=tariff.source,
            kind=_kind(source_id),
            received_at=tariff.received_at,
            known_until=tariff.known_until,
            stale_since=_stale_since(tariff, link, now),
            used=tariff.currency == self.currency() and self.contract.kind is ContractKind.DYNAMIC,
        )

    def _in_order(self) -> list[tuple[str, Tariff]]:
        """Providers by id, then what was imported."""
        return sorted(self._told.items(), key=lambda item: (item[0] in IMPORTED.values(), item[0]))

    def _announced(self) -> list[Announced]:
        bases = {source_id: basis for basis, source_id in IMPORTED.items()}
        return [
            Announced(
                kind=_kind(source_id),
                basis=bases.get(source_id, self.contract.provider_prices),
                tariff=tariff if source_id not in bases else replace(tariff, ghg=()),
            )
            for source_id, tariff in self._in_order()
        ]


def _kind(source_id: str) -> SourceKind:
    return SourceKind.IMPORT if source_id in IMPORTED.values() else SourceKind.PROVIDER


def _stale_since(tariff: Tariff, link: ProviderLink | None, now: datetime) -> datetime | None:
    """Since when nothing new can be relied upon: its prices are over, or its provider is away."""
    over = tariff.known_until if tariff.known_until is not None and tariff.known_until <= now else None
    away = link.since if link is not None and link.state is not LinkState.UP else None
    return min((since for since in (over, away) if since is not None), default=None)
