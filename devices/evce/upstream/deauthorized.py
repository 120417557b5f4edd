"""Transactions that began with a card that the hub let charge while the CSMS was away, and that the CSMS rejects.

A station that hears of it itself stops them (1.6 StopTransactionOnInvalidId; 2.x TxCtrlr.StopTxOnInvalidId, E05). Of
these it does not hear, because it has its answer from the hub already; so the hub has it stop. What is yet to be
stopped is kept before the CSMS's answer counts as taken, so that a hub that ends in between still knows it.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import NoReturn

from devices.evce.fields import Payload, mapping, plain
from devices.evce.link import ACCEPTED, Link
from devices.evce.outlet import Transaction
from devices.evce.rpc import Priority
from devices.evce.schemas import Version
from devices.evce.upstream.port import StopKeeper
from homeapp.errors import DeviceUnreachable, StoreUnavailable
from homeapp.ports import CsmsWay, StationMessage

logger = logging.getLogger(__name__)

_MOST = 64
_STOPPED = (
    "While the provider of charging could not be reached, charging began with a card that it does not accept, so it "
    "was stopped. If the card is one of the household, add it under Devices."
)
_GOES_ON = (
    "While the provider of charging could not be reached, charging began with a card that it does not accept. The "
    "charger has refused to stop. Stop it at the charger, or unplug the car."
)


def rejected_transaction(row: StationMessage, said: Payload, answer: Payload, version: Version) -> str | None:
    """The transaction, by the id that the station knows, whose card the CSMS rejects in this answer; else None."""
    verdict = mapping(answer, "idTagInfo" if version is Version.V16 else "idTokenInfo").get("status", ACCEPTED)
    if verdict == ACCEPTED:
        return None
    if row.action == "StartTransaction":
        return None if row.transaction is None else str(row.transaction)
    if row.action != "TransactionEvent" or said.get("eventType") == "Ended":
        return None
    return plain(mapping(said, "transactionInfo").get("transactionId")) or None


class Deauthorized:
    """Those of one station; ``run`` until cancelled.

    Args:
        device_id: of the station.
        running: the transaction that the station has told of last.
        link: to the station, or None while it is away.
        way: told of each that is stopped.
        keeper: over a restart; None where nothing is kept.
    """

    def __init__(
        self,
        device_id: str,
        running: Callable[[], Transaction | None],
        link: Callable[[], Link | None],
        way: CsmsWay,
        keeper: StopKeeper | None = None,
    ) -> None:
        self._device_id = device_id
        self._running = running
        self._link = link
        self._way = way
        self._keeper = keeper
        self._keeping = asyncio.Lock()
        self._open: OrderedDict[str, bool] = OrderedDict()
        self._news = asyncio.Event()

    async def load(self) -> None:
        """Take up what an earlier life of the hub has left to be stopped.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        if self._keeper is not None:
            for transaction_id in await self._keeper.load(self._device_id):
                self._add(transaction_id)

    async def reject(self, transaction_id: str) -> None:
        """The CSMS rejects the card of this transaction; it is stopped once, if it runs or shows up later.

        Raises:
            StoreUnavailable: it is stopped all the same, but a restart of the hub would forget it.
        """
        self._add(transaction_id)
        await self._keep()

    def _add(self, transaction_id: str) -> None:
        self._open.setdefault(transaction_id, True)
        while len(self._open) > _MOST:
            self._open.popitem(last=False)
        self._news.set()

    def heard(self) -> None:
        """The station has said something."""
        if self._open:
            self._news.set()

    def forget(self) -> None:
        """The owner has taken the consent back: what the CSMS thinks does not count."""
        self._open.clear()

    async def run(self) -> NoReturn:
        """Stop them."""
        while True:
            await self._news.wait()
            self._news.clear()
            running, link = self._running(), self._link()
            wanted = running is not None and self._open.get(running.id, False) and self._way.may_relay()
            if running is not None and link is not None and wanted:
                await self._stop(running.id, link)

    async def _stop(self, transaction_id: str, link: Link) -> None:
        try:
            status = await link.call(link.dialect.stop(transaction_id), Priority.PROVIDER)
        except DeviceUnreachable as error:
            logger.info("%s: a transaction is not stopped yet: %s", self._device_id, error)
            return
        if self._open.get(transaction_id):
            self._open[transaction_id] = False
        await self._keep_quietly()
        logger.warning("%s: the CSMS rejects the card of the running transaction: stop %s", self._device_id, status)
        self._way.notice(f"card_rejected.{self._device_id}", _STOPPED if status == ACCEPTED else _GOES_ON)

    async def _keep_quietly(self) -> None:
        try:
            await self._keep()
        except StoreUnavailable as error:
            # At worst it is stopped once more, if it still runs after a restart of the hub.
            logger.warning("%s: that a transaction was stopped is not kept: %s", self._device_id, error)

    async def _keep(self) -> None:
        if self._keeper is None:
            return
        async with self._keeping:
            due = [transaction_id for transaction_id, is_due in self._open.items() if is_due]
            await self._keeper.keep(self._device_id, due)
