"""Charging stations that report to their provider while links are cut, stations restart and the hub is killed."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from charging_life import ChargingHome, Place, Witness
from fault_street import say
from hub_between import HubOfOneStation
from transaction_counts import Counts, compare, missing, on_the_wire, repeats_in

from homeapp.clock import SharedClock
from homeapp.demo.csms.accounts import Account
from homeapp.demo.csms.faults import CsmsFaults
from homeapp.demo.csms.intake import Policy
from homeapp.demo.csms.server import DemoCsms
from homeapp.demo.ocpp.schemas import Version
from homeapp.demo.operator.pki import StreetAuthority

SPEED = 20.0
PROGRESS_S = 60.0
DRAIN_S = 120.0
_TELL_EVERY = 100
_SECOND_FAULT = 0.5
"""How often something else happens while the provider is away."""
PASSWORD = "a-password-of-24-letters"
NAMES = {Version.V16: "EVCE-16", Version.V201: "EVCE-201", Version.V21: "EVCE-21"}
Fault = Callable[[], Awaitable[None]]


class Provider:
    """The provider's CSMS, which can be switched off and on; all that it has accepted is in its journal.

    Attributes:
        repeats: messages that came again under their id, by station, before the CSMS that is on now.
        breaches: sentences, of all times.
    """

    csms: DemoCsms

    def __init__(self, clock: SharedClock, directory: Path, policy: Policy) -> None:
        self.authority = StreetAuthority()
        self._clock = clock
        self._journal = directory / "csms.jsonl"
        self._policy = policy
        self._tls = self.authority.server_context()
        self._port = 0
        self.repeats: Counter[str] = Counter()
        self.breaches: list[str] = []
        self._task: asyncio.Task[None] | None = None

    async def switch_on(self) -> None:
        self.csms = DemoCsms(
            clock=self._clock,
            tls=self._tls,
            accounts={name: Account(password=PASSWORD) for name in NAMES.values()},
            policy=self._policy,
            journal=self._journal,
            port=self._port,
        )
        self._task = asyncio.create_task(self.csms.run())
        await asyncio.wait_for(self.csms.started(), 10)
        self._port = self.csms.port

    async def switch_off(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), task.exception()
            self.repeats.update({name: repeats_in(book) for name, book in self.csms.stations.items()})
            self.breaches += [breach.sentence for breach in self.csms.breaches]


class Way(Protocol):
    """What lies between the stations and the CSMS."""

    def place(self, name: str) -> Place:
        """Where this station connects to."""

    def faults(self, chance: random.Random) -> dict[str, tuple[int, Fault]]:
        """What can happen on it: how often, and how."""

    async def ready(self) -> None:
        """The stations are on: do what has to be done before they can be at work."""

    async def end(self) -> None:
        """Take it down."""


@dataclass
class Straight:
    """The stations are connected straight to the CSMS: the control group."""

    provider: Provider

    def place(self, _name: str) -> Place:
        return Place(url=self.provider.csms.url, tls=self.provider.authority.client_context(), password=PASSWORD)

    def faults(self, _chance: random.Random) -> dict[str, tuple[int, Fault]]:
        return {}

    async def ready(self) -> None:
        """Nothing is in between."""

    async def end(self) -> None:
        """Nothing is in between."""


@dataclass
class ThroughHubs:
    """Each station has a hub before it."""

    hubs: dict[str, HubOfOneStation]

    def place(self, name: str) -> Place:
        return self.hubs[name].place

    def faults(self, chance: random.Random) -> dict[str, tuple[int, Fault]]:
        return {"hub kills": (11, lambda: chance.choice(list(self.hubs.values())).kill(chance))}

    async def ready(self) -> None:
        for hub in self.hubs.values():
            await hub.adopt()

    async def end(self) -> None:
        for hub in self.hubs.values():
            await hub.home.stop_hub()


@dataclass
class FaultRun:
    """The homes, the provider, and what befalls them.

    Attributes:
        befell: how often each kind of fault has.
    """

    provider: Provider
    way: Way
    homes: list[ChargingHome]
    witness: Witness
    chance: random.Random
    befell: Counter[str] = field(default_factory=Counter)

    @property
    def csms(self) -> DemoCsms:
        return self.provider.csms

    @property
    def breaches(self) -> list[str]:
        """Of the standard, as far as the provider and the stations see it."""
        seen = [breach for home in self.homes for breach in (*home.breaches, *home.station.breaches)]
        return [*seen, *self.provider.breaches, *(breach.sentence for breach in self.csms.breaches)]

    async def live_through(self, faults: int) -> Counts:
        """Let so many faults happen while cars come and go, then let all settle, and count."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for home in self.homes:
                tasks.create_task(home.live(random.Random(self.chance.random()), stop))
            await self._progress()
            kinds = self._at_provider() | self._at_stations() | self.way.faults(self.chance)
            plan = self._plan({kind: weight for kind, (weight, _) in kinds.items()}, faults)
            for number, kind in enumerate(plan, 1):
                self.befell[kind] += 1
                await asyncio.sleep(self.chance.uniform(0.0, 0.4))
                await kinds[kind][1]()
                await self._progress()
                if number % _TELL_EVERY == 0:
                    say(f"{number} faults; so far, what is still on its way counting as lost: {self.counts()}")
            stop.set()
        self.csms.faults = CsmsFaults()
        await self._drain()
        return self.counts()

    def counts(self) -> Counts:
        """Of all homes, now."""
        return sum((self._of(home) for home in self.homes), Counts())

    def told(self) -> list[str]:
        """For the report: one line for each station, and one for what befell them."""
        lines = [
            f"{home.version}: {self._of(home)}; restarts {home.restarts}, power cuts {home.power_cuts}"
            for home in self.homes
        ]
        faults = ", ".join(f"{kind} {number}" for kind, number in sorted(self.befell.items()))
        found = f"breaches {len(self.breaches)} {sorted(set(self.breaches))}"
        return [*lines, found, f"faults {self.befell.total()} ({faults})", f"all: {self.counts()}"]

    def _of(self, home: ChargingHome) -> Counts:
        made = on_the_wire(home.version, self.witness.made[home.card])
        counts = compare(home.version, made, self.witness.asked[home.card], self.csms.station(home.name))
        return counts + Counts(repeats=self.provider.repeats[home.name])

    def _missing(self) -> int:
        return sum(
            missing(home.version, on_the_wire(home.version, self.witness.made[home.card]), self.csms.station(home.name))
            for home in self.homes
        )

    def _plan(self, weights: dict[str, int], faults: int) -> list[str]:
        """Every kind at least once where there is room, the rest by chance."""
        plan = list(weights) + self.chance.choices(list(weights), list(weights.values()), k=faults)
        plan = plan[:faults]
        self.chance.shuffle(plan)
        return plan

    def _at_provider(self) -> dict[str, tuple[int, Fault]]:
        return {
            "cuts": (30, self._cut),
            "answers lost": (25, self._lose_an_answer),
            "provider away": (15, self._away),
            "half-open": (5, self._half_open),
            "slow answers": (5, self._slow),
            "provider restarts": (5, self._provider_restarts),
        }

    def _at_stations(self) -> dict[str, tuple[int, Fault]]:
        return {
            "station's link cut": (10, self._cut_a_station),
            "station restarts": (10, self._restart_a_station),
            "power cuts": (5, self._cut_the_power),
        }

    async def _cut(self) -> None:
        self.csms.cut(self.chance.choice([None, *NAMES.values()]))

    async def _lose_an_answer(self) -> None:
        name = self.chance.choice(list(NAMES.values()))
        book = self.csms.station(name)
        await self.csms.wait_for(lambda: name in self.csms.connected, PROGRESS_S)
        connection = book.connections
        self.csms.lose_next_answer(name)
        await self.csms.wait_for(lambda: name not in self.csms.connected or book.connections > connection, PROGRESS_S)

    async def _away(self) -> None:
        self.csms.faults = CsmsFaults(refuse=503)
        self.csms.cut()
        await asyncio.sleep(self.chance.uniform(0.1, 1.5))
        if self.chance.random() < _SECOND_FAULT:
            # What has piled up meanwhile is all that there is of these events.
            kinds = self._at_stations() | self.way.faults(self.chance)
            kind = self.chance.choice(list(kinds))
            self.befell[f"{kind} meanwhile"] += 1
            await kinds[kind][1]()
            await asyncio.sleep(self.chance.uniform(0.0, 1.0))
        self.csms.faults = CsmsFaults()

    async def _half_open(self) -> None:
        name = self.chance.choice(list(NAMES.values()))
        self.csms.freeze(name)
        await asyncio.sleep(self.chance.uniform(0.1, 1.0))
        self.csms.cut(name)

    async def _slow(self) -> None:
        self.csms.faults = CsmsFaults(slow_s=self.chance.uniform(1.0, 15.0))
        await asyncio.sleep(self.chance.uniform(0.1, 1.5))
        self.csms.cut()
        self.csms.faults = CsmsFaults()

    async def _provider_restarts(self) -> None:
        await self.provider.switch_off()
        await asyncio.sleep(self.chance.uniform(0.0, 1.0))
        await self.provider.switch_on()

    async def _cut_a_station(self) -> None:
        self.chance.choice(self.homes).station.cut()

    async def _restart_a_station(self) -> None:
        await self.chance.choice(self.homes).restart(self.chance.uniform(0.0, 1.0))

    async def _cut_the_power(self) -> None:
        await self.chance.choice(self.homes).lose_power(self.chance.uniform(0.1, 1.0))

    def _effects(self) -> int:
        return sum(book.effects.total() for book in self.csms.stations.values())

    async def _progress(self) -> None:
        """Something new has taken effect at the provider: the next fault meets a street that is at work."""
        before = self._effects()
        await self.csms.wait_for(lambda: self._effects() > before, PROGRESS_S)

    async def _drain(self) -> None:
        with suppress(TimeoutError):
            await self.csms.wait_for(lambda: not self._missing(), DRAIN_S)


