"""A system operator for the tests of the oneM2M adapter: a real broker and a real CSE, started once."""

import asyncio
import contextlib
import gc
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from homeapp.clock import SharedClock
from homeapp.demo.operator.broker import Broker
from homeapp.demo.operator.onem2m_application import Access, Onem2mApplication, Operation, Response
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import HomeappError
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.providers.onem2m.codec import ContentInstance
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.providers.onem2m.session import OneM2mSession
from homeapp.settings import SystemOperatorSettings
from kit.own_loop import OwnLoop

WITHIN_S = 30.0
SPEED = 20.0
_numbers = itertools.count(1)


class Listener:
    """Notes what a session tells; made to fail, it deals with nothing."""

    def __init__(self) -> None:
        self.contents: list[tuple[str, bool]] = []
        self.links: list[tuple[LinkState, str | None]] = []
        self.failure: HomeappError | None = None
        self._news = asyncio.Event()

    async def content(self, mailbox: Mailbox, content: ContentInstance, *, live: bool) -> None:
        if self.failure is not None:
            self.contents.append((f"failed {content.con}", live))
            self._happened()
            raise self.failure
        self.contents.append((content.con, live))
        self._happened()

    async def begins_anew(self) -> None:
        return

    def link(self, state: LinkState, problem: str | None) -> None:
        self.links.append((state, problem))
        self._happened()

    @property
    def state(self) -> LinkState:
        return self.links[-1][0] if self.links else LinkState.DOWN

    @property
    def ups(self) -> int:
        """How often the link has come up."""
        return [state for state, _ in self.links].count(LinkState.UP)

    def times(self, text: str) -> int:
        """How often this content was dealt with."""
        return [content for content, _ in self.contents].count(text)

    async def until(self, predicate: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not predicate():
                await self._news.wait()

    async def up(self) -> None:
        await self.until(lambda: self.state is LinkState.UP)

    def _happened(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


@dataclass
class Flow:
    """One provider's flow of a hub, running: its own AE and its own session."""

    session: OneM2mSession
    mailbox: Mailbox
    listener: Listener
    task: "asyncio.Task[None]"
    hub: str

    @property
    def base(self) -> str:
        return f"cse-in/{self.hub.removeprefix('C')}"

    @property
    def inbox(self) -> str:
        return f"{self.base}/{self.mailbox.inbox}"

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@dataclass
class SystemOperatorSide:
    """Broker, CSE and authority."""

    directory: Path
    authority: StreetAuthority = field(default_factory=StreetAuthority)
    clock: SharedClock = field(
        default_factory=lambda: SharedClock(datetime(2027, 1, 15, 12, tzinfo=UTC), time.time(), SPEED)
    )

    def __post_init__(self) -> None:
        from homeapp.demo.operator.cse import SystemOperatorCse

        self.broker = Broker(self.directory, self.authority)
        self.cse = SystemOperatorCse(self.directory / "cse", self.broker, self.authority, http=True)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        await self.broker.start()
        try:
            await self.cse.start()
            yield
        finally:
            await self.cse.stop()
            await self.broker.stop()

    async def context(self, name: str | None) -> ssl.SSLContext:
        return await asyncio.to_thread(self.authority.client_context, name)

    @contextlib.asynccontextmanager
    async def application(self, ae_id: str, *, register: bool = False) -> AsyncIterator[Onem2mApplication]:
        """Somebody with a certificate of this name."""
        access = Access(host=self.broker.host, port=self.broker.port, context=await self.context(ae_id))
        async with Onem2mApplication(ae_id, access) as application:
            if register:
                await application.register()
            yield application

    async def says(self, ae_id: str, to: str, **primitive: Any) -> Response:
        """What the CSE answers to a request of this AE, a retrieval unless said otherwise."""
        async with self.application(ae_id) as application:
            return await application.request({"op": Operation.RETRIEVE, "to": to, **primitive})

    def settings(self, hub: str, **members: Any) -> SystemOperatorSettings:
        members = {"broker_host": self.broker.host, "broker_port": self.broker.port} | members
        return SystemOperatorSettings(
            **{
                "ae_id": hub,
                "catch_up_s": 86_400.0,
                "reconnect_spread_s": 1.0,
                **members,
            }
        )

    @contextlib.asynccontextmanager
    async def flow(
        self,
        hub: str | None = None,
        *,
        provider: str = "Cevc-sp",
        data: tuple[DataClass, ...] = (),
        open_status: bool = False,
        certificate: str | None = "",
        wait: bool = True,
        uptime_s: float = 1e6,
        **members: Any,
    ) -> AsyncIterator[Flow]:
        """A hub's session, up unless said otherwise; each has an AE of its own unless one is named."""
        hub = hub or f"Chub-{next(_numbers):04}-evc"
        mailbox = Mailbox(sp_id="evc_sp", ae_id=provider, label="Evc", data=data, open_status=open_status)
        listener = Listener()
        session = OneM2mSession(
            settings=self.settings(hub, **members),
            tls=await self.context(hub if certificate == "" else certificate),
            clock=self.clock,
            mailboxes=(mailbox,),
            listener=listener,
            uptime_s=lambda: uptime_s,
        )
        flow = Flow(session, mailbox, listener, asyncio.create_task(session.run()), hub)
        try:
            if wait:
                await listener.up()
            yield flow
        finally:
            await flow.stop()


@pytest.fixture(scope="session")
def _operator(tmp_path_factory: pytest.TempPathFactory) -> SystemOperatorSide:
    pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")
    return SystemOperatorSide(tmp_path_factory.mktemp("operator"))


@pytest.fixture(scope="session")
def _operators_loop(_operator: SystemOperatorSide) -> Iterator[OwnLoop]:
    with OwnLoop(_operator.open) as loop:
        yield loop


@pytest.fixture
def operator(_operator: SystemOperatorSide, _operators_loop: OwnLoop) -> SystemOperatorSide:
    """The system operator, running."""
    return _operator


@pytest.fixture
def run(_operators_loop: OwnLoop) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine in the operator's event loop."""
    return _operators_loop.run


@pytest.fixture
def collected() -> Iterator[None]:
    """Nothing that this test leaves to the garbage collector is told of in another one."""
    yield
    gc.collect()
