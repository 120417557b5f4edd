"""The message exchange on raw frames: order, priorities, replacement, memory, silence and garbage."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.evce import frames, rpc, schemas
from devices.evce.dialect import Outgoing
from devices.evce.fields import Payload
from devices.evce.frames import BadFrame, Frame, MessageType
from devices.evce.link import Link
from devices.evce.rpc import CallRefused, CallTimeout, Priority, Superseded, Throttle
from devices.evce.schemas import Version
from devices.evce.v16 import Ocpp16
from homeapp.clock import SystemClock
from homeapp.errors import DeviceUnreachable, ProtocolError
from kit.ocpp_wire import Exchange, Wire, run


async def _nothing(_frame: Frame) -> Payload:
    return {}


def test_one_call_is_out_at_a_time_and_the_most_urgent_goes_next() -> None:
    async def body(exchange: Exchange) -> None:
        first = exchange.calls("ClearCache", Priority.HOUSEKEEPING)
        out = await exchange.wire.next()
        slow = exchange.calls("Reset", Priority.HOUSEKEEPING)
        urgent = exchange.calls("ClearCache", Priority.SAFETY)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert exchange.wire.sent.empty()
        for expected in ("ClearCache", "Reset"):
            exchange.wire.says(3, out[1], {"status": "Accepted"})
            out = await exchange.wire.next()
            assert out[2] == expected
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        assert await asyncio.gather(first, slow, urgent) == [{"status": "Accepted"}] * 3

    run(body)


def test_a_newer_limit_takes_the_place_of_one_that_waits() -> None:
    async def body(exchange: Exchange) -> None:
        running = exchange.calls("ClearCache", Priority.SAFETY, "limit")
        out = await exchange.wire.next()
        older = exchange.calls("ClearCache", Priority.SAFETY, "limit")
        await asyncio.sleep(0)
        newer = exchange.calls("Reset", Priority.SAFETY, "limit")
        with pytest.raises(Superseded):
            await older
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        await running
        out = await exchange.wire.next()
        assert out[2] == "Reset"
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        await newer

    run(body)


def test_a_late_or_foreign_answer_is_nobodys() -> None:
    async def body(exchange: Exchange) -> None:
        exchange.wire.says(3, "never-asked", {"status": "Rejected"})
        call = exchange.calls("ClearCache", Priority.SAFETY)
        out = await exchange.wire.next()
        exchange.wire.says(3, "never-asked", {"status": "Rejected"})
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        assert await call == {"status": "Accepted"}
        exchange.wire.says(3, out[1], {"status": "Rejected"})

    run(body)


def test_an_error_answer_is_a_refusal() -> None:
    async def body(exchange: Exchange) -> None:
        call = exchange.calls("ClearCache", Priority.SAFETY)
        out = await exchange.wire.next()
        exchange.wire.says(4, out[1], "NotImplemented", "no", {})
        with pytest.raises(CallRefused) as refused:
            await call
        assert refused.value.code == "NotImplemented"

    run(body)


def test_silence_ends_the_wait_and_the_next_call_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 0.01)

    async def body(exchange: Exchange) -> None:
        for count in (1, 2, 3):
            with pytest.raises(CallTimeout):
                await exchange.calls("ClearCache", Priority.SAFETY)
            assert exchange.peer.silent_calls == count

    run(body)


def test_three_silent_calls_are_told_and_the_next_answer_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 0.01)
    told: list[str | None] = []

    async def main() -> None:
        wire = Wire()
        dialect = Ocpp16()
        link = Link("x", dialect, wire, _nothing, Throttle(SystemClock(), 1000, 1000))
        link.on_silence = told.append
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(link.run())
            for _ in range(3):
                assert not told
                with pytest.raises(DeviceUnreachable):
                    await link.call(Outgoing("ClearCache"))
                await wire.next()
            assert len(told) == 1
            assert told[0]
            monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 10)
            call = asyncio.create_task(link.call(Outgoing("ClearCache")))
            out = await wire.next()
            wire.says(3, out[1], {"status": "Accepted"})
            assert await call == "Accepted"
            assert told[-1] is None
            wire.hangs_up()

    asyncio.run(main())


def test_who_waits_when_the_socket_closes_is_told() -> None:
    async def body(exchange: Exchange) -> None:
        running = exchange.calls("ClearCache", Priority.SAFETY)
        waiting = exchange.calls("Reset", Priority.SAFETY)
        await exchange.wire.next()
        exchange.wire.hangs_up()
        for call in (running, waiting):
            with pytest.raises(DeviceUnreachable):
                await call
        with pytest.raises(DeviceUnreachable):
            await exchange.calls("ClearCache", Priority.SAFETY)

    run(body)


def test_a_caller_that_gave_up_while_waiting_is_not_sent() -> None:
    async def body(exchange: Exchange) -> None:
        running = exchange.calls("ClearCache", Priority.SAFETY)
        out = await exchange.wire.next()
        given_up = exchange.calls("Reset", Priority.SAFETY)
        await asyncio.sleep(0)
        given_up.cancel()
        last = exchange.calls("ClearCache", Priority.HOUSEKEEPING)
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        await running
        out = await exchange.wire.next()
        assert out[2] == "ClearCache"
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        await last

    run(body)


def test_an_invalid_call_of_ours_never_leaves() -> None:
    async def body(exchange: Exchange) -> None:
        with pytest.raises(ProtocolError):
            await exchange.peer.call("Reset", {"type": "whatever"})
        assert exchange.wire.sent.empty()

    run(body)


def test_the_stations_calls_are_answered_and_a_repeated_one_from_memory() -> None:
    async def body(exchange: Exchange) -> None:
        event = {"type": "Tamper", "timestamp": "2026-01-15T12:00:00Z"}
        for _ in range(2):
            exchange.wire.says(2, "a", "SecurityEventNotification", event)
            assert await exchange.wire.next() == [3, "a", {}]
        exchange.wire.says(2, "a", "SecurityEventNotification", event | {"type": "Other"})
        await exchange.wire.next()
        assert exchange.served == ["SecurityEventNotification"] * 2
        for _ in range(2):
            exchange.wire.says(2, "1", "Heartbeat", {})
            await exchange.wire.next()
        assert exchange.served[2:] == ["Heartbeat"] * 2, "a heartbeat tells the time, so never from memory"

    run(body)


@pytest.mark.parametrize(("version", "code"), [(Version.V16, "FormationViolation"), (Version.V21, "FormatViolation")])
def test_the_stations_faults_and_ours_get_their_codes(version: Version, code: str) -> None:
    async def body(exchange: Exchange) -> None:
        for action, expected in (("Authorize", code), ("Reset", "NotImplemented"), ("DataTransfer", "InternalError")):
            exchange.wire.says(2, action, action, {})
            answer = await exchange.wire.next()
            assert answer[:3] == [4, action, expected]
            assert answer[4] == {}

    run(body, version)


def test_an_unanswered_message_is_served_and_not_answered() -> None:
    async def body(exchange: Exchange) -> None:
        exchange.wire.says(6, "s", "NotifyPeriodicEventStream", {"id": 1})
        exchange.wire.says(5, "s", "FormatViolation", "", {})
        exchange.wire.says(2, "h", "Heartbeat", {})
        assert (await exchange.wire.next())[1] == "h"
        assert exchange.served[0] == "NotifyPeriodicEventStream"

    run(body, Version.V21)


def test_endless_garbage_ends_the_connection() -> None:
    async def main() -> None:
        exchange = Exchange()
        for _ in range(200):
            exchange.wire.says("garbage")
        await asyncio.wait_for(exchange.peer.run(), 10)

    asyncio.run(main())


def test_who_is_too_fast_has_to_wait() -> None:
    class CountingClock:
        slept = 0.0

        def now(self) -> datetime:
            return datetime(2026, 1, 15, tzinfo=UTC)

        def monotonic(self) -> float:
            return self.slept

        async def sleep(self, seconds: float) -> None:
            self.slept += seconds

    async def main() -> float:
        clock = CountingClock()
        throttle = Throttle(clock, rate=2, burst=10)
        for _ in range(30):
            await throttle.take()
        return clock.slept

    assert asyncio.run(main()) == pytest.approx(10)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(json_values.map(json.dumps) | st.text() | st.binary())
def test_whatever_comes_is_a_frame_or_a_bad_frame(raw: str | bytes) -> None:
    try:
        frame = frames.decode(raw)
    except BadFrame:
        return
    assert isinstance(frame, Frame)
    assert frame.id


@given(
    st.sampled_from([MessageType.CALL, MessageType.SEND]),
    st.text(min_size=1, max_size=36),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.lists(st.booleans()), max_size=3),
)
def test_a_call_reads_back(kind: MessageType, message_id: str, payload: Payload) -> None:
    frame = frames.decode(json.dumps([int(kind), message_id, "Heartbeat", payload]))
    assert (frame.type, frame.id, frame.action) == (kind, message_id, "Heartbeat")
    assert frame.payload.keys() == payload.keys()


def _reading(read: Callable[[str], Frame], text: str) -> object:
    try:
        return read(text)
    except BadFrame as error:
        return str(error), error.type, error.message_id


@given(
    st.sampled_from([2, 3]),
    st.lists(st.text(max_size=70) | json_values, max_size=5),
    st.dictionaries(st.text(max_size=3), json_values, max_size=3),
)
@example(2, ["a", "Heartbeat"], {})
@example(2, ["a", "Heart beat "], {})
@example(2, ["a", "\u00e9" * 65], {})
@example(2, ["", "Heartbeat"], {})
@example(3, ["a" * 65], {})
@example(3, ["a"], {"a": 1})
def test_a_frame_of_the_usual_form_means_what_it_would_in_any(kind: int, middle: list[object], last: Payload) -> None:
    text = json.dumps([kind, *middle, last], separators=(",", ":"))
    assert _reading(frames.decode, text) == _reading(frames._any, text)


@pytest.mark.parametrize("closes", [True, False])
def test_who_does_not_wait_for_a_relayed_call_learns_all_the_same(closes: bool) -> None:
    async def body(exchange: Exchange) -> None:
        first = exchange.calls("ClearCache", Priority.PROVIDER)
        out = await exchange.wire.next()
        later = exchange.peer.relay_soon("DataTransfer", b'{"vendorId": "x"}', message_id="later")
        sooner = exchange.peer.relay_soon("GetLog", b"{ }", priority=Priority.SAFETY, message_id="sooner")
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        await first
        assert (await exchange.wire.next())[1:] == ["sooner", "GetLog", {}]
        if closes:
            exchange.wire.hangs_up()
            await asyncio.wait([later, sooner])
            assert isinstance(sooner.exception(), DeviceUnreachable)
            with pytest.raises(DeviceUnreachable):
                exchange.peer.relay_soon("DataTransfer", b"{}", message_id="late")
            return
        exchange.wire.says(4, "sooner", "NotSupported", "no", {})
        assert (await sooner).code == "NotSupported"
        assert (await exchange.wire.next())[1] == "later"
        exchange.wire.says(3, "later", {"status": "Rejected"})
        assert (await later).payload == {"status": "Rejected"}

    run(body)


def test_a_result_that_nobody_waits_for_is_looked_at_too(caplog: pytest.LogCaptureFixture) -> None:
    async def body(exchange: Exchange) -> None:
        answer = exchange.peer.relay_soon("DataTransfer", b'{"vendorId": "x"}', message_id="a")
        await exchange.wire.next()
        exchange.wire.says(3, "a", {"status": "none of these"})
        await answer
        await asyncio.sleep(0)
        assert "DataTransfer result does not follow the standard" in caplog.text

    run(body)


def test_ids_sent_as_numbers_are_understood() -> None:
    assert frames.decode('[2, 17, "Heartbeat", {}]').id == "17"


@pytest.mark.parametrize("version", list(Version))
def test_no_complaint_quotes_what_was_sent(version: Version) -> None:
    secret = {"idTag": "my-secret" * 10, "idToken": "my-secret", "more": "my-secret"}
    problem = schemas.request_problem(version, "Authorize", secret)
    assert problem
    assert "my-secret" not in problem
    assert schemas.request_problem(version, "../Authorize", secret) is None
