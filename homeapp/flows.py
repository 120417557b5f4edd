"""The ways to the service providers: each is open while the home is paired, enrolled and the owner agrees.

Each provider is a flow of its own: its own connection, its own tasks. Nothing of one waits for another.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn, Protocol

from homeapp.errors import HomeappError, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.ports import Clock, Provider, ProviderInbox
from homeapp.supervision import supervise

logger = logging.getLogger(__name__)

ERASE_TIMEOUT_S = 30.0
_LOOK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """An opened way to one provider.

    Attributes:
        session: keeps its connection up, or None where the provider does that itself.
        hurry: ends the connection's pause between two attempts.
    """

    provider: Provider
    session: Callable[[], Awaitable[None]] | None = None
    hurry: Callable[[], None] | None = None


class FlowSource(Protocol):
    """What makes flows."""

    def wanted(self) -> Mapping[str, Hashable]:
        """The flows that may be open now, each with a mark that changes where it has to be opened anew."""

    async def open(self, sp_id: str) -> Flow:
        """Make one; nothing is sent yet.

        Raises:
            HomeappError: it cannot be made; the sentence says why.
        """


class Carrier(Protocol):
    """The relay, as far as flows need it."""

    def add(self, provider: Provider) -> None:
        """Hand it what waits for it from now on."""

    def remove(self, sp_id: str) -> None:
        """Hand it nothing more."""


class ProviderFlows:
    """Opens and closes flows as ``source`` wants them, and lets one be opened just to delete.

    Args:
        failed: told each failure of a part by name.
        news: an event that is set when something is put into the outbox for a provider.
    """

    def __init__(
        self,
        *,
        source: FlowSource,
        relay: Carrier,
        inbox: ProviderInbox,
        clock: Clock,
        failed: Callable[[str, Exception], None],
        news: Callable[[str], asyncio.Event],
    ) -> None:
        self._source = source
        self._relay = relay
        self._inbox = inbox
        self._clock = clock
        self._failed = failed
        self._news = news
        self._changed = asyncio.Event()
        self._open: dict[str, tuple[Hashable, Flow, asyncio.Task[None]]] = {}
        self._settled = asyncio.Condition()

    def changed(self) -> None:
        """Something of what decides about flows has changed."""
        self._changed.set()

    async def run(self) -> NoReturn:
        """Keep the right flows open, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._changed.clear()
                    await self._settle(tasks)
                    await self._changed.wait()
        finally:
            for sp_id in list(self._open):
                self._forget(sp_id)

    async def erase(self, sp_id: str, data_classes: Collection[DataClass]) -> None:
        """Delete at the provider what it has of these kinds, over the open flow or one that is opened for that alone.

        Raises:
            NotFound: the home is not paired with it.
            NotSupported: only the provider itself can delete.
            ProviderUnreachable: try again later.
        """
        opened = self._open.get(sp_id)
        if opened is not None and sp_id in self._source.wanted():
            await opened[1].provider.erase(data_classes)
            return
        if opened is not None:
            self.changed()
            async with self._settled:
                await self._settled.wait_for(lambda: sp_id not in self._open)
        await self._erase_alone(await self._source.open(sp_id), data_classes)

    async def _erase_alone(self, flow: Flow, data_classes: Collection[DataClass]) -> None:
        session = None if flow.session is None else asyncio.ensure_future(flow.session())
        try:
            async with asyncio.timeout(ERASE_TIMEOUT_S):
                while True:
                    with suppress(ProviderUnreachable):
                        await flow.provider.erase(data_classes)
                        return
                    # The connection is being made.
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError as error:
            raise ProviderUnreachable(
                f"{flow.provider.name} could not be reached to delete. It is tried again."
            ) from error
        finally:
            if session is not None:
                session.cancel()
                with suppress(asyncio.CancelledError):
                    await session

    async def _settle(self, tasks: asyncio.TaskGroup) -> None:
        wanted = dict(self._source.wanted())
        for sp_id, (mark, _flow, task) in list(self._open.items()):
            if wanted.get(sp_id) != mark or sp_id not in wanted:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                self._forget(sp_id)
                logger.info("%s: the way to it is closed", sp_id)
        for sp_id, mark in wanted.items():
            if sp_id not in self._open:
                await self._start(sp_id, mark, tasks)
        async with self._settled:
            self._settled.notify_all()

    async def _start(self, sp_id: str, mark: Hashable, tasks: asyncio.TaskGroup) -> None:
        try:
            flow = await self._source.open(sp_id)
        except HomeappError as error:
            logger.error("%s: the way to it cannot be opened: %s", sp_id, error)
            self._failed(sp_id, error)
            return
        self._open[sp_id] = mark, flow, tasks.create_task(self._keep(flow))
        self._relay.add(flow.provider)
        logger.info("%s: the way to it is open", sp_id)

    def _forget(self, sp_id: str) -> None:
        self._relay.remove(sp_id)
        del self._open[sp_id]

    async def _keep(self, flow: Flow) -> None:
        provider = flow.provider

        async def follow() -> None:
            await provider.run(self._inbox)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(supervise(provider.sp_id, follow, self._clock, self._failed))
            if flow.session is not None:
                name = f"connection to {provider.name}"
                tasks.create_task(supervise(name, flow.session, self._clock, self._failed))
            if flow.hurry is not None:
                tasks.create_task(self._hurry(provider.sp_id, flow.hurry))

    async def _hurry(self, sp_id: str, hurry: Callable[[], None]) -> NoReturn:
        """An answer of the owner does not wait for the next attempt to connect."""
        news = self._news(sp_id)
        while True:
            await news.wait()
            hurry()
            # The relay clears the event when it looks.
            await asyncio.sleep(_LOOK_AGAIN_S)
