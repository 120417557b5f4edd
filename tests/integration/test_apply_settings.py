"""Settings that are applied: another hub in the same process, and nothing of the one before is left open."""

import asyncio
import gc
import re
import signal
import socket
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from homeapp import api, serving
from homeapp.__main__ import join_drivers
from homeapp.client import Client, connect, connect_again
from homeapp.clock import SystemClock
from homeapp.demo.meter.homewizard import DemoMeter
from homeapp.errors import HubNotRunning, SettingsInvalid, WrongPin
from homeapp.model.device import DeviceLink
from homeapp.server import socket_path
from kit.hub_process import hub_process, new_data_dir, until

WITHIN_S = 40.0
PINS = {api.Role.INSTALLER: "918273645", api.Role.OWNER: "564738291"}
SERIAL = "5c2fafde3002"


class Home:
    """A hub in this process, its data directory, and one connection to it."""

    def __init__(self, data_dir: Path, stack: AsyncExitStack, client: Client) -> None:
        self.data_dir = data_dir
        self.client = client
        self._stack = stack

    async def leave(self) -> None:
        """Hang up."""
        await self._stack.aclose()

    def write(self, text: str) -> None:
        """What follows ``[site]`` in the settings."""
        path = self.data_dir / "settings.toml"
        path.write_text(path.read_text().partition("[site]")[0] + "[site]\n" + text)

    async def apply(self) -> api.Hello:
        """Have the settings hold, and greet the hub that begins then."""
        await self.client.call(api.ApplySettings())
        before, self._stack = self._stack, AsyncExitStack()
        self.client = await connect_again(self.client, self._stack, WITHIN_S)
        await before.aclose()
        return await self.client.call(api.SayHello())

    async def log_in(self) -> None:
        await self.client.call(api.LogIn(as_role=api.Role.INSTALLER, pin=PINS[api.Role.INSTALLER]))

    async def watched(self, topic: api.Topic, wanted: Callable[[Any], object]) -> None:
        await self.client.watch(topic)
        await self.client.wait_until(
            lambda: topic in self.client.latest and wanted(self.client.latest[topic]), WITHIN_S
        )


def at_home(tmp_path: Path, body: Callable[[Home], Awaitable[None]]) -> None:
    """With a hub that runs here, so that what it leaves open can be counted."""

    async def main() -> None:
        data_dir = new_data_dir(tmp_path)
        async with served(data_dir) as home:
            await body(home)

    try:
        asyncio.run(main())
    finally:
        # The hub has spared all that there was from collections.
        gc.unfreeze()


@asynccontextmanager
async def served(data_dir: Path) -> AsyncIterator[Home]:
    serving_task = asyncio.create_task(serving.serve(data_dir, SystemClock(), join_drivers))
    try:
        stack = AsyncExitStack()
        home = Home(data_dir, stack, await first_connection(data_dir, stack, serving_task))
        try:
            yield home
        finally:
            await home.leave()
    finally:
        serving_task.cancel()
        await asyncio.gather(serving_task, return_exceptions=True)


async def first_connection(data_dir: Path, stack: AsyncExitStack, serving_task: "asyncio.Task[None]") -> Client:
    async with asyncio.timeout(WITHIN_S):
        while not serving_task.done():
            try:
                return await stack.enter_async_context(connect(socket_path(data_dir)))
            except HubNotRunning:
                await asyncio.sleep(0.05)
    raise AssertionError(f"no hub runs: {serving_task.exception()}")


def opened() -> dict[str, list[str]]:
    """What is open in this process: tasks, threads, files and sockets, each by its kind."""
    files: list[str] = []
    for number in Path("/proc/self/fd").iterdir():
        try:
            files.append(re.sub(r"[0-9]+", "N", str(number.readlink())))
        except FileNotFoundError:
            continue
    # The loop keeps its own workers for the next who needs one.
    threads = [thread.name for thread in threading.enumerate() if not re.match("asyncio_|uvloop_", thread.name)]
    tasks = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return {"files": sorted(files), "threads": sorted(threads), "tasks": sorted(tasks)}


