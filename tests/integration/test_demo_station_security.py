"""The demo station moves up to a certificate of the hub, and goes back to its password where that is refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices.evce.schemas import Version
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.station import DemoStation
from homeapp.model.readings import EvceStatus
from kit.evce_street import ALL, DEVICE, NAME, PASSWORD, Street, run
from kit.station_keys import Vouching


@contextlib.asynccontextmanager
async def demo_station(street: Street, hub: Vouching, version: Version, folder: Path) -> AsyncIterator[DemoStation]:
    street.adopt()
    station = DemoStation(
        station_id=NAME,
        url=f"wss://127.0.0.1:{street.endpoint.port}/ocpp/{NAME}",
        protocol=version.value,
        tls=hub.client(),
        password=PASSWORD,
        clock=street.clock,
        car=Car(60_000, 55.0, 11_000, 6000, 3),
        state_file=folder / "station.json",
        vendor="Demo",
        model="Home",
        retry_s=0.2,
    )
    task = asyncio.create_task(station.run())
    try:
        yield station
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert list(station.breaches) == []


def certificate_at_the_door(street: Street) -> str | None:
    _, entry = street.endpoint._sockets.get(DEVICE, (None, None))
    return entry.serial if entry is not None else None


async def comes_back_with_another(street: Street, before: str | None) -> str:
    """Until it is in with another certificate than before, and ready."""

    def ready() -> bool:
        now = certificate_at_the_door(street)
        state = street.register.state
        return now not in (None, before) and state is not None and state.status is EvceStatus.AVAILABLE

    await street.register.until(ready)
    serial = certificate_at_the_door(street)
    assert serial is not None
    return serial


@pytest.mark.parametrize("version", ALL)
def test_the_demo_station_moves_up_and_its_password_is_worth_nothing_any_more(tmp_path: Path, version: Version) -> None:
    hub = Vouching(tmp_path)

    async def body(street: Street) -> None:
        async with demo_station(street, hub, version, tmp_path):
            await street.register.until_status(EvceStatus.AVAILABLE)
            assert certificate_at_the_door(street) is None
            await street.endpoint.raise_security(DEVICE)
            serial = await comes_back_with_another(street, None)
            assert hub.issued.refusal(DEVICE, serial) is None
            assert hub.issued.refusal(DEVICE, None) is not None

    run((hub.server, hub.client()), body, speed=20.0, certificates=hub.issued)


@pytest.mark.parametrize("version", ALL)
def test_the_demo_station_goes_back_where_its_certificate_is_refused(tmp_path: Path, version: Version) -> None:
    hub = Vouching(tmp_path)
    # As if the certificate had been lost on the way: the hub knows nothing of it.
    forgetful: Any = hub.issued
    forgetful.refusal = lambda _device, serial: None if serial is None else "is not known"

    async def body(street: Street) -> None:
        async with demo_station(street, hub, version, tmp_path):
            await street.register.until_status(EvceStatus.AVAILABLE)
            await street.endpoint.raise_security(DEVICE)
            await street.register.until(lambda: bool(street.register.turned))
            await street.register.until_status(EvceStatus.AVAILABLE)
            assert certificate_at_the_door(street) is None
            await street.register.until(
                lambda: "did not come back" in ((street.register.state and street.register.state.problem) or "")
            )

    run((hub.server, hub.client()), body, speed=300.0, certificates=hub.issued)
