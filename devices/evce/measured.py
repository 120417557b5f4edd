"""The newest measurements of one station and the energy of its session."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from devices.evce.metering import Sample
from homeapp.ports import Clock

_CLOCK_WENT_BACK = timedelta(seconds=30)


class Measured:
    """Takes samples in any order and keeps the newest of each quantity, with the hub time at which it came.

    Attributes:
        power_w, phase_current_a: charging +, feeding -.
        session_wh: energy of the running session, feeding negative; None where its beginning was not seen.
        last_session_wh: the same of the session that ended last, until the car has left.
        import_wh, export_wh: the newest reading of the station's registers.
    """

    def __init__(self, clock: Clock) -> None:
        self.power_w: float | None = None
        self.power_at: datetime | None = None
        self.phase_current_a: tuple[float, ...] | None = None
        self.soc_pct: float | None = None
        self.soc_at: datetime | None = None
        self.last_session_wh: float | None = None
        self.import_wh: float | None = None
        self.export_wh: float | None = None
        self._clock = clock
        self._power_stamp: datetime | None = None
        self._soc_stamp: datetime | None = None
        self._registers = _Registers()

    @property
    def session_wh(self) -> float | None:
        """What the session has drawn less what it has fed, Wh, or None while that is unknown."""
        return self._registers.net_wh

    def take(self, samples: Sequence[Sample]) -> None:
        """Samples of now."""
        for sample in samples:
            if sample.power_w is not None and self._newer(sample.stamp, self._power_stamp, self.power_at):
                self.power_w, self.power_at = sample.power_w, self._clock.now()
                self.phase_current_a = sample.phase_current_a
                self._power_stamp = sample.stamp
            if sample.soc_pct is not None and self._newer(sample.stamp, self._soc_stamp, self.soc_at):
                self.soc_pct, self.soc_at = sample.soc_pct, self._clock.now()
                self._soc_stamp = sample.stamp
        self.take_energy(samples)

    def take_energy(self, samples: Sequence[Sample]) -> None:
        """Samples that are history; registers only grow, so they count all the same."""
        for sample in samples:
            self._registers.take(sample)
            self.import_wh = self.import_wh if sample.import_wh is None else sample.import_wh
            self.export_wh = self.export_wh if sample.export_wh is None else sample.export_wh

    def session_began(self, start_wh: float | None) -> None:
        """A session begins, the import register at ``start_wh`` where that is known; said again, nothing changes."""
        if not self._registers.begun:
            self._registers = _Registers(begun=True, import_start=start_wh)

    def session_unknown(self) -> None:
        """A session runs whose beginning was not seen."""
        self._registers = _Registers()

    def power_ceased(self) -> None:
        """The session is over: its contactor is open."""
        self.last_session_wh = self._registers.net_wh
        self._registers = _Registers()
        self.power_w, self.power_at, self.phase_current_a = 0.0, self._clock.now(), None

    def car_left(self) -> None:
        """The state of charge and the session were the other car's."""
        self.last_session_wh = None
        self.soc_pct = self.soc_at = self._soc_stamp = None

    def _newer(self, stamp: datetime | None, known: datetime | None, received: datetime | None) -> bool:
        if stamp is None or known is None or received is None or stamp >= known:
            return True
        # A clock that was set back must not freeze the values.
        return self._clock.now() - received > _CLOCK_WENT_BACK


class _Registers:
    """Energy registers of one session, Wh."""

    def __init__(self, *, begun: bool = False, import_start: float | None = None) -> None:
        self.begun = begun
        self._import_start = import_start
        self._export_start: float | None = None
        self._import: float | None = import_start
        self._export: float | None = None

    @property
    def net_wh(self) -> float | None:
        if not self.begun or self._import is None or self._import_start is None:
            return None
        fed = 0.0 if self._export is None or self._export_start is None else self._export - self._export_start
        return self._import - self._import_start - fed

    def take(self, sample: Sample) -> None:
        if sample.import_wh is not None:
            self._import_start, self._import = _advance(self._import_start, self._import, sample.import_wh)
        if sample.export_wh is not None:
            self._export_start, self._export = _advance(self._export_start, self._export, sample.export_wh)


def _advance(start: float | None, newest: float | None, value: float) -> tuple[float, float]:
    if start is None or newest is None:
        return value, value
    if value < start / 2:
        # The register counts from zero for each session; a little less is only a sample from before it.
        return 0.0, value
    return start, max(newest, value)
