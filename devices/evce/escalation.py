"""What to do with a station that accepts a limit and does not keep it: one stronger measure after the other."""

from datetime import datetime
from enum import StrEnum

PATIENCE_S = 30.0
"""From a limit until the car must have followed it; cars ramp for some seconds and meters report every ten."""
URGENT_S = 10.0
"""The same where the excess endangers the fuse."""


class Measure(StrEnum):
    """In the order in which they are taken."""

    RESEND = "resend"
    OTHER_UNIT = "other_unit"
    TX_DEFAULT = "tx_default"
    """the same limit as a TxDefaultProfile of the highest stack level"""
    STATION_MAX = "station_max"
    """the same limit for the whole station; kept in its flash memory, so once in a charge"""
    STOP = "stop"
    """the end of the transaction"""
    TAKE_OUT = "take_out"
    """ChangeAvailability Inoperative"""
    ALARM = "alarm"


_ORDER = tuple(Measure)
_DRASTIC = (Measure.STOP, Measure.TAKE_OUT)
_ALWAYS_POSSIBLE = frozenset({Measure.RESEND, Measure.ALARM})


class Escalation:
    """One station's way up the measures during one charge."""

    def __init__(self) -> None:
        self._taken: set[Measure] = set()
        self._since_s: float | None = None
        self._sample: datetime | None = None
        self._top = -1

    @property
    def exhausted(self) -> bool:
        """All that is possible has been tried."""
        return self._top == len(_ORDER) - 1

    def within(self) -> None:
        """The limit is kept."""
        self._since_s, self._top = None, -1

    def forget(self) -> None:
        """Another charge, or another limit system altogether."""
        self.within()
        self._taken.clear()

    def exceeded(
        self, now_s: float, sample: datetime | None, *, endangers: bool, possible: frozenset[Measure]
    ) -> Measure | None:
        """The measured power exceeds the limit; returns the measure to take now, or None.

        Args:
            now_s: monotonic, s.
            sample: when the measurement came; an old one is no new evidence.
            endangers: the fuse or a mandatory limit is at stake.
            possible: measures that the station offers at all.
        """
        if self._since_s is None:
            self._since_s, self._sample = now_s, sample
            return None
        patience_s = URGENT_S if endangers else PATIENCE_S
        if now_s - self._since_s <= patience_s or sample == self._sample:
            return None
        self._since_s, self._sample = now_s, sample
        return self._next(endangers=endangers, possible=possible | _ALWAYS_POSSIBLE)

    def _next(self, *, endangers: bool, possible: frozenset[Measure]) -> Measure:
        for place in range(self._top + 1, len(_ORDER)):
            measure = _ORDER[place]
            spent = measure is Measure.STATION_MAX and measure in self._taken
            if measure in possible and not spent and (endangers or measure not in _DRASTIC):
                self._top = place
                self._taken.add(measure)
                return measure
        # All has been tried; what is left is to keep saying it, and to do the drastic should it become urgent.
        for measure in _DRASTIC:
            if endangers and measure in possible and measure not in self._taken:
                self._taken.add(measure)
                return measure
        return Measure.RESEND
