"""A line over the page about something that is not as it should be."""

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from ui import icons
from ui.theme import Tone, theme_of
from ui.widgets import paint
from ui.widgets.text import Text

TINT = 0.14


class Banner(QWidget):
    """An icon and a sentence on a tinted ground; hidden while there is nothing to say."""

    def __init__(self, icon: str = "alert-triangle", tone: Tone = Tone.AMBER, *, lines: int = 2) -> None:
        super().__init__()
        self._icon = icon
        self._tone = tone
        self.words = Text("", px=15, weight=600, lines=lines)
        row = QHBoxLayout(self)
        row.setContentsMargins(52, 9, 16, 9)
        row.addWidget(self.words, 1)
        self.hide()

    def say(self, words: str, tone: Tone | None = None) -> None:
        """Show a sentence, or hide on an empty one."""
        if tone is not None and tone is not self._tone:
            self._tone = tone
            self.update()
        self.words.say(words)
        self.setAccessibleName(words)
        self.setVisible(bool(words))

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        with paint.painting(self) as painter:
            line = theme.tint(self._tone, 0.45)
            paint.rounded(painter, rect, 16, theme.tint(self._tone, TINT), line)
            icons.draw(painter, self._icon, QPointF(28, rect.center().y()), 22, theme.color(self._tone))
