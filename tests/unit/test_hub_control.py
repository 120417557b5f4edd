"""The hub's control loop: nothing that a charger or the desk does stops it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp import api, audit
from homeapp.clock import SharedClock
from homeapp.hub import Hub, Outside
from homeapp.identity import HubKeys
from homeapp.identity.keys import key_pem
from homeapp.model.charger import ControlSpan, InControl
from homeapp.model.device import AdoptedDevice, DeviceKind
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus
from homeapp.ports import StationRegister
from homeapp.settings import SecretPlace, Settings
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
DEVICE_ID = "ocpp:a"
_KEY_PEM = key_pem(ec.generate_private_key(ec.SECP256R1()))


@dataclass
class Charger:
    """The endpoint and the one charger on it; fails where it is told to."""

    commands: list[EvceCommand] = field(default_factory=list)
    failures: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    register: StationRegister | None = None
    device_id: str = DEVICE_ID

    @property
    def state(self) -> EvceState:
        return EvceState(device_id=DEVICE_ID, received_at=NOW, status=EvceStatus.PLUGGED, connected=True)

    async def apply(self, command: EvceCommand) -> None:
        self.commands.append(command)
        self.news.set()
        if self.failures:
            self.failures -= 1
            raise KeyError("a fault of the program")

    async def run(self, register: StationRegister) -> None:
        self.register = register
        register.changed(self.state)
        await asyncio.Event().wait()

    def evce(self, device_id: str) -> "Charger | None":
        return self if device_id == DEVICE_ID else None

    async def enrol(self, _device_id: str) -> str:
        return ""

    async def drop(self, _device_id: str) -> None:
        return

    async def raise_security(self, _device_id: str) -> None:
        return

    async def forget(self, _device_id: str) -> None:
        return

    async def commanded(self, times: int) -> None:
        async with asyncio.timeout(20):
            while len(self.commands) < times:
                self.news.clear()
                await self.news.wait()


class NoSecrets:
    place = SecretPlace.MACHINE_FILE

    def get(self, _name: str) -> str | None:
        return None

    def set(self, _name: str, _value: str) -> None:
        return

    def delete(self, _name: str) -> None:
        return


def in_a_hub(tmp_path: Path, charger: Charger, body: Callable[[Hub, "asyncio.Task[None]"], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = SharedClock(NOW, datetime.now(UTC).timestamp(), 20.0)
        async with Database(tmp_path) as database:
            await Ledger(database, clock).adopt_device(
                AdoptedDevice(
                    device_id=DEVICE_ID,
                    kind=DeviceKind.EVCE,
                    driver="ocpp",
                    name="Charger",
                    address="",
                    product="",
                    adopted_at=NOW - timedelta(days=1),
                )
            )
            outside = Outside(
                clock=clock,
                speed=clock.speed,
                data_dir=tmp_path,
                settings=Settings(),
                database=database,
                secrets=NoSecrets(),
                endpoint=charger,
                meter_drivers={},
                discoverers=[],
                keys=HubKeys(sign_pem=_KEY_PEM, encryption_pem=_KEY_PEM),
                machine_clock=clock,
                pseudonym_key=b"k" * 32,
                pev=None,
                background={},
            )
            hub = Hub(outside)
            running = asyncio.create_task(hub.run(lambda: None))
            try:
                await body(hub, running)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def test_a_fault_in_the_chargers_driver_restarts_the_control_and_not_the_hub(tmp_path: Path) -> None:
    charger = Charger(failures=1)

    async def body(hub: Hub, running: "asyncio.Task[None]") -> None:
        await charger.commanded(3)
        assert not running.done()
        told = {notice.code: notice.sentence for notice in hub._snapshot().notices}
        assert told["part_failed.control"].startswith("A part of the hub (control) failed and was started again.")

    in_a_hub(tmp_path, charger, body)


def test_without_a_meter_the_charger_is_told_the_safe_current_again_and_again(tmp_path: Path) -> None:
    charger = Charger()

    async def body(_hub: Hub, _running: "asyncio.Task[None]") -> None:
        await charger.commanded(4)

    in_a_hub(tmp_path, charger, body)
    assert {command.limit_w for command in charger.commands} <= {0.0, 6 * 690.0}
    assert charger.commands[-1].lease_s == 60.0


@pytest.mark.usecase("W2", "W6")
def test_what_the_charger_has_taken_is_in_the_audit_log_once(tmp_path: Path) -> None:
    charger = Charger()

    async def body(_hub: Hub, _running: "asyncio.Task[None]") -> None:
        await charger.commanded(4)

    in_a_hub(tmp_path, charger, body)
    rows = [row for row in audit.read_rows(tmp_path) if row.kind == "command"]
    assert [(row.subject, json.loads(row.detail)["feed_w"]) for row in rows] == [(DEVICE_ID, 0)]


def test_control_taken_back_is_told_to_drivers_and_screen(tmp_path: Path) -> None:
    charger = Charger()

    async def body(hub: Hub, _running: "asyncio.Task[None]") -> None:
        await charger.commanded(1)
        take = api.TakeControl(device_id=DEVICE_ID, span=ControlSpan.UNTIL_GIVEN_BACK)
        await hub._chargers.handlers()[api.TakeControl](take, api.Role.HOUSEHOLD)
        assert not hub._out.provider_rights.controls(DEVICE_ID)
        (view,) = hub._operations.current(api.Topic.DEVICES)  # type: ignore[misc]
        assert view.charger.in_control is InControl.OWNER

    in_a_hub(tmp_path, charger, body)
    after = Charger()

    async def again(hub: Hub, _running: "asyncio.Task[None]") -> None:
        await after.commanded(1)
        assert not hub._out.provider_rights.controls(DEVICE_ID)

    in_a_hub(tmp_path, after, again)
