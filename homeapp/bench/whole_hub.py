"""The whole hub of the latency measurement: a process of its own with data directory, provider, charger and screen."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from homeapp import api
from homeapp.bench.hub_side import PASSWORD
from homeapp.bench.vtn_part import CLIENT_ID, CLIENT_SECRET
from homeapp.client import Client, connect
from homeapp.clock import SharedClock, SystemClock
from homeapp.errors import EnvironmentProblem, HubNotRunning
from homeapp.model.consent import DataClass
from homeapp.model.device import AdoptedDevice, DeviceKind
from homeapp.model.plan import ChargingMode
from homeapp.secrets import open_secret_store
from homeapp.server import socket_path
from homeapp.settings import FILE_NAME, GRID_SP_SECRET, SecretPlace
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger

STATION = "bench-limited"
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeHub:
    """Where the station finds it.

    Attributes:
        url: of the endpoint for charging stations.
        client: a connection that may do everything.
    """

    url: str
    ca_file: Path
    data_dir: Path
    client: Client


@asynccontextmanager
async def whole_hub(
    directory: Path, clock: SharedClock, *, vtn_url: str, vtn_ca_file: str, poll_s: float
) -> AsyncIterator[WholeHub]:
    """A hub that follows the VTN and knows the station, with everything else as it comes; ``poll_s`` in real time.

    Raises:
        HubNotRunning: it did not start; the sentence ends with its last words.
    """
    data_dir = directory / "home"
    data_dir.mkdir(mode=0o700)
    port = _free_port()
    (data_dir / FILE_NAME).write_text(_settings(port, vtn_url, vtn_ca_file, poll_s * clock.speed))
    await _furnish(data_dir)
    log = directory / "hub.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "homeapp", "hub", "--data-dir", str(data_dir), "--clock", str(clock)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        await _answers(process, data_dir, log)
        async with connect(socket_path(data_dir)) as client:
            await _agree(client)
            await client.call(api.SetMode(mode=ChargingMode.NOW))
            yield WholeHub(
                url=f"wss://127.0.0.1:{port}/ocpp",
                ca_file=data_dir / "ocpp-ca.pem",
                data_dir=data_dir,
                client=client,
            )
    finally:
        await _ended(process)


class Screen:
    """The screen of that hub, drawn where nobody sees it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> "Screen":
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "homeapp", "--data-dir", str(self._data_dir)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await _ended(self._process)

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU that it has used.

        Raises:
            EnvironmentProblem: it does not run.
        """
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError as error:
            raise EnvironmentProblem("The screen does not run; measure with --no-screen, or install it.") from error
        if self._process.returncode is not None:
            raise EnvironmentProblem("The screen has ended; measure with --no-screen, or install it.")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _furnish(data_dir: Path) -> None:
    """What an installer and the owner have done before: secrets entered, the charger adopted."""
    device_id = f"ocpp:{STATION}"
    secrets = await asyncio.to_thread(open_secret_store, data_dir, SecretPlace.MACHINE_FILE)
    await asyncio.to_thread(secrets.set, GRID_SP_SECRET, CLIENT_SECRET)
    await asyncio.to_thread(secrets.set, f"device.{device_id}", PASSWORD)
    async with Database(data_dir) as database:
        await Ledger(database, SystemClock()).adopt_device(
            AdoptedDevice(
                device_id=device_id,
                kind=DeviceKind.EVCE,
                driver="ocpp",
                name="Charger",
                address="127.0.0.1",
                product="Bench Station",
                adopted_at=datetime.now(UTC),
            )
        )


async def _agree(client: Client) -> None:
    for provider in await client.call(api.GetSharing()):
        for entry in provider.entries if provider.sp_id == "grid_sp" else ():
            if entry.data_class is DataClass.IDENTITY:
                consent = api.SetConsent(
                    sp_id="grid_sp",
                    data_class=DataClass.IDENTITY,
                    granted=True,
                    text_version=entry.text_version,
                )
                await client.call(consent)


async def _answers(process: asyncio.subprocess.Process, data_dir: Path, log: Path) -> None:
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            while True:
                with suppress(HubNotRunning):
                    async with connect(socket_path(data_dir)):
                        return
                if process.returncode is not None:
                    break
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        pass
    raise HubNotRunning(f"The hub of the measurement did not start. Its log ends with: {_last_words(log)}")


def _last_words(log: Path) -> str:
    return " | ".join(log.read_text(errors="replace").splitlines()[-5:])


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _settings(port: int, vtn_url: str, vtn_ca_file: str, poll_s: float) -> str:
    """Without a meter the safe current holds, so that is as much as the charger can take."""
    return f"""\
secrets = "machine_file"
[site]
time_zone = "UTC"
safe_current_a = 16.0
[ocpp]
host = "127.0.0.1"
port = {port}
names = ["127.0.0.1"]
[discovery]
interfaces = ["127.0.0.1"]
[grid_sp]
name = "Grid operator"
vtn_url = "{vtn_url}"
client_id = "{CLIENT_ID}"
ca_file = "{vtn_ca_file}"
poll_s = {poll_s}
"""
