"""How often a station may be made to write its flash memory.

Profiles other than TxProfiles survive a restart (K01.FR.27; 1.6 errata 3.37), so each one wears the flash memory: one
every 10 s has worn out chargers within days. A reduction is always written; everything else has a daily budget.
"""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from devices.evce.capability import CapabilityKeeper
from devices.evce.link import ACCEPTED
from homeapp.errors import DeviceUnreachable, EnvironmentProblem
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

DAILY_WRITES = 200
WRITE_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    day: str = ""
    writes: int = 0


def budget_key(device_id: str) -> str:
    """Where the count of a station is kept."""
    return f"evce_writes:{device_id}"


class WriteBudget:
    """Counts the persistent writes of one station over a UTC day."""

    def __init__(self) -> None:
        self._count = _Count()
        self._written_s: float | None = None

    def restore(self, text: str | None) -> None:
        """Go on from what was kept; the greater count of a day holds."""
        try:
            kept = msgspec.json.decode(text or "{}", type=_Count)
        except msgspec.MsgspecError:
            return
        if (kept.day, kept.writes) > (self._count.day, self._count.writes):
            self._count = kept

    def kept(self) -> str:
        """What ``restore`` takes."""
        return msgspec.json.encode(self._count).decode()

    def used_up(self, now: datetime) -> bool:
        """Nothing but reductions may be written any more today."""
        return self._count.day == _day(now) and self._count.writes >= DAILY_WRITES

    def allows(self, now: datetime, now_s: float, *, reduces: bool) -> bool:
        """Whether a profile may be written now.

        Args:
            now: hub clock.
            now_s: monotonic, s.
            reduces: it is lower than what holds.
        """
        if reduces:
            return True
        soon = self._written_s is not None and now_s - self._written_s < WRITE_EVERY_S
        return not soon and not self.used_up(now)

    def wrote(self, now: datetime, now_s: float) -> None:
        """A profile was sent."""
        writes = self._count.writes if self._count.day == _day(now) else 0
        self._count = _Count(day=_day(now), writes=writes + 1)
        self._written_s = now_s


def _day(now: datetime) -> str:
    return now.date().isoformat()


class CountedWrites:
    """The budget of one station, kept over a restart of the hub."""

    def __init__(self, device_id: str, clock: Clock, keeper: CapabilityKeeper) -> None:
        self._device_id = device_id
        self._clock = clock
        self._keeper = keeper
        self._budget = WriteBudget()
        self._recalled = False

    @property
    def used_up(self) -> bool:
        """Nothing but reductions may be written any more today."""
        return self._budget.used_up(self._clock.now())

    async def allowed(self, *, reduces: bool) -> bool:
        """Whether a profile may be written now; ``reduces``: it is lower than what holds."""
        await self._recall()
        return self._budget.allows(self._clock.now(), self._clock.monotonic(), reduces=reduces)

    async def counted(self, write: Awaitable[str]) -> str:
        """Wait for the status of a write, and count it unless it was refused."""
        await self._recall()
        try:
            status = await write
        except DeviceUnreachable:
            # No answer: it may have been written all the same.
            await self._count()
            raise
        if status == ACCEPTED:
            await self._count()
        return status

    async def _count(self) -> None:
        self._budget.wrote(self._clock.now(), self._clock.monotonic())
        try:
            await self._keeper.keep_mark(budget_key(self._device_id), self._budget.kept())
        except EnvironmentProblem as error:
            logger.warning("%s: its count of writes was not kept: %s", self._device_id, error)

    async def _recall(self) -> None:
        if self._recalled:
            return
        self._recalled = True
        try:
            self._budget.restore(await self._keeper.value(budget_key(self._device_id)))
        except EnvironmentProblem as error:
            logger.warning("%s: its count of writes could not be read: %s", self._device_id, error)
