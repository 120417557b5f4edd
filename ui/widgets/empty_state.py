"""What a page shows before there is anything on it: it teaches what to do."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ui import icons
from ui.theme import Tone, theme_of
from ui.widgets import paint
from ui.widgets.card import Card
from ui.widgets.scroll import Scroll
from ui.widgets.text import Text

_WIDEST = 680


class RoundIcon(QLabel):
    """An icon in a circle."""

    def __init__(self, name: str = "info-circle", tone: Tone = Tone.TEXT2) -> None:
        super().__init__()
        self.setFixedSize(56, 56)
        self._name, self._tone = name, tone

    def show_icon(self, name: str, tone: Tone) -> None:
        """Another icon or colour."""
        self._name, self._tone = name, tone
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(56, 56)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, 28, theme.color(Tone.RAISED), theme.color(self._tone))
            icons.draw(painter, self._name, QPointF(rect.center()), 28, theme.color(self._tone))


class EmptyState(Card):
    """An icon, a title and a few paragraphs."""

    def __init__(self, icon: str, title: str, paragraphs: Sequence[str]) -> None:
        super().__init__()
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(10)
        column.addStretch(1)
        column.addWidget(RoundIcon(icon, Tone.BLUE), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(4)
        column.addWidget(Text(title, px=24, weight=600, align=paint.CENTER, lines=0))
        for words in paragraphs:
            row = QHBoxLayout()
            row.addStretch(1)
            row.addWidget(_paragraph(words), 1000)
            row.addStretch(1)
            column.addLayout(row)
        column.addStretch(2)
        self.body.addWidget(Scroll(content), 1)
        self.setAccessibleName(title)


def _paragraph(words: str) -> Text:
    text = Text(words, px=17, tone=Tone.TEXT2, lines=0)
    text.setMaximumWidth(_WIDEST)
    return text
