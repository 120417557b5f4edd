"""The home of the demo street: its data directory, its settings and secrets, and its hub as a process of its own."""

import asyncio
import base64
import os
import secrets as randomness
import signal
import sys
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from homeapp import identity
from homeapp.clock import SharedClock
from homeapp.errors import HubNotRunning
from homeapp.secrets import CREDENTIAL_NAME, open_secret_store
from homeapp.server import socket_path
from homeapp.settings import CSMS_SECRET, FILE_NAME, GRID_SP_SECRET, SecretPlace

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSettings:
    """What the installer enters into the settings.

    Attributes:
        commissioned: False leaves out what commissioning asks for: place, car, and what the owner wants.
    """

    vtn_url: str
    vtn_client_id: str
    vtn_ca_file: Path
    csms_url: str
    csms_ca_file: Path
    pev_port: int
    ready_by: str
    time_zone: str
    ocpp_port: int
    lease_s: float
    commissioned: bool = True


class DemoHome:
    """One home; its hub is started, killed and started again as a real process.

    Attributes:
        data_dir: the hub's data directory.
        log_path: the hub's log.
    """

    def __init__(self, directory: Path, clock: SharedClock) -> None:
        self.data_dir = directory / "home"
        self.log_path = directory / "hub.log"
        self._credentials = directory / "credentials"
        self._clock = clock
        self._process: Process | None = None
        self._log: BinaryIO | None = None

    @property
    def socket(self) -> Path:
        """The hub's local socket."""
        return socket_path(self.data_dir)

    def furnish(self) -> None:
        """Make the folders and the master key that a service manager would deliver."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._credentials.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = self._credentials / CREDENTIAL_NAME
        key.write_bytes(base64.b64encode(randomness.token_bytes(32)))
        key.chmod(0o600)
        os.environ["CREDENTIALS_DIRECTORY"] = str(self._credentials)

    def hub_key(self) -> dict[str, str]:
        """The public half of the hub's signing key, JWK; the key is made where it will be used."""
        store = open_secret_store(self.data_dir, SecretPlace.CREDENTIAL)
        return identity.public_jwk(identity.home_key_pem(store, self.data_dir))

    def install(self, settings: HomeSettings, *, vtn_secret: str, csms_password: str, meter_ca_pem: str | None) -> None:
        """Write what an installer would enter."""
        store = open_secret_store(self.data_dir, SecretPlace.CREDENTIAL)
        store.set(GRID_SP_SECRET, vtn_secret)
        store.set(CSMS_SECRET, csms_password)
        if meter_ca_pem is not None:
            (self.data_dir / "meter-ca.pem").write_text(meter_ca_pem)
        (self.data_dir / FILE_NAME).write_text(_settings_text(settings))

    def ocpp_ca(self) -> Path:
        """The CA that the installer puts into the charger."""
        return self.data_dir / "ocpp-ca.pem"

    async def start_hub(self, *, verbose: bool = False) -> None:
        """Start the hub and wait until its socket answers.

        Args:
            verbose: let it log all it can.

        Raises:
            HubNotRunning: it ended or did not answer in time; the sentence ends with its last words.
        """
        self._log = self.log_path.open("ab")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "homeapp",
            "hub",
            "--data-dir",
            str(self.data_dir),
            "--clock",
            str(self._clock),
            *(["--verbose"] if verbose else []),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                while not await self._answers():
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise HubNotRunning(f"The hub did not start in time. {self._last_words()}") from error

    async def kill_hub(self) -> None:
        """SIGKILL, as a power cut would."""
        await self._end(signal.SIGKILL)

    async def stop_hub(self) -> None:
        """SIGTERM, then wait."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(number)
            try:
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None

    async def _answers(self) -> bool:
        if self._process is not None and self._process.returncode is not None:
            raise HubNotRunning(f"The hub ended with code {self._process.returncode}. {self._last_words()}")
        try:
            _reader, writer = await asyncio.open_unix_connection(self.socket)
        except OSError:
            return False
        writer.close()
        return True

    def _last_words(self) -> str:
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "Its log ends with: " + " | ".join(lines[-5:])


def _settings_text(settings: HomeSettings) -> str:
    asked_for = _asked_for(settings) if settings.commissioned else ""
    car = 'address = "127.0.0.1"\n' if settings.commissioned else ""
    return f"""\
secrets = "credential"
{asked_for}
[ocpp]
host = "127.0.0.1"
port = {settings.ocpp_port}
lease_s = {settings.lease_s}
names = ["127.0.0.1", "localhost"]

[ocpp.csms]
name = "EV charging provider"
url = "{settings.csms_url}"
ca_file = "{settings.csms_ca_file}"

[discovery]
interfaces = ["127.0.0.1"]

[grid_sp]
name = "Grid operator"
vtn_url = "{settings.vtn_url}"
client_id = "{settings.vtn_client_id}"
ca_file = "{settings.vtn_ca_file}"
poll_s = 10.0

[pev]
{car}port = {settings.pev_port}
"""


def _asked_for(settings: HomeSettings) -> str:
    return f"""
[site]
name = ""
time_zone = "{settings.time_zone}"

[goal]
target_pct = 80.0
floor_pct = 50.0
ready_by = "{settings.ready_by}"
capacity_kwh = 60.0
"""
