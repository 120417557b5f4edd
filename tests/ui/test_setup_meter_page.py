"""Setup, smart meter: found, adopted, asked at an address, read, and its direction seen."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import situations
from canned_hub import CannedHub
from commissioning_told import AT_METER, passed, stands, until
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import DeviceUnreachable, PairingPending
from homeapp.model.commissioning import CheckId, Step
from homeapp.model.live import Figure
from ui.setup.steps.meter_step import MeterStep
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
pytestmark = pytest.mark.usecase("D1")


def _page(window: Window) -> MeterStep:
    window.go("setup")
    page = window.wizard.page
    assert isinstance(page, MeterStep)
    return page


def _said(widget: object) -> str:
    return " ".join(text.text() for text in widget.findChildren(Text) if text.isVisible())  # type: ignore[attr-defined]


def _click(qtbot: QtBot, button: object) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)  # type: ignore[arg-type]


def test_adoption_shows_the_step_at_the_device_large_and_once_online_the_checks_run_by_themselves(
    opened: Opener, qtbot: QtBot
) -> None:
    window, hub = opened(situations.SETUP_METER_FOUND)
    page = _page(window)
    (row,) = page.list.rows.values()
    assert "HomeWizard kWh Meter 3-phase" in _said(row)
    assert "aabbccddeeff" in _said(row)
    answers = [PairingPending("Press the button on the meter."), replace(situations.FOUND, adopted=True)]
    hub.answers[api.AdoptDevice] = lambda _call: answers.pop(0)
    _click(qtbot, row.adopt)
    qtbot.waitUntil(row.instruction.isVisible, timeout=5000)
    assert row.instruction.words.font().pixelSize() >= 20
    assert row.adopt.text() == "Try again"
    assert not row.problem.isVisible()
    _click(qtbot, row.adopt)
    qtbot.waitUntil(lambda: len(hub.calls) == 2, timeout=5000)
    met = stands(until(Step.METER, meter_found=passed(CheckId.METER_FOUND)))
    found = iter(
        [
            met,
            stands(
                until(Step.METER, meter_found=passed(CheckId.METER_FOUND), meter_reading=passed(CheckId.METER_READING))
            ),
        ]
    )
    hub.answers[api.RunCheck] = lambda _call: next(found)
    hub.become(replace(situations.SETUP_METER_FOUND, devices=(situations.METER,)))
    qtbot.waitUntil(lambda: not page.flow.checking and len(hub.calls) >= 4, timeout=8000)
    assert hub.calls[2:] == [
        api.RunCheck(check=CheckId.METER_FOUND),
        api.RunCheck(check=CheckId.METER_READING),
    ], "the direction needs somebody's hands"
    assert not page.found.isVisible()
    assert page.reading.isVisible()


def test_a_meter_that_stays_online_is_not_checked_again_after_a_failure(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_METER_FOUND)
    page = _page(window)
    hub.answers[api.RunCheck] = lambda _call: AT_METER
    hub.become(replace(situations.SETUP_METER_FOUND, devices=(situations.METER,)))
    qtbot.waitUntil(lambda: bool(hub.calls) and not page.flow.checking, timeout=5000)
    for _ in range(3):
        hub.push(api.Topic.DEVICES)
        qtbot.wait(150)
    assert hub.calls == [api.RunCheck(check=CheckId.METER_FOUND)]


def test_an_address_is_asked_and_what_came_of_it_is_said(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_METER_NONE)
    page = _page(window)
    assert not page.address.isVisible()
    _click(qtbot, page.enter)
    assert page.address.isVisible()
    assert not page.address.look.isEnabled()
    page.address.address.setText(" 192.0.2.11 ")
    nothing = DeviceUnreachable("Nothing answers at 192.0.2.11. Check that the meter has power.")
    answers = [nothing, situations.FOUND]
    hub.answers[api.LookForMeter] = lambda _call: answers.pop(0)
    _click(qtbot, page.address.look)
    qtbot.waitUntil(page.address.problem.isVisible, timeout=5000)
    assert page.address.problem.words.text() == str(nothing)
    hub.push(api.Topic.SNAPSHOT)
    qtbot.wait(150)
    assert page.address.address.text() == " 192.0.2.11 ", "what is typed outlives news of the hub"
    page.address.address.setText("192.0.2.12")
    qtbot.waitUntil(lambda: not page.address.problem.isVisible(), timeout=5000)
    qtbot.keyClick(page.address.address, Qt.Key.Key_Return)
    qtbot.waitUntil(page.address.found.isVisible, timeout=5000)
    assert "kWh Meter 3-phase" in page.address.found.words.text()
    assert hub.calls == [api.LookForMeter(address="192.0.2.11"), api.LookForMeter(address="192.0.2.12")]
    hub.become(replace(situations.SETUP_METER_NONE, devices=(situations.FOUND,)))
    qtbot.waitUntil(lambda: list(page.list.rows) == [situations.FOUND.device_id], timeout=5000)


def test_why_it_is_not_found_names_the_usual_causes_and_what_the_hub_has_seen(opened: Opener, qtbot: QtBot) -> None:
    window, _hub = opened(situations.SETUP_METER_NONE)
    _click(qtbot, _page(window).why)
    (sheet,) = window.findChildren(Sheet)
    said = _said(sheet)
    for cause in ("Local API", "Power", "guest network", "multicast", "5353", "192.0.2.20"):
        assert cause in said


def test_the_reading_says_its_direction_and_age_and_goes_grey(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_METER_READS)
    page = _page(window)
    assert page.power.value.text() == "8\u202f400\u00a0W"
    assert page.power.note.text().startswith("from the grid (import)")
    assert "s old" in page.power.note.text()
    assert page.phases.text().startswith("L1 2\u202f900\u00a0W · L2 −300\u00a0W · L3")
    assert not page.change.isVisible()
    old = situations.SETUP_METER_READS.snapshot
    exporting = replace(situations.SETUP_METER_READS, snapshot=replace(old, grid_w=Figure(-900.0, 2.0)))
    hub.become(exporting)
    qtbot.waitUntil(lambda: page.power.note.text().startswith("into the grid (export)"), timeout=5000)
    fresh = page.power.value.grab().toImage()
    hub.become(replace(exporting, snapshot=replace(old, grid_w=Figure(-900.0, 190.0, stale=True))))
    qtbot.waitUntil(lambda: "3 min old" in page.power.note.text(), timeout=5000)
    assert page.power.value.grab().toImage() != fresh
    hub.become(replace(exporting, snapshot=replace(old, grid_w=Figure())))
    qtbot.waitUntil(lambda: page.power.value.text() == "–", timeout=5000)


def test_while_the_direction_is_looked_at_the_change_is_shown_large(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_DIRECTION)
    page = _page(window)
    assert page.change.isVisible()
    assert page.change.value.text() == "+0\u00a0W"
    snapshot = replace(situations.SETUP_DIRECTION.snapshot, grid_w=Figure(10500.0, 1.0))
    hub.become(replace(situations.SETUP_DIRECTION, snapshot=snapshot))
    qtbot.waitUntil(lambda: page.change.value.text() == "+2\u202f100\u00a0W", timeout=5000)
    assert page.change.value.font().pixelSize() >= 40
    assert not hub.calls, "nothing is run anew by looking"
