"""How fast a charger's current may change: down at once, up in steps; off and on again only after a rest.

IEC 61851-1 knows no current below 6 A, so below it charging pauses. Contactors and cars do not like to be switched
often, so a pause for want of room lasts a while, and whoever charges keeps its turn for a while where the fuse allows.
"""

from dataclasses import dataclass

from homeapp.model.site import MIN_CURRENT_A


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The figures.

    Attributes:
        step_a: A that a current may rise at a time.
        step_every_s: between two such steps.
        rest_s: how long a pause for want of room lasts at least.
        keep_s: how long whoever has begun keeps its place before those who do not charge, where the fuse allows.
        turn_s: after so long it is somebody else's turn where not all of the same rank can charge.
        resume_a: so much more than 6 A must be free to end a pause for want of room.
        phases_s: between two changes of the number of phases.
    """

    step_a: float = 2.0
    step_every_s: float = 10.0
    rest_s: float = 300.0
    keep_s: float = 300.0
    turn_s: float = 900.0
    resume_a: float = 1.0
    phases_s: float = 600.0


class Cadence:
    """When one charger was switched and raised last.

    Attributes:
        phases: of its own that its current goes to; 1 where it was switched to one.
    """

    def __init__(self, pace: Pace, phases: int) -> None:
        self.phases = phases
        self._pace = pace
        self._asked_a = 0.0
        self._raised_s = float("-inf")
        self._on_since: float | None = None
        self._waiting_since: float | None = None
        self._paused_since: float | None = None
        self._switched_s = float("-inf")

    @property
    def enters_a(self) -> float:
        """What must be free for it to charge, A."""
        return MIN_CURRENT_A + (self._pace.resume_a if self._paused_since is not None else 0.0)

    def most_a(self, monotonic: float) -> float:
        """The most that it may be given now, A."""
        steps = monotonic - self._raised_s >= self._pace.step_every_s
        return max(MIN_CURRENT_A, self._asked_a + (self._pace.step_a if steps else 0.0))

    def rests(self, monotonic: float) -> bool:
        """It was paused for want of room and has to stay so for a while."""
        return self._paused_since is not None and monotonic - self._paused_since < self._pace.rest_s

    def keeps(self, monotonic: float) -> bool:
        """It has begun only a while ago."""
        return self._on_since is not None and monotonic - self._on_since < self._pace.keep_s

    def place(self, monotonic: float) -> tuple[int, float]:
        """Its place among equals: whoever has its turn, then those that wait the longest, then whose turn is over."""
        if self._on_since is None:
            return 1, 0.0 if self._waiting_since is None else self._waiting_since - monotonic
        on_s = monotonic - self._on_since
        return (2 if on_s >= self._pace.turn_s else 0), on_s

    def given(self, current_a: float, monotonic: float, *, wanted: bool) -> None:
        """What it is given from now on, A; ``wanted``: it would have taken more than nothing."""
        if current_a > 0:
            self._on_since = monotonic if self._on_since is None else self._on_since
            self._waiting_since = self._paused_since = None
        elif wanted:
            self._waiting_since = monotonic if self._waiting_since is None else self._waiting_since
            self._paused_since = monotonic if self._on_since is not None else self._paused_since
            self._on_since = None
        else:
            self._on_since = self._waiting_since = None
            # A rest that has begun is held, whatever is wanted meanwhile.
            self._paused_since = self._paused_since if self.rests(monotonic) else None
        if current_a > self._asked_a:
            self._raised_s = monotonic
        self._asked_a = current_a

    def may_switch(self, monotonic: float) -> bool:
        """The number of phases may change."""
        return monotonic - self._switched_s >= self._pace.phases_s

    def switch(self, phases: int, monotonic: float) -> None:
        """From now on it charges on so many phases."""
        self.phases, self._switched_s = phases, monotonic

    def another_car(self, phases: int) -> None:
        """The car has left: what was about it is over."""
        self._asked_a, self._raised_s = 0.0, float("-inf")
        self._on_since = self._waiting_since = self._paused_since = None
        self.phases = phases
