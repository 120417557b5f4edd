"""A HomeWizard meter of the demo street: the maker's local API, v1 and v2, over real sockets and real mDNS."""

import asyncio
import functools
import json
import secrets
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from zoneinfo import ZoneInfo

from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from homeapp.demo.connections import Connections
from homeapp.demo.http_server import LARGEST_HEAD, DemoWebsocket, HttpAnswer, HttpRequest, serve_connection
from homeapp.demo.meter.certificate import issue_certificate
from homeapp.demo.meter.values import MeterValues, PhasePowers
from homeapp.ports import Clock

_CERTIFICATE_TYPES = {"HWE-P1": "p1dongle", "HWE-KWH1": "energymeter", "HWE-KWH3": "energymeter"}
_GENERATIONS = {"v1": ("v1",), "v2": ("v2",), "both": ("v1", "v2")}
_BUTTON_WINDOW_S = 30.0
_PERIOD_S = 1.0
# Real seconds: however fast the clock runs, there are at most ten measurements in a real second.
_SHORTEST_PERIOD_S = 0.1
_AUTHORIZE_WITHIN_S = 40.0


class MeterFault(StrEnum):
    """What can be wrong with a simulated meter."""

    GARBAGE = "garbage"
    """answers that are no JSON"""
    CUT = "cut"
    """the connection ends in the middle of each answer"""
    SILENT = "silent"
    """connections are accepted, nothing is answered or pushed"""


