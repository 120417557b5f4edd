"""Devices: adopt, follow the instruction, try again, forget."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import DeviceRefused, DeviceUnreachable, NotAllowed, PairingPending, WrongState
from homeapp.model.charger import ChargerView, ControlSpan, InControl, TokenView
from homeapp.model.readings import LimitControl
from ui.widgets.buttons import Button
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]


def test_adopt_asks_for_the_button_then_works(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.OFFERED)
    window.go("devices")
    card = window.devices.cards["homewizard:aabbcc"]
    answers = [
        PairingPending("Press the button on the meter, then try again within 30 seconds."),
        replace(situations.FOUND, adopted=True),
    ]
    hub.answers[api.AdoptDevice] = lambda _call: answers.pop(0)
    qtbot.mouseClick(card.adopt, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(card.instruction.isVisible, timeout=5000)
    assert "Press the button" in card.instruction.words.text()
    assert card.adopt.text() == "Try again"
    assert not card.problem.isVisible()
    qtbot.mouseClick(card.adopt, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not card.instruction.isVisible(), timeout=5000)
    assert hub.calls == [api.AdoptDevice(device_id="homewizard:aabbcc")] * 2


def test_a_failed_adoption_is_said(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.OFFERED)
    window.go("devices")
    card = window.devices.cards["ocpp:SN2001"]
    hub.answers[api.AdoptDevice] = lambda _call: DeviceUnreachable("The charger has gone. Wait until it knocks again.")
    qtbot.mouseClick(card.adopt, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(card.problem.isVisible, timeout=5000)
    assert card.problem.words.text().startswith("The charger has gone.")


def test_forget_asks_first(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.OFFERED)
    window.go("devices")
    card = window.devices.cards["ocpp:SN1005"]
    qtbot.mouseClick(card.forget, Qt.MouseButton.LeftButton)
    sheet = window.findChild(Sheet)
    keep, forget = sheet.findChildren(Button)
    assert (keep.text(), forget.text()) == ("Keep", "Forget")
    assert not window.pages.isEnabled()
    qtbot.mouseClick(keep, Qt.MouseButton.LeftButton)
    assert window.pages.isEnabled()
    assert not hub.calls
    qtbot.waitUntil(lambda: window.findChild(Sheet) is None, timeout=5000)
    qtbot.mouseClick(card.forget, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(window.findChild(Sheet).findChildren(Button)[1], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: hub.calls == [api.ForgetDevice(device_id="ocpp:SN1005")], timeout=5000)


def test_escape_closes_the_question(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.OFFERED)
    window.go("devices")
    qtbot.mouseClick(window.devices.cards["ocpp:SN1005"].forget, Qt.MouseButton.LeftButton)
    qtbot.keyClick(window.findChild(Sheet), Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(Sheet) is None, timeout=5000)
    assert not hub.calls


def test_states_and_ages(opened: Opener) -> None:
    window, _hub = opened(situations.OFFLINE_CHARGER)
    window.go("devices")
    card = window.devices.cards["ocpp:SN1005"]
    assert card.accessibleName() == "Driveway, Offline"
    assert "heard 12 min ago" in card._address.text()


def test_devices_come_and_go(opened: Opener, hub: CannedHub, qtbot: QtBot) -> None:
    window, _hub = opened(situations.EMPTY)
    window.go("devices")
    assert window.devices.empty.isVisible()
    hub.situation = situations.OFFERED
    hub.push(api.Topic.DEVICES)
    qtbot.waitUntil(lambda: len(window.devices.cards) == 4, timeout=5000)
    assert not window.devices.empty.isVisible()
    hub.situation = situations.CHARGING
    hub.push(api.Topic.DEVICES)
    qtbot.waitUntil(lambda: list(window.devices.cards) == ["homewizard:5c2faf010203", "ocpp:SN1005"], timeout=5000)


def test_a_charger_says_who_controls_it_and_what_it_cannot_do(opened: Opener) -> None:
    window, _hub = opened(situations.LIMITED)
    window.go("devices")
    facts = window.devices.cards["ocpp:SN1005"].charger
    assert facts.control.words.text() == "Your charging provider limits it to 5.0\N{NO-BREAK SPACE}kW now."
    assert "only now and then" in facts.limits.words.text()
    assert "has no way to ask for it" in facts.feed.words.text()
    assert facts.software.words.text() == "Software 1.4 is being downloaded."
    assert not window.devices.cards["homewizard:5c2faf010203"].charger.isVisible()


def test_control_is_taken_back_for_as_long_as_chosen(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.LIMITED)
    window.go("devices")
    facts = window.devices.cards["ocpp:SN1005"].charger
    assert facts.take.accessibleName() == "Take back control: Driveway"
    qtbot.mouseClick(facts.take, Qt.MouseButton.LeftButton)
    hour, due, _open, leave = window.findChild(Sheet).findChildren(Button)
    assert (hour.text(), due.text()) == ("For one hour", "Until the car is due, 06:10")
    qtbot.mouseClick(leave, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.findChild(Sheet) is None, timeout=5000)
    assert not hub.calls
    qtbot.mouseClick(facts.take, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(window.findChild(Sheet).findChildren(Button)[1], Qt.MouseButton.LeftButton)
    taken = api.TakeControl(device_id="ocpp:SN1005", span=ControlSpan.DEPARTURE)
    qtbot.waitUntil(lambda: hub.calls == [taken], timeout=5000)


def test_control_is_given_back_with_one_tap(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.OWNER_HOLDS)
    window.go("devices")
    facts = window.devices.cards["ocpp:SN1005"].charger
    assert facts.control.words.text() == ("You have control until 17:19. Your charging provider's commands wait.")
    hub.answers[api.GiveControlBack] = lambda _call: WrongState("The disk is full.")
    qtbot.mouseClick(facts.take, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(facts.problem.isVisible, timeout=5000)
    assert facts.problem.words.text() == "The disk is full."
    assert hub.calls == [api.GiveControlBack(device_id="ocpp:SN1005")]


def test_without_a_charging_provider_there_is_nothing_to_take_back(opened: Opener) -> None:
    alone = ChargerView(in_control=InControl.HUB, limits=LimitControl.FULL)
    window, _hub = opened(replace(situations.CHARGING, devices=(replace(situations.CHARGER, charger=alone),)))
    window.go("devices")
    facts = window.devices.cards["ocpp:SN1005"].charger
    assert facts.control.words.text() == "Your hub is in control: it charges by your plan."
    assert not facts.take.isVisible()
    assert not facts.add_card.isVisible()


def test_a_strange_card_is_added_with_one_tap(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.LIMITED)
    window.go("devices")
    facts = window.devices.cards["ocpp:SN1005"].charger
    assert facts.stranger.words.text().startswith("An unknown card was shown at 16:22 and refused.")
    qtbot.mouseClick(facts.add_card, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: hub.calls == [api.AddToken()], timeout=5000)


CARDS = (
    TokenView(name="Blue card", added_at=situations.NOW - timedelta(days=40)),
    TokenView(name="Card 2", added_at=situations.NOW - timedelta(days=2)),
)


def buttons(window: Window) -> dict[str, Button]:
    """Those of the sheet that is open, by accessible name."""
    sheet = next(sheet for sheet in window.findChildren(Sheet) if sheet.isVisible())
    return {button.accessibleName(): button for button in sheet.findChildren(Button)}


@pytest.mark.parametrize("profile", [None, 1, 2, 3])
def test_only_a_charger_with_a_password_over_tls_can_be_raised(
    opened: Opener, qtbot: QtBot, profile: int | None
) -> None:
    charger = replace(situations.LIMITED_CHARGER, security_profile=profile)
    window, _hub = opened(replace(situations.CHARGING, devices=(replace(situations.CHARGER, charger=charger),)))
    window.go("devices")
    setup = window.devices.cards["ocpp:SN1005"].setup
    qtbot.waitUntil(setup.cards.isVisible, timeout=5000)
    assert setup.secure.isVisible() is (profile == 2)


@pytest.mark.usecase("W2")
def test_security_is_raised_after_the_consequences_were_read_and_a_refusal_is_said(
    opened: Opener, qtbot: QtBot
) -> None:
    window, hub = opened(situations.LIMITED)
    window.go("devices")
    setup = window.devices.cards["ocpp:SN1005"].setup
    hub.answers[api.RaiseSecurity] = lambda _call: DeviceRefused("The charger is in use.")
    qtbot.mouseClick(setup.secure, Qt.MouseButton.LeftButton)
    said = " ".join(text.text() for text in window.findChild(Sheet).findChildren(Text))
    assert "certificate only" in said
    assert "no way back" in said
    qtbot.mouseClick(buttons(window)["Keep"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.findChild(Sheet) is None, timeout=5000)
    assert not hub.calls
    qtbot.mouseClick(setup.secure, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(buttons(window)["Raise security"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(setup.problem.isVisible, timeout=5000)
    assert setup.problem.words.text() == "The charger is in use."
    assert hub.calls == [api.RaiseSecurity(device_id="ocpp:SN1005")]


def test_raising_security_asks_for_the_installers_pin(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.LIMITED)
    window.go("devices")
    setup = window.devices.cards["ocpp:SN1005"].setup
    hub.answers[api.RaiseSecurity] = lambda _call: NotAllowed("This needs the installer's PIN.")
    with qtbot.waitSignal(window.desk.pin_needed, timeout=5000) as needed:
        qtbot.mouseClick(setup.secure, Qt.MouseButton.LeftButton)
        qtbot.mouseClick(buttons(window)["Raise security"], Qt.MouseButton.LeftButton)
    assert needed.args[0] is api.Role.INSTALLER
    assert not setup.problem.isVisible()


def test_cards_are_listed_and_removed(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.LIMITED)
    window.go("devices")
    left = list(CARDS)

    def remove(call: api.RemoveToken) -> None:
        left[:] = [card for card in left if card.name != call.name]

    hub.answers |= {api.ListTokens: lambda _call: tuple(left), api.RemoveToken: remove}
    qtbot.mouseClick(window.devices.cards["ocpp:SN1005"].setup.cards, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.findChild(Sheet) is not None, timeout=5000)
    assert list(buttons(window)) == ["Remove: Blue card", "Remove: Card 2", "Close"]
    said = [text.text() for text in window.findChild(Sheet).findChildren(Text)]
    assert "Blue card" in said
    assert any(text.startswith("added ") for text in said)
    qtbot.mouseClick(buttons(window)["Remove: Blue card"], Qt.MouseButton.LeftButton)
    assert api.RemoveToken(name="Blue card") not in hub.calls, "it asks first"
    qtbot.mouseClick(buttons(window)["Remove"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: hub.calls.count(api.ListTokens()) == 2, timeout=5000)
    qtbot.waitUntil(lambda: any(sheet.isVisible() for sheet in window.findChildren(Sheet)), timeout=5000)
    assert list(buttons(window)) == ["Remove: Card 2", "Close"]
    assert api.RemoveToken(name="Blue card") in hub.calls


def test_where_no_card_is_known_it_is_said_how_to_add_one(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.LIMITED)
    window.go("devices")
    hub.answers[api.ListTokens] = lambda _call: ()
    qtbot.mouseClick(window.devices.cards["ocpp:SN1005"].setup.cards, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.findChild(Sheet) is not None, timeout=5000)
    said = " ".join(text.text() for text in window.findChild(Sheet).findChildren(Text))
    assert "hold it to the charger" in said
