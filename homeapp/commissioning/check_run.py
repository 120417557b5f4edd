"""One check at a time: begun, waited for, broken off; what it leaves behind is tidied away before the next one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from homeapp.commissioning.home import Finding
from homeapp.errors import HomeappError, WrongState
from homeapp.model.commissioning import CheckId

WAIT_S = 30.0
"""Real seconds that a call waits for a check."""


class CheckRun:
    """``run`` carries out what is begun, until cancelled.

    Args:
        look: carries a check out; may be cancelled at any time.
        settle: keeps what was found.
        stopped: leaves no trace of a check that was broken off.
        changed: another check runs now, or none.

    Attributes:
        running: the check that runs, or None.
    """

    def __init__(
        self,
        *,
        look: Callable[[CheckId], Awaitable[Finding]],
        settle: Callable[[CheckId, Finding], Awaitable[None]],
        stopped: Callable[[CheckId], Awaitable[None]],
        changed: Callable[[], None],
    ) -> None:
        self.running: CheckId | None = None
        self._look = look
        self._settle = settle
        self._stopped = stopped
        self._changed = changed
        self._looking: asyncio.Future[Finding] | None = None
        self._is_to_stop = False
        self._failure: HomeappError | None = None
        self._begun, self._idle = asyncio.Event(), asyncio.Event()

    def begin(self, check: CheckId) -> None:
        """Have it carried out; nothing else may run."""
        self.running, self._failure, self._is_to_stop = check, None, False
        self._looking = None
        self._idle.clear()
        self._begun.set()
        self._changed()

    async def ended(self) -> None:
        """Wait until none runs, or for ``WAIT_S``.

        Raises:
            HomeappError: what was found could not be kept.
        """
        try:
            async with asyncio.timeout(WAIT_S):
                await self._idle.wait()
        except TimeoutError:
            return
        if self._failure is not None:
            raise self._failure

    def stop(self, check: CheckId) -> None:
        """Break it off; it has ended once ``ended`` returns.

        Raises:
            WrongState: it does not run, or what it has found is being kept.
        """
        if self.running is not check or (self._looking is not None and self._looking.done()):
            raise WrongState(f"The check {check} does not run; there is nothing to stop.")
        self._is_to_stop = True
        if self._looking is not None:
            self._looking.cancel()

    async def run(self) -> NoReturn:
        """Carry out one check after the other."""
        while True:
            await self._begun.wait()
            self._begun.clear()
            try:
                if self.running is not None:
                    await self._carry_out(self.running)
            except HomeappError as error:
                self._failure = error
            finally:
                self.running = None
                self._idle.set()
                self._changed()

    async def _carry_out(self, check: CheckId) -> None:
        looking = self._looking = asyncio.ensure_future(self._look(check))
        try:
            if self._is_to_stop:
                looking.cancel()
            await asyncio.wait((looking,))
        finally:
            looking.cancel()
            await asyncio.wait((looking,))
            # A failure is not a second one where this is cancelled.
            failure = None if looking.cancelled() else looking.exception()
        if self._is_to_stop or looking.cancelled():
            await self._stopped(check)
        elif failure is not None:
            raise failure
        else:
            await self._settle(check, looking.result())
