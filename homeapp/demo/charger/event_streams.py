"""Periodic event streams of 2.1 (N11 to N15): monitored values, sent one way.

A CSMS sets a monitor with stream parameters; the station opens a stream for it, and sends once that is accepted.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from homeapp.demo.ocpp.schemas import Json

_LEAST_INTERVAL_S = 1
_MOST_VALUES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream.

    Attributes:
        interval_s: between two messages.
        values: most that are collected for one message.
        opened: the CSMS has accepted it.
        due: monotonic.
        data: offset from ``base``, s, and value.
    """

    stream_id: int
    monitor_id: int
    name: str
    interval_s: int
    values: int
    opened: bool
    due: float
    base: datetime
    data: tuple[tuple[float, str], ...] = ()

    def to_json(self) -> Json:
        """ConstantStreamDataType."""
        return {
            "id": self.stream_id,
            "params": {"interval": self.interval_s, "values": self.values},
            "variableMonitoringId": self.monitor_id,
        }


class EventStreams:
    """The streams of a station.

    Args:
        sources: what can be monitored: values by ``Component.Variable``.
        now: civil time.
        monotonic: seconds.
    """

    def __init__(
        self, sources: Mapping[str, Callable[[], float]], now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._sources = sources
        self._now = now
        self._monotonic = monotonic
        self._ids = itertools.count(1)
        self._streams: dict[int, Stream] = {}

    def known(self, name: str) -> bool:
        """Whether this can be monitored."""
        return name in self._sources

    def monitor(self, name: str, params: Json) -> Stream:
        """A new monitor and its stream, not opened yet."""
        number = next(self._ids)
        interval_s = max(_LEAST_INTERVAL_S, params.get("interval", _LEAST_INTERVAL_S))
        stream = Stream(
            stream_id=number,
            monitor_id=number,
            name=name,
            interval_s=interval_s,
            values=min(_MOST_VALUES, max(1, params.get("values", 1))),
            opened=False,
            due=self._monotonic() + interval_s,
            base=self._now(),
        )
        self._streams[number] = stream
        return stream

    def opened(self, stream_id: int, *, accepted: bool) -> None:
        """The CSMS has answered OpenPeriodicEventStream."""
        stream = self._streams.get(stream_id)
        if stream is not None and accepted:
            self._streams[stream_id] = replace(stream, opened=True)
        elif stream is not None:
            del self._streams[stream_id]

    def adjust(self, stream_id: int, params: Json) -> bool:
        """AdjustPeriodicEventStream; False where there is no such stream."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return False
        self._streams[stream_id] = replace(
            stream,
            interval_s=max(_LEAST_INTERVAL_S, params.get("interval", stream.interval_s)),
            values=min(_MOST_VALUES, max(1, params.get("values", stream.values))),
        )
        return True

    def close(self, monitor_id: int) -> bool:
        """The monitor is cleared; False where there is none."""
        return self._streams.pop(monitor_id, None) is not None

    def to_json(self) -> list[Json]:
        """GetPeriodicEventStream: those that are open."""
        return [stream.to_json() for stream in self._streams.values() if stream.opened]

    def tick(self) -> list[Json]:
        """Collect a value for each stream; returns NotifyPeriodicEventStream of those that are due."""
        now, at, told = self._monotonic(), self._now(), []
        for stream in [*self._streams.values()]:
            if not stream.opened:
                continue
            data = [*stream.data, ((at - stream.base).total_seconds(), f"{self._sources[stream.name]():.1f}")]
            fresh = replace(stream, data=tuple(data[-stream.values :]))
            if now >= stream.due:
                told.append(_notification(fresh))
                fresh = replace(fresh, data=(), base=at, due=now + stream.interval_s)
            self._streams[stream.stream_id] = fresh
        return told


def _notification(stream: Stream) -> Json:
    base = stream.base.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": stream.stream_id,
        "pending": 0,
        "basetime": base,
        "data": [{"t": round(offset, 3), "v": value} for offset, value in stream.data],
    }
