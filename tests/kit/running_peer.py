"""Peers that run for as long as a test needs them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from homeapp.demo.meter.homewizard import DemoMeter


@asynccontextmanager
async def alive(peer: Any) -> AsyncIterator[None]:
    """Something with ``run``, for as long as this is open; it must not end by itself."""
    task = asyncio.create_task(peer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


@asynccontextmanager
async def running(meter: DemoMeter) -> AsyncIterator[DemoMeter]:
    """A meter that can be reached."""
    task = asyncio.create_task(meter.run())
    try:
        async with asyncio.timeout(20):
            await meter.started()
        yield meter
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
