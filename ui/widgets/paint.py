"""What hand-painted widgets share."""

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QTextLayout, QTextOption
from PySide6.QtWidgets import QWidget

from ui import icons
from ui.theme import Tone, theme_of

CENTER = Qt.AlignmentFlag.AlignCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@contextmanager
def painting(widget: QWidget) -> Iterator[QPainter]:
    """A painter on ``widget`` with smooth edges."""
    painter = QPainter(widget)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    try:
        yield painter
    finally:
        painter.end()


def rounded(
    painter: QPainter, rect: QRectF | QRect, radius: float, fill: QColor | None, line: QColor | None = None
) -> None:
    """A rounded box, its line 1 px wide and inside the box."""
    painter.setPen(QPen(line, 1) if line else Qt.PenStyle.NoPen)
    painter.setBrush(fill or Qt.BrushStyle.NoBrush)
    inset = 0.5 if line else 0.0
    painter.drawRoundedRect(QRectF(rect).adjusted(inset, inset, -inset, -inset), radius, radius)


def text(
    painter: QPainter, rect: QRectF, words: str, font: QFont, color: QColor, align: Qt.AlignmentFlag = CENTER
) -> None:
    """One line, shortened with an ellipsis where it does not fit."""
    painter.setFont(font)
    painter.setPen(color)
    painter.drawText(rect, align, QFontMetricsF(font).elidedText(words, Qt.TextElideMode.ElideRight, rect.width() + 1))


def broken(words: str, font: QFont, width: float, most: int) -> list[str]:
    """``words`` broken into lines of at most ``width``; the last of ``most`` lines (0: no limit) is shortened."""
    layout = QTextLayout(words.replace("\n", "\u2028"), font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    lines: list[str] = []
    layout.beginLayout()
    while (line := layout.createLine()).isValid():
        line.setLineWidth(max(1.0, width))
        start = line.textStart()
        if len(lines) + 1 == most and start + line.textLength() < len(words):
            rest = words[start:].replace("\n", " ")
            lines.append(QFontMetricsF(font).elidedText(rest, Qt.TextElideMode.ElideRight, width))
            break
        lines.append(words[start : start + line.textLength()].strip())
    layout.endLayout()
    return lines


def balanced(words: str, font: QFont, width: float, most: int) -> list[str]:
    """The same number of lines as ``broken``, of about the same length, so that no word stands alone."""
    lines = broken(words, font, width, most)
    if len(lines) < 2:
        return lines
    narrow, wide = width / 2, width
    while wide - narrow > 4:
        middle = (narrow + wide) / 2
        if len(broken(words, font, middle, 0)) > len(lines):
            narrow = middle
        else:
            wide = middle
    return broken(words, font, wide, most)


def small_lock(painter: QPainter, rect: QRectF, ink: QColor) -> None:
    """In the upper right corner of a control that leads to the PIN first."""
    icons.draw(painter, "lock", QPointF(rect.right() - 15, rect.top() + 14), 14, ink)


def focus_ring(painter: QPainter, widget: QWidget, rect: QRectF, radius: float) -> None:
    """Where the keyboard is; not after a tap."""
    by_keyboard = widget.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)
    if widget.hasFocus() and by_keyboard:
        painter.setPen(QPen(theme_of(widget).color(Tone.BLUE), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect.adjusted(1.5, 1.5, -1.5, -1.5), radius - 1, radius - 1)
