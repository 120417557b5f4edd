"""The power that an event asks for: which payload types make what kind of request, interval by interval.

Meanings are those of the enumerations of OpenADR 3.1; import is positive, feed negative. SIMPLE and changes relative to
what the home would use otherwise are read relative to what its charger can draw.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from homeapp.model.offer import OfferInterval, OfferKind
from homeapp.providers.grid_sp.intervals import TimedInterval
from homeapp.providers.grid_sp.objects import Descriptor, Interval, refused
from homeapp.providers.grid_sp.terms import percent

MAX_POWER_KW = 100


class Signal(StrEnum):
    """Payload types by which power is asked for."""

    SETPOINT = "DISPATCH_SETPOINT"
    RELATIVE = "DISPATCH_SETPOINT_RELATIVE"
    IMPORT_LIMIT = "IMPORT_CAPACITY_LIMIT"
    EXPORT_LIMIT = "EXPORT_CAPACITY_LIMIT"
    CHARGE_STATE = "CHARGE_STATE_SETPOINT"
    LEVEL = "SIMPLE"


LIMITS = frozenset({Signal.IMPORT_LIMIT, Signal.EXPORT_LIMIT})
_LEVELS = {Decimal(1): 0.5, Decimal(2): 0.25, Decimal(3): 0.0}
"""Moderate, high and emergency load shed, as parts of what the charger can draw; 0 is normal operation."""
_UNITS = {"": 1000, "KW": 1000, "W": 1}


Carrier = Interval | TimedInterval
"""Something with payloads."""


def signals_of(intervals: Iterable[Carrier]) -> frozenset[Signal]:
    """Those that these intervals carry."""
    carried = {name for interval in intervals for name in interval.payloads}
    return frozenset(signal for signal in Signal if signal in carried)


def kind_of(timed: Sequence[TimedInterval], *, mandatory: bool) -> OfferKind:
    """The kind of request that the signals in the intervals of an event make.

    Raises:
        MessageRejected: ``value`` where something else than a limit is called mandatory.
    """
    signals = signals_of(timed)
    if mandatory and signals - LIMITS:
        raise refused("value", "only a limit of the grid connection can be mandatory")
    if mandatory or signals == {Signal.EXPORT_LIMIT}:
        return OfferKind.CAPACITY_LIMIT
    if any(value < 0 for value in _numbers(timed, Signal.SETPOINT)):
        return OfferKind.POWER_FEED
    more = any(value > 0 for value in _numbers(timed, Signal.RELATIVE))
    less = signals & {Signal.SETPOINT, Signal.IMPORT_LIMIT, Signal.LEVEL} or (Signal.RELATIVE in signals and not more)
    return OfferKind.LOAD_SHED if less else OfferKind.CHARGE_BOOST


def without_normal_operation(timed: Iterable[TimedInterval]) -> tuple[TimedInterval, ...]:
    """Those that ask for something: the level 0 of SIMPLE, by itself, does not."""
    return tuple(item for item in timed if not _is_normal_operation(item))


def intervals_of(
    timed: Iterable[TimedInterval], kind: OfferKind, descriptors: Mapping[str, Descriptor], charger_w: float
) -> tuple[OfferInterval, ...]:
    """What is asked for, in order.

    Args:
        timed: the event's, see ``without_normal_operation``.
        kind: see ``kind_of``.
        descriptors: units of the signals; kW where they say nothing.
        charger_w: the most that the charger can draw, W.

    Raises:
        MessageRejected: ``value``.
    """
    reader = _Reader(kind, descriptors, charger_w)
    found = tuple(reader.interval(item) for item in timed)
    if any(later.start < earlier.end for earlier, later in pairwise(found)):
        raise refused("value", "its times overlap or are out of order")
    return found


def charge_state(timed: Iterable[TimedInterval], descriptors: Mapping[str, Descriptor]) -> tuple[TimedInterval, float]:
    """The last state of charge that is asked for, percent, and its interval, at whose end it is due.

    Raises:
        MessageRejected: ``value`` where it is not a percentage.
    """
    last = [item for item in timed if Signal.CHARGE_STATE in item.payloads][-1]
    descriptor = descriptors.get(Signal.CHARGE_STATE)
    if descriptor is not None and descriptor.units not in ("", "PERCENT", "PERCENTAGE"):
        raise refused("value", "it names a state of charge that is not a percentage")
    return last, percent(_only(last.payloads[Signal.CHARGE_STATE]), descriptor, "state of charge")


class _Reader:
    def __init__(self, kind: OfferKind, descriptors: Mapping[str, Descriptor], charger_w: float) -> None:
        self._kind = kind
        self._descriptors = descriptors
        self._charger_w = charger_w

    def interval(self, item: TimedInterval) -> OfferInterval:
        match self._kind:
            case OfferKind.POWER_FEED:
                return self._feed(item)
            case OfferKind.CHARGE_BOOST:
                return self._boost(item)
            case _:
                return self._limit(item)

    def _feed(self, item: TimedInterval) -> OfferInterval:
        setpoint_w = self._power_w(item, Signal.SETPOINT)
        if setpoint_w is None or setpoint_w > 0:
            raise refused("value", "it asks for power out of the car and for charging at once")
        return OfferInterval(
            start=item.start,
            end=item.end,
            setpoint_w=setpoint_w,
            max_w=self._limit_w(item, Signal.IMPORT_LIMIT),
            max_feed_w=self._limit_w(item, Signal.EXPORT_LIMIT),
        )

    def _boost(self, item: TimedInterval) -> OfferInterval:
        """More charging: by so much, or as fast as the charger can until a state of charge is reached."""
        more_w = self._power_w(item, Signal.RELATIVE)
        if more_w is None:
            more_w = self._charger_w
        if more_w < 0:
            raise refused("value", "it asks for more and for less charging at once")
        return OfferInterval(
            start=item.start,
            end=item.end,
            setpoint_w=min(more_w, self._charger_w),
            max_feed_w=self._limit_w(item, Signal.EXPORT_LIMIT),
        )

    def _limit(self, item: TimedInterval) -> OfferInterval:
        told = [
            self._power_w(item, Signal.SETPOINT),
            self._limit_w(item, Signal.IMPORT_LIMIT),
            self._by_relation(item),
            self._by_level(item),
        ]
        limits = [power for power in told if power is not None]
        max_feed_w = self._limit_w(item, Signal.EXPORT_LIMIT)
        if not limits and max_feed_w is None:
            raise refused("value", "it does not say how much power may be used")
        return OfferInterval(
            start=item.start, end=item.end, max_w=min(limits) if limits else None, max_feed_w=max_feed_w
        )

    def _by_relation(self, item: TimedInterval) -> float | None:
        less_w = self._power_w(item, Signal.RELATIVE)
        if less_w is None:
            return None
        if less_w > 0:
            raise refused("value", "it asks for more and for less charging at once")
        return max(0.0, self._charger_w + less_w)

    def _by_level(self, item: TimedInterval) -> float | None:
        values = item.payloads.get(Signal.LEVEL)
        if values is None:
            return None
        value = _only(values)
        if not isinstance(value, Decimal) or value not in _LEVELS:
            raise refused("value", "its level is not one of those that there are")
        return self._charger_w * _LEVELS[value]

    def _limit_w(self, item: TimedInterval, signal: Signal) -> float | None:
        limit_w = self._power_w(item, signal)
        if limit_w is not None and limit_w < 0:
            raise refused("value", "it sets a limit below zero")
        return limit_w

    def _power_w(self, item: TimedInterval, signal: Signal) -> float | None:
        values = item.payloads.get(signal)
        if values is None:
            return None
        descriptor = self._descriptors.get(signal)
        factor = _UNITS.get("" if descriptor is None else descriptor.units)
        if factor is None:
            raise refused("value", "its power is not in kW")
        value = _only(values)
        if not isinstance(value, Decimal) or not value.is_finite() or value.copy_abs() > MAX_POWER_KW * 1000 / factor:
            raise refused("value", "its power is not a number, or beyond all measure")
        return float(value * factor)


def _only(values: tuple[object, ...]) -> object:
    return values[0] if len(values) == 1 else None


def _numbers(timed: Iterable[TimedInterval], signal: Signal) -> list[Decimal]:
    told = [value for item in timed for value in item.payloads.get(signal, ())]
    return [value for value in told if isinstance(value, Decimal) and value.is_finite()]


def _is_normal_operation(item: TimedInterval) -> bool:
    """SIMPLE 0 and nothing else about power."""
    signals = [signal for signal in Signal if signal in item.payloads]
    return signals == [Signal.LEVEL] and item.payloads[Signal.LEVEL] == (Decimal(0),)
