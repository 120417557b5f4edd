"""The car of the demo street at the end of its data link: a DoIP entity that is awake while it is plugged in."""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from homeapp.demo.connections import Connections
from homeapp.demo.operator.child_process import free_loopback_ports
from homeapp.demo.pev.diagnostics import PENDING, Diagnostics
from homeapp.demo.pev.doip_messages import (
    INVALID_LENGTH,
    INVALID_SOURCE,
    ROUTING_ACTIVATED,
    UNKNOWN_PAYLOAD_TYPE,
    UNKNOWN_TARGET,
    BadHeader,
    DoipMessage,
    PayloadType,
    read_message,
)
from homeapp.demo.pev.vehicle import Vehicle

HOST = "127.0.0.1"
LOGICAL_ADDRESS = 0x1010
_ACTIVATION = struct.Struct(">HHBI")
_ADDRESSES = struct.Struct(">HH")


@dataclass
class PevFaults:
    """How the car misbehaves; may be changed at any time.

    Attributes:
        silent: takes everything and says nothing.
        garbage: sent in place of every answer to a diagnostic request.
        routing_code: refuses to activate routing with this code.
        pending: how often it asks for patience (0x78) before each answer.
        cut_after_blocks: hangs up once, after as many blocks of a transfer.
    """

    silent: bool = False
    garbage: bytes = b""
    routing_code: int | None = None
    pending: int = 0
    cut_after_blocks: int | None = None


class DemoPev:
    """A car on a port of its own choice, which it keeps; not plugged in at first.

    Args:
        manufacturer_key: public JWK that its software must be signed with.
        vin: its identity.
        software_version: at the beginning.
        soc_pct: tells the state of charge.

    Attributes:
        vehicle: what it knows of itself.
        faults: how it misbehaves.
        history: the first four bytes of each of the last 10,000 diagnostic requests.
    """

    def __init__(
        self,
        *,
        manufacturer_key: Mapping[str, str],
        vin: str = "WHADEM0PEV0000001",
        software_version: str = "2.0",
        soc_pct: Callable[[], float] = lambda: 64.0,
    ) -> None:
        self.vehicle = Vehicle(
            vin=vin, software_version=software_version, manufacturer_key=manufacturer_key, soc_pct=soc_pct
        )
        self.faults = PevFaults()
        self.history: deque[bytes] = deque(maxlen=10_000)
        (self._port,) = free_loopback_ports(1)
        self._plugged = asyncio.Event()
        self._unplugged = asyncio.Event()
        self._up = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """Where it listens on ``HOST`` while it is awake."""
        return self._port

    @property
    def services(self) -> set[int]:
        """The diagnostic services that it was asked for."""
        return {request[0] for request in self.history if request}

    def add_defect(self, code: str, *, confirmed: bool = True) -> None:
        """Hold a trouble code such as ``P0A1F`` from now on."""
        self.vehicle.add_defect(code, confirmed=confirmed)

    def plug(self) -> None:
        """It wakes up."""
        self._unplugged.clear()
        self._plugged.set()

    def unplug(self) -> None:
        """It falls asleep: nobody answers any more."""
        self._plugged.clear()
        self._up.clear()
        self._unplugged.set()

    async def started(self) -> None:
        """Wait until it is awake."""
        await self._up.wait()

    async def run(self) -> None:
        """Be there until cancelled."""
        while True:
            await self._plugged.wait()
            await self._stay_awake()

    async def _stay_awake(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            connections = Connections(tasks, self._serve)
            server = await asyncio.start_server(connections.accepted, HOST, self._port)
            self._port = server.sockets[0].getsockname()[1]
            self._up.set()
            try:
                await self._unplugged.wait()
            finally:
                self._up.clear()
                server.close()
                connections.close()
                for writer in self._writers:
                    writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio sets TCP_NODELAY; without it each answer would take 40 ms.
        self._writers.add(writer)
        connection = _Connection(self, writer)
        try:
            while (message := await read_message(reader)) is not None:
                await connection.take(message)
        except BadHeader as error:
            connection.send(PayloadType.NEGATIVE_ACKNOWLEDGE, bytes([error.code]))
        except ConnectionError:
            return
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class _Connection:
    """One tester: its address once routing is activated, and its diagnostic session."""

    def __init__(self, pev: DemoPev, writer: asyncio.StreamWriter) -> None:
        self._pev = pev
        self._writer = writer
        self._diagnostics = Diagnostics(pev.vehicle)
        self._tester: int | None = None
        self._blocks = 0

    def send(self, payload_type: PayloadType, payload: bytes) -> None:
        self._writer.write(DoipMessage(payload_type, payload).encode())

    async def take(self, message: DoipMessage) -> None:
        """Answer one message."""
        if self._pev.faults.silent:
            return
        match message.payload_type:
            case PayloadType.ROUTING_ACTIVATION:
                self._activate(message.payload)
            case PayloadType.ALIVE_CHECK_ANSWER:
                pass
            case PayloadType.DIAGNOSTIC:
                self._diagnose(message.payload)
            case _:
                self.send(PayloadType.NEGATIVE_ACKNOWLEDGE, bytes([UNKNOWN_PAYLOAD_TYPE]))
        await self._writer.drain()

    def _activate(self, payload: bytes) -> None:
        tester = int.from_bytes(payload[:2], "big")
        code = self._pev.faults.routing_code
        if code is None:
            self._tester, code = tester, ROUTING_ACTIVATED
        self.send(PayloadType.ROUTING_ACTIVATION_ANSWER, _ACTIVATION.pack(tester, LOGICAL_ADDRESS, code, 0))

    def _diagnose(self, payload: bytes) -> None:
        if len(payload) <= _ADDRESSES.size:
            self.send(PayloadType.NEGATIVE_ACKNOWLEDGE, bytes([INVALID_LENGTH]))
            return
        source, target = _ADDRESSES.unpack_from(payload)
        back = _ADDRESSES.pack(target, source)
        if source != self._tester or target != LOGICAL_ADDRESS:
            code = INVALID_SOURCE if source != self._tester else UNKNOWN_TARGET
            self.send(PayloadType.DIAGNOSTIC_NEGATIVE_ACKNOWLEDGE, back + bytes([code]))
            return
        request = payload[_ADDRESSES.size :]
        self._pev.history.append(request[:4])
        if self._is_cut(request):
            self._writer.transport.abort()
            return
        self.send(PayloadType.DIAGNOSTIC_ACKNOWLEDGE, back + b"\x00")
        faults = self._pev.faults
        for _ in range(faults.pending):
            self.send(PayloadType.DIAGNOSTIC, back + bytes([0x7F, request[0], PENDING]))
        if faults.garbage:
            self._writer.write(faults.garbage)
            return
        self.send(PayloadType.DIAGNOSTIC, back + self._diagnostics.answer(request))

    def _is_cut(self, request: bytes) -> bool:
        faults = self._pev.faults
        self._blocks += request[:1] == b"\x36"
        if faults.cut_after_blocks is None or self._blocks <= faults.cut_after_blocks:
            return False
        faults.cut_after_blocks = None
        return True
