"""Buttons for fingers: an icon, a verb, and no smaller than 60 pixels."""

from enum import StrEnum

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QEnterEvent, QFontMetricsF, QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from ui import fonts, icons
from ui.theme import Theme, Tone, theme_of
from ui.tr import tr
from ui.widgets import paint

_ICON = 22.0
_GAP = 10.0


class Look(StrEnum):
    """How loud a button is."""

    FILLED = "filled"
    TONAL = "tonal"
    DANGER = "danger"
    OUTLINED = "outlined"
    """on the ground of the page, where a tonal one would be lost"""


class Button(QPushButton):
    """A big button; while ``busy`` it shows so and cannot be pressed."""

    def __init__(self, words: str, icon: str, look: Look = Look.TONAL, *, height: int = 64) -> None:
        super().__init__(words)
        self._icon = icon
        self._look = look
        self._height = height
        self._busy = ""
        self._locked = False
        self.setFont(fonts.font(18, 600))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(words)

    def rename(self, words: str, icon: str, look: Look | None = None) -> None:
        """Another verb."""
        self._icon = icon
        self._look = look or self._look
        self.setText(words)
        self.setAccessibleName(words)
        self.updateGeometry()

    def set_busy(self, words: str) -> None:
        """Say what is being done instead of the verb; an empty string ends it."""
        if words != self._busy:
            self._busy = words
            self._describe()

    @property
    def locked(self) -> bool:
        """It leads to the PIN first."""
        return self._locked

    def set_locked(self, *, locked: bool) -> None:
        """Show a small lock: it can be pressed, and leads to the PIN first."""
        if locked != self._locked:
            self._locked = locked
            self._describe()

    def set_height(self, height: int) -> None:
        """64, or 60 where room is short."""
        self._height = height
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        width = QFontMetricsF(self.font()).horizontalAdvance(self.text()) + _ICON + _GAP + 36
        return QSize(round(width), self._height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        fill, ink = self._colors(theme)
        if not self.isEnabled():
            fill, ink = theme.color(Tone.RAISED), theme.color(Tone.TEXT2)
        elif self.isDown():
            fill = fill.darker(115)
        words = self._busy or self.text()
        rect = QRectF(self.rect())
        with paint.painting(self) as painter:
            line = theme.color(Tone.LINE) if self._look is Look.OUTLINED else None
            paint.rounded(painter, rect, 16, fill, line)
            width = min(QFontMetricsF(self.font()).horizontalAdvance(words), rect.width() - _ICON - _GAP - 16)
            left = (rect.width() - width - _ICON - _GAP) / 2
            icon = "clock" if self._busy else self._icon
            icons.draw(painter, icon, QPointF(left + _ICON / 2, rect.center().y()), _ICON, ink)
            place = QRectF(left + _ICON + _GAP, 0, width + 2, rect.height())
            paint.text(painter, place, words, self.font(), ink, paint.LEFT)
            if self._locked:
                paint.small_lock(painter, rect, ink)
            paint.focus_ring(painter, self, rect, 16)

    def _describe(self) -> None:
        self.setAccessibleDescription(self._busy or (tr("Needs a PIN") if self._locked else ""))
        self.update()

    def _colors(self, theme: Theme) -> tuple[QColor, QColor]:
        if self._look is Look.FILLED:
            return theme.color(Tone.GREEN), theme.color(Tone.ON_GREEN)
        if self._look is Look.OUTLINED:
            return theme.color(Tone.SURFACE), theme.color(Tone.TEXT)
        ink = Tone.RED if self._look is Look.DANGER else Tone.TEXT
        return theme.color(Tone.RAISED), theme.color(ink)
