"""The demo station and its faults at the hub's real endpoint: the hub breaks no rule, and sees what there is."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from devices.evce.schemas import Version
from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.faults import Faults
from homeapp.demo.charger.station import DemoStation
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import ALL, FLOOR_W
from kit.one_station import WITHIN_S, OneStation, running


class Home(OneStation):
    """The hub lets the charger draw nothing until it is told to."""

    def __init__(self, folder: Path, version: Version, **options: Any) -> None:
        super().__init__(folder, version, **options)
        self.limits_to(0.0)

    def limits_to(self, limit_w: float) -> None:
        self.wish = EvceCommand(limit_w=limit_w)

    async def charges(self, station: DemoStation, limit_w: float) -> None:
        self.limits_to(limit_w)
        await station.wait_for(lambda seen: abs(seen.power_w - limit_w) < 50, WITHIN_S)
        await self.register.until(
            lambda state: state.status is EvceStatus.CHARGING and abs((state.power_w or 0) - limit_w) < 50
        )


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
                home.limits_to(6900)
                async with never_above(station, 6900):
                    station.plug_in()
                    await station.wait_for(lambda seen: seen.power_w >= FLOOR_W - 50, WITHIN_S)
                    await home.charges(station, 6900)
                home.limits_to(0.0)
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
