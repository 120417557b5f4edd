"""What happens at a peer of the street, for whoever waits for it."""

import asyncio
from collections.abc import Callable


class Watched:
    """A peer whose state others wait for."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float) -> None:
        """Return when ``predicate`` holds; it is tried again after all that happens here.

        Args:
            predicate: about this peer.
            timeout_s: s of the machine's time.

        Raises:
            TimeoutError: it did not come to hold.
        """
        async with asyncio.timeout(timeout_s):
            while not predicate():
                await self._news.wait()

    def _happened(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
