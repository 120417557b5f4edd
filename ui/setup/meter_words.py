"""What the meter's page says of power at the grid connection, and how it has changed since a check began."""

from homeapp.model.commissioning import CheckState, CheckView
from ui import formats
from ui.theme import Tone
from ui.tr import tr
from ui.view import Seen

_SPACE = "\u00a0"
_STILL_W = 50.0
"""A change that a fridge makes too is told in grey."""


def watts(value: float | None) -> str:
    """Size of a power in whole watts."""
    return formats.DASH if value is None else f"{abs(value):,.0f}".replace(",", "\u202f") + f"{_SPACE}W"


def direction_words(seen: Seen) -> str:
    """Which way it goes."""
    if seen.value is None:
        return ""
    if round(seen.value) == 0:
        return tr("nothing from the grid and nothing into it")
    return tr("from the grid (import)") if seen.value > 0 else tr("into the grid (export)")


def direction_tone(seen: Seen) -> Tone:
    """Colour of the flow."""
    return Tone.BLUE if (seen.value or 0.0) >= 0 else Tone.VIOLET


def phase_words(phases: tuple[Seen, ...]) -> str:
    """Each phase with its power; empty where they are not told, or only one is."""
    if len(phases) < 2:
        return ""
    parts = [f"L{number} {_signed(phase)}" for number, phase in enumerate(phases, 1)]
    exports = any((phase.value or 0.0) < 0 for phase in phases)
    return " · ".join((*parts, tr("minus is into the grid"))) if exports else " · ".join(parts)


def _signed(phase: Seen) -> str:
    return f"−{watts(phase.value)}" if (phase.value or 0.0) < 0 else watts(phase.value)


def change_words(change_w: float | None) -> tuple[str, str, Tone]:
    """A change, what it means, and its colour."""
    if change_w is None:
        return formats.DASH, tr("waits for the first reading"), Tone.TEXT2
    sign = "+" if change_w >= 0 else "−"
    size = f"{sign}{watts(change_w)}"
    if abs(change_w) < _STILL_W:
        return size, tr("switch the load on now"), Tone.TEXT2
    if change_w > 0:
        return size, tr("more from the grid: as it should be when a load is switched on"), Tone.GREEN
    return size, tr("less from the grid: a load that is switched on must make it rise"), Tone.AMBER


def check_words(check: CheckView) -> tuple[str, ...]:
    """What the last look for a meter has tried and seen, and its advice; nothing where none has been."""
    if check.state in (CheckState.OPEN, CheckState.RUNNING, CheckState.SKIPPED):
        return ()
    return tuple(filter(None, (check.tried, check.seen, check.advice)))


class Rise:
    """The change of a figure since a check began.

    Attributes:
        change_w: W; None until there is a fresh reading, or while no check runs.
    """

    def __init__(self) -> None:
        self.change_w: float | None = None
        self._first_w: float | None = None

    def take(self, seen: Seen, *, running: bool) -> None:
        """The figure as it is now."""
        if not running:
            self._first_w = self.change_w = None
            return
        if seen.value is None or seen.stale:
            return
        if self._first_w is None:
            self._first_w = seen.value
        self.change_w = seen.value - self._first_w
