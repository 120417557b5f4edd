"""The event loop that the hub runs in."""

import asyncio
import sys
from collections.abc import Callable

import pytest

from devices.evce.time_limit import TimeLimit
from homeapp import event_loop

uvloop = pytest.importorskip("uvloop", reason="there is no build of it for this machine")


async def _module_of_the_loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_the_fast_loop_is_taken_where_it_is() -> None:
    assert event_loop.run(_module_of_the_loop()).startswith("uvloop")


def test_where_it_is_not_the_loop_of_asyncio_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert event_loop.loop_factory() is None
    assert event_loop.run(_module_of_the_loop())


def test_what_the_body_raises_comes_out() -> None:
    async def body() -> None:
        await asyncio.sleep(0)
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        event_loop.run(body())


@pytest.mark.parametrize("made", [uvloop.new_event_loop, asyncio.SelectorEventLoop])
def test_a_time_limit_shorter_than_the_loop_can_tell_is_one(made: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """uvloop rounds to milliseconds, and has no timer for less than half of one."""

    async def body() -> None:
        ran_out = asyncio.Event()
        limit = TimeLimit(ran_out.set)
        limit.begin(0.0001)
        limit.begin(60)
        limit.begin(0.0001)
        await asyncio.wait_for(ran_out.wait(), 10)

    with asyncio.Runner(loop_factory=made) as runner:
        runner.run(body())
