"""How far a station's clock is off the hub's."""

from datetime import datetime, timedelta

TOLERATED = timedelta(seconds=10)
WRONG = timedelta(seconds=120)
"""A station this far off is told of."""
_STEADY = timedelta(seconds=5)


class StationClock:
    """Learns the difference from what the station measures now; a backlog of old samples has no steady difference.

    Attributes:
        offset: to add to the hub's time to get the station's; 0 while the difference is tolerable or not certain.
        wrong: by the newest sample it is far off.
    """

    def __init__(self) -> None:
        self.offset = timedelta()
        self.wrong = False
        self._seen: timedelta | None = None

    def told(self, at: datetime, now: datetime) -> None:
        """A measurement of now bears the station's time ``at``."""
        difference = at - now
        self.wrong = abs(difference) > WRONG
        if self._seen is not None and abs(difference - self._seen) <= _STEADY:
            self.offset = difference if abs(difference) > TOLERATED else timedelta()
        self._seen = difference
