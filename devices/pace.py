"""Waiting on the hub's clock without letting a fast clock outrun the network."""

import asyncio

from homeapp.ports import Clock


async def pause(clock: Clock, seconds: float, *, at_least_s: float) -> None:
    """Sleep for ``seconds`` of the clock, but not less than ``at_least_s`` real seconds."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    await clock.sleep(seconds)
    await asyncio.sleep(max(0.0, at_least_s - (loop.time() - started)))
