"""One choice of a few, side by side."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QFontMetricsF, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from ui import fonts
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint


class Segmented(QWidget):
    """Big segments, of which one is chosen; a tap only asks, ``choose`` decides what is shown.

    Signals:
        asked: the value of the segment that was tapped.
    """

    asked = Signal(str)

    def __init__(self, name: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 4, 4, 4)
        row.setSpacing(4)
        self._chosen = ""
        self._segments: dict[str, _Segment] = {}
        for value, words in choices:
            segment = _Segment(words, f"{name}: {words}")
            segment.clicked.connect(lambda _checked=False, value=value: self._ask(value))
            self._segments[value] = segment
            row.addWidget(segment, 1)

    def choose(self, value: str, *, busy: bool = False) -> None:
        """Show this one as chosen; ``busy`` while it is only wished for."""
        self._chosen = value
        for own, segment in self._segments.items():
            segment.setChecked(own == value)
            segment.set_wished(wished=busy and own == value)

    def set_locked(self, *, locked: bool) -> None:
        """Show a small lock: a tap leads to the PIN first."""
        for segment in self._segments.values():
            segment.set_locked(locked=locked)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        with paint.painting(self) as painter:
            paint.rounded(painter, self.rect(), 16, theme.color(Tone.RAISED))

    def _ask(self, value: str) -> None:
        self.choose(self._chosen)
        self.asked.emit(value)


class _Segment(QPushButton):
    def __init__(self, words: str, name: str) -> None:
        super().__init__(words)
        self._wished = False
        self._locked = False
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFont(fonts.font(15, 600))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_wished(self, *, wished: bool) -> None:
        if wished != self._wished:
            self._wished = wished
            self.update()

    def set_locked(self, *, locked: bool) -> None:
        if locked != self._locked:
            self._locked = locked
            self.setAccessibleDescription(tr("Needs a PIN") if locked else "")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(round(QFontMetricsF(self.font()).horizontalAdvance(self.text())) + 20, 60)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        chosen = self.isChecked()
        with paint.painting(self) as painter:
            if chosen:
                line = theme.color(Tone.LINE if self._wished else Tone.GREEN)
                paint.rounded(painter, rect, 12, theme.color(Tone.SURFACE), line)
            ink = Tone.TEXT2 if self._wished or not chosen else Tone.TEXT
            paint.text(painter, rect, self.text(), self.font(), theme.color(ink))
            if self._locked and not chosen:
                paint.small_lock(painter, rect, theme.color(ink))
            paint.focus_ring(painter, self, rect, 12)
