"""What comes in from providers, noted."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar

from homeapp.model.grid_report import ReportWish
from homeapp.model.health import HealthAlert, PartOrder
from homeapp.model.live import LinkState
from homeapp.model.offer import Offer, Receipt
from homeapp.model.tariff import Tariff

WITHIN_S = 40.0
T = TypeVar("T")


class NotingInbox:
    """A ``ProviderInbox`` that a test can wait for.

    Attributes:
        withdrawals, rejections: (provider, id or code).
        links: states and problems in order, of whatever provider.
        link_of: the newest of them, by provider.
        ids: (provider, message) that were seen; given to the next one, they outlive a hub as its database would.
    """

    def __init__(self, ids: set[tuple[str, str]] | None = None) -> None:
        self.tariffs: list[Tariff] = []
        self.offers: list[Offer] = []
        self.receipts: list[Receipt] = []
        self.alerts: list[HealthAlert] = []
        self.wishes: list[tuple[ReportWish, ...]] = []
        self.withdrawals: list[tuple[str, str]] = []
        self.rejections: list[tuple[str, str]] = []
        self.links: list[tuple[LinkState, str | None]] = []
        self.link_of: dict[str, tuple[LinkState, str | None]] = {}
        self.ids = set() if ids is None else ids
        self._news = asyncio.Event()

    async def until(self, predicate: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not predicate():
                await self._news.wait()

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        assert sp_id == "grid_sp"
        self.note(self.tariffs, tariff)

    async def offer(self, offer: Offer) -> None:
        self.note(self.offers, offer)

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        self.note(self.withdrawals, (sp_id, offer_id))

    async def receipt(self, receipt: Receipt) -> None:
        self.note(self.receipts, receipt)

    def report_wishes(self, sp_id: str, wishes: Collection[ReportWish]) -> None:
        self.note(self.wishes, tuple(wishes))

    async def health(self, alert: HealthAlert) -> None:
        self.note(self.alerts, alert)

    async def part_order(self, order: PartOrder) -> None:
        raise AssertionError(order)

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        known = (sp_id, message_id) in self.ids
        self.ids.add((sp_id, message_id))
        return known

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        assert sentence.endswith(".")
        self.note(self.rejections, (sp_id, code))

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        self.link_of[sp_id] = (state, problem)
        self.note(self.links, (state, problem))

    def note(self, notes: list[T], item: T) -> None:
        notes.append(item)
        self._news.set()
        self._news = asyncio.Event()
