"""Setup, charger: the address to enter, its knocking, adoption, and the two tests as figures."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import situations
from canned_hub import CannedHub
from commissioning_told import CONNECTED
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import DeviceUnreachable
from homeapp.model.commissioning import CheckId
from homeapp.model.device import DeviceLink
from homeapp.model.site import Site
from ui.setup.steps.charger_step import ChargerStep
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
pytestmark = pytest.mark.usecase("D2")


def _page(window: Window) -> ChargerStep:
    window.go("setup")
    page = window.wizard.page
    assert isinstance(page, ChargerStep)
    return page


def test_the_address_is_shown_large_with_how_it_is_secured_and_the_wait_is_counted(
    opened: Opener, qtbot: QtBot
) -> None:
    window, hub = opened(situations.SETUP_CHARGER)
    page = _page(window)
    assert page.address.text() == "wss://192.0.2.20:8887/ocpp"
    assert page.address.font().pixelSize() >= 30
    assert "wss://192.0.2.20:8887/ocpp/IDENTITY" in page.identity.words.text()
    assert "ocpp-ca.pem" in page.authority.words.text()
    assert page.waiting.words.text().startswith("Waiting for the charger to knock")
    qtbot.waitUntil(lambda: not page.waiting.words.text().endswith(" 0 s"), timeout=5000)
    hub.become(situations.SETUP_KNOCKING)
    qtbot.waitUntil(lambda: not page.waiting.isVisible(), timeout=5000)
    assert page.address.isVisible(), "it may be the neighbour's that knocks"


def test_one_that_knocks_is_adopted_and_checked_by_itself_once_it_is_online(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_KNOCKING)
    page = _page(window)
    (row,) = page.list.rows.values()
    assert "6 A per phase" in page.adoption.words.text()
    answers = [DeviceUnreachable("The charger has gone."), situations.CHARGER]
    hub.answers[api.AdoptDevice] = lambda _call: answers.pop(0)
    qtbot.mouseClick(row.adopt, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(row.problem.isVisible, timeout=5000)
    qtbot.mouseClick(row.adopt, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(hub.calls) == 2, timeout=5000)
    connecting = tuple(
        replace(device, link=DeviceLink.CONNECTING) if device.charger is not None else device
        for device in situations.SETUP_CONNECTED.devices
    )
    hub.answers[api.RunCheck] = lambda _call: CONNECTED
    waits = replace(
        situations.SETUP_CONNECTED, devices=connecting, commissioning=situations.SETUP_CHARGER.commissioning
    )
    hub.become(waits)
    qtbot.waitUntil(page.adopted.isVisible, timeout=5000)
    qtbot.wait(150)
    assert len(hub.calls) == 2
    assert page.enter.isVisible()
    assert "online again" in page.adopted.floor.words.text()
    hub.become(replace(waits, devices=situations.SETUP_CONNECTED.devices))
    qtbot.waitUntil(lambda: len(hub.calls) == 3 and not page.flow.checking, timeout=5000)
    assert hub.calls[2] == api.RunCheck(check=CheckId.CHARGER_CONNECTED)
    assert not page.enter.isVisible()


def test_before_the_tests_a_car_is_asked_for_and_during_them_the_figures_stand_alone(
    opened: Opener, qtbot: QtBot
) -> None:
    window, hub = opened(situations.SETUP_CONNECTED)
    adopted = _page(window).adopted
    assert "Plug in a car that is not full" in adopted.plug.words.text()
    assert "security profile 2" in adopted.security.words.text()
    assert "6 A per phase" in adopted.floor.words.text()
    assert "at any time" in adopted.control.words.text()
    assert not adopted.feed.isVisible()
    hub.become(situations.SETUP_LIMITING)
    qtbot.waitUntil(lambda: adopted.power.value.text() == "6.0\u00a0A", timeout=5000)
    assert not adopted.plug.isVisible()
    assert adopted.limit.value.text() == "6.0\u00a0A"
    assert adopted.power.note.text().startswith("4.14\u00a0kW into the car · ")
    assert "s old" in adopted.limit.note.text()
    assert not hub.calls


def test_a_charger_that_is_lost_says_so_and_its_limit_is_not_known(opened: Opener) -> None:
    lost = replace(situations.OFFLINE, problem="It has not answered for 12 minutes.")
    snapshot = replace(situations.SETUP_CONNECTED.snapshot, chargers=(), granted_w=None)
    window, _hub = opened(
        replace(
            situations.SETUP_CONNECTED,
            devices=(situations.METER, lost),
            snapshot=snapshot,
            site=Site(safe_current_a=0.0),
        )
    )
    adopted = _page(window).adopted
    assert adopted.trouble.words.text() == "It has not answered for 12 minutes."
    assert adopted.power.value.text() == adopted.limit.value.text() == "–"
    assert not adopted.plug.isVisible()
