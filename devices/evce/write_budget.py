"""How often a station may be made to write its flash memory.

Profiles other than TxProfiles survive a restart (K01.FR.27; 1.6 errata 3.37), so each one wears the flash memory: one
every 10 s has worn out chargers within days. A reduction is always written; everything else has a daily budget.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

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