async def settled() -> dict[str, list[str]]:
    """What is open once nothing has come or gone for a second: what a hub does at its beginning is over then."""
    async with asyncio.timeout(WITHIN_S):
        looks = [opened()]
        while len(looks) < 11:
            await asyncio.sleep(0.1)
            now = opened()
            looks = [*looks, now] if now == looks[-1] else [now]
        return looks[-1]


async def comes_to(state: dict[str, list[str]]) -> None:
    """Wait until exactly this is open: what is closed just now takes its moment."""
    try:
        async with asyncio.timeout(10):
            while opened() != state:
                await asyncio.sleep(0.1)
    except TimeoutError:
        assert opened() == state


@asynccontextmanager
async def meter_running() -> AsyncIterator[DemoMeter]:
    meter = DemoMeter(
        clock=SystemClock(), power=lambda: (2300.0, -460.0, 115.0), api="v1", serial=SERIAL, announce=False
    )
    task = asyncio.create_task(meter.run())
    try:
        async with asyncio.timeout(20):
            await meter.started()
        yield meter
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usecase("D1", "W4", "W6")
def test_a_hub_that_begins_anew_leaves_nothing_open_and_keeps_devices_and_pins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubs: list[weakref.ref[object]] = []

    def noted(outside: Any) -> Any:
        hub = kind(outside)
        hubs.append(weakref.ref(hub))
        return hub

    kind = serving.Hub
    monkeypatch.setattr(serving, "Hub", noted)
    monkeypatch.setattr("devices.meters.homewizard.lookup.ANSWER_WITHIN_S", 0.5)

    async def body(home: Home) -> None:
        async with meter_running() as meter:
            found = await home.client.call(api.LookForMeter(address=meter.address("v1")))
            assert found.device_id == f"homewizard:{SERIAL}"
            await home.client.call(api.AdoptDevice(device_id=found.device_id, name="Hall"))
            for role, pin in PINS.items():
                await home.client.call(api.SetPin(for_role=role, pin=pin))
                await home.log_in()
            await home.apply()
            before: dict[str, list[str]] | None = None
            for fuse_a in (25.0, 35.0, 40.0):
                # Meters of others on this machine announce themselves too.
                await home.watched(
                    api.Topic.DEVICES, lambda seen: [item.link for item in seen if item.adopted] == [DeviceLink.ONLINE]
                )
                if before is None:
                    before = await settled()
                await comes_to(before)
                await home.log_in()
                home.write(f"fuse_a = {fuse_a}\n")
                hello = await home.apply()
                assert (hello.role, hello.site.fuse_a) == (api.Role.GUEST, fuse_a)
                (device,) = (item for item in await home.client.call(api.ListDevices()) if item.adopted)
                assert (device.name, device.address) == ("Hall", meter.address("v1"))
            with pytest.raises(WrongPin):
                await home.client.call(api.LogIn(as_role=api.Role.OWNER, pin="135792468"))
        # The last one has spared from collections what there was, but not what its forerunners had left.
        assert [hub() is not None for hub in hubs] == [False] * (len(hubs) - 1) + [True]
        assert len(hubs) == 5

    at_home(tmp_path, body)


