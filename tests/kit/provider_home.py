"""A whole hub in this process between a demo station and the provider's demo CSMS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from homeapp import api
from homeapp.__main__ import join_drivers
from homeapp.client import Client, connect
from homeapp.demo.charger.station import DemoStation
from homeapp.demo.ocpp.schemas import Version
from homeapp.hub import Hub
from homeapp.model.consent import DataClass
from homeapp.model.device import AdoptedDevice, DeviceKind
from homeapp.model.plan import ChargingMode
from homeapp.model.readings import EvceState, MeterReading
from homeapp.server import socket_path
from homeapp.settings import CSMS_SECRET, load
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from kit.consents import decide
from kit.csms_bench import NAME, PASSWORD, WAIT_S, CsmsBench, alive
from kit.secret_store import MemorySecrets

DEVICE = f"ocpp:{NAME}"
STATION_PASSWORD = "between-hub-and-station"
HOME_W = 450.0
_SETTINGS = """\
[ocpp]
host = "127.0.0.1"
port = 0
[ocpp.csms]
name = "Example Charging"
url = "{csms}"
ca_file = "{ca_file}"
[discovery]
interfaces = ["127.0.0.1"]
"""
Story = Callable[["ProviderHome"], Awaitable[None]]


class ProviderHome(CsmsBench):
    """The bench with a home around the station.

    Attributes:
        hub: the whole of it.
        client: at its contract.
    """

    hub: Hub
    client: Client

    @property
    def station_url(self) -> str:
        return f"wss://127.0.0.1:{self.hub._out.endpoint.port}/ocpp"  # type: ignore[attr-defined]

    @property
    def charger(self) -> EvceState | None:
        """What the hub knows of the station."""
        return self.hub.state_of(DEVICE)

    @asynccontextmanager
    async def at_home(self) -> AsyncIterator[None]:
        """The hub runs, knows the station and the provider, and has a meter."""
        data_dir = self.directory / "home"
        data_dir.mkdir(mode=0o700)
        ca_file = self.directory / "provider-ca.pem"
        ca_file.write_bytes(self.authority.ca_pem)
        (data_dir / "settings.toml").write_text(_SETTINGS.format(csms=self.csms.url, ca_file=ca_file))
        secrets = MemorySecrets()
        secrets.set(CSMS_SECRET, PASSWORD)
        secrets.set(f"device.{DEVICE}", STATION_PASSWORD)
        async with Database(data_dir) as database:
            await Ledger(database, self.clock).adopt_device(self._device())
            outside = await join_drivers(data_dir, load(data_dir), secrets, database, self.clock)  # type: ignore[arg-type]
            self.hub, ready = Hub(outside), asyncio.Event()
            running = asyncio.create_task(self.hub.run(ready.set))
            try:
                await asyncio.wait_for(ready.wait(), WAIT_S)
                await self.hub._out.endpoint.started()  # type: ignore[attr-defined]
                async with connect(socket_path(data_dir)) as self.client:
                    yield
            finally:
                running.cancel()
                await asyncio.wait([running])
                assert running.cancelled(), running.exception()

    def make_station(self, *, name: str = NAME, password: str | None = None) -> DemoStation:
        self.station_tls = ssl.create_default_context(cafile=str(self.directory / "home" / "ocpp-ca.pem"))
        return super().make_station(name=name, password=password or STATION_PASSWORD)

    async def agree(self) -> None:
        """The owner lets the provider have what a station says."""
        await decide(self.client, "evc_sp", (DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING))

    async def withdraw(self) -> None:
        """The owner takes one part of it back; no message can be passed on in part."""
        await decide(self.client, "evc_sp", (DataClass.CHARGING,), granted=False)

    async def charges_now(self) -> None:
        """The owner wants the car full as soon as possible."""
        await self.client.call(api.SetMode(mode=ChargingMode.NOW))

    def _device(self) -> AdoptedDevice:
        return AdoptedDevice(
            device_id=DEVICE,
            kind=DeviceKind.EVCE,
            driver="ocpp",
            name="Charger",
            address="",
            product="",
            adopted_at=self.clock.now(),
        )


class _Meter:
    """Read every second of the street's clock; the car is seen in it."""

    def __init__(self, home: ProviderHome) -> None:
        self._home = home

    async def run(self) -> None:
        while True:
            car_w = self._home.station.observation.power_w
            phases = tuple((HOME_W + car_w) / 3 for _ in range(3))
            reading = MeterReading(
                device_id="meter",
                received_at=self._home.clock.now(),
                power_w=HOME_W + car_w,
                phase_power_w=phases,
                phase_current_a=tuple(watts / 230.0 for watts in phases),
            )
            self._home.hub.meter_read(reading)
            await self._home.clock.sleep(1.0)


def run(version: Version, directory: Path, story: Story) -> None:
    """Have it all run, and find that nobody has broken the standard."""

    async def go() -> None:
        home = ProviderHome(version, directory)
        async with alive(home.csms):
            await asyncio.wait_for(home.csms.started(), WAIT_S)
            async with home.at_home():
                home.station = home.make_station()
                async with alive(home.station), alive(_Meter(home)):
                    await story(home)
        assert home.csms.breaches == []
        assert list(home.station.breaches) == []

    asyncio.run(go())
