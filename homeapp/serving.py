"""Runs one hub after the other in this process, over one data directory: a new one wherever settings are applied.

What one has opened is closed before the next begins: its sockets, tasks and databases. The lock of the data directory
is held throughout, so that no other process comes between them.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from homeapp.clock import SharedClock, SystemClock
from homeapp.errors import HomeappError, SettingsInvalid
from homeapp.hub import Hub, Outside
from homeapp.lasting_objects import leave_out_of_collections
from homeapp.secrets import SecretStore, open_secret_store
from homeapp.service_notify import READY, of_this_process, reloading
from homeapp.settings import Settings, load
from homeapp.store.database import Database
from homeapp.store.lock import lock_data_directory

logger = logging.getLogger(__name__)

BEGINS_WITHIN_S = 300.0
"""A hub not ready by then gives no sign of life any more; as long as the service manager waits for the first."""

HubClock = SharedClock | SystemClock
Join = Callable[[Path, Settings, SecretStore, Database, HubClock], Awaitable[Outside]]
"""Joins drivers and providers to a hub."""


async def serve(data_dir: Path, clock: HubClock, join: Join) -> None:
    """Run hubs until SIGTERM or SIGINT.

    Raises:
        HomeappError: a hub cannot begin, or cannot go on; the sentence says what to do.
    """
    with lock_data_directory(data_dir):
        hubs, machine_clock = _Hubs(data_dir, clock, join), SystemClock()
        running = asyncio.create_task(hubs.run())
        # Also while no hub is there: one that begins may have large databases to look through.
        signs = [
            asyncio.create_task(_of(body)) for body in of_this_process().bodies(machine_clock, hubs.is_well).values()
        ]
        try:
            with suppress(asyncio.CancelledError):
                await running
        except BaseExceptionGroup as group:
            problem = _problem_in(group)
            if problem is None:
                raise
            raise problem from group
        finally:
            # Where this is cancelled itself.
            for task in (running, *signs):
                task.cancel()
            await asyncio.wait((running, *signs))


@dataclass(frozen=True, slots=True)
class _Beginning:
    """How a hub begins.

    Attributes:
        refused: why written settings are not those, a sentence; empty where they are.
    """

    settings: Settings
    refused: str = ""


class _Hubs:
    """``run`` them until cancelled."""

    def __init__(self, data_dir: Path, clock: HubClock, join: Join) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._join = join
        self._is_ready = False
        self._begun_at = time.monotonic()

    def is_well(self) -> bool:
        """A hub is ready, or about to be."""
        return self._is_ready or time.monotonic() - self._begun_at < BEGINS_WITHIN_S

    async def run(self) -> None:
        beginning = _Beginning(await asyncio.to_thread(load, self._data_dir))
        in_force: Settings | None = None
        while True:
            self._is_ready, self._begun_at = False, time.monotonic()
            try:
                await self._run_one(beginning)
            except (HomeappError, BaseExceptionGroup) as error:
                problem = _problem_in(error)
                if self._is_ready or problem is None or in_force is None or in_force == beginning.settings:
                    raise
                # A home without a hub is worse off than one with the settings that it had.
                logger.error("no hub begins with the new settings, so the old ones hold: %s", problem)
                beginning = _Beginning(in_force, str(problem))
                continue
            logger.info("the hub begins anew, with the settings as they are now")
            of_this_process().tell(reloading())
            in_force = beginning.settings
            beginning = await self._next(in_force)

    async def _next(self, in_force: Settings) -> _Beginning:
        try:
            return _Beginning(await asyncio.to_thread(load, self._data_dir))
        except SettingsInvalid as error:
            # It could be read when it was to be applied: somebody has changed it since.
            return _Beginning(in_force, str(error))

    async def _run_one(self, beginning: _Beginning) -> None:
        """Return once another is to begin."""
        settings = beginning.settings
        secrets = await asyncio.to_thread(open_secret_store, self._data_dir, settings.secrets)
        anew = asyncio.Event()
        async with Database(self._data_dir) as database:
            outside = await self._join(self._data_dir, settings, secrets, database, self._clock)
            hub = Hub(replace(outside, begin_anew=anew.set, settings_refused=beginning.refused))
            self._heed_signals()
            running, wanted = asyncio.create_task(hub.run(self._ready)), asyncio.create_task(anew.wait())
            try:
                await asyncio.wait((running, wanted), return_when=asyncio.FIRST_COMPLETED)
            finally:
                running.cancel()
                wanted.cancel()
                await asyncio.wait((running, wanted))
                # A failure is not a second one where this is cancelled.
                failure = None if running.cancelled() else running.exception()
        if failure is not None:
            raise failure

    def _ready(self) -> None:
        self._is_ready = True
        leave_out_of_collections()
        logger.info("hub is ready in %s", self._data_dir)
        of_this_process().tell(READY)

    def _heed_signals(self) -> None:
        """Not before the first hub is made: until then the signals end the process at once, whatever it waits for."""
        loop, running = asyncio.get_running_loop(), asyncio.current_task()
        if running is not None:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, running.cancel)


async def _of(body: Callable[[], Awaitable[None]]) -> None:
    await body()


def _problem_in(error: BaseException) -> HomeappError | None:
    """What to tell the user, out of the task groups' wrapping."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for found in map(_problem_in, error.exceptions) if found is not None), None)
    return error if isinstance(error, HomeappError) else None
