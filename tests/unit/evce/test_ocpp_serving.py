"""How the CALLs of a peer are served: in order, while answers flow, once each, and no more than can be borne."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from devices.evce.calls_in import MOST_UNANSWERED, CallsIn
from devices.evce.conformity import Conformity
from devices.evce.fields import Payload
from devices.evce.frames import Frame, decode
from devices.evce.rpc import CallTimeout, Priority, Throttle
from devices.evce.schemas import Version
from homeapp.errors import DeviceUnreachable
from kit.ocpp_wire import Exchange, exchanging, fast, run

EVENT = {"type": "Tamper", "timestamp": "2026-01-15T12:00:00Z"}
SECURITY = "SecurityEventNotification"


class SlowServing:
    """Serves only when it is let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.gate = asyncio.Semaphore(0)

    async def __call__(self, frame: Frame) -> Payload | msgspec.Raw:
        self.begun.append(frame.id)
        await self.gate.acquire()
        return {}


class StandingClock:
    """Time that does not pass: who has to wait waits for ever."""

    def now(self) -> datetime:
        return datetime(2026, 1, 15, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, _seconds: float) -> None:
        await asyncio.Event().wait()


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_calls_are_served_one_after_the_other_in_their_order() -> None:
    async def main() -> None:
        serving = SlowServing()

        async def body(exchange: Exchange) -> None:
            for name in "abc":
                exchange.wire.says(2, name, SECURITY, EVENT)
            for count, name in enumerate("abc", 1):
                await _settle()
                assert serving.begun == list("abc")[:count]
                serving.gate.release()
                assert await exchange.wire.next() == [3, name, {}]

        await exchanging(Exchange(serve=serving), body)

    asyncio.run(main())


def test_serving_may_wait_for_an_answer_of_the_same_peer() -> None:
    async def main() -> None:
        async def serve(_frame: Frame) -> Payload:
            assert await exchange.peer.call("ClearCache", {}) == {"status": "Accepted"}
            return {}

        async def body(exchange: Exchange) -> None:
            exchange.wire.says(2, "a", SECURITY, EVENT)
            out = await exchange.wire.next()
            assert out[2] == "ClearCache"
            exchange.wire.says(3, out[1], {"status": "Accepted"})
            assert await exchange.wire.next() == [3, "a", {}]

        exchange = Exchange(serve=serve)
        await exchanging(exchange, body)

    asyncio.run(main())


def test_a_call_repeated_while_it_is_served_is_served_once_and_answered_twice() -> None:
    async def main() -> None:
        serving = SlowServing()

        async def body(exchange: Exchange) -> None:
            exchange.wire.says(2, "a", SECURITY, EVENT)
            await _settle()
            exchange.wire.says(2, "a", SECURITY, EVENT)
            exchange.wire.says(2, "b", SECURITY, EVENT)
            await _settle()
            assert exchange.wire.sent.empty()
            serving.gate.release()
            serving.gate.release()
            assert [(await exchange.wire.next())[1] for _ in range(3)] == ["a", "a", "b"]
            assert serving.begun == ["a", "b"]

        await exchanging(Exchange(serve=serving), body)

    asyncio.run(main())


def test_who_does_not_wait_for_answers_loses_the_connection_and_no_message_is_skipped() -> None:
    async def main() -> None:
        serving = SlowServing()
        exchange = Exchange(serve=serving)
        run = asyncio.create_task(exchange.peer.run())
        exchange.wire.says(2, "first", SECURITY, EVENT)
        await _settle()
        for number in range(MOST_UNANSWERED):
            exchange.wire.says(2, str(number), SECURITY, EVENT)
        for _ in range(MOST_UNANSWERED):
            await _settle()
        assert not run.done()
        exchange.wire.says(2, "one too many", SECURITY, EVENT)
        await asyncio.wait_for(run, 10)
        assert serving.begun == ["first"]
        assert exchange.wire.sent.empty(), "what was not served was not answered, so it is sent again"

    asyncio.run(main())


