"""The OCPP endpoint over real TLS websockets, against a small station that speaks raw frames."""

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

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from devices.evce import rpc, schemas
from devices.evce.charger import OcppEvce
from devices.evce.endpoint import MOST_VISITORS, OcppEndpoint
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from homeapp.clock import SharedClock
from homeapp.errors import DeviceRefused, DeviceUnreachable, EnvironmentProblem, NotSupported
from homeapp.model.device import Candidate
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus
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


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "hub.pem")
    return server, ssl.create_default_context(cafile=str(folder / "hub.pem"))


class Register:
    """What the hub knows of stations, as the tests want it."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.candidates: list[Candidate] = []
        self.state: EvceState | None = None
        self.statuses: list[EvceStatus] = []
        self.moved = asyncio.Condition()
        self.wake = asyncio.Event()

    def admission(self, device_id: str, password: str | None) -> Admission:
        if device_id not in self.passwords:
            return Admission.KNOCKING
        return Admission.ADOPTED if self.passwords[device_id] == password else Admission.REFUSED

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
        self.other: asyncio.Queue[list[Any]] = asyncio.Queue()
        self.answers: dict[str, Json | Callable[[Json], Json | None]] = defaultdict(lambda: {"status": "Accepted"})
        self.answers["SetVariables"] = lambda payload: {
            "setVariableResult": [
                {"attributeStatus": "Accepted", "component": item["component"], "variable": item["variable"]}
                for item in payload["setVariableData"]
            ]
        }
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
        self._moved.set()
        answer = self.answers[action]
        body = answer(payload) if callable(answer) else answer
        if body is not None:
            await self.socket.send(json.dumps([3, message_id, body]))

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
        return self.clock.now().isoformat()

    # What every version says in its own words.
    async def boot(self) -> Json:
        if self.version is Version.V16:
            return await self.call("BootNotification", {"chargePointVendor": "Acme\n", "chargePointModel": "Box"})
        station = {"vendorName": "Acme\n", "model": "Box", "serialNumber": "S1", "firmwareVersion": "9"}
        return await self.call("BootNotification", {"chargingStation": station, "reason": "PowerUp"})

    async def plug_in(self) -> None:
        if self.version is Version.V16:
            body = {"connectorId": 1, "status": "Preparing", "errorCode": "NoError"}
        else:
            body = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": self.stamp()}
        await self.call("StatusNotification", body)

    async def begin(self, id_tag: str = "homeapp") -> str:
        if self.version is Version.V16:
            body = {"connectorId": 1, "idTag": id_tag, "meterStart": 1000, "timestamp": self.stamp()}
            return str((await self.call("StartTransaction", body))["transactionId"])
        await self.event("Started", idToken={"idToken": id_tag, "type": "Central"})
        return "tx-1"

    async def event(self, kind: str, seq: int = 0, state: str = "Charging", **more: Any) -> Json:
        info = {"transactionId": "tx-1", "chargingState": state}
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


class Street:
    """The endpoint and a way to it."""

    def __init__(self, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, speed: float) -> None:
        self.register = Register()
        self.clock = MovableClock(speed)
        self.endpoint = OcppEndpoint(
            host="127.0.0.1", port=0, tls=server_tls, clock=self.clock, limits=LIMITS, lease_s=60.0
        )
        self.client_tls = client_tls

    @contextlib.asynccontextmanager
    async def station(
        self, version: Version, *, name: str = NAME, password: str | None = PASSWORD, path: str = "", **options: Any
    ) -> AsyncIterator[RawStation]:
        headers = {}
        if password is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
        url = f"wss://127.0.0.1:{self.endpoint.port}{path or '/ocpp/' + name}"
        subprotocols = options.pop("subprotocols", [version.value])
        async with connect(
            url, ssl=self.client_tls, additional_headers=headers, subprotocols=subprotocols, **options
        ) as socket:
            station = RawStation(socket, Version(str(socket.subprotocol)), self.clock)
            reader = asyncio.create_task(station.read())
            try:
                yield station
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

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
    async def charging(self, version: Version) -> AsyncIterator[tuple[RawStation, OcppEvce, str]]:
        async with self.secured(version) as (station, evce):
            await station.plug_in()
            transaction_id = await station.begin()
            await station.measure(transaction_id, 4000.0, 40)
            await self.register.until_status(EvceStatus.CHARGING)
            yield station, evce, transaction_id


Body = Callable[[Street], Awaitable[None]]


def run(tls: tuple[ssl.SSLContext, ssl.SSLContext], body: Body, speed: float = 1.0) -> None:
    async def main() -> None:
        street = Street(*tls, speed)
        task = asyncio.create_task(street.endpoint.run(street.register))
        await asyncio.wait_for(street.endpoint.started(), 10)
        try:
            await asyncio.wait_for(body(street), 60)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


Tls = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("version", ALL)
def test_a_station_knocks_is_enrolled_and_comes_back(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.station(version, password=None) as station:
            assert (await station.boot())["status"] == "Pending"
            candidate = street.register.candidates[-1]
            assert (candidate.device_id, candidate.product) == (DEVICE, "Acme Box")
            assert candidate.properties["protocol"] == version.value
            password = await street.endpoint.enrol(DEVICE)
            if version is Version.V16:
                setting = {"key": "AuthorizationKey", "value": password.encode().hex()}
                assert station.calls == [("ChangeConfiguration", setting)]
            else:
                ((action, payload),) = station.calls
                (data,) = payload["setVariableData"]
                place = (data["component"], data["variable"])
                assert (action, *place) == ("SetVariables", {"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword"})
                assert data["attributeValue"] == password
            assert 20 <= len(password) <= 40
            street.adopt(password=password)
            await street.endpoint.drop(DEVICE)
            await asyncio.wait_for(station.socket.wait_closed(), 10)
        assert street.endpoint.evce(DEVICE) is None
        async with street.station(version, password=password) as station:
            assert (await station.boot())["status"] == "Accepted"
            state = await street.register.until_status(EvceStatus.AVAILABLE)
            assert state.capabilities is not None
            assert state.capabilities.protocol == version.value
        state = await street.register.until_status(EvceStatus.OFFLINE)
        assert not state.connected

    run(tls, body)


@pytest.mark.parametrize("version", ALL)
def test_a_knocking_station_has_no_effect(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.station(version, password=None) as station:
            if version is Version.V16:
                answer = await station.call("Authorize", {"idTag": "homeapp"})
                assert answer["idTagInfo"]["status"] == "Invalid"
                start = {"connectorId": 1, "idTag": "homeapp", "meterStart": 0, "timestamp": station.stamp()}
                assert (await station.call("StartTransaction", start))["idTagInfo"]["status"] == "Invalid"
            else:
                token = {"idToken": {"idToken": "homeapp", "type": "Central"}}
                assert (await station.call("Authorize", token))["idTokenInfo"]["status"] == "Invalid"
                assert (await station.event("Started", **token))["idTokenInfo"]["status"] == "Invalid"
            await station.plug_in()
            assert street.register.state is None
            assert street.endpoint.evce(DEVICE) is None
            assert station.calls == []

    run(tls, body)


def test_only_a_few_unknown_stations_get_in_and_adopted_ones_always(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for number in range(MOST_VISITORS):
                await stack.enter_async_context(street.station(Version.V16, name=f"s{number}", password=None))
            with pytest.raises(InvalidStatus) as refused:
                await stack.enter_async_context(street.station(Version.V16, name="one-more", password=None))
            assert refused.value.response.status_code == 503
            # The same station may come again, and an adopted one has its own door.
            await stack.enter_async_context(street.station(Version.V16, name="s0", password=None))
            await stack.enter_async_context(street.secured(Version.V16))

    run(tls, body)


@pytest.mark.usecase("W4")
def test_the_door_refuses_wrong_passwords_names_and_protocols(tls: Tls) -> None:
    async def status(street: Street, **options: Any) -> int:
        with pytest.raises(InvalidStatus) as refused:
            async with street.station(Version.V21, **options):
                pass
        code: int = refused.value.response.status_code
        return code

    async def body(street: Street) -> None:
        street.adopt()
        assert await status(street, password="wrong") == 401
        assert await status(street, password=None) == 401
        assert await status(street, path="/ocpp/") == 404
        assert await status(street, path="/ocpp/" + "x" * 49) == 404
        assert await status(street, path="/ocpp/a/b") == 404
        assert await status(street, path="/ocpp/%2e%2e%2fetc") == 404
        assert await status(street, subprotocols=["ocpp2.0"]) == 400
        assert await status(street, subprotocols=None) == 400
        # Another's name does not open this one's door, even with its password.
        street.adopt("other")
        assert await status(street, path="/ocpp/other") == 401

    run(tls, body)


def test_the_newest_protocol_that_both_speak_is_taken_in_the_hubs_order(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        offered = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
        async with street.station(Version.V21, subprotocols=offered, path=f"/{NAME}") as station:
            assert station.version is Version.V21

    run(tls, body)


def test_a_station_that_sends_the_hex_text_of_its_key_gets_in(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V16, password=PASSWORD.encode().hex()) as station:
            assert (await station.boot())["status"] == "Accepted"

    run(tls, body)


@pytest.mark.usecase("A2", "D2")
@pytest.mark.parametrize("version", ALL)
def test_the_floor_comes_first_and_again_after_each_return(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        for _ in range(2):
            async with street.secured(version) as (station, evce):
                profiles = [profile_of(payload) for action, payload in station.calls if action == "SetChargingProfile"]
                assert station.calls[0][0] == "SetChargingProfile"
                assert [profile["chargingProfilePurpose"] for profile in profiles] == [
                    "TxDefaultProfile",
                    "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile",
                ]
                assert (period_of(profiles[0])["limit"], schedule_of(profiles[0])["chargingRateUnit"]) == (6.0, "A")
                assert "duration" not in schedule_of(profiles[0])
                assert "validTo" not in profiles[0]
                assert period_of(profiles[1])["limit"] == 16.0
                actions = [action for action, _ in station.calls]
                assert actions.index("TriggerMessage") > 1
                assert evce.state.granted_w == FLOOR_W
                assert evce.state.lease_until is None
            await street.register.until_status(EvceStatus.OFFLINE)
            assert EvceStatus.STARTING in street.register.statuses

    run(tls, body)


def test_a_station_that_returns_without_a_boot_is_secured_all_the_same(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V201) as station:
            await station.call("Heartbeat", {})
            await street.register.until_status(EvceStatus.AVAILABLE)
            assert purpose_of(station.calls[0][1]) == "TxDefaultProfile"
        async with street.station(Version.V201) as silent:
            await street.register.until_status(EvceStatus.AVAILABLE)
            assert purpose_of(silent.calls[0][1]) == "TxDefaultProfile"

    run(tls, body)


def test_a_refused_floor_is_a_problem_and_is_tried_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        refusing = True

        def answer(payload: Json) -> Json:
            refused = refusing and purpose_of(payload) == "TxDefaultProfile"
            return {"status": "Rejected" if refused else "Accepted"}

        async with street.station(Version.V16) as station:
            station.answers["SetChargingProfile"] = answer
            await station.boot()
            await street.register.until(
                lambda: street.register.state is not None and bool(street.register.state.problem)
            )
            assert EvceStatus.AVAILABLE not in street.register.statuses
            evce = street.endpoint.evce(DEVICE)
            assert evce is not None
            with pytest.raises(DeviceUnreachable, match="safe limit"):
                await evce.apply(EvceCommand(limit_w=5000))
            units = {
                schedule_of(profile_of(body))["chargingRateUnit"] for action, body in station.calls if profile_of(body)
            }
            assert units == {"A", "W"}
            assert "ClearChargingProfile" in [action for action, _ in station.calls]
            refusing = False
            state = await street.register.until_status(EvceStatus.AVAILABLE)
            assert state.problem is None

    run(tls, body, speed=60.0)


@pytest.mark.usecase("A2", "F4")
@pytest.mark.parametrize("version", ALL)
def test_a_car_is_charged_under_a_leased_limit(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.secured(version) as (station, evce):
            await station.plug_in()
            assert (await street.register.until_status(EvceStatus.PLUGGED)).transaction_id is None
            await evce.apply(EvceCommand(limit_w=7000))
            await station.until_called(
                lambda action, _: action in ("RemoteStartTransaction", "RequestStartTransaction")
            )
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            assert len(station.calls) == before, "one start in 30 s is enough"
            transaction_id = await station.begin()
            await evce.apply(EvceCommand(limit_w=7000))
            profile = await station.until_profile("TxProfile")
            assert str(profile["transactionId"]) == transaction_id
            assert period_of(profile)["limit"] == 10.1, "7000 W on three phases, never rounded up"
            assert schedule_of(profile)["duration"] == 120
            state = evce.state
            assert (state.granted_w, state.granted_feed_w, state.transaction_id) == (7000, 0.0, transaction_id)
            assert state.lease_until is not None
            assert 55 < (state.lease_until - street.clock.now()).total_seconds() <= 60
            await station.measure(transaction_id, 6900.0, 41)
            state = await street.register.until_status(EvceStatus.CHARGING)
            assert (state.power_w, state.soc_pct) == (6900.0, 41)

    run(tls, body)


@pytest.mark.usecase("S3")
@pytest.mark.parametrize("version", ALL)
def test_the_energy_of_a_session_is_told_to_its_end(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.charging(version) as (station, evce, transaction_id):
            if version is Version.V16:
                assert evce.state.session_wh == 2500.0
                stop = {"transactionId": int(transaction_id), "meterStop": 4000, "timestamp": station.stamp()}
                assert await station.call("StopTransaction", stop) == {}
                assert evce.state.session_wh == 3000.0
            else:
                later = [
                    {"timestamp": station.stamp(), "sampledValue": [{"value": 4.5, "unitOfMeasure": {"unit": "kWh"}}]}
                ]
                await station.event("Ended", 2, meterValue=later)
                assert evce.state.session_wh == 1000.0
            assert evce.state.transaction_id is None
            assert evce.state.power_w == 0.0
            assert evce.state.lease_until is None

    run(tls, body)


def test_only_noticeable_changes_and_half_lapsed_leases_reach_the_station(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):

            async def sent(limit_w: float) -> int:
                before = len(station.calls)
                await evce.apply(EvceCommand(limit_w=limit_w))
                return len(station.calls) - before

            assert await sent(7000) == 1
            assert await sent(7000) == 0
            assert await sent(7300) == 0, "less than half an ampere more"
            assert await sent(7500) == 1
            assert await sent(7400) == 1, "less is passed on at once"
            assert await sent(0) == 1
            assert await sent(0) == 0
            street.clock.move(31)
            assert await sent(0) == 1, "half of the lease is over"

    run(tls, body)


def test_a_station_that_wants_watts_gets_watts(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V16) as (station, evce, _):
            station.answers["SetChargingProfile"] = lambda payload: {
                "status": "Accepted" if schedule_of(profile_of(payload))["chargingRateUnit"] == "W" else "Rejected"
            }
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            await evce.apply(EvceCommand(limit_w=9000))
            units = [schedule_of(profile_of(payload))["chargingRateUnit"] for _, payload in station.calls[before:]]
            assert units == ["A", "W", "W"]
            assert period_of(profile_of(station.calls[-1][1]))["limit"] == 9000.0
            assert evce.state.granted_w == 9000

    run(tls, body)


def test_a_refused_limit_is_told_once_and_not_hammered(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            station.answers["SetChargingProfile"] = {"status": "Rejected"}
            with pytest.raises(DeviceRefused):
                await evce.apply(EvceCommand(limit_w=7000))
            assert evce.state.granted_w == FLOOR_W
            assert evce.state.problem is not None
            before = len(station.calls)
            with pytest.raises(DeviceRefused):
                await evce.apply(EvceCommand(limit_w=7000))
            assert len(station.calls) == before
            station.answers["SetChargingProfile"] = {"status": "Accepted"}
            await evce.apply(EvceCommand(limit_w=5000))
            assert evce.state.granted_w == 5000
            assert evce.state.problem is None

    run(tls, body)


def test_a_limit_that_is_accepted_and_ignored_is_told_and_sent_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, transaction_id):
            await evce.apply(EvceCommand(limit_w=5000))
            before = len(station.calls)
            async with asyncio.timeout(10):
                while evce.state.problem is None:
                    await station.measure(transaction_id, 11000.0, 41)
                    await evce.apply(EvceCommand(limit_w=5000))
                    await street.clock.sleep(5)
            assert "does not keep it" in evce.state.problem
            await station.until_profile("TxProfile", before)
            await station.measure(transaction_id, 4900.0, 41)
            await evce.apply(EvceCommand(limit_w=5000))
            assert evce.state.problem is None

    run(tls, body, speed=30.0)


def test_a_station_that_stops_answering_is_told_and_recovers(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            station.answers["SetChargingProfile"] = lambda _payload: None
            monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 0.05)
            for _ in range(3):
                assert evce.state.problem is None
                with pytest.raises(DeviceUnreachable):
                    await evce.apply(EvceCommand(limit_w=7000))
            assert evce.state.problem is not None
            assert evce.state.granted_w == FLOOR_W
            assert evce.state.connected
            monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 10)
            station.answers["SetChargingProfile"] = {"status": "Accepted"}
            await evce.apply(EvceCommand(limit_w=7000))
            assert evce.state.problem is None
            assert evce.state.granted_w == 7000

    run(tls, body)


def test_wishes_at_the_same_time_end_with_the_newest(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            before = len(station.calls)
            await asyncio.gather(*(evce.apply(EvceCommand(limit_w=limit)) for limit in (9000, 8000, 7000, 7000)))
            sent = [period_of(profile_of(payload))["limit"] for _, payload in station.calls[before:]]
            assert sent == [10.1], "those that still waited were replaced"
            assert evce.state.granted_w == 7000

    run(tls, body)


def test_a_station_that_knows_no_zero_is_paused_by_a_stop(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V16) as (station, evce, transaction_id):
            station.answers["SetChargingProfile"] = lambda payload: {
                "status": "Accepted" if period_of(profile_of(payload))["limit"] > 0 else "Rejected"
            }
            await evce.apply(EvceCommand(limit_w=0))
            stop = await station.until_called(lambda action, _: action == "RemoteStopTransaction")
            assert str(stop["transactionId"]) == transaction_id

    run(tls, body)


@pytest.mark.usecase("D3", "T2")
def test_a_car_that_can_feed_is_asked_to_feed_by_a_setpoint(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V21) as (station, evce, transaction_id):
            with pytest.raises(NotSupported):
                await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            needs = {
                "requestedEnergyTransfer": "AC_BPT",
                "v2xChargingParameters": {"maxChargePower": 11000, "maxDischargePower": 5000},
            }
            answer = await station.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs})
            assert answer["status"] == "Accepted"
            assert evce.state.capabilities is not None
            assert (evce.state.capabilities.can_feed, evce.state.capabilities.max_feed_w) == (True, 5000)
            await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            profile = await station.until_profile("TxProfile")
            assert period_of(profile) == {"startPeriod": 0, "setpoint": -3000, "operationMode": "CentralSetpoint"}
            assert schedule_of(profile)["chargingRateUnit"] == "W"
            assert schedule_of(profile)["duration"] == 120
            assert profile["transactionId"] == transaction_id
            assert (evce.state.granted_w, evce.state.granted_feed_w) == (0.0, 3000)
            await station.measure(transaction_id, -2950.0, 60)
            assert (await street.register.until_status(EvceStatus.FEEDING)).power_w == -2950.0
            before = len(station.calls)
            await evce.apply(EvceCommand(limit_w=4000))
            period = period_of(await station.until_profile("TxProfile", before))
            assert period["operationMode"] == "ChargingOnly"
            assert "setpoint" not in period
            assert evce.state.granted_feed_w == 0.0

    run(tls, body)


def test_older_versions_never_feed(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            before = len(station.calls)
            with pytest.raises(NotSupported):
                await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
            assert len(station.calls) == before

    run(tls, body)


def test_the_newest_socket_is_the_station(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (older, evce, _):
            async with street.station(Version.V201) as newer:
                await asyncio.wait_for(older.socket.wait_closed(), 10)
                await newer.call("Heartbeat", {})
                await street.register.until(
                    lambda: street.register.state is not None and street.register.state.status is EvceStatus.CHARGING
                )
                assert evce.state.connected
                before = len(newer.calls)
                await evce.apply(EvceCommand(limit_w=8000))
                await newer.until_profile("TxProfile", before)
            await street.register.until_status(EvceStatus.OFFLINE)
            with pytest.raises(DeviceUnreachable):
                await evce.apply(EvceCommand(limit_w=8000))

    run(tls, body)


def test_a_restart_of_the_station_has_everything_installed_again(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.charging(Version.V201) as (station, evce, _):
            await evce.apply(EvceCommand(limit_w=7000))
            before = len(station.calls)
            await station.boot()
            await station.until_profile("TxDefaultProfile", before)
            await street.register.until_status(EvceStatus.CHARGING)
            after = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            await station.until_profile("TxProfile", after)

    run(tls, body)


def test_a_foreign_transaction_is_adopted(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V16) as (station, evce):
            await station.call("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"})
            await station.measure("4711", 3000.0, 30)
            state = await street.register.until_status(EvceStatus.CHARGING)
            assert (state.transaction_id, state.session_wh) == ("4711", None)
            await evce.apply(EvceCommand(limit_w=5000))
            assert (await station.until_profile("TxProfile"))["transactionId"] == 4711

    run(tls, body)


def test_a_repeated_start_begins_one_transaction(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V16) as (station, _):
            start = {"connectorId": 1, "idTag": "homeapp", "meterStart": 5, "timestamp": station.stamp()}
            first = await station.call("StartTransaction", start, "id-1")
            again = await station.call("StartTransaction", start, "id-1")
            assert first == again
            assert 0 < first["transactionId"] < 2**31
        async with street.station(Version.V16) as station:
            # Over a new connection, where the answer was lost with the old one.
            assert await station.call("StartTransaction", start, "id-1") == first

    run(tls, body)


@pytest.mark.parametrize("version", ALL)
def test_bad_frames_are_answered_politely_and_survived(tls: Tls, version: Version) -> None:
    bad = [
        "not json", "{}", "null", "[]", "[2]", '[2,"a"]', '[9,"a","b",{}]', '[2,"a","Heartbeat"]', '[2,5,{},{}]',
        "[" * 3000 + "]" * 3000, '[2,"a","Heartbeat",[]]', '[3,"unknown",{}]', '[4,"-1","GenericError","",{}]',
        '[5,"a","InternalError","",{}]', '[6,"a","NotifyPeriodicEventStream",{"id":1}]', '["2","a","Heartbeat",{}]',
        '[2,"n","Heartbeat",{"x":NaN}]', '[true,"a","Heartbeat",{}]', '[2,"' + "x" * 500 + '","Heartbeat",{}]',
    ]  # fmt: skip

    async def body(street: Street) -> None:
        async with street.secured(version) as (station, _):
            for frame in bad:
                await station.socket.send(frame)
            await station.socket.send(b"\x00\xff binary")
            await station.call("Heartbeat", {})
            errors = []
            while not station.other.empty():
                errors.append(station.other.get_nowait())
            assert errors
            assert {error[0] for error in errors} == {4}
            if version is Version.V16:
                assert {error[2] for error in errors} == {"GenericError"}
                assert "-1" not in {error[1] for error in errors}
            else:
                assert {error[2] for error in errors} == {"RpcFrameworkError"}
                assert "-1" in {error[1] for error in errors}

    run(tls, body)


def test_unknown_actions_and_wrong_fields_get_the_right_error(tls: Tls) -> None:
    async def raw(station: RawStation, action: str, payload: Json) -> str:
        future = station._waiting["x"] = asyncio.get_running_loop().create_future()
        await station.socket.send(json.dumps([2, "x", action, payload]))
        with pytest.raises(CallError) as error:
            await asyncio.wait_for(future, 10)
        return str(error.value)

    async def body(street: Street) -> None:
        async with street.secured(Version.V21) as (station, _):
            assert await raw(station, "../../etc/passwd", {}) == "NotImplemented"
            assert await raw(station, "VatNumberValidation", {"vatNumber": "1"}) == "NotImplemented"
            assert await raw(station, "StatusNotification", {"connectorStatus": 5}) == "FormatViolation"
            assert await raw(station, "TransactionEvent", {"eventType": "Started"}) == "FormatViolation"
        async with street.secured(Version.V16) as (station, _):
            assert await raw(station, "StatusNotification", {"connectorId": "1"}) == "FormationViolation"

    run(tls, body)


def test_a_message_that_breaks_the_schema_in_fields_we_do_not_read_is_served(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V16) as (station, _):
            future = station._waiting["x"] = asyncio.get_running_loop().create_future()
            status = {"connectorId": 1, "status": "Preparing", "errorCode": "Whatever", "vendorExtra": [1]}
            await station.socket.send(json.dumps([2, "x", "StatusNotification", status]))
            assert await asyncio.wait_for(future, 10) == {}
            await street.register.until_status(EvceStatus.PLUGGED)

    run(tls, body)


def test_an_absurdly_large_frame_costs_the_connection_and_nothing_else(tls: Tls) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V201) as (station, _):
            with contextlib.suppress(ConnectionClosed):
                await station.socket.send('[2,"a","DataTransfer",{"vendorId":"' + "x" * (2 << 20) + '"}]')
            await street.register.until_status(EvceStatus.OFFLINE)
        async with street.station(Version.V201) as station:
            assert (await station.boot())["status"] == "Accepted"

    run(tls, body)


def test_a_port_in_use_is_the_environments_problem(tls: Tls) -> None:
    async def body(street: Street) -> None:
        second = OcppEndpoint(
            host="127.0.0.1", port=street.endpoint.port, tls=tls[0], clock=street.clock, limits=LIMITS, lease_s=60
        )
        with pytest.raises(EnvironmentProblem):
            await second.run(street.register)

    run(tls, body)


def test_enrolling_somebody_who_is_not_there_or_does_not_take_it(tls: Tls) -> None:
    async def body(street: Street) -> None:
        with pytest.raises(DeviceUnreachable):
            await street.endpoint.enrol(DEVICE)
        await street.endpoint.drop(DEVICE)
        async with street.station(Version.V16, password=None) as station:
            await station.boot()
            station.answers["ChangeConfiguration"] = {"status": "NotSupported"}
            with pytest.raises(DeviceRefused):
                await street.endpoint.enrol(DEVICE)

    run(tls, body)
