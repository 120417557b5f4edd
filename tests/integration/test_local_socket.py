"""The contract over a real Unix socket."""

import asyncio
import json
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from homeapp import api
from homeapp import server as server_module
from homeapp.access.access_control import AccessControl
from homeapp.client import Client, connect
from homeapp.clock import SystemClock
from homeapp.errors import EnvironmentProblem, HomeappError, HubNotRunning, NotAllowed, NotFound, WrongState
from homeapp.model.plan import Plan
from homeapp.model.site import Site
from homeapp.secrets import open_secret_store
from homeapp.server import MOST_CONNECTIONS, Handler, Server, socket_path
from homeapp.settings import SecretPlace
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.pin_attempts import PinAttempts

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


class SmallHub:
    """A server with two real handlers and a plan that can be replaced."""

    def __init__(self, path: Path, access: AccessControl) -> None:
        self.plan: Plan | None = None
        self.path = path
        handlers: dict[type[api.Call[Any]], Handler] = {api.ShowOffer: self._show, api.GetPlan: self._get_plan}
        self.server = Server(path, handlers, lambda _topic: self.plan, self._hello, access)

    def _hello(self, role: api.Role) -> api.Hello:
        return api.Hello(version="1", protocol=1, now=NOW, clock_speed=1.0, role=role, site=Site())

    async def _show(self, call: api.ShowOffer, _caller: api.Role) -> object:
        raise (NotFound if call.key == "a" else WrongState)(f"no {call.key}")

    async def _get_plan(self, _call: api.GetPlan, _caller: api.Role) -> object:
        return self.plan


def serve(tmp_path: Path, body: Callable[[SmallHub], Awaitable[None]]) -> None:
    async def main() -> None:
        async with small_hub(tmp_path) as hub:
            started = asyncio.Event()
            task = asyncio.create_task(hub.server.run(started.set))
            await started.wait()
            try:
                await body(hub)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


@asynccontextmanager
async def small_hub(data_dir: Path, path: Path | None = None) -> AsyncIterator[SmallHub]:
    """Of a home that has no PIN."""
    clock = SystemClock()
    async with Database(data_dir) as database:
        access = AccessControl(
            secrets=open_secret_store(data_dir, SecretPlace.MACHINE_FILE),
            attempts=PinAttempts(database, clock),
            ledger=Ledger(database, clock),
            clock=clock,
        )
        await access.load()
        yield SmallHub(path or socket_path(data_dir), access)


async def hello(client: Client) -> api.Hello:
    return await client.call(api.SayHello())


def test_a_call_is_answered_and_the_socket_is_private(tmp_path: Path) -> None:
    async def body(hub: SmallHub) -> None:
        assert stat.S_IMODE(hub.path.stat().st_mode) == 0o600
        async with connect(hub.path) as client:
            answer = await hello(client)
            assert (answer.role, answer.now) == (api.Role.INSTALLER, NOW)

    serve(tmp_path, body)


@pytest.mark.parametrize(("key", "kind"), [("a", NotFound), ("b", WrongState)])
def test_errors_keep_their_class_and_sentence(tmp_path: Path, key: str, kind: type[Exception]) -> None:
    async def body(hub: SmallHub) -> None:
        async with connect(hub.path) as client:
            with pytest.raises(kind, match=f"no {key}"):
                await client.call(api.ShowOffer(key=key))

    serve(tmp_path, body)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"nonsense\n", -32700),
        (b"\xff\xfe\n", -32700),
        (b"[]\n", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"plan.get"}\n', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"no.such"}\n', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"offers.show","params":{"key":5}}\n', -32602),
    ],
)
def test_a_bad_line_gets_an_error_and_the_connection_goes_on(tmp_path: Path, line: bytes, code: int) -> None:
    async def body(hub: SmallHub) -> None:
        reader, writer = await asyncio.open_unix_connection(hub.path)
        writer.write(line + b'{"jsonrpc":"2.0","id":7,"method":"plan.get"}\n')
        first, second = json.loads(await reader.readline()), json.loads(await reader.readline())
        assert first["error"]["code"] == code
        assert second == {"jsonrpc": "2.0", "id": 7, "result": None}
        writer.close()
        await writer.wait_closed()

    serve(tmp_path, body)


def test_watchers_get_the_value_at_once_and_after_a_change(tmp_path: Path) -> None:
    async def body(hub: SmallHub) -> None:
        async with connect(hub.path) as client:
            await client.watch(api.Topic.PLAN)
            await client.wait_until(lambda: api.Topic.PLAN in client.latest, 5)
            assert client.latest[api.Topic.PLAN] is None
            hub.plan = Plan(made_at=NOW, slots=(), reaches_pct=80.0, shortfall_wh=0.0)
            hub.server.publish(api.Topic.PLAN)
            assert await client.wait_until(lambda: client.latest[api.Topic.PLAN], 5) == hub.plan

    serve(tmp_path, body)


def test_a_frozen_watcher_does_not_delay_others(tmp_path: Path) -> None:
    async def body(hub: SmallHub) -> None:
        _reader, writer = await asyncio.open_unix_connection(hub.path)
        writer.write(api.encode_call(1, api.Watch(topics=(api.Topic.PLAN,))))
        async with connect(hub.path) as client:
            for _ in range(5000):
                hub.server.publish(api.Topic.PLAN)
                await asyncio.sleep(0)
            assert (await hello(client)).protocol == 1
        writer.close()
        await writer.wait_closed()

    serve(tmp_path, body)


