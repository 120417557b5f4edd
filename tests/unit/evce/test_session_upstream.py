"""What a station says is taken in by the hub first, and answered by the way to the CSMS where there is one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from devices.evce.dialect import Dialect
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.link import Link
from devices.evce.profiles import StationLimits
from devices.evce.rpc import ActionUnknown, Refusal
from devices.evce.schemas import Version
from devices.evce.session import Session
from devices.evce.station import Station
from devices.evce.v201 import Ocpp201
from homeapp.model.device import Candidate
from homeapp.model.readings import EvceState
from homeapp.ports import Admission
from kit.clocks import PatientClock
from kit.ocpp_wire import Wire

LIMITS = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=3, voltage_v=230.0)


class Register:
    def admission(self, _device_id: str, _password: str | None) -> Admission:
        return Admission.ADOPTED

    def authorizes(self, _device_id: str, _id_token: str) -> bool:
        return True

    def knocked(self, candidate: Candidate) -> None:
        raise AssertionError(candidate)

    def changed(self, state: EvceState) -> None:
        pass


class NotedUpstream:
    """Answers as ``answer`` does and notes what the hub would have said, and what it knew by then."""

    def __init__(self, answer: Callable[[Frame, Payload | None], Payload | msgspec.Raw]) -> None:
        self.heard: list[tuple[str, Payload | None]] = []
        self.known: list[str | None] = []
        self.station: Station | None = None
        self._answer = answer

    async def from_station(self, frame: Frame, local: Payload | None) -> Payload | msgspec.Raw:
        self.heard.append((frame.action, local))
        if self.station is not None:
            self.known.append(self.station.state.transaction_id)
        await asyncio.sleep(0)
        return self._answer(frame, local)

    def connected(self, _link: Link, _dialect: Dialect) -> None:
        raise AssertionError("only the endpoint knows which connection is the newest")

    def gone(self) -> None:
        raise AssertionError("only the endpoint knows which connection is the newest")


def serve(upstream: NotedUpstream | None, body: Callable[[Wire, Station], Awaitable[None]]) -> None:
    async def main() -> None:
        clock, wire = PatientClock(datetime(2026, 1, 15, 12, tzinfo=UTC)), Wire()
        station = Station("ocpp:x", LIMITS, clock, Register())
        session = Session(station, Ocpp201(), wire, clock, upstream=upstream)
        station.came(Version.V201)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(session.run())
            try:
                await asyncio.wait_for(body(wire, station), 10)
            finally:
                wire.hangs_up()

    asyncio.run(main())


async def answered(wire: Wire, action: str, payload: Payload) -> list[Any]:
    wire.says(2, "id-1", action, payload)
    while (frame := await wire.next())[0] == 2:
        # The hub sets the station up meanwhile; nobody here answers that.
        pass
    return frame


STATUS = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": "2026-01-15T12:00:00Z"}


def test_the_hub_knows_before_the_csms_answers_and_the_answer_is_the_csms_s() -> None:
    raw = msgspec.Raw(b'{"customData": {"vendorId":"x",  "n":1.0}}')

    upstream = NotedUpstream(lambda _frame, _local: raw)
    info = {"transactionId": "tx-1", "chargingState": "Charging"}
    event = {
        "eventType": "Started", "timestamp": "2026-01-15T12:00:00Z", "triggerReason": "Trigger", "seqNo": 0,
        "transactionInfo": info, "evse": {"id": 1},
    }  # fmt: skip

    async def body(wire: Wire, station: Station) -> None:
        upstream.station = station
        reply = await answered(wire, "TransactionEvent", event)
        assert reply[0] == 3
        assert any(bytes(raw).decode() in text for text in wire.texts), "byte for byte"

    serve(upstream, body)
    assert upstream.heard == [("TransactionEvent", {})]
    assert upstream.known == ["tx-1"]


def test_what_the_hub_does_not_serve_goes_to_the_csms_without_an_answer_of_the_hub() -> None:
    def answer(_frame: Frame, local: Payload | None) -> Payload:
        assert local is None
        raise Refusal("SecurityError", "not here")

    async def body(wire: Wire, _station: Station) -> None:
        reply = await answered(wire, "Get15118EVCertificate", {})
        assert reply[:3] == [4, "id-1", "SecurityError"]

    upstream = NotedUpstream(answer)
    serve(upstream, body)
    assert upstream.heard == [("Get15118EVCertificate", None)]


def test_neither_knows_it_or_there_is_no_csms() -> None:
    def answer(frame: Frame, _local: Payload | None) -> Payload:
        raise ActionUnknown(frame.action)

    async def body(wire: Wire, _station: Station) -> None:
        assert (await answered(wire, "Nonsense", {}))[:3] == [4, "id-1", "NotImplemented"]

    serve(NotedUpstream(answer), body)
    serve(None, body)


def test_without_a_csms_the_hub_answers_itself() -> None:
    async def body(wire: Wire, station: Station) -> None:
        assert (await answered(wire, "StatusNotification", STATUS))[:2] == [3, "id-1"]
        assert station.state.connected

    serve(None, body)
