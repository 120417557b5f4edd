"""When a station changes between three phases and one."""

SWITCH_EVERY_S = 600.0
"""Contactors and some cars do not bear it more often."""
PAUSE_AT_MOST_S = 30.0
_STILL_W = 100.0


class PhaseSwitch:
    """The phases of one charge; the charge pauses before they change."""

    def __init__(self) -> None:
        self.phases: int | None = None
        self._switched_s: float | None = None
        self._pausing_s: float | None = None

    def forget(self) -> None:
        """Another charge begins with what the station likes; how often it may switch goes on."""
        self.phases = self._pausing_s = None

    def step(self, wanted: int | None, now_s: float, power_w: float | None) -> bool:
        """Take the wish for 1 or 3 phases (None: as it is).

        Returns:
            The charge has to pause now. Afterwards ``phases`` is what to ask for; None for the station's own.
        """
        if wanted is None or wanted == (self.phases or 3):
            self._pausing_s = None
            return False
        if self._switched_s is not None and now_s - self._switched_s < SWITCH_EVERY_S:
            return False
        if self._pausing_s is None:
            self._pausing_s = now_s
        still = power_w is not None and abs(power_w) < _STILL_W
        if not still and now_s - self._pausing_s < PAUSE_AT_MOST_S:
            return True
        self.phases, self._switched_s, self._pausing_s = wanted, now_s, None
        return False
