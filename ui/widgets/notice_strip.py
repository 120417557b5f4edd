"""The most urgent line over the page; opens all of them."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from ui import icons
from ui.notices import Line
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint
from ui.widgets.banner import TINT
from ui.widgets.text import Text


class NoticeStrip(QPushButton):
    """Hidden while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self._tone = Tone.AMBER
        self.words = Text("", px=15, weight=600, lines=2, align=paint.LEFT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.words.setParent(self)
        self.hide()

    def show_lines(self, lines: tuple[Line, ...]) -> None:
        """Show the first of these and how many more there are."""
        self.setVisible(bool(lines))
        if not lines:
            return
        first = lines[0]
        more = f" · {tr('{count} more', count=len(lines) - 1)}" if len(lines) > 1 else ""
        self._tone = first.tone
        self.words.say(first.words + more)
        self.setAccessibleName(first.words + more)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(360, 60)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 60)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.words.setGeometry(self.rect().adjusted(52, 4, -44, -4))

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        middle = rect.center().y()
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, 16, theme.tint(self._tone, TINT), theme.tint(self._tone, 0.45))
            icons.draw(painter, "info-circle", QPointF(28, middle), 22, theme.color(self._tone))
            icons.draw(painter, "chevron-right", QPointF(rect.width() - 24, middle), 20, theme.color(Tone.TEXT))
            paint.focus_ring(painter, self, rect, 16)
