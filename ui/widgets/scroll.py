"""A page that is longer than the screen: moved by a finger, a wheel or the keyboard."""

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QScrollArea,
    QScrollBar,
    QScroller,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from ui.theme import Tone, theme_of
from ui.widgets import paint

_DEPTH = 3
"""Content, its cards, and the rows in those: each asks the one around it."""


class Scroll(QScrollArea):
    """Scrolls ``content`` up and down; no frame, a slim bar."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBar(_SlimBar())
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        self.setWidget(content)
        content.setAutoFillBackground(False)
        QScroller.grabGesture(self.viewport(), QScroller.ScrollerGestureType.TouchGesture)

    def keep_free(self, height: int) -> None:
        """End ``height`` px earlier: something else lies there for a while."""
        self.setViewportMargins(0, 0, 0, height)

    def settle(self) -> None:
        """Lay new content out now: text that wraps would be squeezed in the first picture otherwise."""
        for _pass in range(_DEPTH):
            QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)


class _SlimBar(QScrollBar):
    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.setFixedWidth(10)

    def paintEvent(self, _event: QPaintEvent) -> None:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().subControlRect(
            QStyle.ComplexControl.CC_ScrollBar, option, QStyle.SubControl.SC_ScrollBarSlider, self
        )
        with paint.painting(self) as painter:
            place = QRectF(handle).adjusted(4, 2, 0, -2)
            paint.rounded(painter, place, 3, theme_of(self).color(Tone.BAR_IDLE))
