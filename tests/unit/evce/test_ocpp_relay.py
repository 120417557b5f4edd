"""What passes through the hub byte for byte, what is sent without an answer, and what is told of useless answers."""

import asyncio
import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.evce import frames, rpc
from devices.evce.fields import Payload
from devices.evce.frames import Frame, MessageType
from devices.evce.rpc import CallRefused, CallTimeout, Priority
from devices.evce.schemas import Version
from homeapp.errors import DeviceUnreachable, ProtocolError
from kit.ocpp_wire import Exchange, exchanging, run

_space = st.sampled_from(["", " ", "\n\t "])
_scalar = st.one_of(
    st.sampled_from(["1e3", "10.0", "-0", "0.10", "1E-5", "12345678901234567890123", "null", "true", "false"]),
    st.text(max_size=8).map(json.dumps),
    st.text(max_size=8).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(['"\\u0022:{["', '"\\/\\\\"', '"{\\"a\\":1"', '"\\ud83d\\ude00"']),
)


def _object(members: list[tuple[str, str]], space: str) -> str:
    named = {f"{key}{number}": value for number, (key, value) in enumerate(members)}
    inner = f"{space},{space}".join(f"{json.dumps(key)}{space}:{space}{value}" for key, value in named.items())
    return f"{{{space}{inner}{space}}}"


def _deeper(inner: "st.SearchStrategy[str]") -> "st.SearchStrategy[str]":
    lists = st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    return lists | st.builds(_object, st.lists(st.tuples(st.text(max_size=3), inner), max_size=3), _space)


_values = st.recursive(_scalar, _deeper, max_leaves=10)
objects = st.builds(_object, st.lists(st.tuples(st.text(max_size=5), _values), max_size=4), _space)


async def _pass(message: str, result: str) -> tuple[str, str]:
    """Send a CALL through two peers, and its result back; both as they come out."""

    async def serve(frame: Frame) -> msgspec.Raw:
        return msgspec.Raw((await csms.peer.relay(frame.action, frame.raw, message_id=frame.id)).raw)

    station, csms = Exchange(serve=serve), Exchange()

    async def body(_exchange: Exchange) -> None:
        station.wire.says_text(f'[2, "a-1", "DataTransfer", {message}]')
        await csms.wire.next()
        csms.wire.says_text(f' [3 ,"a-1",{result} ]')
        await station.wire.next()

    await exchanging(csms, lambda _: exchanging(station, body))
    return csms.wire.texts[0], station.wire.texts[0]


@given(objects, objects)
@settings(deadline=None, max_examples=60)
def test_a_payload_passes_byte_for_byte(message: str, result: str) -> None:
    there, back = asyncio.run(_pass(message, result))
    assert there == f'[2,"a-1","DataTransfer",{message}]'
    assert back == f'[3,"a-1",{result}]'


@given(objects)
def test_a_frame_keeps_the_bytes_of_its_payload(text: str) -> None:
    frame = frames.decode(f'[2, "a", "DataTransfer" , {text} ]')
    assert frame.raw.decode() == text
    assert frame.payload == json.loads(text)


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', '{"x":{"b":1,"\\u0062":2}}', '{"a" :1,"a":2,"c":"\\u0022:"}', '{"x":[{"a":"\\\\","a":"}"}]}'],
)
def test_a_member_named_twice_is_passed_on_as_it_was_read(text: str) -> None:
    frame = frames.decode(f'[2,"a","DataTransfer",{text}]')
    assert frame.payload == json.loads(text)
    assert frame.raw == msgspec.json.encode(frame.payload)


def test_braces_in_strings_are_no_depth() -> None:
    payload = {"data": '{["' * 100 + "\\" * 7}
    assert frames.decode(json.dumps([2, "a", "DataTransfer", payload])).payload == payload
    deepest = '{"a":' * frames.DEEPEST + "1" + "}" * frames.DEEPEST
    assert frames.decode(f'[2,"a","DataTransfer",{deepest}]').raw.decode() == deepest
    with pytest.raises(frames.BadFrame):
        frames.decode(f'[2,"a","DataTransfer",{{"a":{deepest}}}]')


def test_the_most_urgent_of_all_that_wait_goes_next() -> None:
    async def body(exchange: Exchange) -> None:
        tasks: list[asyncio.Task[Any]] = [exchange.calls("ClearCache", Priority.HOUSEKEEPING)]
        out = await exchange.wire.next()
        for priority in reversed(Priority):
            relayed = exchange.peer.relay(priority.name, b"{}", priority=priority)
            tasks.append(asyncio.create_task(relayed))
        await asyncio.sleep(0)
        for priority in Priority:
            exchange.wire.says(3, out[1], {"status": "Accepted"})
            out = await exchange.wire.next()
            assert out[2] == priority.name
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        await asyncio.gather(*tasks)

    run(body)


