"""The way through commissioning where there is no room for a list: a dash for each step, the shown one long."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from homeapp.model.commissioning import CheckState, Step
from ui.setup import setup_words
from ui.setup.setup_flow import SetupFlow
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint

_HEIGHT, _SHORT, _LONG, _GAP = 8, 18, 40, 6
_FILL = {CheckState.PASSED: Tone.GREEN, CheckState.SKIPPED: Tone.AMBER, CheckState.FAILED: Tone.AMBER}


class StepDots(QWidget):
    """Filled where a step is settled."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: tuple[tuple[CheckState, bool], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_flow(self, flow: SetupFlow) -> None:
        """Show where it stands."""
        done = flow.known is not None and flow.known.finished_at is not None
        steps = [(setup_words.step_state(flow.step(step).checks), step is flow.shown) for step in Step]
        steps.append((CheckState.PASSED if done else CheckState.OPEN, flow.shown is None))
        if tuple(steps) == self._steps:
            return
        self._steps = tuple(steps)
        settled = sum(1 for state, _shown in steps if state.is_settled)
        self.setAccessibleName(tr("{count} of {all} steps are done", count=settled, all=len(steps)))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        count = len(Step) + 1
        return QSize((count - 1) * (_SHORT + _GAP) + _LONG, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, left = theme_of(self), 0.0
        with paint.painting(self) as painter:
            for state, shown in self._steps:
                width = _LONG if shown else _SHORT
                tone = _FILL.get(state, Tone.BAR_IDLE)
                place = QRectF(left, 0, width, _HEIGHT)
                paint.rounded(painter, place, _HEIGHT / 2, theme.color(Tone.TEXT if shown else tone))
                left += width + _GAP
