"""Currents one below the other as bars, so that it is seen what fits into what."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui import fonts
from ui.theme import Tone, theme_of
from ui.widgets import paint

_ROW, _BAR, _PX = 46.0, 12.0, 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One line: its name, its value in words, and how long it is, 0..1."""

    name: str
    words: str
    share: float
    tone: Tone


class CurrentBars(QWidget):
    """Name and value over each bar."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.bars: tuple[Bar, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Show these."""
        if tuple(bars) == self.bars:
            return
        grown = len(bars) != len(self.bars)
        self.bars = tuple(bars)
        self.setAccessibleName(f"{self._name}: {'; '.join(f'{bar.name} {bar.words}' for bar in bars)}")
        if grown:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, round(len(self.bars) * _ROW))

    def minimumSizeHint(self) -> QSize:
        return QSize(240, round(len(self.bars) * _ROW))

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, width = theme_of(self), float(self.width())
        with paint.painting(self) as painter:
            for index, bar in enumerate(self.bars):
                top = index * _ROW
                line = QRectF(0, top, width, 24)
                paint.text(painter, line, bar.name, fonts.font(_PX), theme.color(Tone.TEXT2), paint.LEFT)
                paint.text(painter, line, bar.words, fonts.font(_PX, 600), theme.color(Tone.TEXT), paint.RIGHT)
                track = QRectF(0, top + 26, width, _BAR)
                paint.rounded(painter, track, _BAR / 2, theme.color(Tone.RAISED))
                filled = QRectF(0, top + 26, max(_BAR, width * min(1.0, bar.share)), _BAR)
                if bar.share > 0:
                    paint.rounded(painter, filled, _BAR / 2, theme.color(bar.tone))
