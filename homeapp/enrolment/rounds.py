"""Looks after every paired flow in turn, each when it is due, and all at once when something has changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from homeapp.errors import ProviderError, SettingsInvalid
from homeapp.pairing.descriptor import Descriptor
from homeapp.ports import Clock
from homeapp.supervision import jittered

logger = logging.getLogger(__name__)

LONGEST_S = 3600.0
"""After which to look at the machine's clock again: it may be set, and the machine may sleep."""
_FIRST_RETRY_S = 5.0
_SHORTEST_S = 1.0

Flows = Callable[[], Awaitable[Sequence[Descriptor]]]


class Rounds:
    """One long task for all flows.

    Args:
        name: of the work, for the log.
        flows: the descriptors of the flows to be looked after, asked for anew in each round.
        attend: does what is due for one flow, and tells in how many seconds to come again. Where it raises
            ProviderError or SettingsInvalid it is called again soon, with back-off and full jitter.
        clock: the machine's: what is attended to is dated by it.
    """

    def __init__(self, name: str, flows: Flows, attend: Callable[[Descriptor], Awaitable[float]], clock: Clock) -> None:
        self._name = name
        self._flows = flows
        self._attend = attend
        self._clock = clock
        self._wake = asyncio.Event()
        self._failures: dict[str, int] = {}

    def wake(self) -> None:
        """Look at all flows now."""
        self._wake.set()

    async def run(self) -> NoReturn:
        """Work until cancelled.

        Raises:
            EnvironmentProblem: the disk or the database is at fault.
        """
        due: dict[str, float] = {}
        while True:
            if self._wake.is_set():
                self._wake.clear()
                due.clear()
            flows = await self._flows()
            due = {flow.sp_id: due.get(flow.sp_id, float("-inf")) for flow in flows}
            for descriptor in flows:
                if due[descriptor.sp_id] <= self._clock.monotonic():
                    due[descriptor.sp_id] = await self._look(descriptor) + self._clock.monotonic()
            await self._rest(min(due.values(), default=float("inf")) - self._clock.monotonic())

    async def _look(self, descriptor: Descriptor) -> float:
        sp_id = descriptor.sp_id
        try:
            pause = await self._attend(descriptor)
        except (ProviderError, SettingsInvalid) as error:
            attempt = self._failures[sp_id] = self._failures.get(sp_id, -1) + 1
            logger.warning("%s: %s: %s", sp_id, self._name, error)
            pause = jittered(attempt, _FIRST_RETRY_S, LONGEST_S)
        else:
            self._failures.pop(sp_id, None)
        return max(pause, _SHORTEST_S)

    async def _rest(self, seconds: float) -> None:
        waits = [
            asyncio.ensure_future(self._clock.sleep(min(max(seconds, 0.0), LONGEST_S))),
            asyncio.ensure_future(self._wake.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
