"""The event loop of the hub and of its peers in the demo: uvloop where the platform has it, else the one of asyncio.

Whatever runs here runs in both; they differ in speed and memory (docs/adr/0013-uvloop.md).
"""

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes loops of uvloop, or None where asyncio's own has to do."""
    try:
        made: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        # Windows has none, and not every processor and Python has a build of it.
        return None
    return made


def run(body: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` in such a loop; what ``body`` raises comes out."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(body)
