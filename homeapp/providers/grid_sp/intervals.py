"""From an event's intervals to points in time (OpenADR 3.1 User Guide, "Intervals")."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from homeapp.providers.grid_sp.durations import FOREVER, Duration
from homeapp.providers.grid_sp.objects import MAX_INTERVALS, Event, Payloads, Period, StartNow, refused

_LARGEST_SHIFT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TimedInterval:
    """Payloads that hold in [start, end)."""

    start: datetime
    end: datetime
    payloads: Payloads


@dataclass(frozen=True, slots=True)
class Window:
    """What of an event is of interest: [start, end)."""

    start: datetime
    end: datetime


def timed_intervals(event: Event, *, now: datetime, window: Window, chance: float = 0.0) -> tuple[TimedInterval, ...]:
    """The event's intervals within ``window``, in the event's order; those without length are left out.

    An interval takes its period from itself, else from the event, and follows the one before where it has no start of
    its own, or ``0001-01-01``. ``event.duration`` cuts the list off, or repeats it until it is over.

    Args:
        event: as it came in.
        now: stands in for the start ``0001-01-01`` of the event.
        window: cuts, and ends what lasts for ever.
        chance: -1 to 1; the first start is moved by this part of its ``randomizeStart``, a day at most, and all that
            comes later by as much: starts and ends alike.

    Raises:
        MessageRejected: ``schema`` where a start or a duration is missing, ``value`` for more than 10,000 intervals.
    """
    once = tuple(_placed(event, now, chance))
    if not once:
        return ()
    result: list[TimedInterval] = []
    for interval in _repeated(once, event.duration, window):
        cut = replace(interval, start=max(interval.start, window.start), end=min(interval.end, window.end))
        if cut.start < cut.end:
            result.append(cut)
        if len(result) > MAX_INTERVALS:
            raise refused("value", f"it has more than {MAX_INTERVALS} intervals")
    return tuple(result)


def equal_parts(interval: TimedInterval, count: int) -> Iterator[tuple[datetime, datetime]]:
    """The bounds of ``count`` equal parts of an interval: the compact form of a price series (OpenADR 3.1)."""
    length = interval.end - interval.start
    edges = [interval.start + length * index / count for index in range(count)]
    return zip(edges, [*edges[1:], interval.end], strict=True)


def _placed(event: Event, now: datetime, chance: float) -> Iterator[TimedInterval]:
    placing = _Placing(event, now, chance)
    for interval in event.intervals:
        start, end = placing.next(interval.period)
        if end > start:
            yield TimedInterval(start, end, interval.payloads)


class _Placing:
    """Where one interval after the other lies (User Guide 7.3); a shift lasts until another one is stated."""

    def __init__(self, event: Event, now: datetime, chance: float) -> None:
        self._event = event
        self._chance = chance
        default = event.period.start
        self._begin = now if default is StartNow.NOW else default
        self._now = now
        self._randomize = event.period.randomize_start
        self._cursor: datetime | None = None
        self._shift = timedelta()

    def next(self, period: Period) -> tuple[datetime, datetime]:
        """Start and end of the next interval.

        Raises:
            MessageRejected: ``schema``.
        """
        start = self._start(period)
        duration = period.duration or self._event.period.duration or self._event.duration
        if start is None or duration is None:
            raise refused("schema", "it does not say when it begins or how long it lasts")
        self._cursor = duration.after(start)
        return start, self._cursor

    def _start(self, period: Period) -> datetime | None:
        randomize = period.randomize_start or (self._randomize if self._cursor is None else None)
        told = period.start
        if told is None or told is StartNow.NOW:
            # Here "now" means: with the event, then immediately after the interval before.
            if self._cursor is not None:
                return self._cursor
            told = self._begin or (self._now if told is StartNow.NOW else None)
        if told is None:
            return None
        if randomize is not None:
            most = min(randomize.after(told) - told, _LARGEST_SHIFT)
            self._shift = most * self._chance
        return told + self._shift


def _repeated(once: tuple[TimedInterval, ...], duration: Duration | None, window: Window) -> Iterator[TimedInterval]:
    begin = min(interval.start for interval in once)
    end = max(interval.end for interval in once)
    limit = end if duration is None else duration.after(begin)
    until = min(limit, window.end)
    cycle = end - begin
    # Rounds that are over are not counted through: an event may have run for years.
    skipped = 0 if end == FOREVER or limit <= end else max(0, (window.start - begin) // cycle)
    shift = skipped * cycle
    while begin + shift < until:
        for interval in once:
            start = interval.start + shift
            if start < until:
                yield TimedInterval(start, min(interval.end + shift, until), interval.payloads)
        if end == FOREVER:
            return
        shift += cycle
