"""A demo station in front of a CSMS that accepts everything and remembers it."""

import asyncio
import base64
import importlib.resources
import json
import ssl
import time
import uuid
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jsonschema
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from homeapp.clock import SharedClock
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.station import DemoStation
from homeapp.demo.charger.watch import Observation
from kit.running_peer import alive

V16, V201, V21 = "ocpp1.6", "ocpp2.0.1", "ocpp2.1"


ALL = [V16, V201, V21]
FOLDER = {V16: "v16", V201: "v201", V21: "v21"}
NAME = "EVCE-1"
FLOOR_W = 6 * 3 * 230.0
SPEED = 20.0
PATIENCE_S = 15.0
Json = dict[str, Any]


def known(version: str, action: str) -> bool:
    name = action if version == V16 else f"{action}Request"
    return (importlib.resources.files("ocpp") / FOLDER[version] / "schemas" / f"{name}.json").is_file()


def schema_problem(version: str, action: str, payload: Json, *, answer: bool) -> str | None:
    suffix = "Response" if answer else "" if version == V16 else "Request"
    file = importlib.resources.files("ocpp") / FOLDER[version] / "schemas" / f"{action}{suffix}.json"
    schema = json.loads(file.read_text("utf-8-sig"))
    cls = jsonschema.validators.validator_for(schema, jsonschema.Draft4Validator)
    problems = [
        error
        for error in cls(schema).iter_errors(payload)
        # Binary floats: 6.3 is no multiple of 0.1 to this validator.
        if error.validator != "multipleOf" or abs(error.instance * 10 - round(error.instance * 10)) > 1e-6
    ]
    return str(problems[0]) if problems else None


