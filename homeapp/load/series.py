"""Values over a short while: one that is only known within bounds, the last ones that held, a meter's last moves."""

from collections import deque

SETTLE_S = 12.0
"""From a new limit until meter and charger both show it."""

PerPhase = tuple[float, ...]
"""A on each phase of the grid, L1 first; charging and import +, feeding and export -."""


class Estimate:
    """A value that is known exactly now and then, and in between only within bounds."""

    def __init__(self) -> None:
        self.value = 0.0
        self._known = False

    def bound(self, low: float, high: float, *, unknown: float) -> None:
        """Move the value as little as the bounds want; ``unknown`` where there is none yet."""
        self.value = min(max(self.value, low), high) if self._known else unknown
        self._known = True


class Window:
    """The values of the last ``SETTLE_S``, and the one that holds."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, float]] = deque()

    @property
    def least(self) -> float:
        """The lowest of them; 0 where there is none."""
        return min((value for _, value in self._values), default=0.0)

    @property
    def most(self) -> float:
        """The highest of them; 0 where there is none."""
        return max((value for _, value in self._values), default=0.0)

    def add(self, value: float, monotonic: float) -> None:
        """From now on it is ``value``."""
        if self._values and self._values[-1][1] != value:
            # What held until this moment counts from this moment.
            self._values[-1] = (monotonic, self._values[-1][1])
        if not self._values or self._values[-1][1] != value:
            self._values.append((monotonic, value))
        # Said again, it only holds on.
        while len(self._values) > 1 and monotonic - self._values[0][0] >= SETTLE_S:
            self._values.popleft()


class Moves:
    """How a meter has moved on each phase during the last ``SETTLE_S``."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, PerPhase]] = deque()

    def add(self, currents: PerPhase, monotonic: float) -> None:
        """The newest reading."""
        if self._seen and len(self._seen[-1][1]) != len(currents):
            self._seen.clear()
        self._seen.append((monotonic, currents))
        while monotonic - self._seen[0][0] > SETTLE_S:
            self._seen.popleft()

    def since(self, begun_s: float, phase: int) -> tuple[float, float]:
        """How far it has been below and above its reading at ``begun_s``, A, both towards now: (<= 0, >= 0)."""
        values = [currents[phase] for at, currents in self._seen if at >= begun_s]
        if not values:
            return 0.0, 0.0
        return min(values) - values[0], max(values) - values[0]
