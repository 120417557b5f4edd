"""The demo station and its faults at the hub's real endpoint: the hub breaks no rule, and sees what there is."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devices.evce.endpoint import OcppEndpoint
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from homeapp.clock import SharedClock
from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.faults import Faults
from homeapp.demo.charger.station import DemoStation
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import DeviceError
from homeapp.model.device import Candidate
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus
from homeapp.ports import Admission

NAME = "EVCE-1"
DEVICE = f"ocpp:{NAME}"
PASSWORD = "a-password-of-20-chr"
LIMITS = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=3, voltage_v=230.0)
ALL = [Version.V16, Version.V201, Version.V21]
WITHIN_S = 30.0


class Register:
    """What the hub knows of its one station."""

    def __init__(self) -> None:
        self.state: EvceState | None = None
        self._news = asyncio.Event()

    def admission(self, device_id: str, password: str | None) -> Admission:
        return Admission.ADOPTED if (device_id, password) == (DEVICE, PASSWORD) else Admission.REFUSED

    def authorizes(self, _device_id: str, id_token: str) -> bool:
        return id_token == "homeapp"

    def knocked(self, candidate: Candidate) -> None:
        raise AssertionError(candidate)

    def changed(self, state: EvceState) -> None:
        self.state = state
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, predicate: Callable[[EvceState], object]) -> EvceState:
        async with asyncio.timeout(WITHIN_S):
            while self.state is None or not predicate(self.state):
                await self._news.wait()
        return self.state


class Home:
    """An endpoint, a charger with a car, and a wish of how much it may draw."""

    def __init__(self, folder: Path, version: Version, **options: Any) -> None:
        self.clock = SharedClock(datetime(2027, 1, 15, 12, tzinfo=UTC), time.time(), 50.0)
        self.register = Register()
        authority = StreetAuthority()
        self.endpoint = OcppEndpoint(
            host="127.0.0.1",
            port=0,
            tls=authority.server_context(),
            clock=self.clock,
            limits=lambda _: LIMITS,
            lease_s=60.0,
        )
        self.limit_w = 0.0
        self._folder, self._version, self._options = folder, version, options
        self._trust = authority.client_context()

    def make_station(self) -> DemoStation:
        return DemoStation(
            station_id=NAME,
            url=f"wss://127.0.0.1:{self.endpoint.port}/ocpp/{NAME}",
            protocol=self._version.value,
            tls=self._trust,
            password=PASSWORD,
            clock=self.clock,
            car=Car(60_000, 55.0, 11_000, 6000, 3),
            state_file=self._folder / "station.json",
            vendor="Demo",
            model="Home",
            retry_s=0.2,
            **self._options,
        )

    async def control(self) -> None:
        """Brings the charger to the wish of the moment, as the hub's control loop does."""
        while True:
            evce = self.endpoint.evce(DEVICE)
            if evce is not None:
                with contextlib.suppress(DeviceError):
                    await evce.apply(EvceCommand(limit_w=self.limit_w))
            await self.clock.sleep(2.0)

    async def charges(self, station: DemoStation, limit_w: float) -> None:
        self.limit_w = limit_w
        await station.wait_for(lambda seen: abs(seen.power_w - limit_w) < 50, WITHIN_S)
        await self.register.until(
            lambda state: state.status is EvceStatus.CHARGING and abs((state.power_w or 0) - limit_w) < 50
        )


@contextlib.asynccontextmanager
async def running(*bodies: Any) -> AsyncGenerator[None, None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(body) for body in bodies]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def at_home(folder: Path, version: Version, body: Callable[[Home, DemoStation], Awaitable[None]], **more: Any) -> None:
    async def main() -> None:
        home = Home(folder, version, **more)
        async with running(home.endpoint.run(home.register), home.control()):
            await home.endpoint.started()
            station = home.make_station()
            async with running(station.run()):
                await home.register.until(lambda state: state.status is EvceStatus.AVAILABLE)
                await body(home, station)
                assert list(station.breaches) == []

    asyncio.run(main())


