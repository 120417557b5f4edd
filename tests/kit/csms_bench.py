"""The demo CSMS with demo stations that are connected straight to it, over TLS."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from homeapp.clock import SharedClock
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.outlet import ChargingState
from homeapp.demo.charger.station import DemoStation
from homeapp.demo.csms.accounts import Account
from homeapp.demo.csms.books import StationBook, TransactionBook
from homeapp.demo.csms.commands import Commands
from homeapp.demo.csms.intake import Policy
from homeapp.demo.csms.orders import PeriodOrder, ProfileOrder
from homeapp.demo.csms.server import DemoCsms
from homeapp.demo.ocpp.schemas import Version
from homeapp.demo.operator.pki import StreetAuthority
from kit.running_peer import alive

NAME = "EVCE-1"
PASSWORD = "a-password-of-24-letters"
CARD = "04A1B2C3"
SPEED = 50.0
WAIT_S = 15.0
_AGAIN_S = 2.0
FLOOR_W = 6 * 3 * 230.0
ALL = list(Version)


class CsmsBench:
    """A CSMS that knows one station; ``profile`` is the security profile."""

    def __init__(self, version: Version, directory: Path, *, profile: int = 2, feed_w: float = 6000.0) -> None:
        self.version = version
        self.clock = SharedClock(datetime(2026, 11, 23, 12, tzinfo=UTC), time.time(), SPEED)
        self.directory = directory
        self.authority = StreetAuthority()
        self.car = Car(60_000, 50.0, 11_000, feed_w, 3)
        self.password = PASSWORD if profile == 2 else None
        self.station_tls = self.authority.client_context(NAME if profile == 3 else None)
        self.csms = self.make_csms(require_client=profile == 3)
        self.station: DemoStation

    def make_csms(self, *, require_client: bool = False, journal: Path | None = None, port: int = 0) -> DemoCsms:
        return DemoCsms(
            clock=self.clock,
            tls=self.authority.server_context(require_client=require_client),
            accounts={NAME: Account(password=self.password)},
            policy=Policy(tokens={CARD.casefold(): "Accepted", "owner": "Accepted"}),
            journal=journal,
            port=port,
        )

    def make_station(self, *, name: str = NAME, password: str | None = None) -> DemoStation:
        return DemoStation(
            station_id=name,
            url=f"{self.station_url}/{name}",
            protocol=self.version.value,
            tls=self.station_tls,
            password=password or self.password,
            clock=self.clock,
            car=self.car,
            state_file=self.directory / f"{name}.json",
            vendor="Demo",
            model="Bench",
            retry_s=0.1,
        )

    @property
    def station_url(self) -> str:
        """Where the station connects to, without its identity."""
        return self.csms.url

    @property
    def book(self) -> StationBook:
        return self.csms.station(NAME)

    @property
    def commands(self) -> Commands:
        return self.csms.commands(NAME)

    @property
    def transaction(self) -> TransactionBook:
        """The newest one."""
        return list(self.book.transactions.values())[-1]

    async def until(self, predicate: Callable[[], bool]) -> None:
        await self.csms.wait_for(predicate, WAIT_S)

    async def power(self, watts: float) -> None:
        await self.station.wait_for(lambda seen: abs(seen.power_w - watts) < 1, WAIT_S)

    async def starts_with(self, card: str) -> TransactionBook:
        """Hold the card to the reader until a transaction runs: a start lapses where its authorisation takes long."""
        async with asyncio.timeout(WAIT_S):
            while not self.book.running:
                if self.station.observation.state is ChargingState.EV_CONNECTED:
                    self.station.present_card(card)
                with suppress(TimeoutError):
                    await self.csms.wait_for(lambda: bool(self.book.running), _AGAIN_S)
        return self.transaction

    async def charging(self) -> TransactionBook:
        """Registered, car plugged in, transaction begun by the provider."""
        await self.station.wait_for(lambda seen: seen.registered, WAIT_S)
        await self.until(lambda: self.book.registered)
        self.station.plug_in()
        assert await self.commands.start("owner") == "Accepted"
        await self.until(lambda: bool(self.book.running))
        await self.station.wait_for(lambda seen: seen.transaction_id is not None, WAIT_S)
        return self.transaction

    @asynccontextmanager
    async def socket(self, **options: Any) -> AsyncIterator[ClientConnection]:
        """A peer that says what it likes."""
        credentials = f"{NAME}:{self.password}"
        headers = {"Authorization": basic(credentials)}
        async with connect(
            f"{self.csms.url}/{NAME}",
            ssl=self.station_tls,
            additional_headers=headers,
            subprotocols=[self.version.value],
            **options,
        ) as socket:
            yield socket


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


async def say(socket: ClientConnection, *frame: Any) -> None:
    """Send a frame."""
    await socket.send(json.dumps(frame))


async def hear(socket: ClientConnection) -> list[Any]:
    """The next frame."""
    async with asyncio.timeout(WAIT_S):
        frame: list[Any] = json.loads(await socket.recv())
    return frame


def limit(profile_id: int, purpose: str, watts: float, **more: Any) -> ProfileOrder:
    """One period that holds from long ago."""
    begin = {} if more.get("kind") == "Relative" else {"start": datetime(2020, 1, 1, tzinfo=UTC)}
    period = more.pop("period", None) or PeriodOrder(limit=watts)
    return ProfileOrder(profile_id=profile_id, purpose=purpose, periods=(period,), **(begin | more))


def run(bench: CsmsBench, story: Callable[[CsmsBench], Awaitable[None]], *, station: bool = True) -> None:
    """Have it all run, tell the story, and find that nobody has broken the standard where there is a real station."""

    async def go() -> None:
        async with alive(bench.csms):
            await asyncio.wait_for(bench.csms.started(), WAIT_S)
            if not station:
                await story(bench)
                return
            bench.station = bench.make_station()
            async with alive(bench.station):
                await story(bench)
        assert bench.csms.breaches == []

    asyncio.run(go())
