"""An installer at the screen: finds controls by their accessible names, and uses them by what a hand can do alone."""

import re
import subprocess
import time
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QLineEdit,
    QScrollArea,
    QWidget,
)

SOON_S, LATER_S = 20.0, 150.0
"""What a person waits for an answer of the screen, and for the end of a check."""
_LOOK_MS = 40
_REDRAWN_MS = 250
"""The screen draws ten times a second."""
_NOTCH = 120
_TURNS, _TOO_FAR, _NEAR = 80, 100, 1
_XDOTOOL_TIMEOUT_S = 20.0
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Hands(Protocol):
    """What reaches the window: places are those of the window, in px."""

    def click(self, window: QWidget, place: QPoint) -> None:
        """Press and let go there."""

    def turn_wheel(self, window: QWidget, place: QPoint, *, down: bool) -> None:
        """One notch there."""

    def type_words(self, window: QWidget, words: str) -> None:
        """Type them on a keyboard."""

    def clear(self, window: QWidget) -> None:
        """Delete what the field that has the keyboard contains."""


class QtHands:
    """Qt's own events, delivered to the window: it finds what lies there by itself."""

    def click(self, window: QWidget, place: QPoint) -> None:
        QTest.mouseClick(window.windowHandle(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    def turn_wheel(self, window: QWidget, place: QPoint, *, down: bool) -> None:
        # Qt passes on to the widgets around only what has come from a window system.
        there: QWidget | None = window.childAt(place)
        while there is not None and not _turned(there, window, place, down=down):
            there = there.parentWidget()

    def type_words(self, window: QWidget, words: str) -> None:
        for letter in words:
            QTest.keyClick(window.windowHandle(), letter)

    def clear(self, window: QWidget) -> None:
        QTest.keyClick(window.windowHandle(), Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClick(window.windowHandle(), Qt.Key.Key_Backspace)


class XHands:
    """A real pointer and a real keyboard of the X server that ``DISPLAY`` names."""

    def click(self, window: QWidget, place: QPoint) -> None:
        self._move(window, place)
        _xdotool("click", "1")

    def turn_wheel(self, window: QWidget, place: QPoint, *, down: bool) -> None:
        self._move(window, place)
        _xdotool("click", "5" if down else "4")

    def type_words(self, window: QWidget, words: str) -> None:
        _xdotool("type", "--delay", "8", "--", words)

    def clear(self, window: QWidget) -> None:
        _xdotool("key", "ctrl+a", "BackSpace")

    def _move(self, window: QWidget, place: QPoint) -> None:
        there = window.mapToGlobal(place)
        _xdotool("mousemove", str(there.x()), str(there.y()))


def _xdotool(*words: str) -> None:
    subprocess.run(["xdotool", *words], check=True, timeout=_XDOTOOL_TIMEOUT_S, capture_output=True)
    QTest.qWait(_LOOK_MS)


class AtTheScreen:
    """Somebody who looks at the window and uses it.

    Attributes:
        window: which one is open now.
    """

    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.window: QWidget = QWidget()

    def press(self, name: str, *, beside: str = "", unless: str = "", within_s: float = SOON_S) -> None:
        """Tap the button of this name, once it can be; of several the one nearest to the words ``beside``.

        Not where ``unless`` is to be seen: then what it is for has already happened.
        """
        what = f"a button “{name}” that can be pressed" + (f" beside “{beside}”" if beside else "")
        self._use(lambda: self._control(QAbstractButton, name, beside), what, within_s, unless)

    def look(self) -> None:
        """See what the last tap has changed."""
        QTest.qWait(_REDRAWN_MS)

    def type_text(self, field: str, words: str) -> None:
        """Enter words into the field of this name instead of what it contains."""
        self._use(lambda: self._control(QLineEdit, field), f"a field “{field}”", SOON_S)
        self.hands.clear(self.window)
        self.hands.type_words(self.window, words)
        self.wait_for(lambda: self._text_of(field) == words, f"“{words}” in “{field}”")

    def type_on_screen(self, field: str, words: str) -> None:
        """The same with the keyboard that comes up on the screen."""
        self._use(lambda: self._control(QLineEdit, field), f"a field “{field}”", SOON_S)
        for letter in words:
            key = "Space" if letter == " " else letter
            if not self.can_press(key):
                self.press("Digits and signs" if letter.isdigit() else "Capitals" if letter.isupper() else "Letters")
            self.press(key)
        self.press("Done")
        self.wait_for(lambda: self._text_of(field) == words, f"“{words}” in “{field}”")

    def step(self, name: str, to: str) -> None:
        """Press the plus or the minus of a value until it says ``to``."""
        wanted, pressed = _number(to), 0
        while (shown := self.value(name)) != to:
            verb = "more" if _number(shown) < wanted else "less"
            pressed += 1
            assert pressed < _TURNS, f"{name} never came to {to}: {shown}"
            self.press(f"{name}: {verb}")
            self.wait_for(lambda before=shown: self.value(name) != before, f"another value of {name} than {shown}")

    def value(self, name: str) -> str:
        """What stands between the plus and the minus."""
        found = [label for label in self._shown(QLabel) if name_of(label).startswith(f"{name}: ")]
        assert found, f"no value “{name}” is to be seen; there is {self.read()}"
        return found[0].text()

    def sees(self, words: str) -> bool:
        """These words stand somewhere on the screen, or are the name of something on it."""
        return any(words in told for told in self._told())

    def is_beside(self, words: str, other: str) -> bool:
        """The nearest to ``other`` that can be read of such words."""
        return any(_distance(label, other) <= _NEAR for label in self._shown(QLabel) if _text(label) == words)

    def can_press(self, name: str) -> bool:
        """There is such a button, and it is enabled."""
        return self._control(QAbstractButton, name) is not None

    def read(self) -> list[str]:
        """All that can be read now."""
        return self._told()

    def wait_for(self, wanted: str | Callable[[], bool], what: str = "", within_s: float = SOON_S) -> None:
        """Until these words are to be seen, or this holds."""
        seen = (lambda: self.sees(wanted)) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + within_s
        while not seen():
            if time.monotonic() > deadline:
                what = what or (wanted if isinstance(wanted, str) else "it")
                raise AssertionError(f"In {within_s:g} s there was not {what}. To be read: {self.read()}")
            QTest.qWait(_LOOK_MS)

    def _use(self, find: Callable[[], QWidget | None], what: str, within_s: float, unless: str = "") -> None:
        def is_over() -> bool:
            return bool(unless) and self.sees(unless)

        deadline = time.monotonic() + within_s
        before: QPoint | None = None
        for _turn in range(_TURNS):
            self.wait_for(lambda: is_over() or find() is not None, what, deadline - time.monotonic())
            if is_over():
                return
            widget = find()
            place = self._reach(widget) if widget is not None else None
            # What still moves, or goes away for a moment, would be missed, and something else be hit.
            if place is not None and place == before:
                self.hands.click(self.window, place)
                QTest.qWait(_LOOK_MS)
                return
            before = place
            QTest.qWait(_LOOK_MS)
        raise AssertionError(f"There is {what}, but a finger cannot get to it. To be read: {self.read()}")

    def _reach(self, widget: QWidget) -> QPoint | None:
        """Where to press; turns the wheel one notch where it is not to be seen, and says None."""
        center = widget.rect().center()
        around = widget.parentWidget()
        while around is not None and not isinstance(around, QScrollArea):
            around = around.parentWidget()
        if isinstance(around, QAbstractScrollArea):
            port = around.viewport()
            place = widget.mapTo(port, center)
            if not port.rect().adjusted(0, 8, 0, -8).contains(place):
                middle = port.mapTo(self.window, port.rect().center())
                self.hands.turn_wheel(self.window, middle, down=place.y() > port.height() / 2)
                return None
        place = widget.mapTo(self.window, center)
        hit = self.window.childAt(place)
        return place if hit is not None and (hit is widget or widget.isAncestorOf(hit)) else None

    def _control(self, kind: type[QWidget], name: str, beside: str = "") -> QWidget | None:
        found = [widget for widget in self._shown(kind) if name_of(widget) == name and widget.isEnabled()]
        if beside:
            distances = {widget: _distance(widget, beside) for widget in found}
            found = sorted((widget for widget in found if distances[widget] < _TOO_FAR), key=lambda one: distances[one])
        return found[0] if found else None

    def _text_of(self, field: str) -> str:
        widget = self._control(QLineEdit, field)
        return widget.text() if isinstance(widget, QLineEdit) else ""

    def _shown(self, kind: type[QWidget]) -> list[QWidget]:
        return [widget for widget in self.window.findChildren(kind) if widget.isVisible()]

    def _told(self) -> list[str]:
        told = []
        for widget in self._shown(QWidget):
            told += [widget.text()] if isinstance(widget, QLabel) else []
            told += [name_of(widget), widget.accessibleDescription()]
        return [words for words in dict.fromkeys(told) if words]


def name_of(widget: QWidget) -> str:
    """What a screen reader says of it."""
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name) if interface is not None else widget.accessibleName()


def _turned(there: QWidget, window: QWidget, place: QPoint, *, down: bool) -> bool:
    """Whether this widget has done something with a notch."""
    notch = QWheelEvent(
        QPointF(there.mapFrom(window, place)),
        QPointF(window.mapToGlobal(place)),
        QPoint(),
        QPoint(0, -_NOTCH if down else _NOTCH),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(there, notch)
    return notch.isAccepted()


def _distance(widget: QWidget, words: str) -> int:
    """How many steps it is to what holds both the widget and these words."""
    around, steps = widget.parentWidget(), 1
    while around is not None:
        if any(label.isVisible() and words in label.text() for label in around.findChildren(QLabel)):
            return steps
        around, steps = around.parentWidget(), steps + 1
    return _TOO_FAR


def _text(widget: QWidget) -> str:
    return widget.text() if isinstance(widget, QLabel) else ""


def _number(words: str) -> float:
    found = _NUMBER.search(words)
    return float(found[0]) if found is not None else 0.0
