"""A value with a big minus and a big plus: easier to hit on a wall than a slider."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint
from ui.widgets.text import Text

_REPEAT_AFTER_MS, _REPEAT_MS = 500, 120
_SIZE, _ARM = 60, 9.0


class Stepper(QWidget):
    """Name and value between the two buttons; a tap only asks, ``show_value`` decides what is shown.

    Signals:
        stepped: -1 or +1.
    """

    stepped = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.minus, self.plus = _StepButton(-1), _StepButton(1)
        self.minus.setAccessibleName(tr("{name}: less", name=name))
        self.plus.setAccessibleName(tr("{name}: more", name=name))
        self.minus.clicked.connect(lambda: self.stepped.emit(-1))
        self.plus.clicked.connect(lambda: self.stepped.emit(1))
        self.value = Text("", px=22, weight=600, align=paint.CENTER)
        self._caption = Text(name, px=14, tone=Tone.TEXT2, align=paint.CENTER)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addStretch(1)
        middle.addWidget(self.value)
        middle.addWidget(self._caption)
        middle.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.minus)
        row.addLayout(middle, 1)
        row.addWidget(self.plus)

    def show_value(self, words: str, *, less: bool = True, more: bool = True, tone: Tone = Tone.TEXT) -> None:
        """Show a value; ``less`` and ``more`` say whether there is a step in that direction."""
        self.value.say(words, tone)
        self.value.setAccessibleName(f"{self._name}: {words}")
        self.minus.setEnabled(less)
        self.plus.setEnabled(more)

    def set_locked(self, *, locked: bool) -> None:
        """Say that a tap leads to the PIN first."""
        for button in (self.minus, self.plus):
            button.setAccessibleDescription(tr("Needs a PIN") if locked else "")


class _StepButton(QPushButton):
    """Repeats while it is held."""

    def __init__(self, direction: int) -> None:
        super().__init__()
        self._direction = direction
        self.setAutoRepeat(True)
        self.setAutoRepeatDelay(_REPEAT_AFTER_MS)
        self.setAutoRepeatInterval(_REPEAT_MS)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(_SIZE, _SIZE)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, rect = theme_of(self), QRectF(self.rect())
        fill = theme.color(Tone.RAISED)
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, 16, fill.darker(115) if self.isDown() else fill)
            painter.setPen(
                QPen(
                    theme.color(Tone.TEXT if self.isEnabled() else Tone.BAR_IDLE),
                    2.5,
                    Qt.PenStyle.SolidLine,
                    Qt.PenCapStyle.RoundCap,
                )
            )
            center = rect.center()
            painter.drawLine(center - QPointF(_ARM, 0), center + QPointF(_ARM, 0))
            if self._direction > 0:
                painter.drawLine(center - QPointF(0, _ARM), center + QPointF(0, _ARM))
            paint.focus_ring(painter, self, rect, 16)