MakeWay = Callable[[Provider, SharedClock, Path], Awaitable[Way]]


@asynccontextmanager
async def fault_run(directory: Path, chance: random.Random, way: MakeWay) -> AsyncIterator[FaultRun]:
    """Three homes, one for each version of OCPP, and their provider."""
    clock = SharedClock(datetime(2026, 11, 23, 12, tzinfo=UTC), time.time(), SPEED)
    witness = Witness()
    policy = Policy(tokens={f"card-{name.casefold()}": "Accepted" for name in NAMES.values()})
    provider = Provider(clock, directory, policy)
    async with AsyncExitStack() as stack:
        stack.enter_context(witness.watching())
        stack.push_async_callback(provider.switch_off)
        await provider.switch_on()
        between = await way(provider, clock, directory)
        stack.push_async_callback(between.end)
        homes = [ChargingHome(name, version, between.place(name), clock, directory) for version, name in NAMES.items()]
        for home in homes:
            stack.push_async_callback(home.switch_off)
            home.switch_on()
        await between.ready()
        yield FaultRun(provider, between, homes, witness, chance)


async def straight(provider: Provider, _clock: SharedClock, _directory: Path) -> Way:
    """No hub."""
    return Straight(provider)


async def through_hubs(provider: Provider, clock: SharedClock, directory: Path) -> Way:
    """A hub for each station, which knows the provider."""
    ca_file = directory / "provider-ca.pem"
    ca_file.write_bytes(provider.authority.ca_pem)
    hubs = {
        name: HubOfOneStation(name, clock, directory, provider.csms.url, ca_file, PASSWORD) for name in NAMES.values()
    }
    for hub in hubs.values():
        await hub.install()
    return ThroughHubs(hubs)
