"""The part of the hub that is measured, and what it needs around it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from homeapp.model.device import Candidate
from homeapp.model.live import LinkState
from homeapp.model.readings import EvceState
from homeapp.model.site import Site
from homeapp.ports import Admission, Clock, EvceEndpoint, ProfileKeeper, ProviderRights, StationOutbox, StationUpstreams

PASSWORD = "the-bench-stations-know-it"  # noqa: S105 - of simulated stations on the loopback interface
_START_TIMEOUT_S = 20.0


class Listening(Protocol):
    """Something that stations connect to.

    Attributes:
        port: known once it has started.
    """

    port: int

    async def started(self) -> None:
        """Wait until stations can connect."""


class Relay(Listening, Protocol):
    """The message exchange alone."""

    async def run(self) -> None:
        """Relay until cancelled."""


class Endpoint(EvceEndpoint, Listening, Protocol):
    """The endpoint for charging stations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPlan:
    """What the driver is made with."""

    tls: ssl.SSLContext
    clock: Clock
    site: Site
    csms_url: str
    outbox: StationOutbox
    keeper: ProfileKeeper
    rights: ProviderRights


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredHub:
    """The driver of charging stations, complete.

    Attributes:
        background: what it runs besides.
    """

    endpoint: Endpoint
    upstreams: StationUpstreams
    background: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSide:
    """Makes what is measured; the composition root knows how.

    Attributes:
        relay: for a CSMS.
        hub: for a CSMS, too.
    """

    relay: Callable[[str, Clock], Relay]
    hub: Callable[[HubPlan], MeasuredHub]


class MemorySecrets:
    """Secrets of a measurement (``identity.SecretKeeper``)."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self._kept.get(name)

    def set(self, name: str, value: str) -> None:
        self._kept[name] = value


class BenchRegister:
    """Every station with the password is adopted (``ports.StationRegister``)."""

    def __init__(self) -> None:
        self.states: dict[str, EvceState] = {}
        self.listener: Callable[[EvceState], None] = lambda _state: None
        self._news = asyncio.Event()

    def admission(self, _device_id: str, password: str | None) -> Admission:
        return Admission.ADOPTED if password == PASSWORD else Admission.REFUSED

    def is_adopted(self, _device_id: str) -> bool:
        return True

    def turned_away(self, device_id: str, sentence: str) -> None:
        raise AssertionError(f"{device_id}: {sentence}")

    def vendor(self, _device_id: str) -> str:
        return ""

    def agreed_firmware(self, _device_id: str, _location: str, _signature: str) -> bool:
        return False

    def authorizes(self, _device_id: str, _id_token: str) -> bool:
        return True

    def knocked(self, candidate: Candidate) -> None:
        raise AssertionError(candidate)

    def changed(self, state: EvceState) -> None:
        self.states[state.device_id] = state
        self.listener(state)
        self._news.set()

    async def until(self, fits: Callable[[dict[str, EvceState]], bool]) -> None:
        """Wait for states.

        Raises:
            TimeoutError: they do not come.
        """
        async with asyncio.timeout(_START_TIMEOUT_S + 0.1 * len(self.states)):
            while not fits(self.states):
                self._news.clear()
                await self._news.wait()


class OpenWay:
    """The owner has agreed (``ports.CsmsWay``)."""

    def __init__(self) -> None:
        self.up: set[str] = set()
        self._news = asyncio.Event()

    def may_relay(self) -> bool:
        return True

    def left(self, action: str, payload: Mapping[str, Any], size_bytes: int) -> None:
        pass

    def link(self, device_id: str, state: LinkState, _problem: str | None = None) -> None:
        (self.up.add if state is LinkState.UP else self.up.discard)(device_id)
        self._news.set()

    def notice(self, code: str, sentence: str) -> None:
        pass

    async def until_up(self, count: int) -> None:
        """Wait until so many stations have a way to the CSMS.

        Raises:
            TimeoutError: they have none.
        """
        async with asyncio.timeout(_START_TIMEOUT_S + 0.1 * count):
            while len(self.up) < count:
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def running(*bodies: Callable[[], Any]) -> AsyncIterator[None]:
    """Run tasks beside a measurement; one that fails ends it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(body()) for body in bodies]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def listening(what: Listening) -> int:
    """The port of it once it has started."""
    async with asyncio.timeout(_START_TIMEOUT_S):
        await what.started()
    return what.port
