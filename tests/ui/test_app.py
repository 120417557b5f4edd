"""Starting the screen: what happens around the window."""

import logging
import sys

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent, QPointingDevice
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ui import app, theme
from ui.theme import DARK, LIGHT
from ui.widgets.text import Text


def test_an_uncaught_error_is_logged_and_the_screen_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        kind, error, trace = sys.exc_info()
    with caplog.at_level(logging.CRITICAL):
        app._log_uncaught(kind, error, trace)
    assert "uncaught" in caplog.text
    assert "ValueError: broken" in caplog.text


def test_the_pointer_hides_on_touch_and_comes_back_with_a_mouse(qapp: QApplication) -> None:
    pointer = app._PointerHider(qapp)
    pointer.eventFilter(qapp, QEvent(QEvent.Type.TouchBegin))
    assert QGuiApplication.overrideCursor().shape() == Qt.CursorShape.BlankCursor
    place = QPointF(1, 1)
    none = Qt.MouseButton.NoButton
    moved = QMouseEvent(
        QEvent.Type.MouseMove, place, place, none, none, Qt.KeyboardModifier.NoModifier, QPointingDevice()
    )
    pointer.eventFilter(qapp, moved)
    assert QGuiApplication.overrideCursor() is None


def test_the_theme_reaches_every_widget(qtbot: QtBot) -> None:
    text = Text("x")
    qtbot.addWidget(text)
    text.show()
    theme.apply("light")
    qtbot.waitUntil(lambda: theme.theme_of(text) is LIGHT, timeout=5000)
    theme.apply("dark")
    qtbot.waitUntil(lambda: theme.theme_of(text) is DARK, timeout=5000)
