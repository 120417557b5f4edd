"""The way through commissioning: every step with how it stands, the shown one lit."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from homeapp.model.commissioning import CheckState, Step
from ui import fonts, icons
from ui.setup import setup_words
from ui.setup.setup_flow import SetupFlow
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint
from ui.widgets.text import Text

_WIDTH = 232
_NUMBER = 15.0


class StepRail(QWidget):
    """All steps from the top down, and the report; a tap shows one.

    Signals:
        chosen: the ``Step``, or None for the report.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName(tr("Steps"))
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 22, 12, 16)
        column.setSpacing(2)
        column.addWidget(Text(tr("Setup"), px=22, weight=600))
        column.addSpacing(12)
        self.cells: dict[Step | None, StepCell] = {}
        for number, step in enumerate((*Step, None), 1):
            cell = StepCell(number, setup_words.step_name(step))
            cell.clicked.connect(lambda _checked=False, step=step: self.chosen.emit(step))
            self.cells[step] = cell
            column.addWidget(cell)
        column.addStretch(1)

    def show_flow(self, flow: SetupFlow) -> None:
        """Show where it stands."""
        for step, cell in self.cells.items():
            if step is None:
                done = flow.known is not None and flow.known.finished_at is not None
                state, usable = CheckState.PASSED if done else CheckState.OPEN, flow.complete
            else:
                state, usable = setup_words.step_state(flow.step(step).checks), flow.reachable(step)
            cell.show_state(state, shown=step is flow.shown, usable=usable)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        with paint.painting(self) as painter:
            painter.fillRect(self.rect(), theme.color(Tone.SURFACE))
            painter.setPen(theme.color(Tone.LINE))
            painter.drawLine(self.rect().topRight(), self.rect().bottomRight())


class StepCell(QPushButton):
    """A number or the icon of its state, and the name."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(name)
        self._number, self._state = number, CheckState.OPEN
        self.setCheckable(True)
        self.setFont(fonts.font(16, 600))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_state(self, state: CheckState, *, shown: bool, usable: bool) -> None:
        """How the step stands, whether its page is shown, and whether it can be."""
        self._state = state
        self.setChecked(shown)
        self.setEnabled(usable or shown)
        self.setAccessibleName(f"{self.text()}: {setup_words.state_words(state)}")
        self.update()

    def nextCheckState(self) -> None:
        """What is shown is decided elsewhere."""

    def sizeHint(self) -> QSize:
        return QSize(200, 60)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 44)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, rect, shown = theme_of(self), QRectF(self.rect()), self.isChecked()
        icon, tone = setup_words.state_icon(self._state)
        ink = Tone.TEXT if shown or self.isEnabled() else Tone.TEXT3
        center = QPointF(12 + _NUMBER, rect.center().y())
        with paint.painting(self) as painter:
            if shown:
                paint.rounded(painter, rect, 14, theme.color(Tone.RAISED))
            place = QRectF(center.x() - _NUMBER, center.y() - _NUMBER, 2 * _NUMBER, 2 * _NUMBER)
            if self._state is CheckState.OPEN:
                paint.rounded(painter, place, _NUMBER, None, theme.color(ink))
                paint.text(painter, place, str(self._number), fonts.font(14, 600), theme.color(ink))
            else:
                icons.draw(painter, icon, center, 22, theme.color(tone))
            words = rect.adjusted(54, 0, -6, 0)
            paint.text(painter, words, self.text(), self.font(), theme.color(ink), paint.LEFT)
            paint.focus_ring(painter, self, rect, 14)
