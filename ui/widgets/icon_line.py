"""A sentence with an icon before it."""

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from ui import icons
from ui.theme import Tone, theme_of
from ui.widgets import paint
from ui.widgets.text import Text

_ICON, _LEFT = 20, 34
_FIRST_LINE = 11


class IconLine(QWidget):
    """As many lines as the sentence takes; the icon is beside the first."""

    def __init__(self, icon: str = "info-circle", words: str = "", tone: Tone = Tone.TEXT2) -> None:
        super().__init__()
        self._icon, self._tone = icon, tone
        self.words = Text(words, px=15, lines=0)
        row = QHBoxLayout(self)
        row.setContentsMargins(_LEFT, 2, 0, 2)
        row.addWidget(self.words, 1)

    def say(self, icon: str, words: str, tone: Tone = Tone.TEXT2, *, ink: Tone = Tone.TEXT) -> None:
        """Show another sentence, in the colour ``ink``."""
        self._icon, self._tone = icon, tone
        self.words.say(words, ink)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        with paint.painting(self) as painter:
            place = QPointF(QRectF(self.rect()).left() + _FIRST_LINE, 2 + _FIRST_LINE)
            icons.draw(painter, self._icon, place, _ICON, theme_of(self).color(self._tone))