class CallError(Exception):
    """The station answered with a CALLERROR."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Csms:
    """Accepts everything and remembers it."""

    def __init__(self, version: str, clock: SharedClock, tls: ssl.SSLContext | None = None) -> None:
        self.version = version
        self.clock = clock
        self.tls = tls
        self.sockets: list[ServerConnection] = []
        self.overrides: dict[str, Json] = {}
        self.port = 0
        self.calls: list[tuple[str, Json]] = []
        self.problems: list[str] = []
        self.passwords: list[str | None] = []
        self.wanted: str | None = None
        self.registration = "Accepted"
        self.interval_s = 300
        self.authorize: Json = {}
        self.raw: list[list[Any]] = []
        self._server: Server | None = None
        self._socket: ServerConnection | None = None
        self._waiting: dict[str, tuple[str, asyncio.Future[Json]]] = {}
        self._moved = asyncio.Event()
        self._next_transaction = 40

    async def open(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            subprotocols=[self.version],
            process_request=self._door,
            ssl=self.tls,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def die(self) -> None:
        """As a killed hub: the sockets end, nobody listens any more."""
        assert self._server is not None
        self._server.close(close_connections=False)
        for socket in self.sockets:
            socket.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    def _door(self, _connection: ServerConnection, request: Request) -> Response | None:
        value = request.headers.get("Authorization")
        user, _, password = (
            base64.b64decode(value.removeprefix("Basic ")).decode().partition(":") if value else ("", "", None)
        )
        self.passwords.append(password)
        self._wake()
        if self.wanted is not None and (user, password) != (NAME, self.wanted):
            return Response(HTTPStatus.UNAUTHORIZED.value, "Unauthorized", request.headers.__class__())
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        self._socket = socket
        self.sockets.append(socket)
        try:
            async for text in socket:
                await self._frame(json.loads(text))
        except ConnectionClosed:
            pass
        finally:
            if self._socket is socket:
                self._socket = None
            self._wake()

    async def _frame(self, frame: list[Any]) -> None:
        self.raw.append(frame)
        if frame[0] == 2:
            _, message_id, action, payload = frame
            self.calls.append((action, payload))
            if not known(self.version, action):
                assert self._socket is not None
                await self._socket.send(json.dumps([4, message_id, "NotImplemented", "", {}]))
                return
            self._judge(action, payload, answer=False)
            if self._socket is not None:
                answer = self.overrides.get(action) or self._answer(action, payload)
                await self._socket.send(json.dumps([3, message_id, answer]))
        elif frame[1] in self._waiting:
            action, future = self._waiting.pop(frame[1])
            if frame[0] == 3:
                self._judge(action, frame[2], answer=True)
                future.set_result(frame[2])
            else:
                future.set_exception(CallError(frame[2]))
        self._wake()

    def _judge(self, action: str, payload: Json, *, answer: bool) -> None:
        problem = schema_problem(self.version, action, payload, answer=answer)
        if problem is not None:
            self.problems.append(f"{action}: {problem}")

    def _answer(self, action: str, payload: Json) -> Json:
        now = self.clock.now().isoformat()
        token = "idTagInfo" if self.version == V16 else "idTokenInfo"
        match action:
            case "BootNotification":
                return {"status": self.registration, "currentTime": now, "interval": self.interval_s}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {token: {"status": "Accepted"}} | self.authorize
            case "StartTransaction":
                self._next_transaction += 1
                return {"transactionId": self._next_transaction, token: {"status": "Accepted"}}
            case "NotifyEVChargingNeeds" | "SignCertificate" | "OpenPeriodicEventStream":
                return {"status": "Accepted"}
        return {}

    async def call(self, action: str, payload: Json) -> Json:
        assert self._socket is not None
        message_id = str(uuid.uuid4())
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = (action, future)
        await self._socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(PATIENCE_S):
            return await future

    async def send_text(self, text: str) -> None:
        assert self._socket is not None
        await self._socket.send(text)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                moved = self._moved
                await moved.wait()

    async def seen(self, action: str, fits: Callable[[Json], bool] = lambda _: True, after: int = 0) -> Json:
        def found() -> list[Json]:
            return [payload for name, payload in self.calls[after:] if name == action and fits(payload)]

        await self.until(lambda: bool(found()))
        return found()[0]

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    # What differs between the versions.

    def profile(self, number: int, purpose: str, value: float, unit: str = "A", **more: Any) -> Json:
        """SetChargingProfile with one period; a ``duration`` begins now."""
        evse = more.pop("evse", 1 if purpose == "TxProfile" else 0)
        period: Json = more.pop("period", {"limit": value})
        start = self.clock.now() if "duration" in more else datetime(2020, 1, 1, tzinfo=UTC)
        schedule: Json = {
            "startSchedule": start.isoformat(),
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0} | period],
        }
        if "duration" in more:
            schedule["duration"] = more.pop("duration")
        if self.version == V16:
            purpose = purpose.replace("ChargingStation", "ChargePoint")
        profile: Json = {"stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Absolute"} | more
        if self.version == V16:
            if "transactionId" in profile:
                profile["transactionId"] = int(profile["transactionId"])
            profile |= {"chargingProfileId": number, "chargingSchedule": schedule}
            return {"connectorId": evse, "csChargingProfiles": profile}
        return {
            "evseId": evse,
            "chargingProfile": profile | {"id": number, "chargingSchedule": [schedule | {"id": number}]},
        }

    async def set_profile(self, number: int, purpose: str, value: float, unit: str = "A", **more: Any) -> str:
        """The status, or the code of the error."""
        try:
            answer = await self.call("SetChargingProfile", self.profile(number, purpose, value, unit, **more))
        except CallError as error:
            return error.code
        return str(answer["status"])

    async def start(self, evse: int = 1) -> str:
        if self.version == V16:
            answer = await self.call("RemoteStartTransaction", {"connectorId": evse, "idTag": "owner"})
        else:
            token = {"idToken": "owner", "type": "Central"}
            payload = {"evseId": evse, "idToken": token, "remoteStartId": 7}
            answer = await self.call("RequestStartTransaction", payload)
        return str(answer["status"])

    async def set(self, knob: str, value: str) -> str:
        if self.version == V16:
            return str((await self.call("ChangeConfiguration", {"key": knob, "value": value}))["status"])
        component, _, variable = knob.partition(".")
        data = {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": value}
        answer = await self.call("SetVariables", {"setVariableData": [data]})
        return str(answer["setVariableResult"][0]["attributeStatus"])

    async def trigger(self, message: str) -> str:
        return str((await self.call("TriggerMessage", {"requestedMessage": message}))["status"])


class Bench:
    """A CSMS, a station with a car, and their clock."""

    def __init__(
        self,
        version: str,
        tmp_path: Path,
        *,
        speed: float = SPEED,
        soc_pct: float = 50.0,
        feed_w: float = 6000,
        **options: Any,
    ):
        self.clock = SharedClock(datetime(2026, 11, 23, 12, tzinfo=UTC), time.time(), speed)
        self.csms = Csms(version, self.clock)
        self.car = Car(60_000, soc_pct, 11_000, feed_w, 3)
        self.version = version
        self.options = options
        self.state_file = tmp_path / "station.json"
        self.station = self.make_station()

    def make_station(self, password: str | None = None, **options: Any) -> DemoStation:
        scheme = "ws" if self.csms.tls is None else "wss"
        tls = options.pop("tls", None)
        return DemoStation(
            station_id=NAME,
            url=f"{scheme}://127.0.0.1:{self.csms.port}/ocpp/{NAME}",
            protocol=self.version,
            tls=tls,
            password=password,
            clock=self.clock,
            car=self.car,
            state_file=self.state_file,
            vendor="Demo",
            model="Bench",
            retry_s=0.2,
            **(self.options | options),
        )

    async def wait(self, predicate: Callable[[Observation], bool]) -> Observation:
        return await self.station.wait_for(predicate, PATIENCE_S)

    async def power(self, watts: float) -> Observation:
        return await self.wait(lambda seen: abs(seen.power_w - watts) < 1)

    def texts(self) -> list[str]:
        return [text for _, text in self.station.history]

    async def charging(self) -> str:
        """Floor installed, car plugged in, transaction begun; returns its id."""
        await self.wait(lambda seen: seen.registered)
        assert await self.csms.set_profile(1, "TxDefaultProfile", 6) == "Accepted"
        self.station.plug_in()
        assert await self.csms.start() == "Accepted"
        seen = await self.wait(lambda seen: seen.transaction_id is not None)
        assert seen.transaction_id is not None
        return seen.transaction_id


def run(bench: Bench, story: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        await bench.csms.open()
        bench.station = bench.make_station()
        try:
            async with alive(bench.station):
                await story(bench)
        finally:
            await bench.csms.die()
        assert bench.csms.problems == []

    asyncio.run(go())
