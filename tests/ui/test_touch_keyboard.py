"""A keyboard for walls that have none."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ui import theme
from ui.theme import Tone, theme_of
from ui.widgets.scroll import Scroll
from ui.widgets.sheet import Sheet
from ui.widgets.text_field import TextField
from ui.widgets.touch_keyboard import HARDWARE_S, Layer, TouchKeyboard, keyboard_of

SIZES = pytest.mark.parametrize("size", [(1280, 800), (800, 480)], ids=["wide", "compact"])


class Room:
    """A window with a long page, two fields at its end, and a keyboard with a clock of its own."""

    def __init__(self, qtbot: QtBot, size: tuple[int, int] = (800, 480)) -> None:
        self.qtbot = qtbot
        self.now = 1000.0
        self.window = QWidget()
        content = QWidget()
        column = QVBoxLayout(content)
        column.addSpacing(700)
        self.field, self.other = TextField("Name"), TextField("Password", secret=True)
        self.button = QPushButton("Elsewhere")
        for widget in (self.field, self.other, self.button):
            column.addWidget(widget)
        around = QVBoxLayout(self.window)
        self.scroll = Scroll(content)
        around.addWidget(self.scroll)
        self.keyboard = TouchKeyboard(self.window, clock=lambda: self.now)
        qtbot.addWidget(self.window)
        self.window.resize(*size)
        self.window.show()
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow, timeout=5000)

    def touch(self, field: TextField) -> None:
        self.scroll.ensureWidgetVisible(field)
        self.qtbot.mouseClick(field, Qt.MouseButton.LeftButton)

    def press(self, *names: str) -> None:
        for name in names:
            self.qtbot.mouseClick(self.keyboard.key(name), Qt.MouseButton.LeftButton)
            QApplication.processEvents()


@pytest.fixture
def room(qtbot: QtBot) -> Callable[..., Room]:
    return lambda size=(800, 480): Room(qtbot, size)


@SIZES
def test_it_comes_up_below_the_field_that_was_touched(room: Callable[..., Room], size: tuple[int, int]) -> None:
    at = room(size)
    assert not at.keyboard.isVisible()
    at.touch(at.other)
    assert at.keyboard.isVisible()
    assert at.keyboard.geometry().bottom() == size[1] - 1
    QApplication.processEvents()
    field = at.other.rect().translated(at.other.mapTo(at.window, QPoint(0, 0)))
    assert at.window.rect().contains(field)
    assert field.bottom() < at.keyboard.geometry().top(), "the field stays visible"
    for key in at.keyboard.keys:
        assert key.accessibleName()
        assert min(key.width(), key.height()) >= 60, (key.accessibleName(), key.size())
        assert at.keyboard.rect().contains(key.geometry())
    tall = at.scroll.viewport().height()
    at.press("Close the keyboard")
    assert not at.keyboard.isVisible()
    assert at.scroll.viewport().height() > tall


def test_its_keys_go_to_the_field(room: Callable[..., Room]) -> None:
    at = room()
    edited: list[str] = []
    at.field.textEdited.connect(edited.append)
    at.touch(at.field)
    at.press("A", "n", "n", "a", "Space", "Digits and signs", "2", "&", "More signs", "[", "Accents", "é", "Delete")
    assert at.field.text() == edited[-1] == "Anna 2&["
    at.press("Digits and signs", "Letters", "Capitals", "B", "b", "Capitals", "Small letters", "c", ".")
    assert at.field.text() == "Anna 2&[Bbc."
    assert at.field.hasFocus(), "the field keeps the focus"


def test_every_printable_sign_of_a_password_can_be_typed(room: Callable[..., Room]) -> None:
    at = room()
    at.touch(at.other)
    found = {" "}
    for way in ((), ("Capitals",), ("Digits and signs",), ("More signs",), ("Accents",)):
        at.press(*way)
        found |= {key.accessibleName() for key in at.keyboard.keys if len(key.accessibleName()) == 1}
        if way == ("Capitals",):
            at.press("Small letters")
    assert {chr(code) for code in range(33, 127)} <= found


def test_a_secret_is_not_shown_on_it(room: Callable[..., Room]) -> None:
    at = room()
    at.touch(at.other)
    assert at.keyboard.key("q"), "a password does not begin with a capital by itself"
    at.press("q", "w")
    assert at.other.text() == "qw"
    assert at.other.displayText() == "●●" or "q" not in at.other.displayText()


def test_done_is_the_enter_key(room: Callable[..., Room], qtbot: QtBot) -> None:
    at = room()
    at.touch(at.field)
    with qtbot.waitSignal(at.field.returnPressed, timeout=1000):
        at.press("Done")
    assert not at.keyboard.isVisible()
    at.touch(at.field)
    assert at.keyboard.isVisible(), "another touch brings it back"


def test_it_goes_where_the_focus_goes(room: Callable[..., Room]) -> None:
    at = room()
    at.touch(at.field)
    at.touch(at.other)
    assert at.keyboard.field is at.other
    at.button.setFocus()
    assert not at.keyboard.isVisible()
    at.touch(at.field)
    at.field.hide()
    assert not at.keyboard.isVisible()


def test_a_real_keyboard_sends_it_away_for_a_while(room: Callable[..., Room], qtbot: QtBot) -> None:
    at = room()
    at.touch(at.field)
    qtbot.keyClicks(at.field, "x")
    assert at.field.text() == "x"
    assert not at.keyboard.isVisible()
    at.now += HARDWARE_S - 1
    at.touch(at.other)
    assert not at.keyboard.isVisible()
    at.now += 2
    at.touch(at.field)
    assert at.keyboard.isVisible()


def test_the_tab_key_does_not_bring_it(room: Callable[..., Room]) -> None:
    at = room()
    at.field.setFocus(Qt.FocusReason.TabFocusReason)
    assert not at.keyboard.isVisible()


def test_it_works_over_a_sheet(room: Callable[..., Room], qtbot: QtBot) -> None:
    at = room()
    assert keyboard_of(at.window) is at.keyboard
    at.touch(at.field)
    sheet = Sheet(at.window, "Why?")
    reason = TextField("Reason")
    sheet.body.addWidget(reason)
    sheet.open_sheet()
    reason.setFocus()
    assert not at.keyboard.isVisible()
    qtbot.mouseClick(reason, Qt.MouseButton.LeftButton)
    at.press("N", "o")
    assert reason.text() == "No"
    qtbot.mouseClick(at.keyboard, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert sheet.isVisible(), "a tap between the keys does not close the sheet"
    sheet.close_sheet()
    assert not at.keyboard.isVisible()
    at.touch(at.field)
    at.press("A")
    assert at.field.text() == "A"


def test_a_field_for_numbers_begins_with_digits(room: Callable[..., Room], qtbot: QtBot) -> None:
    at = room()
    field = TextField("Address", digits=True)
    at.window.layout().addWidget(field)
    field.show()
    qtbot.mouseClick(field, Qt.MouseButton.LeftButton)
    assert at.keyboard.isVisible()
    assert at.keyboard.key("1")
    assert at.keyboard._layer is Layer.SIGNS


@pytest.mark.parametrize("choice", ["dark", "light"])
def test_the_style_paints_nothing_over_the_fields_box(room: Callable[..., Room], choice: str) -> None:
    theme.apply(choice)
    at = room()
    picture = at.field.grab().toImage()
    inside = picture.pixelColor(picture.width() // 2, 10)
    assert inside == theme_of(at.field).color(Tone.RAISED)
    assert picture.pixelColor(1, 1) != inside, "its corners are round"
