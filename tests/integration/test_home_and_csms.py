"""A whole hub between a charger and its provider's CSMS: nothing leaves before consent, all that leaves is noted."""

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from devices.evce.schemas import Version
from homeapp import api
from homeapp.__main__ import join_drivers
from homeapp.client import Client
from homeapp.client import connect as connect_client
from homeapp.clock import SharedClock
from homeapp.errors import SettingsInvalid
from homeapp.hub import Hub
from homeapp.model.consent import DataClass, Disclosed
from homeapp.model.device import AdoptedDevice, DeviceKind
from homeapp.model.live import LinkState, Snapshot
from homeapp.server import socket_path
from homeapp.settings import CSMS_SECRET, load
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from kit.evce_street import DEVICE, NAME, PASSWORD
from kit.raw_csms import RawCsms
from kit.secret_store import MemorySecrets
from kit.upstream_street import BOOT, PlainStation

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
SETTINGS = """
[ocpp]
host = "127.0.0.1"
port = 0
[ocpp.csms]
name = "Example Charging"
url = "ws://127.0.0.1:{port}/ocpp"
security_profile = 1
allow_unencrypted = true
[discovery]
interfaces = ["127.0.0.1"]
"""
EVENT = '{"type":"x","timestamp":"2027-01-15T12:00:00Z"}'
Body = Callable[[Hub, Client, RawCsms, PlainStation], Awaitable[None]]


def in_a_home(tmp_path: Path, body: Body) -> None:
    async def main() -> None:
        csms = RawCsms()
        async with csms.open():
            (tmp_path / "settings.toml").write_text(SETTINGS.format(port=csms.port))
            clock = SharedClock(NOON, datetime.now(UTC).timestamp(), 200.0)
            secrets = MemorySecrets()
            secrets.set(CSMS_SECRET, "open-sesame-4711")
            secrets.set(f"device.{DEVICE}", PASSWORD)
            async with Database(tmp_path) as database:
                await Ledger(database, clock).adopt_device(_device())
                outside = await join_drivers(tmp_path, load(tmp_path), secrets, database, clock)  # type: ignore[arg-type]
                ready = asyncio.Event()
                hub = Hub(outside)
                running = asyncio.create_task(hub.run(ready.set))
                try:
                    await asyncio.wait_for(ready.wait(), 10)
                    async with connect_client(socket_path(tmp_path)) as client:
                        await _with_station(tmp_path, hub, client, csms, body)
                finally:
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def _device() -> AdoptedDevice:
    return AdoptedDevice(
        device_id=DEVICE,
        kind=DeviceKind.EVCE,
        driver="ocpp",
        name="Charger",
        address="",
        product="",
        adopted_at=NOON,
    )


async def _with_station(tmp_path: Path, hub: Hub, client: Client, csms: RawCsms, body: Body) -> None:
    endpoint = hub._out.endpoint
    await endpoint.started()  # type: ignore[attr-defined]
    tls = ssl.create_default_context(cafile=str(tmp_path / "ocpp-ca.pem"))
    token = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
    async with connect(
        f"wss://127.0.0.1:{endpoint.port}/ocpp/{NAME}",  # type: ignore[attr-defined]
        ssl=tls,
        additional_headers={"Authorization": f"Basic {token}"},
        subprotocols=["ocpp2.0.1"],  # type: ignore[list-item]
    ) as socket:
        station = PlainStation(socket, Version.V201)
        reader = asyncio.create_task(station.read())
        try:
            await body(hub, client, csms, station)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


async def _agree(client: Client, data_class: DataClass, *, granted: bool = True) -> None:
    await client.call(api.SetConsent(sp_id="evc_sp", data_class=data_class, granted=granted, text_version=2))


def _link(snapshot: Snapshot) -> LinkState | None:
    return next((one.state for one in snapshot.providers if one.sp_id == "evc_sp.csms"), None)


@pytest.mark.usecase("W4", "W6")
def test_the_link_is_open_while_the_owner_agrees_and_what_left_is_shown(tmp_path: Path) -> None:
    async def body(hub: Hub, client: Client, csms: RawCsms, station: PlainStation) -> None:
        async def until(state: LinkState) -> None:
            await client.wait_until(lambda: _link(client.latest[api.Topic.SNAPSHOT]) is state, 15)

        await client.watch(api.Topic.SNAPSHOT, api.Topic.SHARING)
        await station.say("BootNotification", BOOT[Version.V201])
        await station.say("SecurityEventNotification", EVENT)
        for data_class in (DataClass.IDENTITY, DataClass.CHARGING):
            await _agree(client, data_class)
        assert (csms.knocks, _link(hub._snapshot())) == ([], None)
        checks = {check.name: check for check in await client.call(api.AskDoctor())}
        assert "nobody has agreed to share metering" in checks["Example Charging (OCPP)"].finding
        await _agree(client, DataClass.METERING)
        await until(LinkState.UP)
        assert csms.knocks[0][1]["Authorization"].startswith("Basic ")
        await station.say("SecurityEventNotification", EVENT)
        await csms.until_heard("SecurityEventNotification")
        assert len(csms.of("SecurityEventNotification")) == 1

        csms.answers["SecurityEventNotification"] = None
        await _agree(client, DataClass.METERING, granted=False)
        await csms.until(lambda: csms.connection is None)
        await until(LinkState.DOWN)
        await _disclosed(client)

    in_a_home(tmp_path, body)


async def _disclosed(client: Client) -> None:
    """The sums are kept every minute of hub time."""

    def told() -> Disclosed | None:
        (sharing,) = client.latest[api.Topic.SHARING]
        return next(entry.disclosed for entry in sharing.entries if entry.data_class is DataClass.IDENTITY)

    identity = await client.wait_until(told, 15)
    (sharing,) = client.latest[api.Topic.SHARING]
    assert sharing.name == "Example Charging"
    assert {"type", "timestamp", "chargingStation.vendorName", "reason"} <= set(identity.fields)
    assert identity.count >= 2
    assert identity.size_bytes >= len(EVENT) + len(BOOT[Version.V201])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("url = 'ws://a'", "not encrypted"),
        ("url = 'ws://a'\nallow_unencrypted = true", "security_profile 1 goes with"),
        ("url = 'wss://a'\nsecurity_profile = 1", "security_profile 1 goes with"),
        ("url = 'wss://a'\nmirrors = ['ws://b']", "ws://b is not encrypted"),
        ("url = 'https://a'", "url"),
        ("url = 'wss://a'\npassword = 'x'", "password"),
        ("url = 'wss://a'\nmirrors = ['wss://b','wss://b','wss://b','wss://b','wss://b']", "mirrors"),
    ],
)
def test_settings_that_contradict_themselves(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "settings.toml").write_text(f"[ocpp.csms]\nname = 'E'\n{text}\n")
    with pytest.raises(SettingsInvalid, match=expected):
        load(tmp_path)


def test_settings_of_a_csms(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[ocpp.csms]\nname = 'E'\nurl = 'wss://a'\nsecurity_profile = 3\n")
    csms = load(tmp_path).ocpp.csms
    assert csms is not None
    assert json.dumps([csms.security_profile, csms.mirrors]) == "[3, []]"
