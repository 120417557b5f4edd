"""On or off, as a knob in a track with the word below it."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy

from ui import fonts, icons
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint

_TRACK = (60.0, 32.0)
_KNOB = 11.0
_LOCK = 14.0


class Switch(QPushButton):
    """A tap only asks: ``clicked`` is to be acted upon, ``show_state`` decides what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._on = False
        self._busy = False
        self._locked = False
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_state(self, *, on: bool, busy: bool = False, locked: bool = False) -> None:
        """On or off; ``busy`` while that is only wished for, ``locked`` where a tap leads to the PIN first."""
        self._on, self._busy, self._locked = on, busy, locked
        self.setChecked(on)
        self.setAccessibleDescription(f"{self._words()}. {tr('Needs a PIN')}" if locked else self._words())
        self.update()

    def nextCheckState(self) -> None:
        """A tap changes nothing by itself."""

    def sizeHint(self) -> QSize:
        return QSize(76, 64)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        width, height = _TRACK
        track = QRectF((self.width() - width) / 2, 6, width, height)
        usable = self.isEnabled() and not self._busy
        with paint.painting(self) as painter:
            if self._on:
                fill = theme.color(Tone.GREEN if usable else Tone.BAR_IDLE)
                paint.rounded(painter, track, height / 2, fill)
                knob = theme.color(Tone.ON_GREEN if usable else Tone.SURFACE)
            else:
                knob = theme.color(Tone.TEXT2 if usable else Tone.BAR_IDLE)
                painter.setPen(QPen(knob, 2))
                painter.setBrush(theme.color(Tone.RAISED))
                painter.drawRoundedRect(track.adjusted(1, 1, -1, -1), height / 2 - 1, height / 2 - 1)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(knob)
            at = track.right() - height / 2 if self._on else track.left() + height / 2
            painter.drawEllipse(QPointF(at, track.center().y()), _KNOB, _KNOB)
            below = QRectF(0, track.bottom() + 3, self.width(), 19)
            ink = theme.color(Tone.TEXT if self._on and usable else Tone.TEXT2)
            font = fonts.font(13, 600)
            paint.text(painter, below, self._words(), font, ink)
            if self._locked and self.isEnabled():
                beside = below.center().x() + QFontMetricsF(font).horizontalAdvance(self._words()) / 2
                icons.draw(painter, "lock", QPointF(beside + 10, below.center().y()), _LOCK, ink)
            paint.focus_ring(painter, self, QRectF(self.rect()), 14)

    def _words(self) -> str:
        if self._busy:
            return tr("Saving…")
        return tr("On") if self._on else tr("Off")
