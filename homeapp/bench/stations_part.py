"""The charging stations of the measurements."""

import asyncio
import base64
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from homeapp.bench import messages
from homeapp.bench.frame_peer import FramePeer, Json
from homeapp.bench.part import serve_jobs
from homeapp.errors import ProtocolError

_AT_ONCE = 25
"""Connections that are opened at the same time: each is a TLS handshake at the hub."""
_PROFILE_TIMEOUT_S = 150.0
_VOLTAGE_V = 230.0


@dataclass(slots=True)
class _Station:
    socket: ClientConnection
    peer: FramePeer
    reader: "asyncio.Task[None]"


class Stations:
    """Any number of stations, by their names."""

    def __init__(self) -> None:
        self._stations: dict[str, _Station] = {}
        self._limits: dict[str, list[tuple[float, float]]] = {}
        self._limit_came = asyncio.Event()
        self._broken_rules: list[str] = []

    async def run(self) -> None:
        """Serve jobs."""
        await serve_jobs(
            {
                "open": self._open,
                "close": self._close,
                "say": self._say,
                "rate": self._rate,
                "latency": self._latency,
                "limited_at": self._limited_at,
                "raised_at": self._raised_at,
                "rules": self._rules,
            }
        )

    async def _open(self, url: str, names: list[str], password: str = "", ca_file: str = "") -> None:
        """Connect stations; ``password`` is theirs all."""
        tls = ssl.create_default_context(cafile=ca_file) if ca_file else None
        gate = asyncio.Semaphore(_AT_ONCE)

        async def come(name: str) -> None:
            async with gate:
                await self._come(f"{url}/{name}", name, password, tls)

        async with asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(come(name))

    async def _come(self, url: str, name: str, password: str, tls: ssl.SSLContext | None) -> None:
        token = base64.b64encode(f"{name}:{password}".encode()).decode()
        try:
            socket = await connect(
                url,
                ssl=tls,
                subprotocols=[Subprotocol(messages.PROTOCOL)],
                additional_headers={"Authorization": f"Basic {token}"} if password else {},
                compression=None,
                ping_interval=None,
                proxy=None,
            )
        except WebSocketException as error:
            raise ProtocolError(f"{name} could not connect: {error}") from error

        def serve(action: str, payload: Json) -> Json:
            if action == "SetChargingProfile" and _is_of_transaction(payload):
                self._limits.setdefault(name, []).append((time.monotonic(), _limit_w(payload)))
                self._limit_came.set()
            return _answer(action, payload)

        peer = FramePeer(socket, serve, name)
        self._stations[name] = _Station(socket, peer, asyncio.create_task(peer.read()))

    async def _close(self) -> None:
        """All of them go."""
        for station in self._stations.values():
            self._broken_rules += station.peer.broken_rules
            station.socket.transport.abort()
        await asyncio.gather(*(station.reader for station in self._stations.values()))
        self._stations.clear()
        self._limits.clear()

    async def _rules(self) -> list[str]:
        return self._broken_rules + [rule for one in self._stations.values() for rule in one.peer.broken_rules]

    async def _say(self, name: str, action: str, payload: Json) -> Json:
        return await self._stations[name].peer.call(action, payload)

    async def _rate(self, names: list[str], each: int) -> float:
        """Seconds until each station has said so much and got its answers, one out at a time."""
        payload = msgspec.Raw(msgspec.json.encode(messages.event()))

        async def talk(name: str) -> None:
            for _ in range(each):
                await self._stations[name].peer.call("TransactionEvent", payload)

        begun = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(talk(name))
        return time.perf_counter() - begun

    async def _latency(self, name: str, samples: int, every_s: float) -> list[float]:
        """Seconds from a DataTransfer to its answer, of each."""
        payload = msgspec.Raw(msgspec.json.encode(messages.data()))
        seconds = []
        for _ in range(samples):
            begun = time.perf_counter()
            await self._stations[name].peer.call("DataTransfer", payload)
            seconds.append(time.perf_counter() - begun)
            await asyncio.sleep(max(0.0, every_s - seconds[-1]))
        return seconds

    async def _limited_at(self, name: str, after: float, most_w: float) -> float:
        """When a limit so low came or comes, by the monotonic clock, which all processes of a machine share."""
        return await self._told_at(name, after, lambda limit_w: limit_w <= most_w)

    async def _raised_at(self, name: str, after: float, least_w: float) -> float:
        """When a limit so high came or comes."""
        return await self._told_at(name, after, lambda limit_w: limit_w >= least_w)

    async def _told_at(self, name: str, after: float, fits: Callable[[float], bool]) -> float:
        async with asyncio.timeout(_PROFILE_TIMEOUT_S):
            while not (late := [at for at, limit_w in self._limits.get(name, ()) if at > after and fits(limit_w)]):
                self._limit_came.clear()
                await self._limit_came.wait()
        return late[0]


def _is_of_transaction(payload: Json) -> bool:
    """What the charge that runs is limited to, and not the floor for all others."""
    return bool(payload["chargingProfile"]["chargingProfilePurpose"] == "TxProfile")


def _limit_w(payload: Json) -> float:
    """What the first period of a charging profile allows."""
    schedule = payload["chargingProfile"]["chargingSchedule"][0]
    period = schedule["chargingSchedulePeriod"][0]
    limit = float(period.get("limit", 0.0))
    return limit if schedule["chargingRateUnit"] == "W" else limit * _VOLTAGE_V * period.get("numberPhases", 3)


def _answer(action: str, payload: Json) -> Json:
    if action != "SetVariables":
        return {"status": "Accepted"}
    results: list[dict[str, Any]] = [
        {"attributeStatus": "Accepted", "component": item["component"], "variable": item["variable"]}
        for item in payload["setVariableData"]
    ]
    return {"setVariableResult": results}
