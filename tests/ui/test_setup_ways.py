"""Into setup and out of it: PINs, the notice on Home, the lock of the screen, the signed report."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import situations
from canned_hub import CannedHub
from commissioning_told import AT_METER, AT_REPORT, DUE, LEFT_OUT, PLACE, SETTLED, SIGNED, until
from commissioning_told import stands as told
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot
from screen_with_pins import HOUSEHOLDS, INSTALLERS, ScreenWithPins

from homeapp import api
from homeapp.api import AccessView, Role
from homeapp.errors import HomeappError, NotAllowed, WrongState
from homeapp.model.commissioning import CheckId, CheckState, CheckView, Step
from ui.hub_link import HubLink
from ui.screen_lock import AWAY_MS, PATIENT_MS
from ui.setup.report_words import commissioned
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
PINS = (Role.OWNER, Role.INSTALLER)
GUEST = AccessView(role=Role.GUEST, until=None, open_role=Role.GUEST, pins=PINS)


class Home(ScreenWithPins):
    """A window over a hub that knows what ``AccessControl`` allows."""

    def __init__(self, window: Window, hub: CannedHub, qtbot: QtBot) -> None:
        super().__init__(window, hub, qtbot)
        hub.answers[api.SetPin] = self._set_pin
        hub.answers[api.LogIn] = self._log_in
        hub.answers[api.RunCheck] = self._run

    def enter(self, pin: str) -> None:
        self.asks()
        super().enter(pin)

    def _set_pin(self, call: api.SetPin) -> AccessView | HomeappError:
        needed = (
            Role.INSTALLER if call.for_role is Role.INSTALLER and Role.INSTALLER in self.access.pins else Role.OWNER
        )
        if not self.access.role.covers(needed):
            return NotAllowed("As guest you may not do this. Log in as owner and try again.")
        if call.pin == "123456":
            return WrongState("This PIN is too easy to guess: no run like 123456 and not one digit over and over.")
        first = not self.access.pins
        pins = tuple(role for role in self.pins if role in (*self.access.pins, call.for_role))
        changes = {"role": Role.GUEST, "open_role": Role.GUEST} if first else {}
        return self.becomes(pins=pins, **changes)

    def _log_in(self, call: api.LogIn) -> AccessView:
        assert self.pins[call.as_role] == call.pin
        return self.becomes(role=call.as_role)

    def _run(self, call: api.RunCheck) -> object:
        if not self.access.role.covers(Role.INSTALLER):
            return NotAllowed("As guest you may not do this.")
        return self.hub.situation.commissioning


@pytest.fixture
def home(opened: Opener, qtbot: QtBot) -> Callable[..., Home]:
    def open_home(name: str, **changes: Any) -> Home:
        situation = replace((situations.ALL | situations.SETUPS)[name], **changes)
        return Home(*opened(situation), qtbot)

    return open_home


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("order", [(Role.INSTALLER, Role.OWNER), (Role.OWNER, Role.INSTALLER)], ids=str)
def test_both_pins_are_set_in_either_order_and_setup_goes_on(home: Any, order: tuple[Role, Role]) -> None:
    at = home("setup_pins")
    at.window.go("setup")
    page = at.window.wizard.page
    assert page.step is Step.PINS
    for role in order:
        at.click(page.pins[role].button)
        for _twice in range(2):
            at.enter(at.pins[role])
        at.wait(lambda: at.sheet is None)
        at.wait(lambda role=role: page.pins[role].badge.text() == "Set")
    at.wait(lambda: at.acted(api.RunCheck))
    assert at.acted(api.RunCheck)[0].check is CheckId.PINS, "the check follows by itself"
    assert [call.for_role for call in at.acted(api.SetPin)] == list(order)
    assert at.access.role is Role.INSTALLER
    logins = [call.as_role for call in at.acted(api.LogIn)]
    assert logins == ([Role.INSTALLER] if order[0] is Role.INSTALLER else [Role.OWNER, Role.INSTALLER])
    assert at.window.wizard.isVisible()
    assert not page.pins[Role.OWNER].button.locked


@pytest.mark.usecase("W4")
def test_the_household_may_get_a_pin_and_goes_without_one_as_well(home: Any) -> None:
    at = home("setup_pins")
    at.window.go("setup")
    page = at.window.wizard.page
    row, hint = page.pins[Role.HOUSEHOLD], page.entry_rows[Role.HOUSEHOLD].hint
    assert row.badge.text() == "Optional"
    assert not row.button.isEnabled(), "the first PIN of a home is never the household's"
    assert hint.text().startswith("Optional")
    assert "Without one everybody in the home may look" in hint.text()
    at.becomes(pins=PINS, role=Role.INSTALLER, open_role=Role.GUEST)
    at.wait(row.button.isEnabled)
    assert not page.asks_first, "nothing is to be done before the footer's button"
    at.click(row.button)
    assert at.sheet.purpose.text() == "Choose a PIN of 4 to 12 digits."
    for _twice in range(2):
        at.enter(HOUSEHOLDS)
    at.wait(lambda: row.badge.text() == "Set")
    assert at.acted(api.SetPin) == [api.SetPin(for_role=Role.HOUSEHOLD, pin=HOUSEHOLDS)]
    assert at.acted(api.LogIn) == [], "the installer stays the installer"
    assert "nothing else" in hint.text()
    at.becomes(open_role=Role.HOUSEHOLD)
    at.wait(lambda: "need none" in hint.text())


def test_a_weak_pin_is_refused_with_the_hubs_own_words(home: Any) -> None:
    at = home("setup_pins")
    at.window.go("setup")
    at.click(at.window.wizard.page.pins[Role.INSTALLER].button)
    assert at.sheet.accessibleName() == "The installer's PIN"
    for _twice in range(2):
        at.enter("123456")
    at.wait(lambda: at.sheet.told.text().startswith("This PIN is too easy to guess"))
    at.wait(lambda: not at.sheet.told.shortened)
    at.enter(INSTALLERS)
    at.enter("902518")
    assert at.sheet.told.text() == "The two were different. Begin again."
    at.click(at.sheet.cancel)
    assert at.acted(api.LogIn) == []


def test_whoever_gives_up_while_a_pin_is_set_is_not_logged_in(home: Any) -> None:
    at = home("setup_pins")
    at.window.go("setup")
    at.click(at.window.wizard.page.pins[Role.INSTALLER].button)
    at.enter(INSTALLERS)
    at.hub.hold = True
    at.enter(INSTALLERS)
    at.wait(lambda: at.acted(api.SetPin))
    at.click(at.sheet.cancel)
    at.hub.hold = False
    at.hub.release()
    at.wait(lambda: at.window.view.needs_pin(Role.INSTALLER))
    assert at.acted(api.LogIn) == []


def test_a_pin_of_another_is_changed_only_by_whoever_may(home: Any) -> None:
    at = home("setup_pins", access=replace(GUEST, role=Role.OWNER))
    at.window.go("setup")
    at.wait(lambda: at.window.wizard.page.pins[Role.INSTALLER].button.text() == "Change")
    at.click(at.window.wizard.page.pins[Role.INSTALLER].button)
    assert at.sheet.accessibleName() == "Enter the PIN"
    at.enter(INSTALLERS)
    at.wait(lambda: at.sheet is not None and at.sheet.accessibleName() == "The installer's PIN")


def test_where_the_role_has_run_out_the_usual_sheet_asks(home: Any) -> None:
    at = home("setup_meter", access=GUEST)
    at.window.go("setup")
    row = at.window.wizard.page.rows[CheckId.METER_FOUND]
    at.wait(lambda: row.run.locked)
    at.click(row.run)
    at.enter(INSTALLERS)
    at.wait(lambda: len(at.acted(api.RunCheck)) == 2)
    assert at.window.wizard.isVisible()


@pytest.mark.parametrize(
    ("commissioning", "access", "opens"),
    [
        (DUE, situations.NO_PIN.access, True),
        (AT_METER, situations.NO_PIN.access, True),
        (AT_METER, replace(GUEST, role=Role.INSTALLER), True),
        (AT_METER, GUEST, False),
        (AT_METER, replace(GUEST, role=Role.OWNER), False),
        (SETTLED, situations.NO_PIN.access, False),
        (SIGNED, situations.NO_PIN.access, False),
        (replace(DUE, due=False), situations.NO_PIN.access, False),
    ],
    ids=["due", "under way", "installer", "guest", "owner", "settled", "gaps", "not due"],
)
def test_it_opens_by_itself_only_for_whoever_may_use_it(
    hub: CannedHub, qtbot: QtBot, commissioning: Any, access: AccessView, opens: bool
) -> None:
    hub.situation = replace(situations.CHARGING_QUIET, commissioning=commissioning, access=access)
    link = HubLink(hub.path)
    window = Window(link, animated=False)
    qtbot.addWidget(window)
    window.show()
    link.start()
    qtbot.waitUntil(lambda: window.view.access is not None and window.view.commissioning is not None, timeout=5000)
    assert window.wizard.isVisible() is opens
    window.go("home")
    hub.push(api.Topic.COMMISSIONING)
    hub.push(api.Topic.ACCESS)
    qtbot.wait(50)
    assert window.home.isVisible(), "once"
    link.stop()


def test_home_and_devices_lead_back_into_an_unfinished_setup(home: Any) -> None:
    at = home("setup_meter", access=GUEST)
    notice = at.window.home.setup_notice
    at.wait(notice.isVisible)
    assert notice.accessibleName() == "Setup: go on"
    assert notice.accessibleDescription() == "Setup is not finished. Next: Smart meter. Needs a PIN"
    at.click(notice)
    assert at.sheet.purpose.text() == "This needs the installer's PIN."
    at.enter(INSTALLERS)
    at.wait(at.window.wizard.isVisible)
    at.window.go("devices")
    assert at.window.devices.setup.text() == "Setup: go on"
    at.click(at.window.devices.setup)
    assert at.window.wizard.isVisible()


def test_a_home_that_is_set_up_has_the_way_on_devices_only(home: Any) -> None:
    at = home("charging_quiet", access=replace(GUEST, role=Role.INSTALLER))
    assert not at.window.home.setup_notice.isVisible()
    at.window.go("devices")
    assert at.window.devices.setup.text() == "Setup"
    at.click(at.window.devices.setup)
    assert at.window.wizard.isVisible()


def test_home_tells_of_gaps(home: Any) -> None:
    at = home("charging_quiet", commissioning=SIGNED)
    at.wait(at.window.home.setup_notice.isVisible)
    assert "Left out in setup: A request on trial." in at.window.home.setup_notice.accessibleDescription()


def test_where_there_is_no_room_home_tells_of_gaps_among_what_else_there_is(opened: Opener) -> None:
    crowded = replace(situations.OFFERED, commissioning=SIGNED)
    window, _hub = opened(crowded, (800, 480))
    assert not window.home.setup_notice.isVisible()
    assert window.home.strip.words.text().endswith(" · 1 more")
    window.home.strip.click()
    (sheet,) = [sheet for sheet in window.findChildren(Sheet) if sheet.isVisible()]
    told = [text.text() for text in sheet.findChildren(Text)]
    assert sum("Left out in setup: A request on trial." in words for words in told) == 1


def test_who_sets_the_home_up_is_not_asked_for_a_pin_besides(home: Any) -> None:
    at = home("no_pin_quiet", commissioning=AT_METER)
    assert at.window.home.setup_notice.isVisible()
    assert not at.window.home.pin_notice.isVisible()


def test_where_the_installer_has_no_pin_the_owner_sets_one_and_goes_on(home: Any) -> None:
    at = home("setup_meter", access=replace(GUEST, role=Role.OWNER, pins=(Role.OWNER,)))
    at.click(at.window.home.setup_notice)
    (told_sheet,) = [sheet for sheet in at.window.findChildren(Sheet) if sheet.isVisible()]
    next(b for b in told_sheet.findChildren(QAbstractButton) if b.text() == "Set a PIN").click()
    for _twice in range(2):
        at.enter(INSTALLERS)
    at.wait(at.window.wizard.isVisible)
    assert at.acted(api.LogIn) == [api.LogIn(as_role=Role.INSTALLER, pin=INSTALLERS)]


def test_nobody_is_taken_out_of_setup_for_ten_minutes_nor_while_a_check_runs(home: Any) -> None:
    running = CheckView(check=CheckId.METER_READING, state=CheckState.RUNNING)
    at = home("setup_meter", access=replace(GUEST, role=Role.INSTALLER))
    idle = at.window.lock.idle
    assert idle._timer.interval() == AWAY_MS
    at.window.go("setup")
    assert idle._timer.interval() == PATIENT_MS
    at.hub.become(replace(at.hub.situation, commissioning=told(until(Step.METER, meter_reading=running))))
    at.wait(lambda: at.window.wizard.flow.running is CheckId.METER_READING)
    idle._timer.stop()
    idle.away.emit()
    assert idle._timer.isActive(), "it looks again later"
    assert at.window.wizard.isVisible()
    assert at.acted(api.LogOut) == []


def test_after_ten_minutes_it_locks_and_the_pin_leads_back_to_the_same_step(home: Any) -> None:
    at = home("setup_meter", access=replace(GUEST, role=Role.INSTALLER))
    at.window.go("setup")
    at.window.wizard.flow.go(Step.GRID)
    at.window.lock.idle.away.emit()
    at.wait(lambda: at.window.view.needs_pin(Role.INSTALLER))
    assert at.window.home.isVisible()
    assert at.window.lock.idle._timer.interval() == AWAY_MS
    at.window.lock.idle._swallows = False
    at.click(at.window.home.setup_notice)
    at.enter(INSTALLERS)
    at.wait(at.window.wizard.isVisible)
    assert at.window.wizard.flow.shown is Step.GRID


def test_the_report_tells_what_was_commissioned_and_leads_home_once_signed(home: Any) -> None:
    at = home("setup_report")
    at.hub.answers[api.FinishCommissioning] = self_signed(at)
    at.window.go("setup")
    page, wizard = at.window.wizard.report, at.window.wizard
    assert page.isVisible()
    assert not wizard.next.isVisible()
    lines = [line.words.text() for line in page.about.lines]
    assert lines == [words for _icon, words, _tone in commissioned(AT_REPORT, at.window.view)]
    assert "Meter cupboard: HomeWizard P1 Meter. Online." in lines
    assert "Car: 77 kWh usable (from: registration certificate)." in lines
    assert lines[-1] == "15 of 16 checks have passed."
    assert page.gaps.lines[0].words.text() == f"A request on trial: {LEFT_OUT.reason}"
    page.installer.setFocus()
    at.qtbot.keyClicks(page.installer, "I. Nstaller")
    at.qtbot.keyClick(page.installer, Qt.Key.Key_Return)
    assert at.acted(api.FinishCommissioning) == [], "only the button signs"
    at.click(page.sign)
    at.wait(page.signed.isVisible)
    assert at.acted(api.FinishCommissioning) == [api.FinishCommissioning(installer="I. Nstaller")]
    assert page.digest.text().count("9f3c9f3c") == 8
    assert wizard.next.text() == "Done"
    at.click(wizard.next)
    assert at.window.home.isVisible()


def self_signed(at: Home) -> Callable[[Any], object]:
    def sign(_call: object) -> object:
        at.hub.situation = replace(at.hub.situation, commissioning=SIGNED)
        return SIGNED

    return sign


@pytest.mark.parametrize("size", [(1280, 800), (800, 480)], ids=["wide", "compact"])
def test_how_far_it_has_come_is_seen_at_every_width(opened: Opener, size: tuple[int, int]) -> None:
    window, _hub = opened(situations.SETUP_METER, size)
    window.go("setup")
    wizard, wide = window.wizard, size == (1280, 800)
    assert wizard.rail.isVisible() is wide
    assert wizard.dots.isVisible() is not wide
    assert wizard.place.text() == ("Step 3 of 10" if wide else "3 / 10")
    assert wizard.dots.accessibleName() == "2 of 10 steps are done"
    way_out = wizard.later if wide else wizard.leave
    assert way_out.accessibleName() == "Later"
    way_out.click()
    assert window.home.isVisible()


def test_a_place_that_was_kept_is_told_in_the_report(opened: Opener) -> None:
    window, _hub = opened(situations.SETUP_REPORT)
    first = commissioned(AT_REPORT, window.view)[0]
    assert first[1] == "Anna, with the clock of Berlin."
    bare = replace(AT_REPORT, answers=())
    assert commissioned(bare, window.view)[0][1] == "Anna, with the clock of Amsterdam."
    assert PLACE.name == "Anna"