@pytest.mark.usecase("W4", "W6")
def test_settings_that_cannot_hold_leave_the_hub_as_it_was(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        home.write("fuse_a = \n")
        with pytest.raises(SettingsInvalid, match=r"settings\.toml"):
            await home.client.call(api.ApplySettings())
        assert (await home.client.call(api.SayHello())).site.fuse_a == 25.0, "the same connection, the same hub"
        # These can be read, and yet no hub begins with them.
        home.write('fuse_a = 35.0\n[ocpp.vendor_roots]\nDemo = "/nowhere/roots.pem"\n')
        assert (await home.apply()).site.fuse_a == 25.0
        notices = {item.code: item.sentence for item in (await home.client.call(api.GetSnapshot())).notices}
        assert notices["settings_refused"].startswith("Your new settings do not hold: ocpp.vendor_roots:")
        assert (await home.client.call(api.GetCommissioning())).restart_due
        home.write("fuse_a = 35.0\n")
        assert (await home.apply()).site.fuse_a == 35.0
        assert not (await home.client.call(api.GetCommissioning())).restart_due

    at_home(tmp_path, body)


@pytest.mark.usecase("W4")
def test_who_watches_gets_the_answer_before_the_hub_hangs_up(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        async with connect(socket_path(home.data_dir)) as other:
            await other.watch(*api.Topic)
            await home.client.watch(*api.Topic)
            await home.client.call(api.ApplySettings())
            async with asyncio.timeout(WITHIN_S):
                await asyncio.gather(other.hung_up(), home.client.hung_up())
            with pytest.raises(HubNotRunning):
                await other.call(api.SayHello())

    at_home(tmp_path, body)


def test_the_service_manager_is_told_and_a_hub_that_begins_anew_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = new_data_dir(tmp_path)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.settimeout(WITHIN_S)
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        begun = time.monotonic()
        with hub_process(data_dir) as process:
            started_s = time.monotonic() - begun
            assert manager.recv(200) == b"READY=1"
            begun = time.monotonic()
            asyncio.run(apply(data_dir))
            told = manager.recv(200).decode().splitlines()
            assert told[0] == "RELOADING=1"
            assert 0 < int(told[1].removeprefix("MONOTONIC_USEC=")) <= time.monotonic() * 1e6
            assert manager.recv(200) == b"READY=1"
            anew_s = time.monotonic() - begun
            print(f"a process began in {started_s:.2f} s, a hub anew in {anew_s:.2f} s")
            assert anew_s < started_s
            asyncio.run(apply(data_dir))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
        assert not socket_path(data_dir).exists()
        log = (tmp_path / "hub.log").read_text()
        assert "Traceback" not in log
        until(lambda: log.count("hub is ready") in (2, 3))


async def apply(data_dir: Path) -> None:
    async with connect(socket_path(data_dir)) as client:
        await client.call(api.ApplySettings())
        await client.hung_up()


@pytest.mark.usecase("W4", "W6")
def test_signs_of_life_are_given_while_a_hub_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        data_dir, joined, may_join = new_data_dir(tmp_path), 0, asyncio.Event()

        async def slowly(*arguments: Any) -> Any:
            nonlocal joined
            joined += 1
            if joined == 2:
                await may_join.wait()
            return await join_drivers(*arguments)

        async def told(manager: socket.socket) -> str:
            return (await asyncio.to_thread(manager.recv, 200)).decode().splitlines()[0]

        async def until_told(manager: socket.socket, wanted: str) -> None:
            while await told(manager) != wanted:
                continue

        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
            manager.settimeout(WITHIN_S)
            manager.bind(str(tmp_path / "notify"))
            monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
            monkeypatch.setenv("WATCHDOG_USEC", "200000")
            serving_task = asyncio.create_task(serving.serve(data_dir, SystemClock(), slowly))
            try:
                await until_told(manager, "READY=1")
                await apply(data_dir)
                await until_told(manager, "RELOADING=1")
                while joined < 2:
                    await asyncio.sleep(0.05)
                assert [await told(manager) for _ in range(3)] == ["WATCHDOG=1"] * 3
                monkeypatch.setattr(serving, "BEGINS_WITHIN_S", 0.0)
                manager.settimeout(1.0)
                with pytest.raises(TimeoutError):
                    await until_told(manager, "READY=1")
                manager.settimeout(WITHIN_S)
                may_join.set()
                await until_told(manager, "READY=1")
                async with AsyncExitStack() as stack:
                    await first_connection(data_dir, stack, serving_task)
            finally:
                serving_task.cancel()
                await asyncio.gather(serving_task, return_exceptions=True)

    try:
        asyncio.run(main())
    finally:
        gc.unfreeze()
