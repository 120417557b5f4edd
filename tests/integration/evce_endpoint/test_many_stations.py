"""Many stations at once, and stations that come again and again: nothing of an older connection stays behind."""

import asyncio
import base64
import contextlib
import gc
import json
import weakref
from collections.abc import AsyncIterator

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from devices.evce.schemas import Version
from homeapp.model.readings import EvceStatus
from kit.evce_street import PASSWORD, Street, Tls, run

MANY, TIMES = 500, 30
BOOT = '[2,"b","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"Box"}]'


@contextlib.asynccontextmanager
async def plain(street: Street, name: str) -> AsyncIterator[ClientConnection]:
    token = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
    async with connect(
        f"ws://127.0.0.1:{street.endpoint.unencrypted_port}/{name}",
        additional_headers={"Authorization": f"Basic {token}"},
        subprotocols=[Version.V16.value],  # type: ignore[list-item]
        compression=None,
        ping_interval=None,
    ) as socket:
        yield socket


async def boot(socket: ClientConnection) -> None:
    """Introduce it, and answer whatever the hub asks meanwhile."""
    await socket.send(BOOT)
    async for text in socket:
        frame = json.loads(text)
        if frame[1] == "b":
            assert frame[2]["status"] == "Accepted"
            return
        await socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))


def test_five_hundred_stations_come_and_go(tls: Tls) -> None:
    async def body(street: Street) -> None:
        names = [f"box-{number}" for number in range(MANY)]
        for name in names:
            street.adopt(name)
        before = asyncio.all_tasks()
        async with contextlib.AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(plain(street, name)) for name in names]
            await asyncio.gather(*map(boot, sockets))
            assert len(street.endpoint._sockets) == MANY
            for socket in sockets:
                socket.transport.abort()
        async with asyncio.timeout(20):
            while left := asyncio.all_tasks() - before:
                await asyncio.wait(left)
        assert not street.endpoint._sockets

    run(tls, body, unencrypted_port=0)


def test_a_station_that_leaves_half_open_sockets_behind_has_one_connection(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        older: list[ClientConnection] = []
        sessions: weakref.WeakSet[object] = weakref.WeakSet()
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(TIMES):
                socket = await stack.enter_async_context(plain(street, "garage-1"))
                await boot(socket)
                evce = street.endpoint.evce("ocpp:garage-1")
                assert evce is not None
                assert evce.session is not None
                sessions.add(evce.session)
                # It has lost its network: it neither closes the old one nor reads from it.
                older.append(socket)
            assert len(street.endpoint._sockets) == 1
            newest = older.pop()
            for socket in older:
                with contextlib.suppress(ConnectionClosed):
                    async for _ in socket:
                        pass
                assert socket.close_code is not None
            await boot(newest)
            assert evce.state.status is not EvceStatus.OFFLINE
            gc.collect()
            assert len(sessions) == 1

    run(tls, body, unencrypted_port=0)
