"""Plain text in the colours of the theme."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from ui import fonts
from ui.theme import Tone, theme_of
from ui.widgets import paint


class Text(QLabel):
    """One line, or a paragraph of at most ``lines`` lines (0: as many as it takes); never interpreted as markup."""

    def __init__(
        self,
        words: str = "",
        *,
        px: int = 15,
        weight: int = 500,
        tone: Tone = Tone.TEXT,
        align: Qt.AlignmentFlag = paint.LEFT,
        lines: int = 1,
    ) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(fonts.font(px, weight))
        self.setAlignment(align)
        self._tone = tone
        self._lines = lines
        vertical = QSizePolicy.Policy.Fixed if lines == 1 else QSizePolicy.Policy.Preferred
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, vertical)
        policy.setHeightForWidth(lines != 1)
        self.setSizePolicy(policy)
        self.say(words)

    def say(self, words: str, tone: Tone | None = None) -> None:
        """Show other words, and in another colour."""
        if tone is not None and tone is not self._tone:
            self._tone = tone
            self.update()
        if words != self.text():
            self.setText(words)
            self.updateGeometry()

    @property
    def shortened(self) -> bool:
        """Some of the text does not fit and ends in an ellipsis or is cut off."""
        metrics = QFontMetricsF(self.font())
        if self._lines == 1:
            return metrics.horizontalAdvance(self.text()) > self.width() + 1
        lines = paint.broken(self.text(), self.font(), self.width(), 0)
        return len(lines) > (self._lines or len(lines)) or len(lines) * metrics.lineSpacing() > self.height() + 2

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self.font())
        wanted = metrics.horizontalAdvance(self.text()) + 2
        height = round(metrics.lineSpacing() + 1)
        if self._lines == 1:
            return QSize(round(wanted + 0.5), height)
        width = min(round(wanted), 320)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(24, round(QFontMetricsF(self.font()).lineSpacing() + 1) if self.text() or self._lines == 1 else 0)

    def hasHeightForWidth(self) -> bool:
        return self._lines != 1

    def heightForWidth(self, width: int) -> int:
        metrics = QFontMetricsF(self.font())
        if self._lines == 1:
            return round(metrics.lineSpacing() + 1)
        return round(len(paint.broken(self.text(), self.font(), width, self._lines)) * metrics.lineSpacing() + 1)

    def paintEvent(self, _event: QPaintEvent) -> None:
        color = theme_of(self).color(self._tone)
        rect = QRectF(self.rect())
        with paint.painting(self) as painter:
            if self._lines == 1:
                paint.text(painter, rect, self.text(), self.font(), color, self.alignment())
                return
            step = QFontMetricsF(self.font()).lineSpacing()
            centered = bool(self.alignment() & Qt.AlignmentFlag.AlignHCenter)
            breaking = paint.balanced if centered else paint.broken
            lines = breaking(self.text(), self.font(), self.width(), self._lines)
            top = rect.top()
            if self.alignment() & Qt.AlignmentFlag.AlignVCenter:
                top += max(0.0, (rect.height() - len(lines) * step) / 2)
            for index, line in enumerate(lines):
                place = QRectF(rect.left(), top + index * step, rect.width(), step)
                paint.text(painter, place, line, self.font(), color, self.alignment())
