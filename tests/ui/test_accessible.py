"""Everything can be named, reached and hit; nothing is cut off."""

from collections.abc import Callable, Iterator

import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QAccessible, QColor, QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QProgressBar, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import WrongState
from homeapp.model.consent import DataClass
from ui.widgets import paint
from ui.widgets.chip import Chip
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.window import PAGES, Window

Opener = Callable[..., tuple[Window, CannedHub]]
SIZES = pytest.mark.parametrize("size", [(1280, 800), (1024, 600), (800, 480)], ids=["wide", "tablet", "compact"])
BUTTON_ROLES = (QAccessible.Role.Button, QAccessible.Role.CheckBox, QAccessible.Role.RadioButton)
HOMES = situations.ALL | situations.SETUPS
SITUATIONS = pytest.mark.parametrize("name", list(HOMES))


def _pages(name: str) -> tuple[str, ...]:
    return ("home", "devices", "setup") if name in situations.SETUPS else PAGES


def _settle() -> None:
    for _ in range(10):
        QApplication.processEvents()


def _shown(window: Window) -> Iterator[QWidget]:
    return (widget for widget in window.findChildren(QWidget) if widget.isVisible())


def _name(widget: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name) or interface.text(QAccessible.Text.Description)


@SIZES
@SITUATIONS
def test_everything_has_a_name_and_size(opened: Opener, name: str, size: tuple[int, int]) -> None:
    window, _hub = opened(HOMES[name], size)
    for page in _pages(name):
        window.go(page)
        _settle()
        for widget in _shown(window):
            if isinstance(widget, QAbstractButton):
                assert _name(widget), widget
                assert min(widget.width(), widget.height()) >= 60, (page, widget.text(), widget.size())
                assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            elif isinstance(widget, QProgressBar) or (isinstance(widget, QLabel) and _says_something(widget)):
                assert _name(widget), (page, type(widget).__name__)


def _says_something(label: QLabel) -> bool:
    painted = type(label).__name__ not in ("Text", "Chip", "Badge", "RoundIcon")
    return painted or bool(label.text())


@SIZES
@SITUATIONS
def test_on_no_page_is_anything_cut_off_squeezed_or_sticking_out(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, name: str, size: tuple[int, int]
) -> None:
    window, _hub = opened(HOMES[name], size)
    cut: list[str] = []
    real = paint.text

    def watched(
        painter: QPainter,
        rect: QRectF,
        words: str,
        font: QFont,
        color: QColor,
        align: Qt.AlignmentFlag = paint.CENTER,
    ) -> None:
        metrics = QFontMetricsF(font)
        if metrics.horizontalAdvance(words) > rect.width() + 1.5 or metrics.capHeight() > rect.height():
            cut.append(f"{words!r} in {rect.width():.0f}x{rect.height():.0f}")
        real(painter, rect, words, font, color, align)

    for page in _pages(name):
        window.go(page)
        _settle()
        with monkeypatch.context() as patched:
            patched.setattr(paint, "text", watched)
            window.grab()
        shown = list(_shown(window))
        cut += [widget.text() for widget in shown if isinstance(widget, Text | Chip) and widget.shortened]
        assert not cut, page
        assert (window.width(), window.height()) == size
        _nothing_is_squeezed(window, page, shown)


def _nothing_is_squeezed(window: Window, page: str, shown: list[QWidget]) -> None:
    for widget in shown:
        smallest = widget.minimumSizeHint()
        if isinstance(widget, Text | Chip | QAbstractButton) or widget.minimumHeight() > 0:
            assert widget.height() >= smallest.height() - 1, (page, widget, widget.size(), smallest)
        parent = widget.parentWidget()
        if parent is window.pages.currentWidget():
            assert parent.rect().contains(widget.geometry()), (page, widget, widget.geometry())


def test_the_keyboard_reaches_approve_and_shows_where_it_is(opened: Opener, qtbot: QtBot) -> None:
    window, _hub = opened(situations.OFFERED)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    reached = set()
    for _ in range(40):
        qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
        reached.add(window.focusWidget())
    buttons = window.home.offer.buttons
    assert {buttons.approve, buttons.decline, window.home.alert, window.home.prices.chart} <= reached
    assert set(window.navigation.buttons) <= reached
    buttons.decline.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(window, Qt.Key.Key_Tab)
    focused = buttons.approve.grab().toImage()
    buttons.approve.clearFocus()
    assert buttons.approve.grab().toImage() != focused
    inbox = window.navigation.buttons[PAGES.index("inbox")]
    qtbot.keyClick(inbox, Qt.Key.Key_Space)
    assert window.inbox.isVisible()
    checked = [button.text() for button in window.navigation.buttons if button.isChecked()]
    assert checked == ["Inbox"]


