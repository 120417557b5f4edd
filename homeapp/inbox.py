"""Where providers put what comes in: on to the offer desk, the ledger and the live state."""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

from homeapp.model.grid_report import ReportWish
from homeapp.model.health import HealthAlert, PartOrder
from homeapp.model.live import LinkState
from homeapp.model.offer import Binding, Offer, Receipt
from homeapp.model.tariff import Tariff
from homeapp.offers.desk import OfferDesk
from homeapp.offers.states import FINAL
from homeapp.snapshot import LiveState
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox

logger = logging.getLogger(__name__)

MOST_OPEN = 50
"""Requests of one provider that are not over; beyond it none but mandatory ones are taken."""
_OF_TIME = ("clock", "expired")
_TURNS = 2
"""Of the event loop: in one control decides, in the next the chargers are told."""


class LimitIntake(Protocol):
    """What obeys imposed limits; none of these blocks."""

    def arrived(self, offer: Offer) -> bool:
        """A verified request has come in; one that imposes a limit holds from now on, kept or not: then True."""

    def kept(self, key: str) -> None:
        """The offer desk has it now, or it was taken back."""


class HubInbox:
    """Implements ``homeapp.ports.ProviderInbox``.

    Attributes:
        name_of: a provider's name for people.
    """

    def __init__(
        self,
        *,
        desk: OfferDesk,
        limits: LimitIntake,
        ledger: Ledger,
        outbox: Outbox,
        live: LiveState,
        name_of: Callable[[str], str],
        tariff_changed: Callable[[], None],
        live_changed: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._limits = limits
        self._ledger = ledger
        self._outbox = outbox
        self._live = live
        self._name_of = name_of
        self._tariff_changed = tariff_changed
        self._live_changed = live_changed
        self._untimely: set[str] = set()
        self._wishes: dict[str, tuple[ReportWish, ...]] = {}

    @property
    def untimely(self) -> tuple[str, ...]:
        """Names of the providers whose newest message was refused for its time."""
        return tuple(self._name_of(sp_id) for sp_id in sorted(self._untimely))

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        await self._ledger.keep_tariff(sp_id, tariff)
        self._live.tariff_received(sp_id, tariff)
        self._tariff_changed()

    async def offer(self, offer: Offer) -> None:
        waiting = self.open_offers(offer.sp_id)
        if offer.binding is not Binding.MANDATORY and offer.offer_id not in waiting and len(waiting) >= MOST_OPEN:
            self.rejected(
                offer.sp_id, "too_many", f"It has {MOST_OPEN} requests open; no more are taken until one ends."
            )
            return
        # The chargers are told first, the disk meanwhile; what it cannot take holds all the same.
        if self._limits.arrived(offer):
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        await self._desk.receive(offer)
        self._limits.kept(offer.key)

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        self._limits.kept(f"{sp_id}/{offer_id}")
        await self._desk.withdrawn(sp_id, offer_id)

    def open_offers(self, sp_id: str) -> Collection[str]:
        return {
            case.offer.offer_id for case in self._desk.cases if case.offer.sp_id == sp_id and case.state not in FINAL
        }

    async def receipt(self, receipt: Receipt) -> None:
        await self._desk.receipt(receipt)

    async def health(self, alert: HealthAlert) -> None:
        if not await self._ledger.keep_alert(alert):
            self.rejected(
                alert.sp_id, "too_many", "It has told of more defects than can be shown; one more was left out."
            )
            return
        logger.warning("%s: car health %s %s", alert.sp_id, alert.severity, alert.code or alert.alert_id)
        self._live.alert_raised(await self._ledger.alerts())
        self._live_changed()

    async def part_order(self, order: PartOrder) -> None:
        await self._ledger.keep_part_order(order)
        logger.info("%s: part order %s is %s", order.sp_id, order.order_id, order.status)
        self._live.orders_changed(await self._ledger.part_orders())
        self._live_changed()

    def report_wishes(self, sp_id: str, wishes: Collection[ReportWish]) -> None:
        self._wishes[sp_id] = tuple(wishes)

    def wishes_of(self, sp_id: str) -> Collection[ReportWish]:
        """What the provider asked to be told last."""
        return self._wishes.get(sp_id, ())

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        self._untimely.discard(sp_id)
        return await self._ledger.seen(sp_id, message_id, expires_at)

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        logger.warning("%s: message rejected (%s): %s", sp_id, code, sentence)
        if code in _OF_TIME:
            self._untimely.add(sp_id)
        self._live.notice(f"message_rejected.{sp_id}.{code}", f"{self._name_of(sp_id)}: {sentence}")
        self._live_changed()

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        self._live.link_changed(sp_id, self._name_of(sp_id), state, problem)
        if state is LinkState.UP:
            # What waits for this provider need not wait for the next attempt.
            self._outbox.wake(sp_id)
        self._live_changed()
