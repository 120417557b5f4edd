"""The communication operator of the street: every flow between the home and its providers passes through it.

``python -m homeapp.demo.uplink CONFIGURATION.json`` forwards TCP, one port of loopback for each flow. TLS goes through
from end to end: it sees and counts ciphertext. ``DemoUplink`` starts it and tells it over a control socket, one JSON
object a line, to cut a flow, to slow it down and to say what it has carried.
"""

import asyncio
import contextlib
import hmac
import json
import secrets
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from homeapp import event_loop
from homeapp.demo.operator.child_process import ChildProcess, free_loopback_ports
from homeapp.errors import EnvironmentProblem

HOST = "127.0.0.1"
_START_S = 15.0
_CALL_S = 5.0
_RETRY_S = 0.05
_CHUNK = 65_536
_SLICES_PER_S = 20
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with RST, as a firewall does; a FIN within a TLS handshake would look like a refused certificate."""


class FlowCount(msgspec.Struct, frozen=True, kw_only=True):
    """What one flow has carried.

    Attributes:
        up_bytes, down_bytes: from the home, to the home.
        connections: that were let through.
        refused: that were not, because the flow is cut.
    """

    up_bytes: int = 0
    down_bytes: int = 0
    connections: int = 0
    refused: int = 0


class DemoUplink:
    """The operator as a process of its own; an async context manager.

    Args:
        directory: for its configuration and log.
        flows: where each leads to, host and port by name.

    Raises (all operations):
        EnvironmentProblem: it cannot be started, does not answer, or there is no such flow.
    """

    def __init__(self, directory: Path, flows: Mapping[str, tuple[str, int]]) -> None:
        self._directory = directory
        self._flows = dict(flows)
        control, *ports = free_loopback_ports(1 + len(self._flows))
        self._control_port = control
        self._ports = dict(zip(self._flows, ports, strict=True))
        self._token = secrets.token_urlsafe(18)
        self._process: ChildProcess | None = None

    def port(self, flow: str) -> int:
        """The port of ``HOST`` that the home has to connect to instead of the provider's."""
        return self._ports[flow]

    async def __aenter__(self) -> "DemoUplink":
        path = await asyncio.to_thread(self._write_configuration)
        self._process = ChildProcess(
            "uplink", (sys.executable, "-m", "homeapp.demo.uplink", str(path)), self._directory
        )
        await self._process.start_until(self._answers, _START_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            await self._process.stop()

    async def cut(self, flow: str) -> None:
        """End all its connections and refuse new ones."""
        await self._call("cut", flow)

    async def restore(self, flow: str) -> None:
        """Let it through at full speed."""
        await self._call("restore", flow)

    async def slow(self, flow: str, *, bytes_per_s: float, delay_ms: float = 0.0) -> None:
        """Carry at most this much in each direction of a connection, later by ``delay_ms`` of the machine's time."""
        await self._call("slow", flow, bytes_per_s=bytes_per_s, delay_ms=delay_ms)

    async def count(self) -> Mapping[str, FlowCount]:
        """What each flow has carried so far."""
        return msgspec.convert(await self._call("count"), dict[str, FlowCount])

    async def _call(self, do: str, flow: str = "", **particulars: float) -> Any:
        request = {"token": self._token, "do": do, "flow": flow, **particulars}
        try:
            async with asyncio.timeout(_CALL_S):
                reader, writer = await asyncio.open_connection(HOST, self._control_port)
                try:
                    writer.write(json.dumps(request).encode() + b"\n")
                    line = await reader.readline()
                finally:
                    writer.close()
            answer = json.loads(line)
        except (OSError, TimeoutError, ValueError) as error:
            raise EnvironmentProblem("The communication operator of the street does not answer.") from error
        if "error" in answer:
            raise EnvironmentProblem(f"The communication operator of the street: {answer['error']}.")
        return answer["result"]

    async def _answers(self) -> None:
        while True:
            with contextlib.suppress(EnvironmentProblem):
                await self.count()
                return
            await asyncio.sleep(_RETRY_S)

    def _write_configuration(self) -> Path:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        flows = {
            name: {"port": self._ports[name], "host": host, "target_port": port}
            for name, (host, port) in self._flows.items()
        }
        path = self._directory / "uplink.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"control_port": self._control_port, "token": self._token, "flows": flows}))
        return path


class _Way(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: int
    host: str
    target_port: int


class _Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    control_port: int
    token: str
    flows: dict[str, _Way]


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str
    do: str
    flow: str = ""
    bytes_per_s: float = 0.0
    delay_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class _Slowness:
    bytes_per_s: float
    delay_s: float


class _Flow:
    """One flow: a listening port and where it leads to."""

    def __init__(self, way: _Way) -> None:
        self._way = way
        self._open: set[asyncio.StreamWriter] = set()
        self._slowness: _Slowness | None = None
        self._is_cut = False
        self._carried = {"up": 0, "down": 0}
        self._connections = 0
        self._refused = 0

    @property
    def count(self) -> FlowCount:
        return FlowCount(
            up_bytes=self._carried["up"],
            down_bytes=self._carried["down"],
            connections=self._connections,
            refused=self._refused,
        )

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, HOST, self._way.port, limit=_CHUNK)

    def cut(self) -> None:
        self._is_cut = True
        for writer in self._open:
            _reset(writer)

    def restore(self) -> None:
        self._is_cut, self._slowness = False, None

    def slow(self, bytes_per_s: float, delay_s: float) -> None:
        if not (bytes_per_s > 0 and delay_s >= 0):
            raise ValueError("a flow cannot be that slow")
        self._slowness = _Slowness(bytes_per_s, delay_s)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            self._refused += 1
            _reset(writer)
            return
        self._connections += 1
        self._open.add(writer)
        try:
            async with asyncio.timeout(_CALL_S):
                far_reader, far_writer = await asyncio.open_connection(
                    self._way.host, self._way.target_port, limit=_CHUNK
                )
        except (OSError, TimeoutError):
            _reset(writer)
        else:
            await self._carry_both_ways((reader, writer), (far_reader, far_writer))
        finally:
            self._open.discard(writer)

    async def _carry_both_ways(
        self,
        home: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        provider: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        writers = {home[1], provider[1]}
        self._open |= writers
        if self._is_cut:
            self.cut()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(home[0], provider[1], "up"))
                both.create_task(self._carry(provider[0], home[1], "down"))
        except* OSError:
            for writer in writers:
                _reset(writer)
        finally:
            self._open -= writers
            for writer in writers:
                writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        while chunk := await reader.read(self._slice()):
            if self._slowness is not None:
                await asyncio.sleep(self._slowness.delay_s + len(chunk) / self._slowness.bytes_per_s)
            writer.write(chunk)
            await writer.drain()
            self._carried[direction] += len(chunk)
        if writer.can_write_eof():
            writer.write_eof()

    def _slice(self) -> int:
        return _CHUNK if self._slowness is None else max(1, int(self._slowness.bytes_per_s / _SLICES_PER_S))


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def _obey(request: _Request, flows: Mapping[str, _Flow]) -> object:
    if request.do == "count":
        return {name: flow.count for name, flow in flows.items()}
    flow = flows.get(request.flow)
    if flow is None:
        raise ValueError(f"there is no flow {request.flow!r}")
    match request.do:
        case "cut":
            flow.cut()
        case "restore":
            flow.restore()
        case "slow":
            flow.slow(request.bytes_per_s, request.delay_ms / 1000)
        case _:
            raise ValueError(f"it cannot {request.do}")
    return None


async def _control(
    flows: Mapping[str, _Flow], token: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        request = msgspec.json.decode(await reader.readline(), type=_Request)
        if not hmac.compare_digest(request.token.encode(), token.encode()):
            raise ValueError("who is this?")
        answer: dict[str, object] = {"result": _obey(request, flows)}
    except (ValueError, msgspec.DecodeError) as error:
        answer = {"error": str(error)}
    with contextlib.suppress(OSError):
        writer.write(msgspec.json.encode(answer) + b"\n")
        await writer.drain()
    writer.close()


async def _serve(configuration: _Configuration) -> None:
    flows = {name: _Flow(way) for name, way in configuration.flows.items()}
    control = partial(_control, flows, configuration.token)
    servers = [await flow.listen() for flow in flows.values()]
    servers.append(await asyncio.start_server(control, HOST, configuration.control_port))
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    event_loop.run(_serve(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=_Configuration)))
