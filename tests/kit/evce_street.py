"""The hub's endpoint for charging stations, and stations that speak frames and nothing else."""

import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
import json
import ssl
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from devices.evce import schemas
from devices.evce.capability import CapabilityKeeper, ForgetfulKeeper
from devices.evce.charger import OcppEvce
from devices.evce.endpoint import OcppEndpoint
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from homeapp.clock import SharedClock
from homeapp.model.device import Candidate
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.ports import Admission

LIMITS = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=3, voltage_v=230.0)
FLOOR_W = 6 * 3 * 230.0
NAME = "garage-1"
DEVICE = f"ocpp:{NAME}"
PASSWORD = "a-password-of-20-chr"
ALL = [Version.V16, Version.V201, Version.V21]
Json = dict[str, Any]


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub.local")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=1)).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
    )
    certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "hub.pem").write_bytes(certificate.public_bytes(pem) + private)


class Register:
    """What the hub knows of stations, as the tests want it."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.candidates: list[Candidate] = []
        self.turned: list[tuple[str, str]] = []
        self.agreed: tuple[str, str, str] | None = None
        self.state: EvceState | None = None
        self.statuses: list[EvceStatus] = []
        self.moved = asyncio.Condition()
        self.wake = asyncio.Event()

    def admission(self, device_id: str, password: str | None) -> Admission:
        if device_id not in self.passwords:
            return Admission.KNOCKING
        return Admission.ADOPTED if self.passwords[device_id] == password else Admission.REFUSED

    def turned_away(self, device_id: str, sentence: str) -> None:
        self.turned.append((device_id, sentence))
        self.wake.set()

    def vendor(self, device_id: str) -> str:
        return "Acme"

    def agreed_firmware(self, device_id: str, location: str, signature: str) -> bool:
        return (device_id, location, signature) == self.agreed

    def is_adopted(self, device_id: str) -> bool:
        return device_id in self.passwords

    def authorizes(self, device_id: str, id_token: str) -> bool:
        return id_token in ("homeapp", "owner-tag")

    def knocked(self, candidate: Candidate) -> None:
        self.candidates.append(candidate)
        self.wake.set()

    def changed(self, state: EvceState) -> None:
        self.state = state
        self.statuses.append(state.status)
        self.wake.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.wake.clear()
                await self.wake.wait()

    async def until_status(self, status: EvceStatus) -> EvceState:
        await self.until(lambda: self.state is not None and self.state.status is status)
        assert self.state is not None
        return self.state


class CallError(Exception):
    """The hub answered with a CALLERROR."""


class MovableClock:
    """Runs at a speed, and can be moved on by hand."""

    def __init__(self, speed: float) -> None:
        self._clock = SharedClock(dt.datetime.now(dt.UTC), time.time(), speed)
        self._moved_s = 0.0

    def move(self, seconds: float) -> None:
        self._moved_s += seconds

    def now(self) -> dt.datetime:
        return self._clock.now() + dt.timedelta(seconds=self._moved_s)

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._moved_s

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class RawStation:
    """A station that speaks frames and nothing else; it answers the hub from ``answers``."""

    def __init__(self, socket: ClientConnection, version: Version, clock: MovableClock) -> None:
        self.clock = clock
        self.socket = socket
        self.version = version
        self.calls: list[tuple[str, Json]] = []
        self.message_ids: list[str] = []
        self.other: asyncio.Queue[list[Any]] = asyncio.Queue()
        self.answers: dict[str, Json | Callable[[Json], Json | None]] = defaultdict(lambda: {"status": "Accepted"})
        self.answers["SetVariables"] = lambda payload: {
            "setVariableResult": [
                {"attributeStatus": "Accepted", "component": item["component"], "variable": item["variable"]}
                for item in payload["setVariableData"]
            ]
        }
        self.settings: dict[str, str] = {}
        self.clock_off_s = 0.0
        self.transaction = "tx-1"
        self.answers["GetConfiguration"] = self._configuration
        self.answers["GetVariables"] = self._variables
        self.answers["GetChargingProfiles"] = {"status": "NoProfiles"}
        self.answers["GetTransactionStatus"] = {"ongoingIndicator": True, "messagesInQueue": False}
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._moved = asyncio.Event()

    async def read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for raw in self.socket:
                frame = json.loads(raw)
                if frame[0] == 2:
                    await self._answer(frame)
                elif frame[1] in self._waiting:
                    self._settle(frame)
                else:
                    self.other.put_nowait(frame)

    async def _answer(self, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        assert schemas.request_problem(self.version, action, payload) is None
        self.calls.append((action, payload))
        self.message_ids.append(message_id)
        self._moved.set()
        answer = self.answers[action]
        body = answer(payload) if callable(answer) else answer
        if body is not None:
            await self.socket.send(json.dumps([3, message_id, body]))

    async def answer_late(self, number: int, body: Json) -> None:
        """Answer the CALL of this number in ``calls``, which was met with silence."""
        await self.socket.send(json.dumps([3, self.message_ids[number], body]))

    def _configuration(self, payload: Json) -> Json:
        known = [
            {"key": key, "readonly": True, "value": self.settings[key]}
            for key in payload["key"]
            if key in self.settings
        ]
        return {"configurationKey": known, "unknownKey": [key for key in payload["key"] if key not in self.settings]}

    def _variables(self, payload: Json) -> Json:
        results = []
        for item in payload["getVariableData"]:
            value = self.settings.get(f"{item['component']['name']}.{item['variable']['name']}")
            told = {"attributeStatus": "UnknownVariable"}
            if value is not None:
                told = {"attributeStatus": "Accepted", "attributeValue": value}
            results.append(item | told)
        return {"getVariableResult": results}

    def _settle(self, frame: list[Any]) -> None:
        future = self._waiting.pop(frame[1])
        if frame[0] == 3:
            future.set_result(frame[2])
        else:
            future.set_exception(CallError(frame[2]))

    async def call(self, action: str, payload: Json, message_id: str | None = None) -> Json:
        assert schemas.request_problem(self.version, action, payload) is None
        message_id = message_id or str(uuid.uuid4())
        future = self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(10):
            answer = await future
        assert schemas.response_problem(self.version, action, answer) is None
        return answer

    async def until_called(self, condition: Callable[[str, Json], bool], after: int = 0) -> Json:
        async with asyncio.timeout(10):
            while True:
                for action, payload in self.calls[after:]:
                    if condition(action, payload):
                        return payload
                self._moved.clear()
                await self._moved.wait()

    async def until_profile(self, purpose: str, after: int = 0) -> Json:
        payload = await self.until_called(lambda _action, body: purpose_of(body) == purpose, after)
        return profile_of(payload)

    def stamp(self) -> str:
        return (self.clock.now() + dt.timedelta(seconds=self.clock_off_s)).isoformat()

    # What every version says in its own words.
    async def boot(self, firmware: str = "9") -> Json:
        if self.version is Version.V16:
            known = {} if firmware == "9" else {"firmwareVersion": firmware}
            body = {"chargePointVendor": "Acme\n", "chargePointModel": "Box"}
            return await self.call("BootNotification", body | known)
        station = {"vendorName": "Acme\n", "model": "Box", "serialNumber": "S1", "firmwareVersion": firmware}
        return await self.call("BootNotification", {"chargingStation": station, "reason": "PowerUp"})

    async def plug_in(self) -> None:
        if self.version is Version.V16:
            body = {"connectorId": 1, "status": "Preparing", "errorCode": "NoError"}
        else:
            body = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": self.stamp()}
        await self.call("StatusNotification", body)

    async def unplug(self) -> None:
        if self.version is Version.V16:
            body = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        else:
            body = {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": self.stamp()}
        await self.call("StatusNotification", body)

    async def begin(self, id_tag: str = "homeapp") -> str:
        if self.version is Version.V16:
            body = {"connectorId": 1, "idTag": id_tag, "meterStart": 1000, "timestamp": self.stamp()}
            return str((await self.call("StartTransaction", body))["transactionId"])
        await self.event("Started", idToken={"idToken": id_tag, "type": "Central"})
        return self.transaction

    async def event(self, kind: str, seq: int = 0, state: str = "Charging", **more: Any) -> Json:
        info = {"transactionId": more.pop("transaction", self.transaction), "chargingState": state}
        body: Json = {"eventType": kind, "timestamp": self.stamp(), "triggerReason": "Trigger", "seqNo": seq}
        return await self.call("TransactionEvent", body | {"transactionInfo": info, "evse": {"id": 1}} | more)

    async def measure(self, transaction_id: str, power_w: float, soc: float) -> None:
        values = [("Power.Active.Import", power_w, "W"), ("SoC", soc, "Percent"), (None, 3500, None)]
        sampled: list[Json] = []
        for measurand, value, unit in values:
            item: Json = {"value": str(value) if self.version is Version.V16 else value}
            item |= {"measurand": measurand} if measurand else {}
            if unit:
                item |= {"unit": unit} if self.version is Version.V16 else {"unitOfMeasure": {"unit": unit}}
            sampled.append(item)
        meter_value = [{"timestamp": self.stamp(), "sampledValue": sampled}]
        if self.version is Version.V16:
            body = {"connectorId": 1, "transactionId": int(transaction_id), "meterValue": meter_value}
            await self.call("MeterValues", body)
        else:
            await self.event("Updated", 1, meterValue=meter_value)


def profile_of(payload: Json) -> Json:
    profile: Json = payload.get("csChargingProfiles") or payload.get("chargingProfile") or {}
    return profile


def purpose_of(payload: Json) -> str | None:
    return profile_of(payload).get("chargingProfilePurpose")


def schedule_of(profile: Json) -> Json:
    schedule = profile["chargingSchedule"]
    return schedule[0] if isinstance(schedule, list) else schedule


def period_of(profile: Json) -> Json:
    period: Json = schedule_of(profile)["chargingSchedulePeriod"][0]
    return period


_DESCRIBED = ("settings", "answers", "transaction", "clock_off_s")


class Street:
    """The endpoint and a way to it."""

    def __init__(
        self,
        server_tls: ssl.SSLContext,
        client_tls: ssl.SSLContext,
        speed: float = 1.0,
        *,
        keeper: CapabilityKeeper | None = None,
        **options: Any,
    ) -> None:
        self.register = Register()
        self.clock = MovableClock(speed)
        self.keeper = keeper or ForgetfulKeeper()
        self.endpoint = OcppEndpoint(
            host="127.0.0.1",
            port=0,
            tls=server_tls,
            clock=self.clock,
            limits=lambda _: LIMITS,
            lease_s=60.0,
            keeper=self.keeper,
            **options,
        )
        self.client_tls = client_tls

    @contextlib.asynccontextmanager
    async def station(
        self, version: Version, *, name: str = NAME, password: str | None = PASSWORD, path: str = "", **options: Any
    ) -> AsyncIterator[RawStation]:
        headers = {}
        if password is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
        tls = options.pop("ssl", self.client_tls)
        scheme, port = ("wss", self.endpoint.port) if tls else ("ws", self.endpoint.unencrypted_port)
        url = f"{scheme}://127.0.0.1:{port}{path or '/ocpp/' + name}"
        subprotocols = options.pop("subprotocols", [version.value])
        described = {name: options.pop(name) for name in _DESCRIBED if name in options}
        async with connect(url, ssl=tls, additional_headers=headers, subprotocols=subprotocols, **options) as socket:
            station = RawStation(socket, Version(str(socket.subprotocol or Version.V16)), self.clock)
            station.answers.update(described.pop("answers", {}))
            for name, value in described.items():
                setattr(station, name, value)
            reader = asyncio.create_task(station.read())
            try:
                yield station
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    def since(self, stamp: str) -> float:
        """Seconds of hub time."""
        return (self.clock.now() - dt.datetime.fromisoformat(stamp)).total_seconds()

    def adopt(self, name: str = NAME, password: str = PASSWORD) -> None:
        self.register.passwords[f"ocpp:{name}"] = password

    @contextlib.asynccontextmanager
    async def secured(self, version: Version, **options: Any) -> AsyncIterator[tuple[RawStation, OcppEvce]]:
        self.adopt()
        async with self.station(version, **options) as station:
            await station.boot()
            await self.register.until_status(EvceStatus.AVAILABLE)
            evce = self.endpoint.evce(DEVICE)
            assert evce is not None
            yield station, evce

    @contextlib.asynccontextmanager
    async def charging(self, version: Version, **options: Any) -> AsyncIterator[tuple[RawStation, OcppEvce, str]]:
        async with self.secured(version, **options) as (station, evce):
            await station.plug_in()
            transaction_id = await station.begin()
            await station.measure(transaction_id, 4000.0, 40)
            await self.register.until_status(EvceStatus.CHARGING)
            yield station, evce, transaction_id


Body = Callable[[Street], Awaitable[None]]


def run(tls: tuple[ssl.SSLContext, ssl.SSLContext], body: Body, speed: float = 1.0, **options: Any) -> None:
    async def main() -> None:
        street = Street(*tls, speed, **options)
        task = asyncio.create_task(street.endpoint.run(street.register))
        await asyncio.wait_for(street.endpoint.started(), 10)
        try:
            await asyncio.wait_for(body(street), 60)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


Tls = tuple[ssl.SSLContext, ssl.SSLContext]
