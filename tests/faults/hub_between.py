"""Real hub processes between the stations of a fault run and their provider; they are killed and come back."""

import asyncio
import os
import random
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from charging_life import Place

from homeapp.client import connect
from homeapp.clock import SharedClock
from homeapp.demo.home import DemoHome
from homeapp.demo.owner import Owner
from homeapp.model.consent import DataClass
from homeapp.secrets import open_secret_store
from homeapp.settings import CSMS_SECRET, SecretPlace
from kit.consents import decide

_SETTINGS = """\
secrets = "credential"
[ocpp]
host = "127.0.0.1"
port = {port}
names = ["127.0.0.1"]
[ocpp.csms]
name = "Example Charging"
url = "{csms}"
ca_file = "{ca_file}"
[discovery]
interfaces = ["127.0.0.1"]
"""


@dataclass
class HubOfOneStation:
    """The hub of a home with one station.

    Attributes:
        name: of the station.
    """

    name: str
    clock: SharedClock
    directory: Path
    csms_url: str
    csms_ca: Path
    csms_password: str
    home: DemoHome = field(init=False)
    port: int = field(init=False)

    def __post_init__(self) -> None:
        self.home = DemoHome(self.directory / f"hub-{self.name}", self.clock)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    async def install(self) -> None:
        """Furnish the home and start the hub."""
        await asyncio.to_thread(self.home.furnish)
        settings = _SETTINGS.format(port=self.port, csms=self.csms_url, ca_file=self.csms_ca)
        (self.home.data_dir / "settings.toml").write_text(settings)
        secrets = await asyncio.to_thread(open_secret_store, self.home.data_dir, SecretPlace.CREDENTIAL)
        await asyncio.to_thread(secrets.set, CSMS_SECRET, self.csms_password)
        await self._start()

    async def adopt(self) -> None:
        """The owner adopts the station, which is knocking, and lets the provider know what it says."""
        async with connect(self.home.socket) as client:
            owner = Owner(client)
            await owner.look()
            await owner.finds(f"ocpp:{self.name}")
            await owner.adopts(f"ocpp:{self.name}", self.name)
            await decide(client, "evc_sp", (DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING))

    @property
    def place(self) -> Place:
        """Its endpoint; a station trusts the CA that the hub has made."""

        def trust() -> ssl.SSLContext:
            return ssl.create_default_context(cafile=str(self.home.ocpp_ca()))

        return Place(url=f"wss://127.0.0.1:{self.port}/ocpp", tls=trust, password=None)

    async def kill(self, chance: random.Random) -> None:
        """SIGKILL, and a start soon after."""
        await self.home.kill_hub()
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        await self._start()

    async def _start(self) -> None:
        # Each home has a master key of its own, and all hubs are children of this process.
        os.environ["CREDENTIALS_DIRECTORY"] = str(self.directory / f"hub-{self.name}" / "credentials")
        await self.home.start_hub()
