"""The durable outbox: hands decisions to their providers, in order, at least once, across restarts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from homeapp.errors import ProviderError, ProviderRefused
from homeapp.model.offer import Receipt
from homeapp.ports import Clock, DecisionMessage, Provider
from homeapp.store.ledger import Ledger
from homeapp.store.offer_rows import Failure
from homeapp.supervision import jittered, supervise

logger = logging.getLogger(__name__)

DELIVERY_TIMEOUT_S = 30.0
"""Real seconds: networks do not run faster in the demo street."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0


class Relay:
    """One worker per provider, so that one that is away never delays another.

    A decision waits in the ledger until its provider has it, refuses it for good, or it is too late; what fails is
    recorded there, where the offer desk finds it. A provider may get a decision more than once, always with the same
    ``decision_id``.

    Attributes (of the constructor):
        on_receipt: told every transport receipt before the decision counts as delivered.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        providers: Mapping[str, Provider],
        clock: Clock,
        on_receipt: Callable[[Receipt], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._providers = dict(providers)
        self._clock = clock
        self._on_receipt = on_receipt

    async def run(self) -> None:
        """Relay until cancelled."""
        async with asyncio.TaskGroup() as workers:
            for sp_id, provider in self._providers.items():
                worker = _Worker(provider, self._ledger, self._clock, self._on_receipt)
                workers.create_task(supervise(f"relay to {sp_id}", worker.run, self._clock))
            # Without providers there is nothing to relay, and nothing that ended.
            await asyncio.Event().wait()


class _Worker:
    def __init__(
        self, provider: Provider, ledger: Ledger, clock: Clock, on_receipt: Callable[[Receipt], Awaitable[None]]
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._on_receipt = on_receipt
        self._news = ledger.outbox_news(provider.sp_id)
        self._attempt = 0

    async def run(self) -> None:
        while True:
            self._news.clear()
            message = await self._ledger.next_waiting(self._provider.sp_id)
            if message is None:
                await self._news.wait()
            elif self._clock.now() >= message.not_after:
                await self._give_up(message, Failure.LATE, _late(message))
            else:
                await self._try(message)

    async def _try(self, message: DecisionMessage) -> None:
        sp_id, decision = self._provider.sp_id, message.decision
        try:
            async with asyncio.timeout(DELIVERY_TIMEOUT_S):
                receipt = await self._provider.deliver(message)
        except ProviderRefused as error:
            await self._give_up(message, Failure.REFUSED, str(error))
        except (ProviderError, TimeoutError) as error:
            if self._attempt == 0:
                logger.warning("%s: cannot be reached, answers wait: %s", sp_id, str(error) or "no answer in time")
            await self._pause(message.not_after)
        else:
            await self._on_receipt(receipt)
            await self._ledger.delivered(decision.decision_id)
            logger.info("%s: has decision %s", sp_id, decision.decision_id)
            self._attempt = 0

    async def _give_up(self, message: DecisionMessage, failure: Failure, sentence: str) -> None:
        logger.warning("%s: decision %s: %s", self._provider.sp_id, message.decision.decision_id, sentence)
        await self._ledger.undeliverable(message.decision.decision_id, failure, sentence)

    async def _pause(self, not_after: datetime) -> None:
        """Back off with full jitter, but look again when something new is to be sent or it becomes too late."""
        left_s = max(0.0, (not_after - self._clock.now()).total_seconds())
        pause_s = min(left_s, max(0.1, jittered(self._attempt, FIRST_PAUSE_S, LONGEST_PAUSE_S)))
        self._attempt += 1
        waits = [asyncio.ensure_future(self._news.wait()), asyncio.ensure_future(self._clock.sleep(pause_s))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def _late(message: DecisionMessage) -> str:
    return f"Your answer could not be handed to {message.offer.sp_name} in time, so it does not count."
