"""The lock of the screen: looking needs no PIN, a tap on more asks for one and then goes on by itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import offers_told
import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QMouseEvent, QPointingDevice
from PySide6.QtWidgets import QAbstractButton, QApplication
from pytestqt.qtbot import QtBot
from screen_with_pins import OWNERS as PIN
from screen_with_pins import ScreenWithPins

from homeapp import api
from homeapp.api import AccessView, Role
from homeapp.errors import HubNotRunning, NotAllowed, WrongPin, WrongState
from homeapp.model.offer import Choice, OfferState
from ui.idle import Idle
from ui.widgets.buttons import Button
from ui.widgets.sheet import Sheet
from ui.window import PAGES, Window

Opener = Callable[..., tuple[Window, CannedHub]]
LOCKED = AccessView(role=Role.GUEST, until=None, open_role=Role.GUEST, pins=(Role.OWNER,))
ALL_PINS = replace(LOCKED, pins=(Role.HOUSEHOLD, Role.OWNER, Role.INSTALLER))
NO_PIN = AccessView(role=Role.INSTALLER, until=None, open_role=Role.INSTALLER, pins=())


class Home(ScreenWithPins):
    """A window over a hub that refuses what the role does not cover, and knows PINs."""

    def __init__(self, window: Window, hub: CannedHub, qtbot: QtBot) -> None:
        super().__init__(window, hub, qtbot)
        hub.answers[api.LogIn] = self._log_in
        hub.answers[api.SetPin] = self._set_pin
        for call, answer in (
            (api.DecideOffer, replace(offers_told.PENDING, state=OfferState.ACCEPTED)),
            (api.AlertSeen, None),
            (api.ForgetDevice, None),
            (api.AdoptDevice, situations.KNOCKING),
        ):
            hub.answers[call] = lambda call, answer=answer: self._guarded(call, answer)

    def _guarded(self, call: api.Call[Any], answer: object) -> object:
        return answer if self.access.role.covers(call.role) else NotAllowed("As guest you may not do this.")

    def _log_in(self, call: api.LogIn) -> object:
        if self.pins[call.as_role] == call.pin:
            return self.becomes(role=call.as_role)
        return WrongPin("The PIN is wrong. 4 more tries before a pause.")

    def _set_pin(self, call: api.SetPin) -> object:
        if call.pin == "123456":
            return WrongState("This PIN is too easy to guess.")
        return self.becomes(role=Role.GUEST, open_role=Role.GUEST, pins=(call.for_role,))


@pytest.fixture
def home(opened: Opener, qtbot: QtBot) -> Callable[..., Home]:
    def open_home(access: AccessView = LOCKED, size: tuple[int, int] = (1280, 800)) -> Home:
        window, hub = opened(replace(situations.OFFERED, access=access), size)
        made = Home(window, hub, qtbot)
        made.wait(window.navigation.lock.isVisible)
        return made

    return open_home


@pytest.mark.parametrize(
    ("access", "words", "who"),
    [
        (LOCKED, "Locked", "As Guest"),
        (replace(LOCKED, role=Role.OWNER), "Unlocked", "As Owner"),
        (replace(LOCKED, role=Role.HOUSEHOLD, open_role=Role.HOUSEHOLD), "Locked", "As Household"),
        (NO_PIN, "No PIN", "As Installer"),
    ],
)
def test_the_lock_says_how_it_stands(home: Any, access: AccessView, words: str, who: str) -> None:
    lock = home(access).window.navigation.lock
    assert (lock.text(), lock.accessibleName(), lock.accessibleDescription()) == (words, words, who)
    assert min(lock.width(), lock.height()) >= 60


def test_what_needs_a_pin_looks_enabled_and_shows_a_lock(home: Any) -> None:
    at = home()
    buttons = at.window.home.offer.buttons
    mode = at.window.home.car.modes._segments["pause"]
    locked = {}
    for control in (buttons.approve, buttons.decline, mode):
        assert control.isEnabled()
        assert control.accessibleDescription() == "Needs a PIN"
        locked[control] = control.grab().toImage()
    at.becomes(role=Role.OWNER)
    at.wait(lambda: buttons.approve.accessibleDescription() == "")
    for control, before in locked.items():
        assert control.accessibleDescription() == ""
        assert control.grab().toImage() != before


@pytest.mark.usecase("T2", "W4")
def test_approve_asks_for_the_pin_and_then_goes_on_by_itself(home: Any) -> None:
    at = home()
    at.click(at.window.home.offer.buttons.approve)
    sheet = at.asks()
    assert sheet.purpose.text() == "This needs the owner's PIN."
    assert not sheet.roles.isVisible()
    assert len(at.acted(api.DecideOffer)) == 1
    at.enter(PIN)
    at.wait(lambda: at.sheet is None and len(at.acted(api.DecideOffer)) == 2)
    assert at.acted(api.LogIn) == [api.LogIn(as_role=Role.OWNER, pin=PIN)]
    assert {call.choice for call in at.acted(api.DecideOffer)} == {Choice.ACCEPT}
    at.wait(lambda: not at.window.home.offer.buttons.problem.isVisible())
    assert at.window.navigation.lock.text() == "Unlocked"


def test_giving_up_does_nothing(home: Any) -> None:
    at = home()
    for leave in (
        lambda sheet: at.click(sheet.cancel),
        lambda sheet: at.qtbot.keyClick(sheet, Qt.Key.Key_Escape),
        lambda sheet: at.qtbot.mouseClick(sheet, Qt.MouseButton.LeftButton, pos=QPoint(5, 5)),
    ):
        at.click(at.window.home.offer.buttons.decline)
        sheet = at.asks()
        leave(sheet)
        assert at.sheet is None
        at.wait(at.window.home.offer.buttons.decline.isEnabled)
    assert at.acted(api.LogIn) == []


def test_whoever_gives_up_while_the_pin_is_checked_stays_locked_out(home: Any) -> None:
    at = home()
    at.click(at.window.home.offer.buttons.approve)
    at.asks()
    at.hub.hold = True
    at.enter(PIN)
    at.wait(lambda: at.acted(api.LogIn))
    at.click(at.sheet.cancel)
    at.hub.hold = False
    at.hub.release()
    at.wait(lambda: at.acted(api.LogOut))
    assert len(at.acted(api.DecideOffer)) == 1
    at.wait(lambda: at.window.navigation.lock.text() == "Locked")


def test_a_wrong_pin_is_told_with_what_is_left_and_can_be_tried_again(home: Any) -> None:
    at = home()
    at.click(at.window.home.offer.buttons.approve)
    at.asks()
    at.enter("555123")
    at.wait(lambda: at.sheet.told.text() == "The PIN is wrong. 4 more tries before a pause.")
    assert not at.sheet.told.shortened
    assert at.sheet.dots.accessibleName() == "0 digits entered"
    assert at.sheet.pad.keys["1"].isEnabled()
    at.enter(PIN)
    at.wait(lambda: at.sheet is None)


def test_a_pause_is_counted_down_and_no_key_works(home: Any) -> None:
    at = home()
    at.click(at.window.home.offer.buttons.approve)
    at.asks()
    at.becomes(locked={Role.OWNER: at.window.lock._link.now() + timedelta(seconds=150)})
    at.wait(lambda: at.sheet.told.text() in ("Too many wrong PINs. Wait 2:29.", "Too many wrong PINs. Wait 2:30."))
    assert not any(key.isEnabled() for key in (*at.sheet.pad.keys.values(), at.sheet.pad.enter))
    at.qtbot.keyClicks(at.sheet, PIN)
    assert at.sheet.dots.accessibleName() == "0 digits entered"
    at.becomes(locked={Role.OWNER: at.window.lock._link.now() - timedelta(seconds=1)})
    at.wait(at.sheet.pad.keys["1"].isEnabled)
    assert at.sheet.told.text() == ""


def test_a_hub_that_goes_away_meanwhile_is_told(home: Any) -> None:
    at = home()
    at.hub.answers[api.LogIn] = lambda _call: HubNotRunning("The hub does not answer.")
    at.click(at.window.navigation.lock)
    at.asks()
    at.enter(PIN)
    at.wait(lambda: at.sheet.told.text() == "The hub does not answer.")
    assert at.sheet.pad.keys["1"].isEnabled()


@pytest.mark.parametrize("size", [(1280, 800), (800, 480)], ids=["wide", "compact"])
def test_where_several_have_a_pin_the_person_says_whose(home: Any, size: tuple[int, int]) -> None:
    at = home(ALL_PINS, size)
    at.window.lock.ask(Role.HOUSEHOLD, lambda: None)
    assert at.sheet.role is Role.HOUSEHOLD
    at.click(at.sheet.roles._segments["owner"])
    at.enter(PIN)
    at.wait(lambda: at.sheet is None)
    assert at.acted(api.LogIn) == [api.LogIn(as_role=Role.OWNER, pin=PIN)]
    at.becomes(role=Role.GUEST)
    at.wait(lambda: at.window.navigation.lock.text() == "Locked")
    at.window.lock.ask(Role.INSTALLER, lambda: None)
    assert (at.sheet.role, at.sheet.roles.isVisible()) == (Role.INSTALLER, False)


def test_what_only_the_installer_may_do_is_told_where_he_has_no_pin(home: Any) -> None:
    at = home(replace(LOCKED, role=Role.OWNER))
    at.window.lock.ask(Role.INSTALLER, lambda: None)
    assert at.sheet is None
    assert [sheet.accessibleName() for sheet in at.window.findChildren(Sheet)] == ["This is for the installer"]


@pytest.mark.parametrize("size", [(1280, 800), (1024, 600), (800, 480)], ids=["wide", "tablet", "compact"])
@pytest.mark.parametrize("access", [LOCKED, ALL_PINS], ids=["one", "all"])
def test_the_pad_is_for_fingers_and_nothing_on_it_is_cut_off(
    home: Any, access: AccessView, size: tuple[int, int]
) -> None:
    at = home(access, size)
    at.click(at.window.navigation.lock)
    sheet = at.asks()
    QApplication.processEvents()
    for key in (*sheet.pad.keys.values(), sheet.pad.delete, sheet.pad.enter):
        assert min(key.width(), key.height()) >= 64
        assert sheet._card.rect().contains(key.mapTo(sheet._card, key.rect().bottomRight()))
        assert QAccessible.queryAccessibleInterface(key).text(QAccessible.Text.Name)
        assert key.focusPolicy() & Qt.FocusPolicy.TabFocus
    sheet.tell("Too many wrong PINs. The next try is possible in 60 minutes.", usable=True)
    QApplication.processEvents()
    for text in (sheet.purpose, sheet.told):
        assert not text.shortened, text.text()
    assert sheet.cancel.height() >= sheet.cancel.minimumSizeHint().height()
    assert sheet.rect().contains(sheet._card.geometry())


def test_the_keyboard_enters_a_pin_too_and_dots_hide_it(home: Any) -> None:
    at = home()
    at.click(at.window.navigation.lock)
    sheet = at.asks()
    at.qtbot.keyClicks(sheet, "4711")
    at.qtbot.keyClick(sheet, Qt.Key.Key_Backspace)
    at.qtbot.keyClick(sheet, Qt.Key.Key_Return)
    assert sheet.dots.accessibleName() == "3 digits entered"
    assert not sheet.pad.enter.isEnabled()
    at.qtbot.keyClicks(sheet, "1x08")
    assert sheet.dots.accessibleName() == "6 digits entered"
    shown = {widget.accessibleName() for widget in sheet.findChildren(QAbstractButton)} - set("0123456789")
    assert not any(character.isdigit() for name in shown for character in name)
    at.qtbot.keyClicks(sheet, "0" * 20)
    assert sheet.dots.accessibleName() == "12 digits entered"
    for _ in range(6):
        at.click(sheet.pad.delete)
    at.qtbot.keyClick(sheet, Qt.Key.Key_Return)
    at.wait(lambda: at.sheet is None)
    assert at.acted(api.LogIn) == [api.LogIn(as_role=Role.OWNER, pin=PIN)]


def test_the_lock_button_locks_at_once(home: Any) -> None:
    at = home(replace(LOCKED, role=Role.OWNER))
    at.click(at.window.navigation.lock)
    at.wait(lambda: at.window.navigation.lock.text() == "Locked")
    assert len(at.acted(api.LogOut)) == 1


@pytest.mark.usecase("W4")
def test_the_owners_first_pin_is_set_at_the_screen(home: Any) -> None:
    at = home(NO_PIN)
    assert at.window.home.offer.buttons.approve.accessibleDescription() == ""
    at.click(at.window.navigation.lock)
    told = at.window.findChildren(Sheet)[-1]
    at.click(next(button for button in told.findChildren(Button) if button.text() == "Set a PIN"))
    sheet = at.asks()
    for first, second, told in (
        (PIN, "471109", "The two were different. Begin again."),
        ("123456", "123456", "This PIN is too easy to guess."),
    ):
        at.enter(first)
        assert sheet.purpose.text() == "Enter the same PIN again."
        at.enter(second)
        at.wait(lambda told=told: sheet.told.text() == told)
        assert sheet.purpose.text() == "Choose a PIN of 6 to 12 digits."
    at.enter(PIN)
    at.enter(PIN)
    at.wait(lambda: at.sheet is None)
    assert at.acted(api.SetPin)[-1] == api.SetPin(for_role=Role.OWNER, pin=PIN)
    at.wait(lambda: at.window.navigation.lock.text() == "Locked")


def test_seeing_an_alert_and_forgetting_a_device_ask_as_well(home: Any) -> None:
    at = home(ALL_PINS)
    at.click(at.window.home.alert)
    seen = next(b for b in at.window.findChildren(Button) if b.text() == "Mark as seen")
    assert seen.accessibleDescription() == "Needs a PIN"
    at.click(seen)
    assert at.asks().role is Role.HOUSEHOLD
    at.enter("6283")
    at.wait(lambda: len(at.acted(api.AlertSeen)) == 2)
    at.window.go("devices")
    at.click(at.window.devices.cards[situations.CHARGER.device_id].forget)
    at.click(next(b for b in at.window.findChildren(Button) if b.text() == "Forget" and b.window() and _in_sheet(b)))
    assert at.asks().role is Role.OWNER
    at.enter(PIN)
    at.wait(lambda: len(at.acted(api.ForgetDevice)) == 2)


def _in_sheet(button: Button) -> bool:
    parent = button.parentWidget()
    while parent is not None and not isinstance(parent, Sheet):
        parent = parent.parentWidget()
    return parent is not None


def test_nobody_there_locks_goes_home_and_the_next_touch_only_wakes(home: Any) -> None:
    at = home(replace(LOCKED, role=Role.OWNER))
    at.window.go("devices")
    at.click(at.window.devices.cards[situations.CHARGER.device_id].forget)
    assert any(sheet.isVisible() for sheet in at.window.findChildren(Sheet))
    at.window.lock.idle.away.emit()
    at.wait(lambda: at.window.navigation.lock.text() == "Locked")
    assert at.window.home.isVisible()
    assert not any(sheet.isVisible() for sheet in at.window.findChildren(Sheet))
    at.click(at.window.navigation.buttons[PAGES.index("inbox")])
    assert at.window.home.isVisible()
    at.click(at.window.navigation.buttons[PAGES.index("inbox")])
    assert at.window.inbox.isVisible()


def test_nobody_there_in_a_locked_home_goes_home_and_loses_no_touch(home: Any) -> None:
    at = home()
    at.window.go("inbox")
    at.window.lock.idle.away.emit()
    assert at.window.home.isVisible()
    assert at.acted(api.LogOut) == []
    at.click(at.window.navigation.buttons[PAGES.index("inbox")])
    assert at.window.inbox.isVisible()


def test_a_home_without_a_pin_stays_where_it_is(home: Any) -> None:
    at = home(NO_PIN)
    at.window.go("inbox")
    at.window.lock.idle.away.emit()
    assert at.window.inbox.isVisible()


def test_any_touch_puts_the_lock_off(qapp: QApplication, qtbot: QtBot) -> None:
    idle = Idle(60_000, qapp)
    none, left = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton

    def happen(kind: QEvent.Type) -> bool:
        event = QEvent(kind)
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove):
            place = QPointF(1, 1)
            event = QMouseEvent(kind, place, place, left, none, Qt.KeyboardModifier.NoModifier, QPointingDevice())
        return idle.eventFilter(qapp, event)

    for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.TouchBegin, QEvent.Type.KeyPress, QEvent.Type.Wheel):
        idle._timer.setInterval(60_000)
        idle._timer.stop()
        assert not happen(kind)
        assert idle._timer.isActive()
    idle._timer.stop()
    assert not happen(QEvent.Type.MouseMove)
    assert not idle._timer.isActive()
    idle._timer.setInterval(1)
    with qtbot.waitSignal(idle.away, timeout=5000):
        idle._timer.start()
    idle.swallow_next()
    assert happen(QEvent.Type.TouchBegin)
    assert happen(QEvent.Type.TouchUpdate)
    assert happen(QEvent.Type.TouchEnd)
    assert not happen(QEvent.Type.TouchBegin)
    idle.swallow_next()
    assert happen(QEvent.Type.Wheel)
    assert not happen(QEvent.Type.MouseButtonPress)
    qapp.removeEventFilter(idle)
    idle.deleteLater()
