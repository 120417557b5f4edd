"""How far a station's clock is off the hub's."""

from datetime import UTC, datetime, timedelta

TOLERATED = timedelta(seconds=10)
WRONG = timedelta(seconds=120)
"""A station this far off is told of."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CENTURY = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_STEADY = timedelta(seconds=5)


class StationClock:
    """Learns the difference from time stamps of now, whatever their year.

    A difference counts once it is the same over a while: neither a backlog of old samples nor a stamp that stands still
    has a steady one.

    Attributes:
        offset: to add to the hub's time to get the station's; 0 while the difference is tolerable or not certain.
        wrong: by the newest stamp it is far off.
    """

    def __init__(self) -> None:
        self.offset = timedelta()
        self.wrong = False
        self._seen: tuple[timedelta, datetime] | None = None

    def told(self, at: datetime, now: datetime) -> None:
        """A measurement of now bears the station's time ``at``."""
        self.wrong = abs(at - now) > WRONG
        self.hinted(at, now)

    def hinted(self, at: datetime, now: datetime) -> None:
        """A message of now bears the station's time, which may be that of something a little earlier."""
        if not EPOCH <= at < _LATEST:
            # No clock shows this, and no schedule can be made for it.
            return
        difference = at - now
        if self._seen is None:
            self._seen = difference, now
            return
        before, since = self._seen
        steady = abs(difference - before) <= _STEADY
        # Within the tolerance even a stamp that stands still would look steady.
        if steady and now - since <= _STEADY:
            return
        if steady:
            self.offset = difference if abs(difference) > TOLERATED else timedelta()
        self._seen = difference, now

    def schedule_begins(self, at: datetime, now: datetime) -> None:
        """A composite schedule begins at ``at``: with most stations that is now, with some its profile's beginning."""
        near = abs(at - now - self.offset) <= WRONG
        if not near and at not in (EPOCH, CENTURY):
            self.hinted(at, now)
