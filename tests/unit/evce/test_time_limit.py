"""Time limits that are set anew with every message: of answers, and of a socket that takes nothing any more."""

import asyncio

import pytest

from devices.evce import rpc
from devices.evce.rpc import CallTimeout, Priority
from devices.evce.time_limit import Patience, TimeLimit
from homeapp.errors import DeviceUnreachable
from kit.ocpp_wire import Exchange, Wire, exchanging, fast, run


def test_a_limit_runs_out_once_and_only_where_nothing_has_ended_it() -> None:
    async def main() -> None:
        ran_out = asyncio.Event()
        count = 0

        def run_out() -> None:
            nonlocal count
            count += 1
            ran_out.set()

        async def later() -> None:
            passed = asyncio.Event()
            TimeLimit(passed.set).begin(0.005)
            await asyncio.wait_for(passed.wait(), 10)

        limit = TimeLimit(run_out)
        limit.begin(0.001)
        limit.end()
        await later()
        assert count == 0
        limit.begin(60)
        # A shorter one than the timer stands for.
        limit.begin(0.001)
        await asyncio.wait_for(ran_out.wait(), 10)
        ran_out.clear()
        limit.begin(0.001)
        # A longer one than the timer stands for.
        limit.begin(0.02)
        await asyncio.wait_for(ran_out.wait(), 10)
        limit.begin(0.001)
        limit.close()
        await later()
        assert count == 2

    asyncio.run(main())


def test_one_timer_serves_many_messages() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        timers = 0
        call_at = loop.call_at

        def counting(*arguments: object, **options: object) -> asyncio.TimerHandle:
            nonlocal timers
            timers += 1
            return call_at(*arguments, **options)  # type: ignore[arg-type]

        loop.call_at = counting  # type: ignore[method-assign, assignment]
        limit = TimeLimit(lambda: None)
        for _ in range(1000):
            limit.begin(30)
            limit.end()
        limit.close()
        assert timers == 1

    asyncio.run(main())


def test_patience_ends_with_the_thing_or_with_the_time_and_leaves_the_thing_alone() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        patience = Patience()
        done, slow, quick, failed = (loop.create_future() for _ in range(4))
        done.set_result(None)
        await patience.wait(done, 60)
        await patience.wait(slow, 0.001)
        assert not slow.done()
        # What was given up comes while another is waited for.
        loop.call_soon(slow.set_result, None)
        waiting = asyncio.create_task(patience.wait(quick, 60))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        quick.set_result(None)
        await asyncio.wait_for(waiting, 10)
        loop.call_soon(failed.set_exception, LookupError())
        await asyncio.wait_for(patience.wait(failed, 60), 10)
        assert isinstance(failed.exception(), LookupError)

    asyncio.run(main())


class BlockedWire(Wire):
    """Takes so many frames and then none, as a socket whose other end reads no more."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes = takes
        self.aborted = asyncio.Event()

    async def send(self, message: str) -> None:
        if self.takes == 0:
            await self.aborted.wait()
            raise ConnectionResetError
        self.takes -= 1
        await super().send(message)


def test_a_socket_that_takes_nothing_any_more_ends_the_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "_SEND_TIMEOUT_S", 0.01)

    async def main() -> None:
        exchange = Exchange()
        exchange.wire = wire = BlockedWire(takes=1)
        exchange.peer = rpc.RpcPeer("x", exchange.peer._version, wire, exchange._serve, fast())
        wire.says(2, "a", "Heartbeat", {})
        wire.says(2, "b", "Heartbeat", {})
        await asyncio.wait_for(exchange.peer.run(), 10)
        assert [text[:6] for text in wire.texts] == ['[3,"a"']
        with pytest.raises(DeviceUnreachable):
            await exchange.peer.call("ClearCache", {})

    asyncio.run(main())


def test_a_caller_that_gives_up_does_not_let_the_next_call_out_before_the_answer() -> None:
    async def body(exchange: Exchange) -> None:
        given_up = exchange.calls("ClearCache", Priority.SAFETY)
        out = await exchange.wire.next()
        given_up.cancel()
        await asyncio.wait([given_up])
        following = exchange.calls("Reset", Priority.SAFETY)
        for _ in range(10):
            await asyncio.sleep(0)
        assert exchange.wire.sent.empty()
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        out = await exchange.wire.next()
        assert out[2] == "Reset"
        exchange.wire.says(3, out[1], {"status": "Accepted"})
        assert await following == {"status": "Accepted"}

    run(body)


def test_silence_lets_what_waits_go_next() -> None:
    async def main() -> None:
        async def body(exchange: Exchange) -> None:
            silent = asyncio.create_task(exchange.peer.relay("DataTransfer", b"{}", timeout_s=0.01))
            await exchange.wire.next()
            following = exchange.calls("ClearCache", Priority.SAFETY)
            with pytest.raises(CallTimeout):
                await silent
            out = await exchange.wire.next()
            assert out[2] == "ClearCache"
            exchange.wire.says(3, out[1], {"status": "Accepted"})
            await following
            assert exchange.peer.silent_calls == 0

        await exchanging(Exchange(), body)

    asyncio.run(main())
