"""A small word that is chosen or not, one of several of which any number may be."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from ui import fonts
from ui.theme import Tone, theme_of
from ui.widgets import paint


class Toggle(QPushButton):
    """Chosen ones are framed and tinted, so that the colour is not all."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setCheckable(True)
        self.setFont(fonts.font(15, 600))
        self.setAccessibleName(words)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(64, 60)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 60)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, rect, on = theme_of(self), QRectF(self.rect()), self.isChecked()
        with paint.painting(self) as painter:
            fill = theme.tint(Tone.GREEN, 0.14) if on else theme.color(Tone.RAISED)
            paint.rounded(painter, rect, 14, fill, theme.color(Tone.GREEN if on else Tone.LINE))
            paint.text(painter, rect, self.text(), self.font(), theme.color(Tone.TEXT if on else Tone.TEXT2))
            paint.focus_ring(painter, self, rect, 14)