def test_more_messages_without_an_answer_than_can_be_taken_in_cost_nothing_but_themselves() -> None:
    async def main() -> None:
        serving = SlowServing()

        async def body(exchange: Exchange) -> None:
            for number in range(2 * MOST_UNANSWERED):
                exchange.wire.says(6, str(number), "NotifyPeriodicEventStream", {"id": 1})
            while len(serving.begun) < MOST_UNANSWERED:
                serving.gate.release()
                await asyncio.sleep(0)
            exchange.wire.says(2, "a", SECURITY, EVENT)
            for _ in range(2 * MOST_UNANSWERED):
                serving.gate.release()
            assert await exchange.wire.next() == [3, "a", {}]

        await exchanging(Exchange(Version.V21, serve=serving), body)

    asyncio.run(main())


def test_answers_flow_while_a_peer_that_is_too_fast_has_to_wait() -> None:
    async def main() -> None:
        async def body(exchange: Exchange) -> None:
            for number in range(10):
                exchange.wire.says(2, str(number), SECURITY, EVENT | {"type": str(number)})
            assert [(await exchange.wire.next())[1] for _ in range(3)] == ["0", "1", "2"]
            call = exchange.calls("ClearCache", Priority.SAFETY)
            out = await exchange.wire.next()
            assert out[0] == 2
            exchange.wire.says(3, out[1], {"status": "Accepted"})
            assert await call == {"status": "Accepted"}

        await exchanging(Exchange(throttle=Throttle(StandingClock(), rate=1, burst=3)), body)

    asyncio.run(main())


def test_a_refusal_goes_out_as_it_is() -> None:
    async def body(exchange: Exchange) -> None:
        exchange.wire.says(2, "a", "SignCertificate", {"csr": "x"})
        assert await exchange.wire.next() == [4, "a", "SecurityError", "not here", {"a": 1.0}]
        assert '{"a":1.0}' in exchange.wire.texts[0]

    run(body)


def test_what_could_not_be_served_is_served_when_it_is_repeated() -> None:
    async def main() -> None:
        troubles: list[Exception] = [DeviceUnreachable("away"), CallTimeout("Authorize")]

        async def serve(_frame: Frame) -> Payload:
            if troubles:
                raise troubles.pop()
            return {}

        async def body(exchange: Exchange) -> None:
            for expected in ([4, "a", "InternalError"], [4, "a", "InternalError"], [3, "a", {}]):
                exchange.wire.says(2, "a", SECURITY, EVENT)
                assert (await exchange.wire.next())[:3] == expected

        await exchanging(Exchange(serve=serve), body)

    asyncio.run(main())


def test_the_memory_of_answers_has_an_end() -> None:
    async def main() -> None:
        async def serve(_frame: Frame) -> msgspec.Raw:
            return msgspec.Raw(json.dumps({"data": "x" * size}).encode())

        async def send(_frame: str) -> None:
            pass

        name, version = "x", Version.V201
        calls = CallsIn(name, version, serve, send, fast(), Conformity(name, version))
        for size, expected in ((10, 64), (100_000, 10), (2_000_000, 1)):
            for number in range(100):
                await calls._reply_to(decode(json.dumps([2, f"{size}-{number}", "DataTransfer", {}])))
            assert len(calls._answered) == expected
            assert calls._answered_size == sum(map(len, calls._answered.values()))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("version", "frame", "answer"),
    [
        (Version.V21, '[2,"a","Heartbeat",' + '{"a":' * 40 + "1" + "}" * 40 + "]", ["a", "RpcFrameworkError"]),
        (Version.V16, '[2,"a","Heartbeat",' + '{"a":' * 40 + "1" + "}" * 40 + "]", ["a", "GenericError"]),
        (Version.V21, '[2,"a","Heartbeat",{"a":1e999}]', ["a", "RpcFrameworkError"]),
        (Version.V21, '[2,"a","Heartbeat"', ["-1", "RpcFrameworkError"]),
        (Version.V16, '[2,"a","Heartbeat"', None),
        (Version.V21, '[6,"a","Heartbeat"]', None),
        (Version.V21, '[3,"a",5]', None),
        (Version.V21, '[4,"a","b","c",5]', None),
    ],
)
def test_a_bad_frame_is_answered_under_its_id_where_it_may_be_a_call(
    version: Version, frame: str, answer: list[Any] | None
) -> None:
    async def body(exchange: Exchange) -> None:
        exchange.wire.says_text(frame)
        exchange.wire.says(2, "h", "Heartbeat", {})
        if answer is not None:
            assert (await exchange.wire.next())[:3] == [4, *answer]
        assert (await exchange.wire.next())[:2] == [3, "h"]

    run(body, version)