@SIZES
def test_an_error_sentence_squeezes_nothing(opened: Opener, qtbot: QtBot, size: tuple[int, int]) -> None:
    window, hub = opened(situations.OFFERED, size)
    sentence = "The provider has changed this offer since you saw it. Read it again, then decide."
    hub.answers[api.DecideOffer] = lambda _call: WrongState(sentence)
    card = window.home.offer if size == (1280, 800) else window.home.offer_strip
    qtbot.mouseClick(card.buttons.approve, Qt.MouseButton.LeftButton)
    told = card.buttons.problem.words if size == (1280, 800) else card.line
    qtbot.waitUntil(lambda: told.text() == sentence, timeout=5000)
    _settle()
    window.go("home")
    _settle()
    assert not told.shortened
    for widget in card.findChildren(QWidget):
        if widget.isVisible():
            assert widget.height() >= widget.minimumSizeHint().height() - 1, widget


def _pin(window: Window) -> None:
    window.lock.ask(api.Role.HOUSEHOLD, lambda: None)
    window.lock.sheet.tell("The PIN is wrong. 3 more tries before a pause.", usable=True)


def _consent(window: Window) -> None:
    window.go("sharing")
    window.sharing.cards["evc_sp"].rows[DataClass.IDENTITY].click()


def _stop(window: Window) -> None:
    window.go("sharing")
    window.sharing.cards["evc_sp"].stop.click()


def _alerts(window: Window) -> None:
    window.home.alert.click()


def _notices(window: Window) -> None:
    window.home.strip.click()


def _days(window: Window) -> None:
    window.go("plan")
    window.plan.wishes.days.click()


def _feed(window: Window) -> None:
    window.go("plan")
    window.plan.wishes.feed.click()


def _rule(window: Window) -> None:
    window.go("rules")
    window.rules.cards[0].change.click()


def _zones(window: Window) -> None:
    window.go("setup")
    window.wizard.page.zone.click()
    window.findChildren(Sheet)[-1].show_area("Atlantic")


def _installers_pin(window: Window) -> None:
    window.go("setup")
    window.wizard.page.pins[api.Role.INSTALLER].button.click()


def _hours(window: Window) -> None:
    window.go("setup")
    window.wizard.page.tariff.kind.asked.emit("time_of_use")
    window.wizard.page.tariff.hours.add.click()


SHEETS = {
    "hours": (situations.SETUP_ALONE, _hours),
    "zones": (situations.SETUP_DUE, _zones),
    "installer's pin": (situations.SETUP_PINS, _installers_pin),
    "days": (situations.PLANNED, _days),
    "power feed": (situations.PLANNED, _feed),
    "rule": (situations.ASKED, _rule),
    "notices": (situations.OUTDATED, _notices),
    "pin": (situations.LOCKED, _pin),
    "first pin": (situations.NO_PIN, lambda window: window.lock.set_first_pin()),
    "no pin": (situations.NO_PIN, lambda window: window.navigation.lock.click()),
    "consent": (situations.SHARED, _consent),
    "changed consent": (situations.OUTDATED, _consent),
    "stop": (situations.OUTDATED, _stop),
    "alert with order": (situations.JOBS, _alerts),
}


@SIZES
@pytest.mark.parametrize("which", list(SHEETS))
def test_sheets_are_named_whole_and_within_reach(
    opened: Opener, qtbot: QtBot, size: tuple[int, int], which: str
) -> None:
    situation, open_sheet = SHEETS[which]
    window, _hub = opened(situation, size)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    open_sheet(window)
    _settle()
    (sheet,) = [found for found in window.findChildren(Sheet) if found.isVisible()]
    assert _name(sheet)
    buttons = []
    for widget in sheet.findChildren(QWidget):
        if not widget.isVisible():
            continue
        if isinstance(widget, QAbstractButton):
            assert _name(widget), widget
            assert QAccessible.queryAccessibleInterface(widget).role() in BUTTON_ROLES
            assert min(widget.width(), widget.height()) >= 60, (widget.text(), widget.size())
            buttons.append(widget)
        elif isinstance(widget, Text) and widget.text():
            assert not widget.shortened, widget.text()
    for button in buttons:
        for area in sheet.findChildren(QScrollArea):
            if area.isAncestorOf(button):
                area.ensureWidgetVisible(button)
        place = button.mapTo(window, button.rect().topLeft())
        assert window.rect().contains(button.rect().translated(place)), button.text()
    reached = set()
    for _ in range(30):
        qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
        reached.add(window.focusWidget())
    assert reached == {button for button in buttons if button.isEnabled()}, "the keyboard stays in the sheet"


@SIZES
@pytest.mark.parametrize("key", [case.offer.key for case in situations.JOBS.offers])
def test_each_kind_of_job_is_told_in_full(opened: Opener, size: tuple[int, int], key: str) -> None:
    window, _hub = opened(situations.JOBS, size)
    window.go("inbox")
    window.inbox.open_case(key)
    _settle()
    for widget in window.inbox.detail.findChildren(QWidget):
        if widget.isVisible() and isinstance(widget, Text | Chip) and widget.text():
            assert not widget.shortened, widget.text()
        elif widget.isVisible() and isinstance(widget, QAbstractButton):
            assert _name(widget)
            assert min(widget.width(), widget.height()) >= 60, (widget.text(), widget.size())
