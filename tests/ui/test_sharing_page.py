"""Sharing: read the words before allowing, see what left, stop it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import situations
from canned_hub import CannedHub
from offers_told import NOW
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import WrongState
from homeapp.model.consent import DataClass, ProviderSharing
from homeapp.model.live import LinkState
from homeapp.model.uplink import UplinkView
from homeapp.sharing.consent_texts import data_classes, terms
from ui import formats, sharing_words
from ui.pages.sharing_card import SharingCard
from ui.theme import Tone
from ui.view import View
from ui.widgets.buttons import Button
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.window import Window

pytestmark = pytest.mark.usecase("W8")

Opener = Callable[..., tuple[Window, CannedHub]]
IDENTITY, CHARGING, METERING = DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING


def tap(qtbot: QtBot, button: object) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def opened_page(opened: Opener, size: tuple[int, int] = (1280, 800)) -> tuple[Window, CannedHub]:
    window, hub = opened(situations.SHARED, size)
    window.go("sharing")
    return window, hub


def card_of(window: Window, sp_id: str) -> SharingCard:
    return window.sharing.cards[sp_id]


def sheet_of(window: Window) -> tuple[Sheet, dict[str, Button], str]:
    (sheet,) = [found for found in window.findChildren(Sheet) if found.isVisible()]
    words = "\n".join(text.text() for text in sheet.findChildren(Text))
    return sheet, {button.text(): button for button in sheet.findChildren(Button)}, words


def changed(sp_id: str, data_class: DataClass, *, granted: bool) -> ProviderSharing:
    provider = next(found for found in situations.SHARING if found.sp_id == sp_id)
    entries = tuple(
        replace(entry, granted=granted) if entry.data_class is data_class else entry for entry in provider.entries
    )
    return replace(provider, entries=entries)


def test_a_switch_shows_the_words_in_full_before_anything_is_allowed(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened_page(opened)
    row = card_of(window, "evc_sp").rows[METERING]
    tap(qtbot, row.switch)
    _sheet, buttons, words = sheet_of(window)
    assert not row.switch.isChecked()
    for line in terms("evc_sp", METERING).newest.text.splitlines():
        assert line in words
    assert "Energy from the grid" in words or "energy from the grid" in words
    assert list(buttons) == ["Do not allow", "Allow"]
    tap(qtbot, buttons["Do not allow"])
    assert not hub.calls
    hub.answers[api.SetConsent] = lambda _call: changed("evc_sp", METERING, granted=True)
    tap(qtbot, row.switch)
    tap(qtbot, sheet_of(window)[1]["Allow"])
    qtbot.waitUntil(lambda: row.switch.accessibleDescription() == "On", timeout=5000)
    assert hub.calls == [api.SetConsent(sp_id="evc_sp", data_class=METERING, granted=True, text_version=1)]


def test_taking_back_asks_once_and_says_what_happens(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened_page(opened)
    row = card_of(window, "evc_sp").rows[CHARGING]
    tap(qtbot, row.switch)
    _sheet, buttons, words = sheet_of(window)
    assert "what still waits is dropped" in words
    assert "only it can delete" in words
    assert list(buttons) == ["Keep", "Stop sharing"]
    tap(qtbot, buttons["Keep"])
    assert not hub.calls
    hub.answers[api.SetConsent] = lambda _call: changed("evc_sp", CHARGING, granted=False)
    tap(qtbot, row.switch)
    tap(qtbot, sheet_of(window)[1]["Stop sharing"])
    qtbot.waitUntil(lambda: row.switch.accessibleDescription() == "Off", timeout=5000)
    assert hub.calls == [api.SetConsent(sp_id="evc_sp", data_class=CHARGING, granted=False, text_version=1)]


def test_stop_everything_takes_the_customer_link_back(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened_page(opened)
    assert not card_of(window, "fleet").stop.isVisible()
    tap(qtbot, card_of(window, "evc_sp").stop)
    _sheet, buttons, words = sheet_of(window)
    assert "no offers come in any more" in words
    tap(qtbot, buttons["Stop everything"])
    qtbot.waitUntil(lambda: len(hub.calls) == 1, timeout=5000)
    assert hub.calls == [api.SetConsent(sp_id="evc_sp", data_class=IDENTITY, granted=False, text_version=1)]


@pytest.mark.usecase("A7", "S7")
def test_the_location_is_off_and_needs_the_customer_link_first(opened: Opener, qtbot: QtBot) -> None:
    window, _hub = opened_page(opened)
    card = card_of(window, "fleet")
    row = card.rows[DataClass.LOCATION]
    assert not row.switch.isChecked()
    assert not row.switch.isEnabled()
    assert card.rows[IDENTITY].switch.isEnabled()
    tap(qtbot, row)
    _sheet, buttons, words = sheet_of(window)
    assert list(buttons) == ["Close"]
    assert "off unless you switch it on" in words
    assert "first allow: Customer link" in words
    assert "latitude, to 0.1 degree" in words.lower()


def test_a_row_opens_its_story_with_what_was_in_it(opened: Opener, qtbot: QtBot) -> None:
    window, _hub = opened_page(opened)
    row = card_of(window, "evc_sp").rows[CHARGING]
    assert row.accessibleName() == "Charging for EVC provider: allowed"
    assert "1204 messages · 598.7\u00a0kB · 4 min ago" in row.accessibleDescription()
    tap(qtbot, row)
    _sheet, buttons, words = sheet_of(window)
    assert "Plugged in or not, how full the battery is, number of the car, number of the message, time." in words
    assert "Allowed since" in words
    tap(qtbot, buttons["Stop sharing"])
    _sheet, buttons, _words = sheet_of(window)
    assert list(buttons) == ["Keep", "Stop sharing"]


def test_a_refusal_is_said_and_nothing_looks_allowed(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened_page(opened)
    card = card_of(window, "evc_sp")
    hub.answers[api.SetConsent] = lambda _call: WrongState("The words of this consent have changed.")
    tap(qtbot, card.rows[METERING].switch)
    tap(qtbot, sheet_of(window)[1]["Allow"])
    qtbot.waitUntil(card.problem.isVisible, timeout=5000)
    assert card.problem.words.text() == "The words of this consent have changed."
    assert not card.rows[METERING].switch.isChecked()


def test_while_it_is_being_saved_the_switch_says_so(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened_page(opened)
    switch = card_of(window, "evc_sp").rows[METERING].switch
    hub.hold = True
    hub.answers[api.SetConsent] = lambda _call: changed("evc_sp", METERING, granted=True)
    tap(qtbot, card_of(window, "evc_sp").rows[METERING].switch)
    tap(qtbot, sheet_of(window)[1]["Allow"])
    qtbot.waitUntil(lambda: switch.accessibleDescription() == "Saving…", timeout=5000)
    assert not switch.isEnabled()
    qtbot.waitUntil(lambda: len(hub.held) == 1, timeout=5000)
    hub.release()
    qtbot.waitUntil(lambda: switch.isEnabled() and switch.isChecked(), timeout=5000)
    assert switch.accessibleDescription() == "On"


def test_a_lost_hub_switches_nothing(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened_page(opened)
    hub.stop()
    switch = card_of(window, "evc_sp").rows[CHARGING].switch
    qtbot.waitUntil(lambda: not switch.isEnabled(), timeout=5000)
    assert switch.isChecked()


def test_providers_come_and_go(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.EMPTY, (800, 480))
    window.go("sharing")
    assert window.sharing.empty.isVisible()
    hub.situation = situations.SHARED
    hub.push(api.Topic.SHARING)
    qtbot.waitUntil(lambda: len(window.sharing.cards) == 4, timeout=5000)
    assert not window.sharing.empty.isVisible()
    hub.situation = replace(situations.SHARED, sharing=(situations.shared("evc_sp", "EVC provider"),))
    hub.push(api.Topic.SHARING)
    qtbot.waitUntil(lambda: list(window.sharing.cards) == ["evc_sp"], timeout=5000)
    assert "Nothing has left your home" in card_of(window, "evc_sp").rows[IDENTITY].accessibleDescription()


def test_a_provider_that_asks_for_more_gets_another_row(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened_page(opened)
    grid = situations.SHARING[0]
    hub.situation = replace(situations.SHARED, sharing=(replace(grid, entries=grid.entries[:1]),))
    hub.push(api.Topic.SHARING)
    qtbot.waitUntil(lambda: list(card_of(window, "grid_sp").rows) == [IDENTITY], timeout=5000)


@pytest.mark.parametrize("size", [(1280, 800), (1024, 600), (800, 480)], ids=["wide", "tablet", "compact"])
@pytest.mark.parametrize("sp_id", ["grid_sp", "evc_sp", "pev_sp", "fleet"])
def test_no_words_of_any_consent_are_cut_off(opened: Opener, qtbot: QtBot, sp_id: str, size: tuple[int, int]) -> None:
    window, _hub = opened_page(opened, size)
    for row in card_of(window, sp_id).rows.values():
        row.click()
        sheet, buttons, _words = sheet_of(window)
        qtbot.wait(1)
        assert not [text.text() for text in sheet.findChildren(Text) if text.text() and text.shortened]
        assert all(button.height() >= 60 for button in buttons.values())
        next(iter(buttons.values())).click()


def test_every_kind_and_every_field_has_words() -> None:
    names = [sharing_words.class_words(data_class) for data_class in DataClass]
    assert len(set(names)) == len(names) == len(sharing_words.ICONS)
    for sp_id in ("grid_sp", "evc_sp", "evc_sp.csms", "pev_sp", "fleet"):
        for data_class in data_classes(sp_id):
            for field in terms(sp_id, data_class).fields:
                assert not {"_", "*"} & set(sharing_words.field_words((field,))), field
    assert sharing_words.field_words(("new_field", "soc_pct")) == "How full the battery is, new_field."


def test_the_summary_over_all_providers() -> None:
    view = View(now=NOW, alive=True)
    assert sharing_words.total_words(view) == "Connecting to the hub…"
    assert sharing_words.total_words(replace(view, sharing=())) == ""
    assert sharing_words.total_words(replace(view, sharing=situations.SHARING[2:])) == "Nothing leaves your home"
    shared = replace(view, sharing=situations.SHARING)
    assert sharing_words.total_words(shared) == "Data goes to 2 of 4 providers"


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "0\u00a0B"), (999, "999\u00a0B"), (1000, "1.0\u00a0kB"), (999_949, "999.9\u00a0kB"), (999_950, "1.0\u00a0MB")],
)
def test_amounts_of_data(amount: int, said: str) -> None:
    assert formats.size(amount) == said


def test_where_a_pin_is_needed_each_control_shows_a_lock(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(replace(situations.SHARED, access=situations.LOCKED.access))
    window.go("sharing")
    card = card_of(window, "evc_sp")
    assert card.rows[METERING].switch.accessibleDescription() == "Off. Needs a PIN"
    assert card.rows[CHARGING].switch.accessibleDescription() == "On. Needs a PIN"
    assert card.stop.accessibleDescription() == "Needs a PIN"
    blocked = card_of(window, "fleet").rows[DataClass.LOCATION].switch
    assert blocked.accessibleDescription() == "Off", "there is something to do before the PIN"
    locked = card.rows[METERING].switch.grab().toImage()
    tap(qtbot, card.rows[METERING].switch)
    _sheet, buttons, _words = sheet_of(window)
    described = {words: button.accessibleDescription() for words, button in buttons.items()}
    assert described == {"Do not allow": "", "Allow": "Needs a PIN"}
    buttons["Do not allow"].click()
    hub.become(situations.SHARED)
    qtbot.waitUntil(lambda: card.rows[METERING].switch.accessibleDescription() == "Off", timeout=5000)
    assert card.rows[METERING].switch.grab().toImage() != locked
    assert not card.stop.accessibleDescription()


def test_words_that_have_changed_are_said_and_can_be_agreed_to_or_not(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.OUTDATED)
    window.go("sharing")
    card = card_of(window, "evc_sp")
    told = "The words have changed since you agreed."
    assert told in card.rows[CHARGING].accessibleDescription()
    assert told not in card_of(window, "grid_sp").rows[IDENTITY].accessibleDescription()
    assert card.line.link.text() == "Not connected: the words have changed"
    assert card.stop.isVisible(), "what has left can still be taken back"
    tap(qtbot, card.rows[IDENTITY].switch)
    _sheet, buttons, words = sheet_of(window)
    assert told in words
    assert "You agreed Sat 16:24, to other words. Nothing of it is sent until you allow it again." in words
    assert list(buttons) == ["Close", "Stop everything", "Allow"]
    tap(qtbot, buttons["Allow"])
    qtbot.waitUntil(lambda: len(hub.calls) == 1, timeout=5000)
    assert hub.calls == [api.SetConsent(sp_id="evc_sp", data_class=IDENTITY, granted=True, text_version=1)]
    tap(qtbot, card.rows[CHARGING])
    assert list(sheet_of(window)[1]) == ["Close", "Stop sharing"], "the customer link comes first"


@pytest.mark.usecase("W7")
def test_each_card_says_how_its_link_stands_and_what_it_has_used(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened_page(opened)

    def said(sp_id: str) -> tuple[str, str, str, str]:
        line = card_of(window, sp_id).line
        return line.link.text(), line.used.text(), line.story.text(), line.limit.text()

    assert said("evc_sp") == (
        "Connected since 13:04",
        "617.6\u00a0kB used this month",
        "",
        "Sends more than it may: the rest is read bit by bit. "
        "This month's volume is used up: Energy readings waits for the next.",
    )
    assert said("grid_sp") == (
        "Not connected since Sun 14:24",
        "3.2\u00a0kB used this month",
        "The system operator cannot be reached. The hub tries again by itself. 2 answers wait.",
        "",
    )
    assert said("pev_sp") == ("Not connected: you have not allowed it", "", "", "")
    calm = UplinkView(metered=False, use=situations.UPLINK.use[:1], throttled=())
    hub.become(replace(situations.SHARED, uplink=calm))
    qtbot.waitUntil(lambda: said("evc_sp")[1:] == ("18.2\u00a0kB used this month", "", ""), timeout=5000)
    assert said("grid_sp")[1] == "Nothing used this month"
    unheard = situations.link("evc_sp", "EVC provider", LinkState.CONNECTING, 1)
    hub.become(replace(situations.SHARED, snapshot=replace(situations.SHARED.snapshot, providers=(unheard,))))
    qtbot.waitUntil(lambda: said("evc_sp")[0] == "Connecting since 16:23", timeout=5000)
    assert said("grid_sp")[0] == "Not connected yet"


def test_without_the_hub_numbers_go_grey_and_say_their_age(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened_page(opened)
    card = card_of(window, "evc_sp")
    left = next(text for text in card.rows[CHARGING].findChildren(Text) if "1204 messages" in text.text())
    assert (card.line.used._tone, left._tone) == (Tone.TEXT2, Tone.BLUE)
    hub.stop()
    qtbot.waitUntil(lambda: card.line.used._tone is Tone.TEXT3, timeout=5000)
    assert card.line.used.text().endswith(" s old")
    assert card.line.link.text() == "Connection not known"
    assert left._tone is Tone.TEXT3
    assert left.text().endswith("4 min ago")
    assert not card.line.limit.isVisible()


@pytest.mark.parametrize("size", [(1280, 800), (800, 480)], ids=["wide", "compact"])
def test_nothing_is_squeezed_in_the_first_picture(opened: Opener, size: tuple[int, int]) -> None:
    window, _hub = opened_page(opened, size)
    for card in window.sharing.cards.values():
        for row in card.rows.values():
            assert row.switch.height() == row.switch.sizeHint().height()
            assert not [text.text() for text in row.findChildren(Text) if text.isVisible() and text.shortened]


def test_the_keyboard_goes_down_one_card_after_the_other(opened: Opener, qtbot: QtBot) -> None:
    window, _hub = opened_page(opened)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    grid, evc = card_of(window, "grid_sp"), card_of(window, "evc_sp")
    expected = [*grid.controls, *evc.controls]
    window.navigation.lock.setFocus()
    reached = []
    for _ in expected:
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
        reached.append(window.focusWidget())
    assert reached == expected