class DemoMeter:
    """A meter on a port of its own choice.

    Args:
        clock: the demo street's.
        power: the house's power per phase, W, import +; asked at each measurement.
        serial: twelve hexadecimal digits.
        product_type: ``HWE-P1``, ``HWE-KWH1`` or ``HWE-KWH3``.
        product_name: as announced.
        api: ``v1`` (HTTP), ``v2`` (HTTPS and websocket on one port) or ``both``.
        interface: IPv4 address to listen and to announce on.
        announce: whether to announce it by mDNS.
        time_zone: IANA name of the zone in which the meter tells its time.

    Attributes:
        ca_pem: the authority that has issued the meter's certificate.
        ports: port by generation, ``v1`` or ``v2``; kept over a restart of ``run``.
        history: what has happened, newest last.
        fault: what is wrong with it just now.
        api_enabled: whether its owner has opened API v1.
        websocket_refused: whether it turns websockets away.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        power: Callable[[], PhasePowers],
        serial: str = "5c2fafde3001",
        product_type: str = "HWE-P1",
        product_name: str = "P1 meter",
        api: str = "v2",
        interface: str = "127.0.0.1",
        announce: bool = True,
        time_zone: str = "Europe/Amsterdam",
    ) -> None:
        self._clock = clock
        self._serial = serial
        self._product_type = product_type
        self._product_name = product_name
        self._generations = _GENERATIONS[api]
        self._interface = interface
        self._announce = announce
        self._values = MeterValues(clock, power, ZoneInfo(time_zone))
        self._certificate_name = f"appliance/{_CERTIFICATE_TYPES[product_type]}/{serial}"
        self._certificate = issue_certificate(self._certificate_name)
        self._tokens: dict[str, str] = {}
        self._pairing_until = -1.0
        self._up = asyncio.Event()
        self.ca_pem = self._certificate.ca_pem
        self.ports: dict[str, int] = {}
        self.history: deque[str] = deque(maxlen=200)
        self.fault: MeterFault | None = None
        self.api_enabled = True
        self.websocket_refused = False

    async def run(self) -> None:
        """Serve until cancelled; may be called again, as after a power cut."""
        async with asyncio.TaskGroup() as tasks:
            connections = {
                generation: Connections(tasks, functools.partial(self._serve, generation))
                for generation in self._generations
            }
            servers = [await self._listen(generation, known.accepted) for generation, known in connections.items()]
            try:
                async with self._announced():
                    self._up.set()
                    while True:
                        self._values.measure()
                        await self._next_period()
            finally:
                self._up.clear()
                for server in servers:
                    server.close()
                for known in connections.values():
                    known.close()

    async def started(self) -> None:
        """Wait until it serves and is announced."""
        await self._up.wait()

    def press_button(self) -> None:
        """Let one or more users be made within the next 30 seconds of the clock."""
        self._pairing_until = self._clock.monotonic() + _BUTTON_WINDOW_S
        self.history.append("button pressed")

    def address(self, generation: str) -> str:
        """``host:port`` of ``v1`` or ``v2``; it must have been started."""
        return f"{self._interface}:{self.ports[generation]}"

    async def _serve(self, generation: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        encrypted = generation == "v2"
        stream = self._stream if encrypted and not self.websocket_refused else None
        await serve_connection(reader, writer, self._answer_v2 if encrypted else self._answer_v1, stream)

    async def _listen(
        self, generation: str, accepted: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
    ) -> asyncio.Server:
        encrypted = generation == "v2"
        context: ssl.SSLContext | None = None
        if encrypted:
            context = await asyncio.to_thread(self._certificate.server_context)
        server = await asyncio.start_server(
            accepted,
            self._interface,
            self.ports.get(generation, 0),
            ssl=context,
            limit=LARGEST_HEAD,
            ssl_shutdown_timeout=1.0 if encrypted else None,
        )
        self.ports[generation] = server.sockets[0].getsockname()[1]
        return server

    @asynccontextmanager
    async def _announced(self) -> AsyncGenerator[None, None]:
        if not self._announce:
            yield
            return
        async with AsyncZeroconf(interfaces=[self._interface], ip_version=IPVersion.V4Only) as multicast:
            announcements = await asyncio.gather(
                *(
                    multicast.async_register_service(self._service(generation), allow_name_change=True)
                    for generation in self._generations
                )
            )
            await asyncio.gather(*announcements)
            yield

    def _service(self, generation: str) -> AsyncServiceInfo:
        service_type = "_homewizard._tcp.local." if generation == "v2" else "_hwenergy._tcp.local."
        host = f"{self._product_name.replace(' ', '').lower()}-{self._serial[-6:]}"
        txt = {"serial": self._serial, "product_name": self._product_name, "product_type": self._product_type}
        if generation == "v2":
            txt |= {"api_version": "2.0.0", "id": self._certificate_name}
        else:
            txt |= {"api_enabled": "1" if self.api_enabled else "0", "path": "/api/v1"}
        return AsyncServiceInfo(
            service_type,
            f"{host}.{service_type}",
            port=self.ports[generation],
            properties=txt,
            server=f"{host}.local.",
            parsed_addresses=[self._interface],
        )

    async def _next_period(self) -> None:
        started = asyncio.get_running_loop().time()
        await self._clock.sleep(_PERIOD_S)
        await asyncio.sleep(max(0.0, _SHORTEST_PERIOD_S - (asyncio.get_running_loop().time() - started)))

    async def _answer_v1(self, request: HttpRequest) -> HttpAnswer | None:
        if not self.api_enabled:
            return self._spoilt(403, {"error": {"id": 202, "description": "API not enabled"}})
        match request.method, request.path:
            case "GET", "/api":
                return self._spoilt(200, self._about("v1"))
            case "GET", "/api/v1/data":
                return self._spoilt(200, self._values.v1(self._product_type))
            case _:
                return self._spoilt(404, {"error": {"id": 7, "description": "Not found"}})

    async def _answer_v2(self, request: HttpRequest) -> HttpAnswer | None:
        if request.headers.get("x-api-version") != "2":
            return self._spoilt(400, {"error": "request:api-version-not-supported"})
        if (request.method, request.path) == ("POST", "/api/user"):
            return self._make_user(request.body)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._tokens.values():
            return self._spoilt(401, {"error": "user:unauthorized"})
        match request.method, request.path:
            case "GET", "/api":
                return self._spoilt(200, self._about("2.0.0"))
            case "GET", "/api/measurement":
                return self._spoilt(200, self._values.v2(self._product_type))
            case "GET", "/api/user":
                return self._spoilt(
                    200, [{"name": name, "current": self._tokens[name] == token} for name in self._tokens]
                )
            case _:
                return self._spoilt(404, {"error": "request:not-found"})

    def _make_user(self, body: bytes) -> HttpAnswer | None:
        try:
            name = json.loads(body)["name"]
        except (ValueError, KeyError, TypeError):
            return self._spoilt(400, {"error": "json:parameter-missing:name"})
        if not isinstance(name, str) or not 6 < len(name) <= 46 or not name.startswith("local/"):
            return self._spoilt(400, {"error": "user:name-invalid"})
        if self._clock.monotonic() > self._pairing_until:
            return self._spoilt(403, {"error": "user:creation-not-enabled"})
        self._tokens[name] = secrets.token_hex(16).upper()
        self.history.append(f"paired {name}")
        return self._spoilt(200, {"token": self._tokens[name], "name": name})

    def _about(self, api_version: str) -> dict[str, str]:
        return {
            "product_type": self._product_type,
            "product_name": self._product_name,
            "serial": self._serial,
            "firmware_version": "6.00",
            "api_version": api_version,
        }

    def _spoilt(self, status: int, content: object) -> HttpAnswer | None:
        """The answer as the present fault leaves it."""
        if self.fault is MeterFault.SILENT:
            return None
        if self.fault is MeterFault.GARBAGE:
            return HttpAnswer(200, b"\x00\xff<html>not a measurement")
        return HttpAnswer(status, json.dumps(content).encode(), cut=self.fault is MeterFault.CUT)

    async def _stream(self, websocket: DemoWebsocket) -> None:
        """One websocket: authorize, then push what was subscribed to."""
        self.history.append(f"websocket opened from {websocket.peer}")
        try:
            await websocket.send(_message("authorization_requested", {"api_version": "2.0.0"}))
            async with asyncio.timeout(_AUTHORIZE_WITHIN_S):
                token = _read(await websocket.receive()).get("data")
            if token not in self._tokens.values():
                await websocket.send(_message("error", {"message": "user:unauthorized"}))
                await websocket.close()
                return
            await websocket.send(_message("authorized"))
            await self._serve_topics(websocket)
        finally:
            self.history.append(f"websocket closed from {websocket.peer}")

    async def _serve_topics(self, websocket: DemoWebsocket) -> None:
        pushing: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as group:
            while (text := await websocket.receive()) is not None:
                match _read(text):
                    case {"type": "subscribe", "data": "measurement" | "*"} if pushing is None:
                        pushing = group.create_task(self._push(websocket))
                    case {"type": "unsubscribe"} if pushing is not None:
                        pushing.cancel()
                        pushing = None
                    case {"type": "measurement"}:
                        await self._send_measurement(websocket)
                    case _:
                        continue
            if pushing is not None:
                pushing.cancel()

    async def _push(self, websocket: DemoWebsocket) -> None:
        while self.fault is not MeterFault.CUT:
            await self._send_measurement(websocket)
            await self._next_period()
        await websocket.send_half(_message("measurement", self._values.v2(self._product_type)))

    async def _send_measurement(self, websocket: DemoWebsocket) -> None:
        if self.fault is MeterFault.GARBAGE:
            await websocket.send('{"type":"measurement","data":{"power_w":')
        elif self.fault is not MeterFault.SILENT:
            await websocket.send(_message("measurement", self._values.v2(self._product_type)))


def _message(kind: str, data: object = None) -> str:
    return json.dumps({"type": kind} if data is None else {"type": kind, "data": data})


def _read(text: str | None) -> dict[str, object]:
    try:
        message = json.loads(text or "null")
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
