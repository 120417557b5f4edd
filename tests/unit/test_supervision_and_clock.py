"""Failed parts are started again; the shared clock runs as told."""

import asyncio
import logging
import time
from datetime import UTC, datetime

import pytest

from homeapp.clock import SharedClock, SystemClock
from homeapp.errors import DeviceUnreachable, SettingsInvalid
from homeapp.supervision import heeding_cancellation, jittered, supervise, to_its_end


class HastyClock(SystemClock):
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def test_a_part_that_fails_is_started_again_and_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []
    told: list[str] = []

    async def fragile() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise DeviceUnreachable("no answer")
        if len(runs) == 2:
            raise ZeroDivisionError
        await asyncio.Event().wait()

    async def main() -> None:
        other_done = asyncio.Event()

        async def other() -> None:
            while len(runs) < 3:
                await asyncio.sleep(0)
            other_done.set()
            await asyncio.Event().wait()

        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(supervise("a", fragile, HastyClock(), lambda name, error: told.append(str(error)))),
                tasks.create_task(supervise("b", other, HastyClock())),
            ]
            await other_done.wait()
            for part in parts:
                part.cancel()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert told == ["no answer", ""]
    assert "a: no answer" in caplog.text


def test_a_cancellation_that_comes_while_a_group_fails_is_heeded() -> None:
    async def main() -> None:
        cleaning, may_end = asyncio.Event(), asyncio.Event()

        async def fails() -> None:
            raise DeviceUnreachable("no answer")

        async def takes_time_to_end() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cleaning.set()
                await may_end.wait()

        async def group() -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(takes_time_to_end())
                await asyncio.sleep(0)
                tasks.create_task(fails())

        async def goes_on() -> None:
            while True:
                try:
                    await heeding_cancellation(group())
                except* DeviceUnreachable:
                    await asyncio.sleep(0)

        keeper = asyncio.create_task(goes_on())
        async with asyncio.timeout(10):
            await cleaning.wait()
            keeper.cancel()
            may_end.set()
            await asyncio.wait((keeper,))
        assert keeper.cancelled()

    asyncio.run(main())


def test_a_part_that_fails_while_it_is_cancelled_is_not_started_again() -> None:
    async def main() -> None:
        cleaning, may_end = asyncio.Event(), asyncio.Event()
        runs: list[int] = []

        async def takes_time_to_end() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cleaning.set()
                await may_end.wait()

        async def fails() -> None:
            raise DeviceUnreachable("no answer")

        async def part() -> None:
            runs.append(1)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(takes_time_to_end())
                await asyncio.sleep(0)
                tasks.create_task(fails())

        keeper = asyncio.create_task(supervise("a", part, HastyClock()))
        async with asyncio.timeout(10):
            await cleaning.wait()
            keeper.cancel()
            may_end.set()
            await asyncio.wait((keeper,))
        assert keeper.cancelled()
        assert runs == [1]

    asyncio.run(main())


def test_results_and_failures_come_through() -> None:
    async def gives() -> int:
        return 7

    async def fails() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        assert await heeding_cancellation(gives()) == 7
        with pytest.raises(ZeroDivisionError):
            await heeding_cancellation(fails())

    asyncio.run(main())


def test_jitter_is_full_and_bounded() -> None:
    pauses = [jittered(attempt) for attempt in range(100)]
    assert all(0 <= pause <= 60 for pause in pauses)
    assert jittered(0) <= 1
    assert len(set(pauses)) > 90


def test_a_shared_clock_is_read_back_and_runs_at_its_speed() -> None:
    origin = datetime(2026, 1, 15, 12, tzinfo=UTC)
    clock = SharedClock(origin, time.time() - 10, 60.0)
    assert SharedClock.parse(str(clock)) == clock
    assert (clock.now() - origin).total_seconds() >= 600


@pytest.mark.parametrize("text", ["", "x", "2026-01-15T12:00:00+00:00@1*0", "2026-01-15T12:00:00+00:00@1*nan"])
def test_a_wrong_clock_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid):
        SharedClock.parse(text)


def test_what_must_not_stop_halfway_is_seen_through_before_the_cancellation_counts() -> None:
    async def main() -> None:
        go_on = asyncio.Event()
        done: list[int] = []

        async def body() -> None:
            await go_on.wait()
            done.append(1)

        seeing = asyncio.create_task(to_its_end(body()))
        await asyncio.sleep(0)
        seeing.cancel()
        await asyncio.sleep(0)
        assert not seeing.done()
        go_on.set()
        await asyncio.wait([seeing])
        assert seeing.cancelled()
        assert done == [1]

    asyncio.run(main())
