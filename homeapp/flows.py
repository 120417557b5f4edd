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
from homeapp.providers.onem2m.appliances import ApplianceStatus
from homeapp.supervision import supervise

logger = logging.getLogger(__name__)

ERASE_TIMEOUT_S = 25.0
OPEN_AGAIN_S = 30.0
"""Real seconds: what keeps a flow from being made is about files and certificates."""
_LOOK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """An opened way to one provider.

    Attributes:
        session: keeps its connection up, or None where the provider does that itself.
        hurry: ends the connection's pause between two attempts.
        publish: tells how the appliances stand, where that may be known in plain text.
    """

    provider: Provider
    session: Callable[[], Awaitable[None]] | None = None
    hurry: Callable[[], None] | None = None
    publish: Callable[[ApplianceStatus], None] | None = None


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
        self._unopened: set[str] = set()
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
                    with suppress(TimeoutError):
                        async with asyncio.timeout(OPEN_AGAIN_S if self._unopened else None):
                            await self._changed.wait()
        finally:
            for sp_id in list(self._open):
                self._forget(sp_id)

    def publish(self, status: ApplianceStatus) -> None:
        """How the appliances stand, to all open flows that want it."""
        for _mark, flow, _task in self._open.values():
            if flow.publish is not None:
                flow.publish(status)

    async def erase(self, sp_id: str, data_classes: Collection[DataClass]) -> None:
        """Delete at the provider what it has of these kinds, over the open flow or one that is opened for that alone.

        Raises:
            NotFound: the home is not paired with it.
            NotSupported: only the provider itself can delete.
            ProviderUnreachable: try again later.
        """
        self.changed()
        async with self._settled:
            await self._settled.wait_for(lambda: self._is_settled(sp_id))
        opened = self._open.get(sp_id)
        if opened is not None:
            await _erase(opened[1].provider, data_classes)
        else:
            await self._erase_alone(await self._source.open(sp_id), data_classes)

    async def _erase_alone(self, flow: Flow, data_classes: Collection[DataClass]) -> None:
        session = None if flow.session is None else asyncio.ensure_future(flow.session())
        try:
            await _erase(flow.provider, data_classes)
        finally:
            if session is not None:
                session.cancel()
                with suppress(asyncio.CancelledError):
                    await session

    def _is_settled(self, sp_id: str) -> bool:
        """Whether this flow is as it is wanted, or cannot be."""
        opened, wanted = self._open.get(sp_id), self._source.wanted()
        if opened is None:
            return sp_id not in wanted or sp_id in self._unopened
        return sp_id in wanted and opened[0] == wanted[sp_id]

    async def _settle(self, tasks: asyncio.TaskGroup) -> None:
        wanted = dict(self._source.wanted())
        for sp_id, (mark, _flow, task) in list(self._open.items()):
            if wanted.get(sp_id) != mark or sp_id not in wanted:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                self._forget(sp_id)
                logger.info("%s: the way to it is closed", sp_id)
        self._unopened &= set(wanted)
        for sp_id, mark in wanted.items():
            if sp_id not in self._open:
                await self._start(sp_id, mark, tasks)
        async with self._settled:
            self._settled.notify_all()

    async def _start(self, sp_id: str, mark: Hashable, tasks: asyncio.TaskGroup) -> None:
        try:
            flow = await self._source.open(sp_id)
        except HomeappError as error:
            if sp_id not in self._unopened:
                logger.error("%s: the way to it cannot be opened: %s", sp_id, error)
                self._failed(sp_id, error)
            self._unopened.add(sp_id)
            return
        self._unopened.discard(sp_id)
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


async def _erase(provider: Provider, data_classes: Collection[DataClass]) -> None:
    """Ask until the connection is there."""
    try:
        async with asyncio.timeout(ERASE_TIMEOUT_S):
            while True:
                with suppress(ProviderUnreachable):
                    await provider.erase(data_classes)
                    return
                await asyncio.sleep(_LOOK_AGAIN_S)
    except TimeoutError as error:
        raise ProviderUnreachable(f"{provider.name} could not be reached to delete. It is tried again.") from error
