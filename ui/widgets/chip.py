"""Small pills: a state with its colour, a class of request."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from ui import fonts
from ui.theme import Tone, theme_of
from ui.widgets import paint


class Chip(QLabel):
    """An outlined pill with words and, where it has a tone, a dot of that colour."""

    _PX, _HEIGHT, _PAD = 15, 40, 15.0

    def __init__(self, words: str = "", tone: Tone | None = None) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(fonts.font(self._PX, 500))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._tone = tone
        self.say(words, tone)

    def say(self, words: str, tone: Tone | None = None) -> None:
        """Show other words, with another dot or none."""
        self._tone = tone
        self.setText(words)
        self.updateGeometry()
        self.update()

    @property
    def shortened(self) -> bool:
        """Its words end in an ellipsis."""
        return self.sizeHint().width() > self.width() + 1

    def sizeHint(self) -> QSize:
        width = QFontMetricsF(self.font()).horizontalAdvance(self.text()) + 2 * self._PAD + self._dot()
        return QSize(round(width + 0.5), self._HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self._HEIGHT)

    def _dot(self) -> float:
        return 18.0 if self._tone else 0.0

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, rect.height() / 2, theme.color(Tone.SURFACE), theme.color(Tone.LINE))
            if self._tone:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color(self._tone))
                painter.drawEllipse(QPointF(self._PAD + 5, rect.center().y()), 5, 5)
            place = rect.adjusted(self._PAD + self._dot(), 0, -self._PAD + 2, 0)
            paint.text(painter, place, self.text(), self.font(), theme.color(Tone.TEXT), paint.LEFT)


class Badge(Chip):
    """A pill filled with a breath of its tone, words in the tone itself."""

    _PX, _HEIGHT, _PAD = 13, 28, 12.0

    def __init__(self, words: str = "", tone: Tone | None = None) -> None:
        super().__init__(words, tone)
        self.setFont(fonts.font(13, 700))

    def _dot(self) -> float:
        return 0.0

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        tone = self._tone or Tone.TEXT2
        rect = QRectF(self.rect())
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, rect.height() / 2, theme.tint(tone, BADGE_TINT))
            place = rect.adjusted(self._PAD, 0, -self._PAD + 2, 0)
            paint.text(painter, place, self.text(), self.font(), theme.color(tone), paint.LEFT)


BADGE_TINT = 0.12
"""Share of the tone in a badge's ground; more would cost the words their contrast."""
