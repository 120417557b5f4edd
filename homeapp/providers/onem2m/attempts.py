"""When the session tries again to connect; ``homeapp.providers.onem2m.reconnect`` says why not at once."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from homeapp.providers.onem2m.reconnect import FIRST_S, JUST_STARTED_S, first_pause, next_pause, shared_loss_s
from homeapp.providers.onem2m.transport import LinkEnd
from homeapp.supervision import STEADY_AFTER_S

SLOW_PAUSE_S = 600.0
"""Between attempts with credentials that were refused: only a person can mend that."""
_SILENT_ATTEMPTS = 4
"""Closed connections without a word, after which they count as refused credentials too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A connection that has ended or has not come about.

    Attributes:
        end: why.
        attempt: how many have been short or in vain, one after the other.
        was_up: whether it could be worked with.
        shared: others may have lost the operator in the same moment.
    """

    end: LinkEnd
    attempt: int
    was_up: bool = False
    shared: bool = False


def pause_after(loss: Loss, spread_s: float, random: Random) -> float:
    """Before the next attempt, s."""
    later = next_pause(max(loss.attempt, 1), random, shared_loss_s(spread_s) if loss.shared else FIRST_S)
    silent = loss.end is LinkEnd.SILENT and loss.attempt > _SILENT_ATTEMPTS
    if silent or loss.end in (LinkEnd.TLS_FAILED, LinkEnd.REFUSED):
        return SLOW_PAUSE_S + later
    if not loss.was_up:
        return later
    # Short ones wait longer, or two hubs with one certificate would chase each other off without a pause.
    return first_pause(spread_s, random) + (later if loss.attempt else 0.0)


class Attempts:
    """Paces them in real seconds: the operator does not live in the hub's time.

    Args:
        spread_s: see ``SystemOperatorSettings.reconnect_spread_s``.
        random: source of the jitter.
    """

    def __init__(self, spread_s: float, random: Random) -> None:
        self._spread_s = spread_s
        self._random = random
        self._hurry = asyncio.Event()
        self._shared = False
        self._number = 0

    async def before_first(self, uptime_s: float) -> None:
        """Pause where this machine has just been started: a town that gets its power back starts all its hubs at once.

        Args:
            uptime_s: how long the machine has been up, s.
        """
        self._shared = uptime_s < JUST_STARTED_S
        if self._shared:
            await self.rest(first_pause(self._spread_s, self._random))

    async def before_next(self, end: LinkEnd, *, lasted_s: float, was_up: bool) -> None:
        """Pause after a connection that ended like this."""
        self._number = 0 if lasted_s > STEADY_AFTER_S else self._number + 1
        self._shared = self._shared or was_up
        loss = Loss(end=end, attempt=self._number, was_up=was_up, shared=self._shared)
        if await self.rest(pause_after(loss, self._spread_s, self._random)):
            # An attempt that somebody could not wait for must not make all later ones wait longer.
            self._number = max(0, self._number - 1)

    async def rest(self, seconds: float) -> bool:
        """Pause, but not longer than until ``hurry``; whether that ended it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        hurried = self._hurry.is_set()
        self._hurry.clear()
        return hurried

    def hurry(self) -> None:
        """End this pause or the next one at once."""
        self._hurry.set()

    def arrived(self) -> None:
        """There is a connection, so nothing is in a hurry any more."""
        self._hurry.clear()
