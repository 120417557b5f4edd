"""Devices: adopt, follow the instruction, try again, forget."""

from collections.abc import Callable
from dataclasses import replace

import situations
from canned_hub import CannedHub
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import DeviceUnreachable, PairingPending, WrongState
from homeapp.model.charger import ChargerView, ControlSpan, InControl
from homeapp.model.readings import LimitControl
from ui.widgets.buttons import Button
from ui.widgets.sheet import Sheet
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