def test_a_role_that_is_too_low_is_refused() -> None:
    assert api.Role.OWNER.covers(api.Role.HOUSEHOLD)
    assert not api.Role.GUEST.covers(api.Role.OWNER)
    error = api.decode_incoming(api.encode_error(3, NotAllowed("needs owner")))
    assert isinstance(error, api.Response)
    assert isinstance(error.error, NotAllowed)


def test_no_hub_is_a_clear_sentence(tmp_path: Path) -> None:
    async def main() -> None:
        async with connect(socket_path(tmp_path)):
            pass

    with pytest.raises(HubNotRunning, match="homeapp hub"):
        asyncio.run(main())


def test_a_deep_data_directory_still_has_a_usable_socket_path(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    assert len(str(socket_path(deep)).encode()) <= 100
    assert socket_path(deep) != socket_path(tmp_path)


def test_a_handler_that_fails_is_told_and_the_connection_goes_on(tmp_path: Path) -> None:
    async def body(hub: SmallHub) -> None:
        async with connect(hub.path) as client:
            with pytest.raises(HomeappError, match="see its log"):
                await client.call(api.ListOffers())
            assert (await hello(client)).protocol == 1

    serve(tmp_path, body)


def test_calls_under_way_and_later_ones_learn_at_once_that_the_hub_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.close()
            await writer.wait_closed()
            gone.set()

        path = socket_path(tmp_path)
        async with await asyncio.start_unix_server(answer, path), connect(path) as client:
            async with asyncio.timeout(5):
                for _ in range(2):
                    with pytest.raises(HubNotRunning, match="did not answer"):
                        await hello(client)
                await gone.wait()
                with pytest.raises(HubNotRunning):
                    await client.wait_until(lambda: False, 60)

    asyncio.run(main())


def test_a_hub_that_talks_nonsense_is_a_clear_sentence(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"nonsense\n")
        await reader.read()
        writer.close()

    async def main() -> None:
        path = socket_path(tmp_path)
        async with asyncio.timeout(5), await asyncio.start_unix_server(answer, path), connect(path) as client:
            with pytest.raises(HubNotRunning, match="did not answer"):
                await hello(client)

    asyncio.run(main())


def test_a_socket_that_is_left_over_is_replaced(tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def body(hub: SmallHub) -> None:
        async with connect(hub.path) as client:
            assert (await hello(client)).protocol == 1

    serve(tmp_path, body)


@pytest.mark.parametrize("how", ["foreign", "open", "link"])
def test_a_shared_directory_that_others_can_change_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Whoever owns the directory of the socket could put a hub of his own there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if how == "foreign":
        monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    path = socket_path(tmp_path / ("x" * 100) / ("y" * 100))
    if how == "link":
        (tmp_path / "elsewhere").mkdir()
        path.parent.symlink_to(tmp_path / "elsewhere")
    else:
        path.parent.mkdir()
        path.parent.chmod(0o777 if how == "open" else 0o700)

    async def start() -> None:
        async with asyncio.timeout(5), small_hub(tmp_path, path) as hub:
            await hub.server.run(lambda: None)

    async def call() -> None:
        async with connect(path):
            pass

    for attempt in (start, call):
        with pytest.raises(EnvironmentProblem, match="belongs to somebody else"):
            asyncio.run(attempt())


def test_a_server_closes_its_connections_when_it_ends(tmp_path: Path) -> None:
    async def main() -> None:
        started = asyncio.Event()
        async with small_hub(tmp_path) as hub:
            task = asyncio.create_task(hub.server.run(started.set))
            await started.wait()
            async with connect(hub.path) as client:
                await hello(client)
                task.cancel()
                async with asyncio.timeout(5):
                    await asyncio.gather(task, return_exceptions=True)
                    with pytest.raises(HubNotRunning):
                        await client.wait_until(lambda: False, 60)
            assert not hub.path.exists()

    asyncio.run(main())


def test_a_second_user_is_turned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(hub: SmallHub) -> None:
        async with connect(hub.path) as client:
            with pytest.raises(HubNotRunning, match="did not answer"):
                await hello(client)

    monkeypatch.setattr(server_module, "_is_own_user", lambda _connection: False)
    serve(tmp_path, body)


def test_there_is_an_end_to_how_many_may_connect(tmp_path: Path) -> None:
    async def body(hub: SmallHub) -> None:
        async with AsyncExitStack() as open_ones:
            clients = [await open_ones.enter_async_context(connect(hub.path)) for _ in range(MOST_CONNECTIONS)]
            for client in clients:
                await hello(client)
            async with connect(hub.path) as one_more:
                with pytest.raises(HubNotRunning, match="did not answer"):
                    await hello(one_more)
            assert (await hello(clients[-1])).protocol == 1
        async with connect(hub.path) as later:
            assert (await hello(later)).protocol == 1

    serve(tmp_path, body)


@pytest.mark.usecase("W6")
@pytest.mark.parametrize("steps", range(6))
def test_who_comes_in_the_moment_in_which_a_hub_ends_is_not_left_with_it(tmp_path: Path, steps: int) -> None:
    async def main() -> None:
        async with small_hub(tmp_path) as hub:
            started = asyncio.Event()
            task = asyncio.create_task(hub.server.run(started.set))
            await started.wait()
            with closing(socket.socket(socket.AF_UNIX)) as client:
                client.setblocking(False)
                client.connect(str(hub.path))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                async with asyncio.timeout(5):
                    with suppress(ConnectionResetError):
                        assert await asyncio.get_running_loop().sock_recv(client, 1) == b""

    asyncio.run(main())
