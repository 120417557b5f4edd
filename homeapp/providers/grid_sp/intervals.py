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

    An interval takes its period from itself, else from the event, and follows the one before where it has no start.
    ``event.duration`` cuts the list off, or repeats it until it is over.

    Args:
        event: as it came in.
        now: stands in for the start ``0001-01-01``.
        window: cuts, and ends what lasts for ever.
        chance: -1 to 1; starts are moved by this part of their ``randomizeStart``, and what follows immediately too.

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
    cursor = _start(event.period, now, chance)
    for interval in event.intervals:
        start = _start(interval.period, now, chance) or cursor
        duration = interval.period.duration or event.period.duration or event.duration
        if start is None or duration is None:
            raise refused("schema", "it does not say when it begins or how long it lasts")
        cursor = duration.after(start)
        if cursor > start:
            yield TimedInterval(start, cursor, interval.payloads)


def _start(period: Period, now: datetime, chance: float) -> datetime | None:
    if period.start is None:
        return None
    start = now if period.start is StartNow.NOW else period.start
    if period.randomize_start is None:
        return start
    return start + min(period.randomize_start.after(start) - start, _LARGEST_SHIFT) * chance


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
