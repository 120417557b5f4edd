"""The hub's endpoint with one demo station at it, over a real TLS websocket."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devices.evce.endpoint import OcppEndpoint
from devices.evce.schemas import Version
from homeapp.clock import SharedClock
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.station import DemoStation
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import DeviceError
from homeapp.model.device import Candidate
from homeapp.model.readings import EvceCommand, EvceState
from homeapp.ports import Admission
from kit.evce_street import LIMITS, PASSWORD

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
NAME = "EVCE-1"
DEVICE = f"ocpp:{NAME}"
WITHIN_S = 40.0


class Register:
    """What the hub knows of its one station; keeps each state."""

    def __init__(self) -> None:
        self.states: list[EvceState] = []
        self.listener: Callable[[EvceState], None] = lambda _state: None
        self._news = asyncio.Event()

    def admission(self, device_id: str, password: str | None) -> Admission:
        return Admission.ADOPTED if (device_id, password) == (DEVICE, PASSWORD) else Admission.REFUSED

    def authorizes(self, _device_id: str, id_token: str) -> bool:
        return id_token == "homeapp"

    def knocked(self, candidate: Candidate) -> None:
        raise AssertionError(candidate)

    def changed(self, state: EvceState) -> None:
        self.states.append(state)
        self.listener(state)
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, predicate: Callable[[EvceState], object]) -> EvceState:
        async with asyncio.timeout(WITHIN_S):
            while not self.states or not predicate(self.states[-1]):
                await self._news.wait()
        return self.states[-1]


class OneStation:
    """An endpoint, a charger with a car, and a wish of how much it may draw; None: nobody has one.

    Attributes:
        options: more of what makes the station.
    """

    def __init__(self, folder: Path, version: Version, speed: float = 50.0, **options: Any) -> None:
        self.folder, self.version, self.options = folder, version, options
        self.clock = SharedClock(NOON, time.time(), speed)
        self.authority = StreetAuthority()
        self.register = Register()
        self.endpoint = self.make_endpoint()
        self.wish: EvceCommand | None = None

    def make_endpoint(self, port: int = 0, **more: Any) -> OcppEndpoint:
        return OcppEndpoint(
            host="127.0.0.1",
            port=port,
            tls=self.authority.server_context(),
            clock=self.clock,
            limits=lambda _device_id: LIMITS,
            lease_s=60.0,
            **more,
        )

    def make_station(self) -> DemoStation:
        return DemoStation(
            station_id=NAME,
            url=f"wss://127.0.0.1:{self.endpoint.port}/ocpp/{NAME}",
            protocol=self.version.value,
            tls=self.authority.client_context(),
            password=PASSWORD,
            clock=self.clock,
            car=Car(60_000, 55.0, 11_000, 6000, 3),
            state_file=self.folder / "station.json",
            vendor="Demo",
            model="Home",
            retry_s=0.2,
            **self.options,
        )

    async def control(self) -> None:
        """Brings the charger to the wish of the moment, as the hub's control loop does."""
        while True:
            evce = self.endpoint.evce(DEVICE)
            if evce is not None and self.wish is not None:
                with contextlib.suppress(DeviceError):
                    await evce.apply(self.wish)
            await self.clock.sleep(2.0)


@contextlib.asynccontextmanager
async def running(*bodies: Any) -> AsyncGenerator[None, None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(body) for body in bodies]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
