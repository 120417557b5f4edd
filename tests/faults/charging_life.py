"""Homes in which cars come and go, with stations that are switched off and on, and what their stations have to tell."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from homeapp.clock import SharedClock
from homeapp.demo.charger import transactions
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.dialect import Call, TransactionEvent
from homeapp.demo.charger.outlet import ChargingState, Sample
from homeapp.demo.charger.station import DemoStation, Trust
from homeapp.demo.charger.v16 import Ocpp16
from homeapp.demo.ocpp.instants import rfc3339
from homeapp.demo.ocpp.schemas import Version

_AUTHORISED_WITHIN_S = 1.5
_POWER_BACK_S = 10.0
_OPEN = (ChargingState.IDLE, ChargingState.EV_CONNECTED)


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a transaction, by what is the same on both ends of the wire.

    Attributes:
        phase: eventType of 2.x.
        at: its timestamp, as written.
        seq_no: of 2.x; None in 1.6.
    """

    phase: str
    at: str
    seq_no: int | None


@dataclass(slots=True)
class Witness:
    """What the stations have made.

    Attributes:
        made: events of transactions in order, by card, and by the key that a station itself gives to a transaction.
        asked: by card, meter values of a transaction that were asked for by a trigger (1.6).
    """

    made: dict[str, dict[str, list[Told]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    asked: dict[str, set[Told]] = field(default_factory=lambda: defaultdict(set))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See every event at the moment when a station makes it, whatever becomes of it afterwards."""

        def event(**fields: Any) -> TransactionEvent:
            made = TransactionEvent(**fields)
            told = Told(made.phase.value, rfc3339(made.sample.at), made.seq_no)
            self.made[made.transaction.token.value][made.transaction.key].append(told)
            return made

        plain, asked = Ocpp16.meter_values, self.asked

        def meter_values(dialect: Ocpp16, evse: int, sample: Sample, running: Any, names: Any) -> Call:
            if running is not None:
                asked[running.token.value].add(Told("Updated", rfc3339(sample.at), None))
            return plain(dialect, evse, sample, running, names)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(transactions, "TransactionEvent", event)
            patch.setattr(Ocpp16, "meter_values", meter_values)
            yield


@dataclass(slots=True, kw_only=True)
class Place:
    """Where stations connect to.

    Attributes:
        url: without the identity at its end.
        tls: whom they trust, or what tells that.
        password: from the factory.
    """

    url: str
    tls: Trust
    password: str | None


class ChargingHome:
    """A home with one station and one car, which charges again and again.

    Attributes:
        station: the one that is switched on now.
        card: that is used in this home and nowhere else.
        restarts: how often it was switched off and on.
        power_cuts: how often it lost its power.
        breaches: of the standard, as its earlier stations have seen them.
    """

    station: DemoStation

    def __init__(self, name: str, version: Version, place: Place, clock: SharedClock, directory: Path) -> None:
        self.name = name
        self.version = version
        self.card = f"CARD-{name}"
        self.restarts = 0
        self.power_cuts = 0
        self.breaches: list[str] = []
        self._place = place
        self._clock = clock
        self._state_file = directory / f"{name}.json"
        self._car = Car(60_000, 10.0, 11_000, 0.0, 3)
        self._task: asyncio.Task[None] | None = None
        # A station without power takes no part in what happens at its plug.
        self._on = asyncio.Event()

    def switch_on(self) -> None:
        """Start the station's program."""
        self.station = DemoStation(
            station_id=self.name,
            url=f"{self._place.url}/{self.name}",
            protocol=self.version.value,
            tls=self._place.tls,
            password=self._place.password,
            clock=self._clock,
            car=self._car,
            state_file=self._state_file,
            vendor="Demo",
            model="Fault run",
            retry_s=0.1,
        )
        self._task = asyncio.create_task(self.station.run())
        self._on.set()

    async def switch_off(self) -> None:
        """End the station's program; what it has to keep is in its memory."""
        self._on.clear()
        self.breaches += self.station.breaches
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), task.exception()

    async def restart(self, dark_s: float) -> None:
        """Off, and on again."""
        self.restarts += 1
        await self.switch_off()
        await asyncio.sleep(dark_s)
        self.switch_on()

    async def lose_power(self, dark_s: float) -> None:
        """A power cut, right after the station has written its memory: what it has made is either there or sent."""
        self.power_cuts += 1
        self._on.clear()
        station, back = self.station, _returns(self.station)
        # What it makes while one version is being written is in the next one.
        while station._station.unsaved:
            await station._save()
        station.power_cut(dark_s * self._clock.speed)
        await station.wait_for(lambda _: _returns(station) > back, dark_s + _POWER_BACK_S)
        self._on.set()

    async def live(self, chance: random.Random, stop: asyncio.Event) -> None:
        """Cars come, charge for a while and go, until ``stop``; then no car is there."""
        while not stop.is_set():
            await self._on.wait()
            self.station.plug_in()
            if await self._authorised():
                await asyncio.sleep(chance.uniform(0.1, 1.5))
            if chance.random() < 0.3:
                await self._on.wait()
                self.station.present_card(self.card)
                await asyncio.sleep(chance.uniform(0.0, 0.3))
            await self._on.wait()
            self.station.unplug()
            await asyncio.sleep(chance.uniform(0.0, 0.3))

    async def _authorised(self) -> bool:
        await self._on.wait()
        self.station.present_card(self.card)
        try:
            await self.station.wait_for(lambda seen: seen.state not in _OPEN, _AUTHORISED_WITHIN_S)
        except TimeoutError:
            return False
        return True


def _returns(station: DemoStation) -> int:
    return sum(text == "power is back" for _, text in station.history)
