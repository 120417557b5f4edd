"""Empties the outbox: hands decisions and records to their providers, in order, at least once, across restarts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import NoReturn

from homeapp.errors import NotConsented, ProviderError, ProviderRefused
from homeapp.model.consent import DataClass
from homeapp.model.offer import Receipt
from homeapp.model.record import DataRecord
from homeapp.ports import Clock, DecisionMessage, Provider
from homeapp.store.offer_rows import Failure
from homeapp.store.outbox import Outbox, too_late
from homeapp.store.records import encode
from homeapp.supervision import jittered, supervise, to_its_end
from homeapp.uplink.uplink import Uplink

logger = logging.getLogger(__name__)

DELIVERY_TIMEOUT_S = 30.0
"""Real seconds: networks do not run faster in the demo street."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
_ENVELOPE_BYTES, _ENVELOPE_RATIO = 900, 2


class Relay:
    """One worker per provider, so that one that is away never delays another.

    What waits for a provider goes out one by one: safety, decisions, health, metering, location, and within each in
    the order it was put in. It waits until the provider has it, refuses it for good, it must not leave, or it is too
    late. A provider may get the same more than once, always with the same id.

    Attributes (of the constructor):
        providers: from the start; others come and go by ``add`` and ``remove``.
        on_receipt: told every transport receipt before the decision counts as delivered.
        may_leave: raises NotConsented for a record that must not leave; asked at the last moment.
        allows: whether this kind of data may go to this provider; asked with IDENTITY for decisions.
        notice: told (code, sentence) about what the owner should know.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        uplink: Uplink,
        clock: Clock,
        on_receipt: Callable[[Receipt], Awaitable[None]],
        may_leave: Callable[[DataRecord], None],
        allows: Callable[[str, DataClass], bool],
        notice: Callable[[str, str], None],
        providers: Mapping[str, Provider] | None = None,
    ) -> None:
        self._outbox = outbox
        self._uplink = uplink
        self._clock = clock
        self._on_receipt = on_receipt
        self._may_leave = may_leave
        self._allows = allows
        self._notice = notice
        self._providers = dict(providers or {})
        self._tasks: asyncio.TaskGroup | None = None
        self._workers: dict[str, list[asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Relay until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                for provider in self._providers.values():
                    self._start(provider, tasks)
                # Without providers there is nothing to relay, and nothing that ended.
                await asyncio.Event().wait()
        finally:
            self._tasks = None
            self._workers.clear()

    def add(self, provider: Provider) -> None:
        """Hand this provider what waits for it from now on; it takes the place of one with the same id."""
        self.remove(provider.sp_id)
        self._providers[provider.sp_id] = provider
        if self._tasks is not None:
            self._start(provider, self._tasks)

    def remove(self, sp_id: str) -> None:
        """Hand it nothing more; what waits for it stays. Unknown ones are fine."""
        self._providers.pop(sp_id, None)
        for task in self._workers.get(sp_id, ()):
            if not task.cancelling():
                task.cancel()

    def _start(self, provider: Provider, tasks: asyncio.TaskGroup) -> None:
        before = [task for task in self._workers.get(provider.sp_id, ()) if not task.done()]
        self._workers[provider.sp_id] = [*before, tasks.create_task(self._work(provider, before))]

    async def _work(self, provider: Provider, before: Collection[asyncio.Task[None]]) -> None:
        if before:
            # Two at once would upset the order.
            await asyncio.wait(before)
        worker = _Worker(
            provider=provider,
            outbox=self._outbox,
            uplink=self._uplink,
            clock=self._clock,
            on_receipt=self._on_receipt,
            check=self._check,
            notice=self._notice,
        )
        await supervise(f"relay to {provider.sp_id}", worker.run, self._clock)

    def _check(self, message: DecisionMessage | DataRecord) -> None:
        if isinstance(message, DataRecord):
            self._may_leave(message)
        elif not self._allows(message.offer.sp_id, DataClass.IDENTITY):
            raise NotConsented(
                f"Your answer was not sent, because you do not share anything with {message.offer.sp_name}."
            )


class _Worker:
    def __init__(
        self,
        *,
        provider: Provider,
        outbox: Outbox,
        uplink: Uplink,
        clock: Clock,
        on_receipt: Callable[[Receipt], Awaitable[None]],
        check: Callable[[DecisionMessage | DataRecord], None],
        notice: Callable[[str, str], None],
    ) -> None:
        self._provider = provider
        self._sp_id = provider.sp_id
        self._outbox = outbox
        self._uplink = uplink
        self._clock = clock
        self._on_receipt = on_receipt
        self._check = check
        self._notice = notice
        self._news = outbox.news(provider.sp_id)
        self._attempt = 0

    async def run(self) -> NoReturn:
        while True:
            self._news.anything.clear()
            self._news.urgent.clear()
            held = self._uplink.held(self._sp_id)
            message = await self._outbox.next_waiting(self._sp_id, held)
            if message is None:
                self._uplink.drained(self._sp_id)
                await self._first(self._news.anything, min(held.values(), default=None))
            elif self._clock.now() >= message.not_after:
                await self._give_up(message, Failure.LATE, too_late(message))
            elif (wait_s := self._uplink.send_allowed(message, _estimated_size(message))) > 0:
                await self._first(self._news.urgent, wait_s)
            else:
                await self._try(message)

    async def _try(self, message: DecisionMessage | DataRecord) -> None:
        try:
            self._check(message)
            async with asyncio.timeout(DELIVERY_TIMEOUT_S):
                receipt, size_bytes = await self._hand_over(message)
        except NotConsented as error:
            await self._withhold(message, str(error))
        except ProviderRefused as error:
            await self._give_up(message, Failure.REFUSED, str(error))
        except (ProviderError, TimeoutError) as error:
            if self._attempt == 0:
                reason = str(error) or "no answer in time"
                logger.warning("%s: cannot be reached, what is for it waits: %s", self._sp_id, reason)
            await self._pause(message.not_after)
        else:
            self._attempt = 0
            self._uplink.sent(self._sp_id, _data_class(message), size_bytes)
            # What has left the home is noted, also where this is the moment at which its flow is closed.
            await to_its_end(self._note(message, receipt, size_bytes))
            level = logging.DEBUG if isinstance(message, DataRecord) else logging.INFO
            logger.log(level, "%s: has %s %s", self._sp_id, _kind(message), _id(message))

    async def _note(self, message: DecisionMessage | DataRecord, receipt: Receipt | None, size_bytes: int) -> None:
        if receipt is not None:
            await self._on_receipt(receipt)
        await self._outbox.delivered(message, size_bytes)

    async def _hand_over(self, message: DecisionMessage | DataRecord) -> tuple[Receipt | None, int]:
        if isinstance(message, DataRecord):
            return None, await self._provider.disclose(message)
        receipt = await self._provider.deliver(message)
        return receipt, receipt.size_bytes

    async def _give_up(self, message: DecisionMessage | DataRecord, failure: Failure, sentence: str) -> None:
        logger.warning("%s: %s %s: %s", self._sp_id, _kind(message), _id(message), sentence)
        await self._outbox.undeliverable(_id(message), failure, sentence)

    async def _withhold(self, message: DecisionMessage | DataRecord, sentence: str) -> None:
        """What was agreed to when it was put in may have been taken back since."""
        if isinstance(message, DecisionMessage):
            await self._give_up(message, Failure.REFUSED, sentence)
            return
        logger.warning("%s: %s %s is withheld: %s", self._sp_id, message.kind, message.record_id, sentence)
        await self._outbox.withhold(message.record_id, sentence)
        self._notice(f"withheld.{self._sp_id}.{message.data_class}", sentence)

    async def _pause(self, not_after: datetime) -> None:
        """Back off with full jitter, but look again when something urgent is to be sent or it becomes too late."""
        left_s = max(0.0, (not_after - self._clock.now()).total_seconds())
        pause_s = min(left_s, max(0.1, jittered(self._attempt, FIRST_PAUSE_S, LONGEST_PAUSE_S)))
        self._attempt += 1
        await self._first(self._news.urgent, pause_s)

    async def _first(self, event: asyncio.Event, seconds: float | None) -> None:
        """Wait for the event, for ``seconds`` of hub time at most."""
        if seconds is None:
            await event.wait()
            return
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def _id(message: DecisionMessage | DataRecord) -> str:
    return message.record_id if isinstance(message, DataRecord) else message.decision.decision_id


def _kind(message: DecisionMessage | DataRecord) -> str:
    return message.kind if isinstance(message, DataRecord) else "decision"


def _data_class(message: DecisionMessage | DataRecord) -> DataClass:
    return message.data_class if isinstance(message, DataRecord) else DataClass.IDENTITY


def _estimated_size(message: DecisionMessage | DataRecord) -> int:
    """What encryption and signature make of it, about; the provider tells the real size afterwards."""
    body = message.body if isinstance(message, DataRecord) else message.decision
    return _ENVELOPE_BYTES + _ENVELOPE_RATIO * len(encode(body))