@pytest.mark.parametrize("version", ALL)
def test_a_session_with_a_lost_and_a_half_open_connection(version: Version, tmp_path: Path) -> None:
    async def body(home: Home, station: DemoStation) -> None:
        station.plug_in()
        await home.charges(station, 6900)
        station.cut()
        await station.wait_for(lambda seen: not seen.connected, WITHIN_S)
        await home.charges(station, 4830)
        station.half_open()
        await station.wait_for(lambda seen: not seen.connected, WITHIN_S)
        await home.charges(station, 8280)
        station.unplug()
        await home.register.until(lambda state: state.status is EvceStatus.AVAILABLE)

    at_home(tmp_path, version, body, abilities=Abilities(signed_meter_values=True, tells_rate_changes=True))


FAULTS = {
    "ids": Faults(integer_ids=True, repeat_calls=True, illegal_action="StatusMessage"),
    "one id": Faults(one_id_for_all=True, no_pong=True),
    "units": Faults(phase_to_neutral=True, kilowatt_hours=True, session_energy=True, ended_seq_zero=True),
    "bare values": Faults(only_sums=True, no_unit=True, values_as_text=True, no_timestamp=True),
    "silent reconnect": Faults(no_status_after_reconnect=True, no_boot=True, slow_s=1.0),
    "no amperes": Faults(refuse_amps=True),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("version", ALL)
def test_the_hub_sees_what_there_is_in_spite_of(version: Version, name: str, tmp_path: Path) -> None:
    async def body(home: Home, station: DemoStation) -> None:
        station.faults = FAULTS[name]
        station.plug_in()
        await home.charges(station, 6900)
        station.cut()
        await station.wait_for(lambda seen: not seen.connected, WITHIN_S)
        await home.charges(station, 4830)

    at_home(tmp_path, version, body)


FLOOR_W = 6 * 3 * 230.0
CLOCKS = {
    "1970": Faults(clock_1970=True),
    "1970 and silent of it": Faults(clock_1970=True, no_timestamp=True),
    "two hours fast": Faults(clock_offset_s=7200.0),
    "two hours slow": Faults(clock_offset_s=-7200.0),
}


@contextlib.asynccontextmanager
async def never_above(station: DemoStation, limit_w: float) -> AsyncGenerator[None, None]:
    """The car draws no more than this at any moment."""
    exceeding = asyncio.ensure_future(station.wait_for(lambda seen: seen.power_w > limit_w + 50, 10 * WITHIN_S))
    try:
        yield
        assert not exceeding.done()
    finally:
        exceeding.cancel()
        await asyncio.gather(exceeding, return_exceptions=True)


@pytest.mark.parametrize("name", CLOCKS)
@pytest.mark.parametrize("version", ALL)
def test_limits_hold_whatever_the_stations_clock_says(version: Version, name: str, tmp_path: Path) -> None:
    async def main() -> None:
        home = Home(tmp_path, version)
        async with running(home.endpoint.run(home.register), home.control()):
            await home.endpoint.started()
            station = home.make_station()
            station.faults = CLOCKS[name]
            async with running(station.run()):
                await home.register.until(lambda state: state.status is EvceStatus.AVAILABLE)
                home.limit_w = 6900
                async with never_above(station, 6900):
                    station.plug_in()
                    await station.wait_for(lambda seen: seen.power_w >= FLOOR_W - 50, WITHIN_S)
                    await home.charges(station, 6900)
                home.limit_w = 0.0
                await station.wait_for(lambda seen: seen.power_w == 0, WITHIN_S)
                assert list(station.breaches) == []

    asyncio.run(main())


@pytest.mark.parametrize("version", ALL)
def test_a_clock_that_jumps_during_a_charge_lifts_no_limit(version: Version, tmp_path: Path) -> None:
    async def body(home: Home, station: DemoStation) -> None:
        station.plug_in()
        await home.charges(station, 6900)
        async with never_above(station, 6900):
            for faults in (Faults(clock_1970=True), Faults(clock_offset_s=7200.0), Faults()):
                station.faults = faults
                await station.wait_for(lambda seen: seen.power_w < FLOOR_W + 50, WITHIN_S)
                await home.charges(station, 6900)

    at_home(tmp_path, version, body)
