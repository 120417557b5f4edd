"""The demo charging station against a small CSMS of raw frames: judged by the standard's schemas and rules."""

import asyncio
import base64
import importlib.resources
import itertools
import json
import stat
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from homeapp.clock import SharedClock
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.charging_profile import Purpose
from homeapp.demo.charger.outlet import ChargingState
from homeapp.demo.charger.station import DemoStation
from homeapp.demo.charger.watch import Faults, Observation

V16, V201, V21 = "ocpp1.6", "ocpp2.0.1", "ocpp2.1"
ALL = [V16, V201, V21]
FOLDER = {V16: "v16", V201: "v201", V21: "v21"}
NAME = "EVCE-1"
FLOOR_W = 6 * 3 * 230.0
SPEED = 20.0
PATIENCE_S = 15.0
NEW_PASSWORD = "eighteen-bytes-key"
Json = dict[str, Any]


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

    def __init__(self, version: str, clock: SharedClock) -> None:
        self.version = version
        self.clock = clock
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
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def die(self) -> None:
        """As a killed hub: the sockets end, nobody listens any more."""
        assert self._server is not None
        self._server.close(close_connections=False)
        if self._socket is not None:
            self._socket.transport.abort()
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
            self._judge(action, payload, answer=False)
            self.calls.append((action, payload))
            if self._socket is not None:
                await self._socket.send(json.dumps([3, message_id, self._answer(action, payload)]))
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
            case "NotifyEVChargingNeeds":
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
        self, version: str, tmp_path: Path, *, speed: float = SPEED, soc_pct: float = 50.0, feed_w: float = 6000
    ):
        self.clock = SharedClock(datetime(2026, 11, 23, 12, tzinfo=UTC), time.time(), speed)
        self.csms = Csms(version, self.clock)
        self.car = Car(60_000, soc_pct, 11_000, feed_w, 3)
        self.version = version
        self.state_file = tmp_path / "station.json"
        self.station = self.make_station()

    def make_station(self, password: str | None = None) -> DemoStation:
        return DemoStation(
            station_id=NAME,
            url=f"ws://127.0.0.1:{self.csms.port}/ocpp/{NAME}",
            protocol=self.version,
            tls=None,
            password=password,
            clock=self.clock,
            car=self.car,
            state_file=self.state_file,
            vendor="Demo",
            model="Bench",
            retry_s=0.2,
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


@asynccontextmanager
async def running(station: DemoStation) -> AsyncIterator[None]:
    task = asyncio.create_task(station.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


def run(bench: Bench, story: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        await bench.csms.open()
        bench.station = bench.make_station()
        try:
            async with running(bench.station):
                await story(bench)
        finally:
            await bench.csms.die()
        assert bench.csms.problems == []

    asyncio.run(go())


@pytest.mark.usecase("D2", "F2a", "F2c", "S3")
@pytest.mark.parametrize("version", ALL)
def test_a_session_from_boot_to_unplugging_in_valid_messages(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms, station = bench.csms, bench.station
        await csms.seen("BootNotification")
        await bench.charging()
        await bench.power(FLOOR_W)
        assert bench.station.observation.state is ChargingState.CHARGING
        if version == V16:
            names = [
                payload["status"]
                for name, payload in csms.calls
                if name == "StatusNotification" and payload["connectorId"]
            ]
            assert names[:2] == ["Available", "Preparing"]
            await csms.seen("MeterValues", lambda payload: payload.get("transactionId") == 41)
            station.unplug()
            stop = await csms.seen("StopTransaction")
            assert stop["reason"] == "EVDisconnected"
            assert stop["meterStop"] > 0
        else:
            started = await csms.seen("TransactionEvent", lambda payload: payload["eventType"] == "Started")
            assert started["transactionInfo"]["remoteStartId"] == 7
            assert started["triggerReason"] == "RemoteStart"
            assert started["seqNo"] == 0
            await csms.seen("TransactionEvent", lambda payload: payload["triggerReason"] == "MeterValuePeriodic")
            station.unplug()
            ended = await csms.seen("TransactionEvent", lambda payload: payload["eventType"] == "Ended")
            assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"
            events = [payload for name, payload in csms.calls if name == "TransactionEvent"]
            assert [event["seqNo"] for event in events] == list(range(len(events)))
        status = "status" if version == V16 else "connectorStatus"
        after = len(csms.calls) - 2
        await csms.seen("StatusNotification", lambda payload: payload[status] == "Available", max(0, after))
        assert station.observation.transaction_id is None
        assert station.observation.power_w == 0

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_meter_values_tell_power_current_energy_and_state_of_charge(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.charging()
        await bench.power(FLOOR_W)
        after = len(bench.csms.calls)
        name = "MeterValues" if version == V16 else "TransactionEvent"
        payload = await bench.csms.seen(name, lambda payload: "meterValue" in payload, after)
        entries = payload["meterValue"][0]["sampledValue"]
        told = {(entry["measurand"], entry.get("phase")): float(entry["value"]) for entry in entries}
        assert told["Power.Active.Import", None] == pytest.approx(FLOOR_W)
        assert told["Power.Active.Export", None] == 0
        assert [told["Current.Import", f"L{phase}"] for phase in (1, 2, 3)] == pytest.approx([6, 6, 6])
        assert told["Energy.Active.Import.Register", None] > 0
        assert 50 <= told["SoC", None] < 60

    run(Bench(version, tmp_path), story)


@pytest.mark.usecase("W2")
@pytest.mark.parametrize("version", ALL)
def test_the_lease_ends_in_the_floor_when_the_hub_has_died(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        transaction = await bench.charging()
        lease = {"duration": 60, "transactionId": transaction}
        assert await bench.csms.set_profile(3, "TxProfile", 15, **lease) == "Accepted"
        high = await bench.power(15 * 3 * 230)
        assert high.limit_source is Purpose.TX
        await bench.csms.die()
        await bench.wait(lambda seen: not seen.connected)
        # The lease still holds without a connection; then the floor does.
        assert bench.station.observation.power_w == pytest.approx(15 * 3 * 230)
        low = await bench.power(FLOOR_W)
        assert not low.connected
        assert low.limit_source is Purpose.TX_DEFAULT
        assert "lease ended: back to floor 6 A" in bench.texts()
        assert "SetChargingProfile TxDefaultProfile 6 A accepted" in bench.texts()

    run(Bench(version, tmp_path), story)


@pytest.mark.usecase("W2")
def test_a_power_feed_ends_with_its_lease_and_the_floor_forbids_feeding(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        transaction = await bench.charging()
        lease = {"duration": 60, "transactionId": transaction}
        feed = {"setpoint": -6000, "operationMode": "CentralSetpoint"}
        assert await bench.csms.set_profile(3, "TxProfile", 0, "W", period=feed, **lease) == "Accepted"
        seen = await bench.power(-6000)
        assert seen.setpoint_w == -6000
        soc_pct = seen.soc_pct
        sample = await bench.csms.seen(
            "TransactionEvent", lambda payload: _value(payload, "Power.Active.Export") == 6000
        )
        assert _value(sample, "Power.Active.Import") == 0
        mode = await bench.csms.seen("TransactionEvent", lambda p: p["triggerReason"] == "OperationModeChanged")
        assert mode["transactionInfo"]["operationMode"] == "CentralSetpoint"
        await bench.csms.die()
        await bench.power(FLOOR_W)
        assert bench.station.observation.setpoint_w is None
        assert bench.car.soc_pct < soc_pct
        assert "power feed setpoint -6000 W" in bench.texts()
        assert bench.texts()[-1] == "lease ended: back to floor 6 A"

    run(Bench(V21, tmp_path), story)


def _value(payload: Json, measurand: str) -> float | None:
    for meter_value in payload.get("meterValue", ()):
        for entry in meter_value["sampledValue"]:
            if entry["measurand"] == measurand:
                return float(entry["value"])
    return None


def test_a_profile_ends_for_good_when_the_station_was_offline_too_long(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        transaction = await bench.charging()
        more = {"transactionId": transaction, "maxOfflineDuration": 20, "invalidAfterOfflineDuration": True}
        assert await bench.csms.set_profile(3, "TxProfile", 15, **more) == "Accepted"
        await bench.power(15 * 3 * 230)
        await bench.csms.die()
        await bench.power(FLOOR_W)
        await bench.csms.open()
        back = await bench.wait(lambda seen: seen.connected)
        assert back.limit_w == pytest.approx(FLOOR_W)
        assert back.profiles == 1

    run(Bench(V21, tmp_path), story)


@pytest.mark.usecase("F4")
@pytest.mark.parametrize(("feed_w", "told"), [(6000.0, True), (0.0, False)])
def test_only_a_car_that_can_feed_tells_its_needs(feed_w: float, told: bool, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.charging()
        await bench.csms.seen("TransactionEvent", lambda payload: payload["triggerReason"] == "MeterValuePeriodic")
        needs = [payload["chargingNeeds"] for name, payload in bench.csms.calls if name == "NotifyEVChargingNeeds"]
        assert bool(needs) is told
        if told:
            assert needs[0]["requestedEnergyTransfer"] == "AC_BPT"
            assert needs[0]["v2xChargingParameters"]["maxDischargePower"] == 6000
        else:
            transaction = bench.station.observation.transaction_id
            feed = {"setpoint": -3000, "operationMode": "CentralSetpoint"}
            await bench.csms.set_profile(3, "TxProfile", 0, "W", period=feed, transactionId=transaction)
            assert (await bench.power(0)).setpoint_w == 0

    run(Bench(V21, tmp_path, feed_w=feed_w), story)


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("version", ALL)
def test_a_new_password_is_kept_and_used_from_the_next_connection_on(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        assert csms.passwords == [None]
        name = "AuthorizationKey" if version == V16 else "SecurityCtrlr.BasicAuthPassword"
        assert await csms.set(name, "12" if version == V16 else "short") == "Rejected"
        csms.wanted = NEW_PASSWORD
        value = NEW_PASSWORD.encode().hex() if version == V16 else NEW_PASSWORD
        assert await csms.set(name, value) == "Accepted"
        await csms.until(lambda: len(csms.passwords) > 1)
        assert csms.passwords[1] == NEW_PASSWORD
        await bench.wait(lambda seen: seen.connected)
        assert stat.S_IMODE(bench.state_file.stat().st_mode) == 0o600

    bench = Bench(version, tmp_path)
    run(bench, story)

    async def after_a_power_cut() -> None:
        await bench.csms.open()
        bench.station = bench.make_station(password="the-factory-password")
        async with running(bench.station):
            await bench.wait(lambda seen: seen.registered)
        await bench.csms.die()

    bench.csms.port = 0
    asyncio.run(after_a_power_cut())
    assert bench.csms.passwords[-1] == NEW_PASSWORD


def test_a_wrong_password_is_tried_again_for_ever(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.csms.wanted = "something else"
        bench.station.cut()
        await bench.csms.until(lambda: len(bench.csms.passwords) >= 3)
        bench.csms.wanted = None
        await bench.wait(lambda seen: seen.connected)

    run(Bench(V201, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_while_pending_it_registers_again_and_can_be_configured_but_not_started(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await csms.until(lambda: sum(name == "BootNotification" for name, _ in csms.calls) >= 2)
        interval = "MeterValueSampleInterval" if version == V16 else "SampledDataCtrlr.TxUpdatedInterval"
        assert await csms.set(interval, "20") == "Accepted"
        bench.station.plug_in()
        assert await csms.start() == "Rejected"
        assert {name for name, _ in csms.calls} == {"BootNotification"}
        csms.interval_s, csms.registration = 3600, "Accepted"
        assert await csms.trigger("BootNotification") == "Accepted"
        await bench.wait(lambda seen: seen.registered)
        await csms.seen("StatusNotification")

    bench = Bench(version, tmp_path)
    bench.csms.registration, bench.csms.interval_s = "Pending", 5
    run(bench, story)


@pytest.mark.parametrize("version", ALL)
def test_the_rules_for_profiles(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        assert await csms.set_profile(9, "TxProfile", 8, transactionId="77") == "Rejected"
        transaction = await bench.charging()
        # 1.6 replaces what has the same purpose and stack level, 2.x refuses (K01.FR.06).
        same = await csms.set_profile(2, "TxDefaultProfile", 7)
        assert same == ("Accepted" if version == V16 else "Rejected")
        assert bench.station.observation.profiles == 1
        assert await csms.set_profile(5, "ChargingStationMaxProfile", 10) == "Accepted"
        assert await csms.set_profile(3, "TxProfile", 16, transactionId=transaction) == "Accepted"
        seen = await bench.power(10 * 3 * 230)
        assert seen.limit_source is Purpose.MAX
        assert await csms.set_profile(3, "TxProfile", 8, transactionId=transaction) == "Accepted"
        assert bench.station.observation.profiles == 3
        await bench.power(8 * 3 * 230)
        number = {"id": 3} if version == V16 else {"chargingProfileId": 3}
        assert (await csms.call("ClearChargingProfile", number))["status"] == "Accepted"
        assert (await csms.call("ClearChargingProfile", number))["status"] == "Unknown"
        await bench.power(FLOOR_W if version != V16 else 7 * 3 * 230)

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_the_composite_schedule_shows_the_lease_and_the_floor_after_it(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        transaction = await bench.charging()
        await csms.set_profile(3, "TxProfile", 12, duration=600, transactionId=transaction)
        place = "connectorId" if version == V16 else "evseId"
        answer = await csms.call("GetCompositeSchedule", {place: 1, "duration": 3600, "chargingRateUnit": "A"})
        schedule = answer["chargingSchedule" if version == V16 else "schedule"]
        limits = [period["limit"] for period in schedule["chargingSchedulePeriod"]]
        assert limits == [12, 6]
        assert 0 < schedule["chargingSchedulePeriod"][1]["startPeriod"] <= 600
        assert (await csms.call("GetCompositeSchedule", {place: 5, "duration": 60}))["status"] == "Rejected"

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_a_reset_ends_the_transaction_and_keeps_what_lasts(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        transaction = await bench.charging()
        await csms.set_profile(3, "TxProfile", 12, transactionId=transaction)
        before = len(csms.calls)
        kind = "Hard" if version == V16 else "Immediate"
        assert (await csms.call("Reset", {"type": kind}))["status"] == "Accepted"
        boot = await csms.seen("BootNotification", after=before)
        await bench.wait(lambda seen: seen.registered)
        if version == V16:
            assert (await csms.seen("StopTransaction", after=before))["reason"] == "HardReset"
        else:
            ended = await csms.seen("TransactionEvent", lambda p: p["eventType"] == "Ended", before)
            assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
            assert boot["reason"] == "RemoteReset"
        seen = bench.station.observation
        assert (seen.profiles, seen.transaction_id, seen.limit_w) == (1, None, pytest.approx(FLOOR_W))

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_profiles_after_a_power_cut(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        transaction = await bench.charging()
        await bench.csms.set_profile(3, "TxProfile", 12, transactionId=transaction)

    bench = Bench(version, tmp_path)
    run(bench, story)
    again = bench.make_station().observation
    # 1.6 keeps even the TxProfile (errata 3.37), for a transaction that is gone.
    assert again.profiles == (2 if version == V16 else 1)
    assert again.limit_w == pytest.approx(FLOOR_W)


@pytest.mark.usecase("S3")
@pytest.mark.parametrize("version", ALL)
def test_what_happens_while_offline_is_told_later_in_order(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.charging()
        await bench.power(FLOOR_W)
        await csms.die()
        await bench.wait(lambda seen: not seen.connected)
        bench.station.unplug()
        before = len(csms.calls)
        await csms.open()
        if version == V16:
            stop = await csms.seen("StopTransaction", after=before)
            assert stop["transactionId"] == 41
        else:
            ended = await csms.seen("TransactionEvent", lambda p: p["eventType"] == "Ended", before)
            assert ended["offline"] is True
            events = [payload for name, payload in csms.calls if name == "TransactionEvent"]
            numbers = [event["seqNo"] for event in events]
            assert sorted(set(numbers)) == list(range(numbers[-1] + 1))
            assert numbers == sorted(numbers)
        # It was not restarted, so it does not register again; but it tells the connector's new status.
        status = "status" if version == V16 else "connectorStatus"
        await csms.seen("StatusNotification", lambda payload: payload[status] == "Available", before)
        assert "BootNotification" not in [name for name, _ in csms.calls[before:]]

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_it_samples_at_the_interval_that_it_is_given(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        interval = "MeterValueSampleInterval" if version == V16 else "SampledDataCtrlr.TxUpdatedInterval"
        wanted = "MeterValuesSampledData" if version == V16 else "SampledDataCtrlr.TxUpdatedMeasurands"
        assert await csms.set(interval, "40") == "Accepted"
        assert await csms.set(interval, "often") == "Rejected"
        assert await csms.set(wanted, "Power.Active.Import") == "Accepted"
        assert await csms.set(wanted, "Frequency") == "Rejected"
        await bench.charging()

        def periodic() -> list[Json]:
            name = "MeterValues" if version == V16 else "TransactionEvent"
            entries = [
                entry for action, payload in csms.calls if action == name for entry in payload.get("meterValue", ())
            ]
            return [entry for entry in entries if entry["sampledValue"][0]["context"] == "Sample.Periodic"]

        await csms.until(lambda: len(periodic()) >= 3)
        times = [datetime.fromisoformat(entry["timestamp"]) for entry in periodic()]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert all(gap >= timedelta(seconds=39) for gap in gaps)
        assert {entry["measurand"] for values in periodic() for entry in values["sampledValue"]} == {
            "Power.Active.Import"
        }

    run(Bench(version, tmp_path, speed=50), story)


@pytest.mark.parametrize("version", ALL)
def test_what_it_does_not_know_or_cannot_read_it_refuses(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        with pytest.raises(CallError) as unknown:
            await csms.call("MakeCoffee", {})
        assert unknown.value.code == "NotImplemented"
        with pytest.raises(CallError) as malformed:
            await csms.call("Reset", {"type": 5})
        assert malformed.value.code == ("FormationViolation" if version == V16 else "FormatViolation")
        broken = ["{}", "no json", "[]", '[2,7,"Reset",{}]', "[2,null]", '[2,"x","Reset"]', "[" * 5000, '[3,"x",NaN]']
        for text in broken:
            await csms.send_text(text)
        assert await csms.trigger("Heartbeat") == "Accepted"
        complaints = [frame for frame in csms.raw if frame[:2] == [4, "-1"]]
        assert len(complaints) == (0 if version == V16 else len(broken))

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_hostile_numbers_in_profiles_are_refused(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        malformed = "FormationViolation" if version == V16 else "FormatViolation"
        assert await csms.set_profile(1, "TxDefaultProfile", -5) == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 6, stackLevel=10**9) == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 6, duration=10**15) == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 6, validFrom="0001-01-01T00:00:00Z") == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 6, validTo="yesterday") == malformed
        assert await csms.set_profile(1, "TxDefaultProfile", 6, evse=99) == "Rejected"
        assert bench.station.observation.profiles == 0
        assert await csms.set_profile(1, "TxDefaultProfile", 10**300) == "Accepted"
        assert bench.station.observation.limit_w == pytest.approx(11_040)
        place = "connectorId" if version == V16 else "evseId"
        answer = await csms.call("GetCompositeSchedule", {place: 1, "duration": 10**12})
        assert answer["status"] == "Accepted"

    run(Bench(version, tmp_path), story)


def test_without_the_word_of_the_csms_an_authorised_start_is_for_charging_only(tmp_path: Path) -> None:
    async def feeds(bench: Bench) -> bool:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        assert await csms.set("AuthCtrlr.AuthorizeRemoteStart", "true") == "Accepted"
        transaction = await bench.charging()
        feed = {"setpoint": -3000, "operationMode": "CentralSetpoint"}
        await csms.set_profile(3, "TxProfile", 0, "W", period=feed, transactionId=transaction)
        return bench.station.observation.setpoint_w == -3000

    async def charging_only(bench: Bench) -> None:
        assert not await feeds(bench)

    async def both_ways(bench: Bench) -> None:
        assert await feeds(bench)

    run(Bench(V21, tmp_path), charging_only)
    allowed = Bench(V21, tmp_path / "other")
    (tmp_path / "other").mkdir()
    allowed.csms.authorize = {"allowedEnergyTransfer": ["AC_three_phase", "AC_BPT"]}
    run(allowed, both_ways)


@pytest.mark.parametrize("version", ALL)
def test_a_card_starts_and_stops(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.wait(lambda seen: seen.registered)
        bench.station.plug_in()
        bench.station.present_card("owner-card")
        await bench.csms.seen("Authorize")
        await bench.power(11_000)
        assert bench.station.observation.limit_source is None
        bench.station.present_card("somebody-else")
        assert bench.station.observation.transaction_id is not None
        bench.station.present_card("owner-card")
        if version == V16:
            assert (await bench.csms.seen("StopTransaction"))["reason"] == "Local"
            await bench.csms.seen("StatusNotification", lambda payload: payload["status"] == "Finishing")
        else:
            ended = await bench.csms.seen("TransactionEvent", lambda p: p["eventType"] == "Ended")
            assert ended["triggerReason"] == "StopAuthorized"

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_a_start_may_come_before_the_car_and_be_stopped_from_afar(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        assert await csms.start() == "Accepted"
        assert bench.station.observation.transaction_id is None
        bench.station.plug_in()
        seen = await bench.wait(lambda seen: seen.transaction_id is not None)
        assert await csms.start() == "Rejected"
        action = "RemoteStopTransaction" if version == V16 else "RequestStopTransaction"
        wrong: Any = 4711 if version == V16 else "another"
        right: Any = int(seen.transaction_id or 0) if version == V16 else seen.transaction_id
        assert (await csms.call(action, {"transactionId": wrong}))["status"] == "Rejected"
        assert (await csms.call(action, {"transactionId": right}))["status"] == "Accepted"
        await bench.wait(lambda seen: seen.transaction_id is None and seen.state is ChargingState.EV_CONNECTED)

    run(Bench(version, tmp_path), story)


def _fault(faults: Faults) -> Callable[[Bench], Awaitable[None]]:
    async def story(bench: Bench) -> None:
        await bench.charging()
        await bench.power(FLOOR_W)
        bench.station.faults = faults

    return story


def test_faults_on_demand(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await _fault(Faults(ignore_limits=True))(bench)
        await bench.power(11_000)
        bench.station.faults = Faults(refuse_amps=True)
        await bench.power(FLOOR_W)
        assert await csms.set_profile(1, "TxDefaultProfile", 7) == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 5000, "W") == "Accepted"
        bench.station.faults = Faults(slow_s=20)
        before = bench.clock.now()
        await csms.trigger("Heartbeat")
        assert bench.clock.now() - before >= timedelta(seconds=20)
        bench.station.faults = Faults(silent=True)
        told = len(csms.raw)
        await csms.send_text(json.dumps([2, "unheard", "TriggerMessage", {"requestedMessage": "Heartbeat"}]))
        bench.station.unplug()
        unplugged = bench.clock.now()
        await bench.wait(lambda seen: not seen.plugged and seen.at - unplugged > timedelta(seconds=20))
        assert csms.raw[told:] == []
        bench.station.faults = Faults()
        await csms.seen("TransactionEvent", lambda payload: payload["eventType"] == "Ended")
        assert all(frame[1] != "unheard" for frame in csms.raw)

    run(Bench(V201, tmp_path), story)


def test_a_damaged_memory_is_forgotten(tmp_path: Path) -> None:
    bench = Bench(V201, tmp_path)
    for text in ("not json", "[]", '{"password": "00", "profiles": [{"evse": 0}]}', '{"password": 5, "profiles": []}'):
        bench.state_file.write_text(text)
        assert bench.make_station().observation.profiles == 0
