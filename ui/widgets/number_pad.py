"""A pad to enter a PIN with a finger, and the dots that stand for its digits."""

from PySide6.QtCore import QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from ui import fonts, icons
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint

KEY = 64
"""px; both ways at least."""
_GAP = 12
_DOT, _DOT_STEP, _HOLLOW = 14.0, 24.0, 6


class NumberPad(QWidget):
    """Ten digits, delete and enter.

    Signals:
        digit: one character.
        deleted: the last digit is to go.
        entered: the PIN is complete.
    """

    digit = Signal(str)
    deleted = Signal()
    entered = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("Number pad"))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(_GAP)
        self.keys = {digit: PadKey(digit) for digit in "1234567890"}
        for index, digit in enumerate("123456789"):
            grid.addWidget(self.keys[digit], index // 3, index % 3)
        self.delete = PadKey(tr("Delete the last digit"), "backspace")
        self.enter = PadKey(tr("Enter"), "check", tone=Tone.GREEN)
        grid.addWidget(self.delete, 3, 0)
        grid.addWidget(self.keys["0"], 3, 1)
        grid.addWidget(self.enter, 3, 2)
        for digit, key in self.keys.items():
            key.clicked.connect(lambda _checked=False, digit=digit: self.digit.emit(digit))
        self.delete.clicked.connect(self.deleted.emit)
        self.enter.clicked.connect(self.entered.emit)


class PadKey(QPushButton):
    """A digit, or an icon with a name for those who cannot see it."""

    def __init__(self, name: str, icon: str = "", tone: Tone = Tone.RAISED) -> None:
        super().__init__("" if icon else name)
        self._icon = icon
        self._tone = tone
        self.setFont(fonts.font(24, 600))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)

    def sizeHint(self) -> QSize:
        return QSize(84, KEY)

    def minimumSizeHint(self) -> QSize:
        return QSize(KEY, KEY)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        fill = theme.color(self._tone if self.isEnabled() else Tone.RAISED)
        ink = theme.color(Tone.ON_GREEN if self._tone is Tone.GREEN else Tone.TEXT)
        if not self.isEnabled():
            ink = theme.color(Tone.TEXT2)
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, 16, fill.darker(115) if self.isDown() else fill)
            if self._icon:
                icons.draw(painter, self._icon, rect.center(), 26, ink)
            else:
                paint.text(painter, rect, self.text(), self.font(), ink)
            paint.focus_ring(painter, self, rect, 16)


class PinDots(QLabel):
    """How many digits were entered, never which."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.show_count(0)

    def show_count(self, count: int) -> None:
        """So many digits."""
        self._count = count
        self.setAccessibleName(tr("{count} digits entered", count=count))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 44)

    def minimumSizeHint(self) -> QSize:
        return QSize(290, 44)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        shown = max(self._count, _HOLLOW)
        middle = self.height() / 2
        with paint.painting(self) as painter:
            for index in range(shown):
                center = QPointF(_DOT / 2 + 1 + index * _DOT_STEP, middle)
                filled = index < self._count
                painter.setPen(QPen(theme.color(Tone.TEXT if filled else Tone.TEXT3), 2))
                painter.setBrush(theme.color(Tone.TEXT if filled else Tone.SURFACE))
                painter.drawEllipse(center, _DOT / 2 - 1, _DOT / 2 - 1)
