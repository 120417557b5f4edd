"""Whether the plan is being met: wakes a car that takes nothing, plans anew for a slow one, and tells the owner.

A pure state machine: observations in, what to do and to say out. Times in s of the hub's monotonic clock, powers in W.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

IDLE_S = 300.0
"""A car may take so long to begin."""
PAUSES_S = (20.0, 60.0, 180.0)
"""How long the charging is withdrawn in each attempt to wake the car: some wake only after a long pause."""
PATIENCE_S = 150.0
"""For the car to begin after an attempt."""
AGAIN_S = 1800.0
"""Between two rounds of attempts."""
MEASURED_S = 600.0
"""Over so long a car's power is judged."""
SOC_LOST_S = 900.0
FLOWS_W = 100.0
_SLOW_SHARE = 0.7
_FAST_SHARE = 1.25
_TAPERS_PCT = 85.0
"""Above it, all cars take less and less."""


class WatchState(StrEnum):
    """Where it stands with a car that should charge."""

    WELL = "well"
    IDLE = "idle"
    """it takes nothing, for a while yet"""
    WAKING = "waking"
    """the charging is withdrawn"""
    WAITING = "waiting"
    """the charging is offered again"""
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The primary charger and the car at it.

    Attributes:
        monotonic: when this was seen.
        clock: the same as local time, for sentences.
        planned_w: what the plan means to charge now.
        granted_w: what the charger lets the car take.
        least_w: below it no car charges.
        power_w: measured, or None where that is not known or too old.
        full: the car has all that is wanted.
        soc_pct: measured or reckoned; ``soc_told`` where the car has told it at all, ``soc_measured`` lately.
    """

    monotonic: float
    clock: str
    planned_w: float = 0.0
    granted_w: float = 0.0
    least_w: float = 0.0
    power_w: float | None = None
    full: bool = False
    soc_pct: float | None = None
    soc_told: bool = False
    soc_measured: bool = False

    @property
    def should_charge(self) -> bool:
        """Plan and charger would have it charge."""
        return not self.full and self.planned_w > 0 and self.granted_w >= self.least_w > 0

    @property
    def flows(self) -> bool:
        """It charges, as measured."""
        return self.power_w is not None and self.power_w >= FLOWS_W


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCar:
    """What the watch has found out about a car.

    Attributes:
        most_w: what it has shown to take at most where that is less than it was offered, W, or None.
        withdrawn: charging is to be withheld for now, so that the car wakes when it is offered again.
    """

    most_w: float | None = None
    withdrawn: bool = False


@dataclass(slots=True)
class Finding:
    """What an observation leads to.

    Attributes:
        said: sentences for the owner, by the code of their notice.
        replan: what is assumed of car or charging has changed.
    """

    said: dict[str, str] = field(default_factory=dict)
    replan: bool = False


class ChargeWatch:
    """Watches one car from its coming to its going; the next one needs a watch of its own.

    Attributes:
        state: of the attempts to wake it.
        most_w: see ``WatchedCar``.
    """

    def __init__(self) -> None:
        self.state = WatchState.WELL
        self.most_w: float | None = None
        self._since = 0.0
        self._idle_from = ""
        self._attempts = 0
        self._told = False
        self._powers: deque[tuple[float, float, float]] = deque()
        self._soc_missing_since: float | None = None
        self._soc_lost = False

    @property
    def car(self) -> WatchedCar:
        """What is known of the car now."""
        return WatchedCar(most_w=self.most_w, withdrawn=self.state is WatchState.WAKING)

    def see(self, seen: Observation) -> Finding:
        """Take in an observation; to be called every few seconds while the car is there."""
        finding = Finding()
        self._watch_flow(seen, finding)
        self._watch_pace(seen, finding)
        self._watch_soc(seen, finding)
        return finding

    def _watch_flow(self, seen: Observation, finding: Finding) -> None:
        waited = seen.monotonic - self._since
        if seen.flows:
            self._recover(seen, finding)
        elif self.state is WatchState.WAKING:
            if waited >= PAUSES_S[self._attempts - 1]:
                self._enter(WatchState.WAITING, seen)
        elif not seen.should_charge:
            # A pause by the plan or the owner is no sign that the car is awake.
            self._enter(WatchState.WELL if self._attempts == 0 else self.state, seen)
        elif self.state is WatchState.WELL:
            self._idle_from = seen.clock
            self._enter(WatchState.IDLE, seen)
        elif seen.power_w is not None and waited >= self._patience_s():
            self._try_again(seen, finding)

    def _patience_s(self) -> float:
        return {WatchState.IDLE: IDLE_S, WatchState.GIVEN_UP: AGAIN_S}.get(self.state, PATIENCE_S)

    def _try_again(self, seen: Observation, finding: Finding) -> None:
        if self.state is WatchState.WAITING and self._attempts == len(PAUSES_S):
            self._enter(WatchState.GIVEN_UP, seen)
            finding.said["charging"] = (
                f"The car has taken no power since {self._idle_from}, though the plan charges. The hub has offered the "
                f"charging {len(PAUSES_S)} times anew and goes on trying. Look whether a timer of the car's own holds "
                "it back, or unplug the car and plug it in again."
            )
            return
        self._attempts = self._attempts % len(PAUSES_S) + 1
        self._enter(WatchState.WAKING, seen)
        if not self._told:
            self._told = True
            finding.said["charging"] = (
                f"The car has taken no power since {self._idle_from}, though the plan charges. The hub pauses the "
                "charging and offers it again, which wakes most cars."
            )

    def _recover(self, seen: Observation, finding: Finding) -> None:
        if self._told:
            finding.said["charging"] = f"The car charges again since {seen.clock}. The plan was made anew."
            finding.replan = True
        self._told, self._attempts = False, 0
        self._enter(WatchState.WELL, seen)

    def _enter(self, state: WatchState, seen: Observation) -> None:
        self.state, self._since = state, seen.monotonic

    def _watch_pace(self, seen: Observation, finding: Finding) -> None:
        if not seen.flows or seen.power_w is None or not seen.should_charge:
            self._powers.clear()
            return
        self._powers.append((seen.monotonic, seen.power_w, seen.granted_w))
        if seen.monotonic - self._powers[0][0] < MEASURED_S:
            return
        while seen.monotonic - self._powers[0][0] > MEASURED_S:
            self._powers.popleft()
        taken_w = max(power_w for _, power_w, _ in self._powers)
        granted_w = min(granted_w for _, _, granted_w in self._powers)
        expected_w = granted_w if self.most_w is None else min(granted_w, self.most_w)
        tapers = seen.soc_pct is not None and seen.soc_pct >= _TAPERS_PCT
        if taken_w < _SLOW_SHARE * expected_w:
            self._be_slow(taken_w, granted_w, finding, tell=not tapers)
        elif self.most_w is not None and taken_w > _FAST_SHARE * self.most_w:
            self.most_w, finding.replan = None, True
            finding.said["charging_slow"] = f"The car takes {_kw(taken_w)} again. The plan was made anew."

    def _be_slow(self, taken_w: float, granted_w: float, finding: Finding, *, tell: bool) -> None:
        self.most_w, finding.replan = taken_w, True
        if tell:
            finding.said["charging_slow"] = (
                f"The car takes only {_kw(taken_w)} where {_kw(granted_w)} are offered. The plan goes by that now."
            )

    def _watch_soc(self, seen: Observation, finding: Finding) -> None:
        if seen.soc_measured:
            self._soc_missing_since = None
            if self._soc_lost:
                self._soc_lost = False
                finding.replan = True
                finding.said["soc_lost"] = f"The car tells its state of charge again: {seen.soc_pct:.0f} %."
            return
        if not seen.flows or not seen.soc_told:
            # While it does not charge, hardly any car tells it.
            self._soc_missing_since = None
            return
        if self._soc_missing_since is None:
            self._soc_missing_since = seen.monotonic
        if not self._soc_lost and seen.monotonic - self._soc_missing_since >= SOC_LOST_S:
            self._soc_lost = finding.replan = True
            finding.said["soc_lost"] = (
                "The car no longer tells its state of charge. The plan goes by the energy charged since then: about "
                f"{seen.soc_pct:.0f} % now. Nothing is fed meanwhile."
            )


def _kw(power_w: float) -> str:
    return f"{power_w / 1000:.1f} kW"