def test_one_call_is_out_at_a_time_whoever_makes_it() -> None:
    async def body(exchange: Exchange) -> None:
        choose = random.Random(7)
        made: list[asyncio.Task[Any]] = []
        for number in range(40):
            if choose.random() < 0.5:
                made.append(asyncio.create_task(exchange.peer.relay("DataTransfer", b"{}", message_id=f"r{number}")))
            else:
                made.append(exchange.calls("ClearCache", choose.choice(list(Priority))))
        for _ in made:
            out = await exchange.wire.next()
            for _ in range(5):
                await asyncio.sleep(0)
            assert exchange.wire.sent.empty(), "another CALL before the answer"
            exchange.wire.says(
                *choose.choice([(3, out[1], {"status": "Accepted"}), (4, out[1], "GenericError", "", {})])
            )
        answers = await asyncio.gather(*made, return_exceptions=True)
        assert all(isinstance(answer, Frame | dict | CallRefused) for answer in answers)

    run(body)


def test_a_relayed_error_comes_back_as_it_is() -> None:
    async def body(exchange: Exchange) -> None:
        relayed = asyncio.create_task(exchange.peer.relay("DataTransfer", b'{"vendorId":"x"}'))
        out = await exchange.wire.next()
        exchange.wire.says_text(f'[4,"{out[1]}","SecurityError","no",{{"why":1e0}}]')
        frame = await relayed
        assert (frame.type, frame.code, frame.description) == (MessageType.CALLERROR, "SecurityError", "no")
        assert frame.raw == b'{"why":1e0}'

    run(body)


def test_a_relayed_call_that_is_not_answered_ends_after_its_own_time() -> None:
    async def body(exchange: Exchange) -> None:
        with pytest.raises(CallTimeout):
            await exchange.peer.relay("DataTransfer", b"{}", timeout_s=0.01)
        assert exchange.peer.silent_calls == 1

    run(body)


def test_a_relay_over_a_closed_socket_is_told_at_once() -> None:
    async def main() -> None:
        exchange = Exchange()
        exchange.wire.hangs_up()
        await exchange.peer.run()
        with pytest.raises(DeviceUnreachable):
            await exchange.peer.relay("DataTransfer", b"{}")

    asyncio.run(main())


def test_a_message_without_an_answer_goes_at_any_time() -> None:
    async def body(exchange: Exchange) -> None:
        call = exchange.calls("ClearCache", Priority.SAFETY)
        out = await exchange.wire.next()
        stream = {"id": 1, "pending": 0, "basetime": "2026-01-15T12:00:00Z", "data": [{"t": 1.0, "v": "2"}]}
        await exchange.peer.send("NotifyPeriodicEventStream", stream)
        kind, message_id, *rest = await exchange.wire.next()
        assert (kind, rest) == (6, ["NotifyPeriodicEventStream", stream])
        assert len(message_id) == 36
        await exchange.peer.send("NotifyPeriodicEventStream", msgspec.Raw(b'{"id" : 1e0}'))
        await exchange.wire.next()
        assert exchange.wire.texts[-1].endswith('"NotifyPeriodicEventStream",{"id" : 1e0}]')
        with pytest.raises(ProtocolError):
            await exchange.peer.send("NotifyPeriodicEventStream", {"id": "one"})
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        await call

    run(body, Version.V21)


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_older_versions_know_no_message_without_an_answer(version: Version) -> None:
    async def body(exchange: Exchange) -> None:
        with pytest.raises(ProtocolError):
            await exchange.peer.send("NotifyPeriodicEventStream", msgspec.Raw(b"{}"))
        assert not exchange.wire.texts

    run(body, version)


def test_sending_over_a_closed_socket_is_told() -> None:
    async def main() -> None:
        exchange = Exchange(Version.V21)
        exchange.wire.hangs_up()
        await exchange.peer.run()
        with pytest.raises(DeviceUnreachable):
            await exchange.peer.send("NotifyPeriodicEventStream", msgspec.Raw(b"{}"))

    asyncio.run(main())


@pytest.mark.parametrize("result", ['{"statusInfo":{"reasonCode":"x"}}', '{"status":5}', "7", '{"status":1e999}'])
@pytest.mark.parametrize("version", [Version.V21, Version.V201])
def test_an_answer_that_nobody_can_use_is_a_refusal_and_a_peer_of_2_1_is_told(version: Version, result: str) -> None:
    async def body(exchange: Exchange) -> None:
        call = exchange.calls("ClearCache", Priority.SAFETY)
        out = await exchange.wire.next()
        exchange.wire.says_text(f'[3,"{out[1]}",{result}]')
        with pytest.raises(CallRefused) as refused:
            await call
        assert refused.value.code == "FormatViolation"
        exchange.wire.says(2, "h", "Heartbeat", {})
        if version is Version.V21:
            assert (await exchange.wire.next())[:3] == [5, out[1], "FormatViolation"]
        assert (await exchange.wire.next())[:2] == [3, "h"]

    run(body, version)


@pytest.mark.parametrize(
    "result", [{"status": "Accepted", "more": 1}, {"status": "Perhaps"}, {"status": "Accepted", "statusInfo": {}}]
)
def test_an_answer_that_can_be_used_is_used(result: Payload) -> None:
    async def body(exchange: Exchange) -> None:
        call = exchange.calls("ClearCache", Priority.SAFETY)
        out = await exchange.wire.next()
        exchange.wire.says(3, out[1], result)
        assert await call == result
        assert exchange.wire.sent.empty()

    run(body, Version.V21)


def test_a_peer_may_be_given_less_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "CALL_TIMEOUT_S", 0.01)

    async def body(exchange: Exchange) -> None:
        with pytest.raises(CallTimeout):
            await exchange.peer.relay("DataTransfer", b"{}")

    run(body)
