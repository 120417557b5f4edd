"""The ways to the service providers: each is open while the home is paired, enrolled and the owner agrees.

Each provider is a flow of its own: its own connection, its own tasks. Nothing of one waits for another.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
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


@dataclass(slots=True, kw_only=True, eq=False)
class _Way:
    """A flow that is wanted.

    Attributes:
        mark: of what it was opened for.
        flow: None while it is being opened.
        stuck: it could not be opened; it is tried again.
    """

    mark: Hashable
    flow: Flow | None = None
    stuck: bool = False
    task: asyncio.Task[None] | None = None


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
        self._ways: dict[str, _Way] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._deleting: set[str] = set()
        self._moved = asyncio.Event()

    def changed(self) -> None:
        """Something of what decides about flows has changed; what may not be open any more ends now."""
        self._end_unwanted()
        self._changed.set()

    async def run(self) -> NoReturn:
        """Keep the right flows open, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._changed.clear()
                    self._end_unwanted()
                    self._begin_wanted(tasks)
                    self._tell()
                    await self._changed.wait()
        finally:
            for sp_id in list(self._ways):
                self._end(sp_id)

    def publish(self, status: ApplianceStatus) -> None:
        """How the appliances stand, to all open flows that want it."""
        for way in self._ways.values():
            if way.flow is not None and way.flow.publish is not None:
                way.flow.publish(status)

    async def erase(self, sp_id: str, data_classes: Collection[DataClass]) -> None:
        """Delete at the provider what it has of these kinds, over the open flow or one that is opened for that alone.

        Raises:
            NotFound: the home is not paired with it.
            NotSupported: only the provider itself can delete.
            ProviderUnreachable: try again later.
        """
        self.changed()
        await self._until(lambda: self._is_settled(sp_id))
        way = self._ways.get(sp_id)
        if way is not None and way.flow is not None:
            await _erase(way.flow.provider, data_classes)
            return
        # Two connections in one name would throw each other out.
        self._deleting.add(sp_id)
        try:
            self.changed()
            await self._until(lambda: sp_id not in self._ending)
            await self._erase_alone(await self._source.open(sp_id), data_classes)
        finally:
            self._deleting.discard(sp_id)
            self.changed()

    async def _erase_alone(self, flow: Flow, data_classes: Collection[DataClass]) -> None:
        session = None if flow.session is None else asyncio.ensure_future(flow.session())
        try:
            await _erase(flow.provider, data_classes)
        finally:
            if session is not None:
                session.cancel()
                await asyncio.wait((session,))
                if not session.cancelled() and (failure := session.exception()) is not None:
                    logger.warning("%s: the way that was opened to delete has failed: %s", flow.provider.sp_id, failure)

    def _wanted(self) -> dict[str, Hashable]:
        return {sp_id: mark for sp_id, mark in self._source.wanted().items() if sp_id not in self._deleting}

    def _is_settled(self, sp_id: str) -> bool:
        """Whether this flow is as it is wanted, or cannot be."""
        way, wanted = self._ways.get(sp_id), self._wanted()
        if way is None:
            return sp_id not in wanted and sp_id not in self._ending
        return sp_id in wanted and way.mark == wanted[sp_id] and (way.flow is not None or way.stuck)

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            await self._moved.wait()

    def _tell(self) -> None:
        """Wake whoever waits for flows to open or to end."""
        self._moved.set()
        self._moved = asyncio.Event()

    def _end_unwanted(self) -> None:
        wanted = self._wanted()
        for sp_id, way in list(self._ways.items()):
            if sp_id not in wanted or wanted[sp_id] != way.mark:
                self._end(sp_id)

    def _end(self, sp_id: str) -> None:
        """From now on it gets nothing; that its connection takes a while to end holds nothing else up."""
        self._relay.remove(sp_id)
        task = self._ways.pop(sp_id).task
        if task is not None and not task.done():
            self._ending[sp_id] = task
            task.cancel()

    def _begin_wanted(self, tasks: asyncio.TaskGroup) -> None:
        for sp_id, mark in self._wanted().items():
            if sp_id not in self._ways and sp_id not in self._ending:
                way = self._ways[sp_id] = _Way(mark=mark)
                way.task = tasks.create_task(self._follow(sp_id, way))
                way.task.add_done_callback(partial(self._ended, sp_id))

    def _ended(self, sp_id: str, task: asyncio.Task[None]) -> None:
        if self._ending.get(sp_id) is task:
            del self._ending[sp_id]
            logger.info("%s: the way to it is closed", sp_id)
        # One that was to be opened anew waited for this.
        self._changed.set()
        self._tell()

    async def _follow(self, sp_id: str, way: _Way) -> None:
        flow = await self._opened(sp_id, way)
        way.flow, way.stuck = flow, False
        self._relay.add(flow.provider)
        self._tell()
        logger.info("%s: the way to it is open", sp_id)
        await self._keep(flow)

    async def _opened(self, sp_id: str, way: _Way) -> Flow:
        while True:
            try:
                return await self._source.open(sp_id)
            except HomeappError as error:
                if not way.stuck:
                    logger.error("%s: the way to it cannot be opened: %s", sp_id, error)
                    self._failed(sp_id, error)
                way.stuck = True
                self._tell()
            await asyncio.sleep(OPEN_AGAIN_S)

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
                hurry = partial(self._hurry, provider.sp_id, flow.hurry)
                tasks.create_task(supervise(f"{provider.sp_id} hurries", hurry, self._clock, self._failed))

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
