"""Keeps long tasks alive: one that fails is started again with back-off and full jitter and never takes others down."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from homeapp.errors import HomeappError
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
STEADY_AFTER_S = 60.0

_T = TypeVar("_T")


def jittered(attempt: int, first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> float:
    """Full jitter: evenly between 0 and min(longest, first * 2^attempt), s."""
    return random.uniform(0, min(longest_s, first_s * 2 ** min(attempt, 16)))  # noqa: S311 - spreading load, no secret


async def heeding_cancellation(body: Coroutine[Any, Any, _T]) -> _T:
    """Await ``body`` so that whoever goes on after its failure cannot miss being cancelled meanwhile.

    A task group that is failing already swallows a cancellation of its task (before Python 3.13).
    """
    task = asyncio.create_task(body)
    try:
        await asyncio.wait((task,))
    finally:
        task.cancel()
        await asyncio.wait((task,))
        # Its failure is not a second one where this is cancelled.
        failure = None if task.cancelled() else task.exception()
    if failure is not None:
        raise failure
    return task.result()


async def to_its_end(body: Coroutine[Any, Any, _T]) -> _T:
    """Await ``body``, which must not stop halfway: who is cancelled meanwhile sees it through before that counts."""
    task = asyncio.create_task(body)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        if not task.cancelled() and (failure := task.exception()) is not None:
            logger.warning("what was seen through to its end has failed: %s", failure)
        raise


async def supervise(
    name: str,
    body: Callable[[], Awaitable[None]],
    clock: Clock,
    failed: Callable[[str, Exception], None] | None = None,
) -> None:
    """Run ``body`` for ever; ``failed`` is told each failure. Ends only by cancellation."""

    async def once() -> None:
        await body()

    attempt = 0
    while True:
        begun = clock.monotonic()
        try:
            await heeding_cancellation(once())
        except HomeappError as error:
            logger.warning("%s: %s", name, error)
            if failed is not None:
                failed(name, error)
        except Exception as error:
            logger.exception("%s: failed and is started again", name)
            if failed is not None:
                failed(name, error)
        attempt = 0 if clock.monotonic() - begun > STEADY_AFTER_S else attempt + 1
        await clock.sleep(max(0.2, jittered(attempt)))


async def rest(clock: Clock, seconds: float, *news: asyncio.Event) -> None:
    """Sleep for ``seconds`` of the clock, or until one of ``news`` is set."""
    waits = [asyncio.ensure_future(clock.sleep(seconds)), *(asyncio.ensure_future(event.wait()) for event in news)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
