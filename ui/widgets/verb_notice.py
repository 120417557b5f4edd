"""Something that is still to be done about the home, with the way to it."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from ui import fonts, icons
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint

_LEFT, _GAP, _PILL = 52.0, 12.0, 44.0
_PX, _VERB_PX = 15, 17


class VerbNotice(QPushButton):
    """One button as wide as there is room: what is the matter at the left, the verb at the right."""

    def __init__(self, icon: str, verb: str, told: str = "") -> None:
        super().__init__(verb)
        self._icon = icon
        self._told = ""
        self._locked = False
        self.setAccessibleName(verb)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.hide()
        self.say(told)

    def say(self, told: str, *, locked: bool = False) -> None:
        """Show what is the matter; ``locked`` where the verb leads to the PIN first."""
        if (told, locked) == (self._told, self._locked):
            return
        self._told, self._locked = told, locked
        self.setAccessibleDescription(f"{told} {tr('Needs a PIN')}" if locked else told)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(360, 60)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 60)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        middle = rect.center().y()
        verb, plain = fonts.font(_VERB_PX, 600), fonts.font(_PX)
        wide = QFontMetricsF(verb).horizontalAdvance(self.text()) + 40
        pill = QRectF(rect.width() - wide - 8, middle - _PILL / 2, wide, _PILL)
        room = pill.left() - _LEFT - _GAP
        step = QFontMetricsF(plain).lineSpacing()
        lines = paint.balanced(self._told, plain, room, 2)
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, 16, theme.color(Tone.SURFACE), theme.color(Tone.LINE))
            icons.draw(painter, self._icon, QPointF(28, middle), 22, theme.color(Tone.TEXT2))
            for index, line in enumerate(lines):
                place = QRectF(_LEFT, middle + (index - len(lines) / 2) * step, room, step)
                paint.text(painter, place, line, plain, theme.color(Tone.TEXT2), paint.LEFT)
            fill = theme.color(Tone.RAISED)
            paint.rounded(painter, pill, 12, fill.darker(115) if self.isDown() else fill)
            paint.text(painter, pill, self.text(), verb, theme.color(Tone.TEXT))
            if self._locked:
                paint.small_lock(painter, pill, theme.color(Tone.TEXT))
            paint.focus_ring(painter, self, rect, 16)
