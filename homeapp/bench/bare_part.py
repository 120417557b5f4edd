"""The bare path of the latency measurement: from the VTN's answer to a SetChargingProfile with nothing in between.

It polls the same VTN over the same TLS, decodes the events, and sends a frame where the limit is not the one before.
No check, no memory, no other device: what the machine, the sockets and the two codecs cost.
"""

import asyncio
import contextlib
import itertools
import ssl
from pathlib import Path
from typing import Any

import httpx
import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from homeapp import identity
from homeapp.bench import messages
from homeapp.bench.hub_side import MemorySecrets
from homeapp.bench.part import serve_jobs
from homeapp.bench.vtn_part import BARE_AGENT, CLIENT_ID, CLIENT_SECRET, EVENT_ID

_TIMEOUT_S = 10.0


class BarePart:
    """Serves one station and jobs."""

    def __init__(self) -> None:
        self._station: ServerConnection | None = None
        self._numbers = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Until standard input ends."""
        try:
            await serve_jobs({"start": self._start})
        finally:
            for task in self._tasks:
                task.cancel()

    async def _start(self, directory: str, url: str, ca_file: str, poll_s: float) -> dict[str, str]:
        """Take a station and follow the VTN from now on; where the station has to connect."""
        folder = Path(directory)
        authority = identity.LocalAuthority(MemorySecrets(), folder)
        tls = await asyncio.to_thread(identity.server_context, authority, ["127.0.0.1"])
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._tasks = [
            asyncio.create_task(self._serve(tls, port)),
            asyncio.create_task(self._follow(url, ca_file, poll_s)),
        ]
        return {"url": f"wss://127.0.0.1:{await port}/ocpp", "ca_file": str(authority.ca_file)}

    async def _serve(self, tls: ssl.SSLContext, port: "asyncio.Future[int]") -> None:
        async with serve(
            self._receive,
            "127.0.0.1",
            0,
            ssl=tls,
            subprotocols=[Subprotocol(messages.PROTOCOL)],
            compression=None,
            ping_interval=None,
        ) as server:
            port.set_result(next(iter(server.sockets)).getsockname()[1])
            await server.serve_forever()

    async def _receive(self, socket: ServerConnection) -> None:
        self._station = socket
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                kind, message_id, *_ = msgspec.json.decode(text)
                if kind == 2:
                    await socket.send(msgspec.json.encode([3, message_id, {}]).decode())

    async def _follow(self, url: str, ca_file: str, poll_s: float) -> None:
        tls = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file)
        async with httpx.AsyncClient(verify=tls, timeout=_TIMEOUT_S, headers={"User-Agent": BARE_AGENT}) as client:
            form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
            token = (await client.post(f"{url}/auth/token", data=form)).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            known_kw: object = None
            while True:
                with contextlib.suppress(httpx.TransportError):
                    events: list[dict[str, Any]] = msgspec.json.decode((await client.get(f"{url}/events")).content)
                    limit_kw = next((_limit_kw(event) for event in events if event["id"] == EVENT_ID), None)
                    if limit_kw is not None and limit_kw != known_kw and self._station is not None:
                        await self._send(self._station, 1000 * limit_kw)
                        known_kw = limit_kw
                await asyncio.sleep(poll_s)

    async def _send(self, station: ServerConnection, limit_w: float) -> None:
        schedule = {
            "id": 1,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_w}],
        }
        profile = {
            "id": 1,
            "stackLevel": 1,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "transactionId": messages.TRANSACTION,
            "chargingSchedule": [schedule],
        }
        frame = [2, f"bare-{next(self._numbers)}", "SetChargingProfile", {"evseId": 1, "chargingProfile": profile}]
        await station.send(msgspec.json.encode(frame).decode())


def _limit_kw(event: dict[str, Any]) -> float | None:
    payloads = event["intervals"][0]["payloads"]
    return next((item["values"][0] for item in payloads if item["type"] == "IMPORT_CAPACITY_LIMIT"), None)
