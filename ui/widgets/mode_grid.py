"""All modes as cells with an icon, and below them what the chosen one does."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from homeapp.api import SetMode
from homeapp.model.plan import ChargingMode
from ui import fonts, icons, plan_words, words
from ui.actions import MODE, Actions
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.text import Text

_COLUMNS = 3


class ModeGrid(QWidget):
    """A tap only asks; what is shown is what the hub has."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self.setAccessibleName(tr("Charge"))
        self.cells: dict[ChargingMode, _Cell] = {}
        grid = QGridLayout()
        grid.setSpacing(8)
        for index, mode in enumerate(ChargingMode):
            cell = _Cell(plan_words.MODE_ICONS[mode], words.mode_words(mode))
            cell.clicked.connect(lambda _checked=False, mode=mode: actions.set_mode(mode))
            grid.addWidget(cell, index // _COLUMNS, index % _COLUMNS)
            self.cells[mode] = cell
        self.caption = Text("", px=14, tone=Tone.TEXT2, lines=0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(grid)
        column.addWidget(self.caption)

    def show_view(self, view: View) -> None:
        """Show the mode that holds, or the one wished for until the hub has answered."""
        if view.snapshot is None:
            return
        state = view.action(MODE)
        chosen = ChargingMode(state.wish) if state.busy else view.snapshot.mode
        for mode, cell in self.cells.items():
            cell.setEnabled(view.alive)
            cell.show_state(chosen=mode is chosen, wished=state.busy, locked=view.needs_pin(SetMode(mode=mode).needs()))
        if state.problem:
            self.caption.say(state.problem, Tone.RED)
        else:
            self.caption.say(plan_words.mode_caption(chosen), Tone.TEXT2)


class _Cell(QPushButton):
    def __init__(self, icon: str, name: str) -> None:
        super().__init__(name)
        self._icon = icon
        self._wished = self._locked = False
        self.setCheckable(True)
        self.setFont(fonts.font(14, 600))
        self.setAccessibleName(f"{tr('Charge')}: {name}")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def nextCheckState(self) -> None:
        """A tap changes nothing by itself."""

    def show_state(self, *, chosen: bool, wished: bool, locked: bool) -> None:
        self.setChecked(chosen)
        self._wished, self._locked = wished, locked
        self.setAccessibleDescription(tr("Needs a PIN") if locked else "")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(84, 64)

    def minimumSizeHint(self) -> QSize:
        return QSize(72, 64)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, rect, chosen = theme_of(self), QRectF(self.rect()), self.isChecked()
        ink = theme.color(Tone.TEXT if chosen and not self._wished else Tone.TEXT2)
        with paint.painting(self) as painter:
            line = theme.color(Tone.GREEN if chosen and not self._wished else Tone.LINE)
            fill = theme.tint(Tone.GREEN, 0.14) if chosen else theme.color(Tone.RAISED)
            paint.rounded(painter, rect, 14, fill, line)
            icons.draw(painter, self._icon, QPointF(rect.center().x(), 22), 22, ink)
            paint.text(painter, QRectF(2, 36, rect.width() - 4, 22), self.text(), self.font(), ink)
            if self._locked and not chosen:
                paint.small_lock(painter, rect, ink)
            paint.focus_ring(painter, self, rect, 14)
