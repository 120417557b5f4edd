"""Time limits that are set and lifted with every message and almost never run out: each has one timer of the loop."""

import asyncio
from collections.abc import Callable
from typing import Any


class TimeLimit:
    """Calls ``run_out`` once what was begun has not ended in time; of real time, within a running event loop."""

    def __init__(self, run_out: Callable[[], None]) -> None:
        self._run_out = run_out
        self._until: float | None = None
        self._timer: asyncio.Handle | None = None
        self._due = 0.0

    def begin(self, seconds: float) -> None:
        """From now on ``seconds``; an earlier limit is void."""
        loop = asyncio.get_running_loop()
        self._until = until = loop.time() + seconds
        if self._timer is None or self._due > until:
            self._arm(loop, until)

    def end(self) -> None:
        """It has ended in time. The timer is left to find that out."""
        self._until = None

    def close(self) -> None:
        """Nothing is begun any more."""
        self._until = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, loop: asyncio.AbstractEventLoop, until: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Not the timer's own word: for what is due at once uvloop gives back a handle that does not know when.
        self._timer, self._due = loop.call_at(until, self._look), until

    def _look(self) -> None:
        self._timer = None
        if self._until is None:
            return
        loop = asyncio.get_running_loop()
        # The loop may call a little early, by the resolution of its clock.
        if loop.time() < self._until:
            self._arm(loop, self._until)
            return
        self._until = None
        self._run_out()


class Patience:
    """Waits for one thing after the other, and for none of them too long."""

    def __init__(self) -> None:
        self._limit = TimeLimit(self._give_up)
        self._waiter: asyncio.Future[None] | None = None

    async def wait(self, thing: "asyncio.Future[Any]", seconds: float) -> None:
        """Until it is done, or is not after ``seconds``; it goes on all the same. One wait at a time."""
        if thing.done():
            return
        self._waiter = waiter = asyncio.get_running_loop().create_future()
        thing.add_done_callback(self._wake)
        self._limit.begin(seconds)
        try:
            await waiter
        finally:
            self._limit.end()
            self._waiter = None
            thing.remove_done_callback(self._wake)

    def _wake(self, _thing: "asyncio.Future[Any]") -> None:
        self._give_up()

    def _give_up(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
