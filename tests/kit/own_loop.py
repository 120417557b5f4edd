"""An event loop of its own for what lives longer than one test."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Self


class OwnLoop:
    """Keeps what ``opened`` opens alive in a thread, and runs the tests' coroutines in the same loop."""

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        self._opened = opened
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="own loop")

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(100)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(90)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        if self._failure is not None:
            raise self._failure

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._live())
            except BaseException as error:  # noqa: BLE001 - handed to the test that waits for it
                self._failure = error
            finally:
                self._ready.set()

    async def _live(self) -> None:
        async with self._opened():
            self._ready.set()
            await self._stop.wait()
