"""Pages of setup where something is entered: place, grid connection, car."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import situations
from canned_hub import CannedHub
from commissioning_told import AT_GRID, CAR, GRID, PLACE
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import SettingsInvalid
from homeapp.model.commissioning import CarAnswer, GridAnswer, PlaceAnswer, Step
from homeapp.model.site import Site
from ui.setup import place_draft, time_zones
from ui.setup.steps.place_step import PlaceStep
from ui.setup.zone_sheet import ZoneSheet
from ui.view import View
from ui.widgets.sheet import Sheet
from ui.widgets.stepper import Stepper
from ui.widgets.text import Text
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]


class AtWizard:
    """The wizard on the step that the situation has come to; the hub keeps what it is given."""

    def __init__(self, window: Window, hub: CannedHub, qtbot: QtBot) -> None:
        self.window, self.hub, self.qtbot = window, hub, qtbot
        window.go("setup")
        hub.answers[api.AnswerStep] = self._keep
        hub.answers[api.RunCheck] = lambda _call: hub.situation.commissioning
        self.wizard = window.wizard

    @property
    def page(self) -> Any:
        return self.wizard.page

    def click(self, button: QAbstractButton, times: int = 1) -> None:
        for _ in range(times):
            self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def wait(self, done: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(done()), timeout=5000)

    def acted(self, kind: type[api.Call[Any]]) -> list[Any]:
        return [call for call in self.hub.calls if isinstance(call, kind)]

    def saved(self) -> Any:
        """What the hub was given when the footer's button was tapped."""
        before = len(self.acted(api.AnswerStep))
        self.wait(lambda: self.wizard.next.isEnabled() and self.wizard.next.text() == "Save and check")
        self.click(self.wizard.next)
        self.wait(lambda: len(self.acted(api.AnswerStep)) > before)
        return self.acted(api.AnswerStep)[-1].step_answer

    def redrawn(self) -> None:
        """The hub has told the same once more, and it was drawn."""
        self.hub.push(api.Topic.COMMISSIONING)
        self.hub.push(api.Topic.SNAPSHOT)
        self.qtbot.wait(150)

    def _keep(self, call: api.AnswerStep) -> object:
        known = self.hub.situation.commissioning
        kind = type(call.step_answer)
        answers = (*(answer for answer in known.answers if not isinstance(answer, kind)), call.step_answer)
        self.hub.situation = replace(self.hub.situation, commissioning=replace(known, answers=answers))
        return self.hub.situation.commissioning


@pytest.fixture
def at_step(opened: Opener, qtbot: QtBot) -> Callable[..., AtWizard]:
    def open_wizard(name: str, **changes: Any) -> AtWizard:
        return AtWizard(*opened(replace(situations.SETUPS[name], **changes)), qtbot)

    return open_wizard


def test_the_place_begins_as_the_hub_has_it_and_what_was_typed_stays(at_step: Any) -> None:
    at = at_step("setup_due", site=Site(name="Anna", time_zone="Europe/Paris"))
    page = at.page
    assert (page.name.text(), page.zone.text(), page.zone.accessibleName()) == (
        "Anna",
        "Paris",
        "Time zone: Europe/Paris",
    )
    page.name.setFocus()
    at.qtbot.keyClicks(page.name, " and Ben ")
    at.redrawn()
    at.window.go("home")
    at.window.go("setup")
    assert page.name.text() == "Anna and Ben ", "neither a redraw nor another page takes it away"
    assert at.saved() == PlaceAnswer(time_zone="Europe/Paris", name="Anna and Ben", language="en")


def test_a_watch_that_says_the_same_is_compared_when_it_is_saved(at_step: Any) -> None:
    at = at_step("setup_due")
    page, now = at.page, at.window.view.now
    local = place_draft.local(now, "Europe/Amsterdam")
    assert page.watch.clock.text()[:3] == local.strftime("%H:")
    assert not page.watch.said.isVisible()
    at.click(page.watch.same)
    assert page.watch.said.words.text() == f"Your watch said {page.answer().wall_time[-5:]}."
    later = replace(at.window.view, now=now + timedelta(minutes=7))
    page.show_view(later)
    page.save()
    at.wait(lambda: at.acted(api.AnswerStep))
    said = at.acted(api.AnswerStep)[0].step_answer.wall_time
    assert said == place_draft.wall_time(later.now, "Europe/Amsterdam", timedelta(0))


def test_what_a_watch_said_long_ago_is_not_told_again(at_step: Any) -> None:
    at = at_step("setup_grid")
    at.wizard.flow.go(Step.PLACE)
    page = at.page
    assert page.watch.said.isVisible()
    page.name.setFocus()
    at.qtbot.keyClicks(page.name, "x")
    answer = at.saved()
    assert (answer.name, answer.wall_time) == ("Annax", "")
    assert not page.watch.said.isVisible()
    at.click(page.watch.same)
    assert at.saved().wall_time[:10] == "2026-11-23"
    at.redrawn()
    at.qtbot.keyClicks(page.name, "y")
    assert at.saved().wall_time == "", "a tap is good for one answer"


def test_a_watch_that_says_something_else_is_set(at_step: Any) -> None:
    at = at_step("setup_due")
    watch = at.page.watch
    assert not watch.hour.isVisible()
    at.click(watch.other)
    shown = int(watch.hour.value.text()) * 60 + int(watch.minute.value.text())
    at.click(watch.hour.plus)
    at.click(watch.minute.minus, 3)
    at.click(watch.take)
    assert not watch.hour.isVisible()
    wanted = (shown + 57) % 1440
    assert at.page.answer().wall_time[-5:] == f"{wanted // 60:02}:{wanted % 60:02}"


@pytest.mark.parametrize("size", [(1280, 800), (800, 480)], ids=["wide", "compact"])
def test_while_a_watch_is_set_nothing_is_cut_off(opened: Opener, size: tuple[int, int]) -> None:
    window, _hub = opened(situations.SETUP_DUE, size)
    window.go("setup")
    watch = window.wizard.page.watch
    watch.other.click()
    for _ in range(5):
        QApplication.processEvents()
    texts = [text for text in watch.findChildren(Text) if text.isVisible()]
    assert {"Hour", "Minute"} <= {text.text() for text in texts}
    assert [text.text() for text in texts if text.shortened] == []
    watch.same.click()
    assert watch.same.text() == "Yes"


def test_without_an_answer_about_the_watch_none_is_sent(at_step: Any) -> None:
    at = at_step("setup_due")
    assert at.saved().wall_time == ""


def test_the_zone_is_chosen_by_region_and_city(at_step: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_zones, "own_zone", lambda: "Europe/Berlin")
    at = at_step("setup_due")
    at.click(at.page.watch.same)
    at.redrawn()
    assert at.page._zone_row.hint.text() == "This screen is set to Berlin."
    at.click(at.page.zone)
    (sheet,) = at.window.findChildren(ZoneSheet)
    assert sheet.own.text() == "Berlin, as this screen is set"
    assert sheet.rows["Europe"].isChecked()
    at.click(sheet.rows["America"])
    assert not sheet.own.isVisible()
    at.click(sheet.regions)
    assert "Asia" in sheet.rows
    sheet.rows["Asia"].click()
    sheet.rows["Asia/Tokyo"].click()
    assert not sheet.isVisible()
    assert at.page.zone.text() == "Tokyo"
    assert at.page.answer().wall_time == "", "the watch was compared with another clock"
    at.click(at.page.zone)
    at.click(at.window.findChildren(ZoneSheet)[-1].own)
    assert at.saved().time_zone == "Europe/Berlin"


@pytest.mark.parametrize("size", [(1280, 800), (800, 480)], ids=["wide", "compact"])
def test_on_the_sheet_of_zones_nothing_is_cut_off(opened: Opener, size: tuple[int, int]) -> None:
    window, _hub = opened(situations.SETUP_DUE, size)
    window.go("setup")
    window.wizard.page.zone.click()
    (sheet,) = window.findChildren(ZoneSheet)
    for area in ("", *time_zones.zones()):
        if area:
            sheet.show_area(area)
        QApplication.processEvents()
        for row in sheet.rows.values():
            assert row.height() >= 60
            assert row.fontMetrics().horizontalAdvance(row.text()) <= row.width(), row.text()


def _press(stepper: Stepper, direction: int, times: int = 1) -> None:
    for _ in range(times):
        (stepper.plus if direction > 0 else stepper.minus).click()


def test_the_connection_as_it_says_on_the_fuse(at_step: Any) -> None:
    at = at_step("setup_grid", site=Site(fuse_a=25))
    page = at.page
    assert [bar.words for bar in page.bars.bars][:2] == ["3\u00a0×\u00a025\u00a0A", "3\u00a0×\u00a022.5\u00a0A"]
    _press(page.fuse, 1, 2)
    _press(page.circuit, 1, 3)
    _press(page.floor, -1)
    assert page.floor.value.text() == "It stops"
    page.export._segments["capped"].click()
    assert page.cap.isVisible()
    _press(page.cap, -1, 24)
    _press(page.dso_floor, 1, 3)
    _press(page.failsafe, -1, 2)
    at.redrawn()
    assert page.told.lines[1].words.text() == "When the hub is gone, the charger stops."
    assert "3 phases" in page.phases._segments["3"].accessibleName()
    assert at.saved() == GridAnswer(
        phases=3,
        fuse_a=35,
        max_current_a=32,
        safe_current_a=0,
        feed_cap_a=10,
        dso_floor_w=300,
        failsafe_w=4000,
    )
    page.export._segments["none"].click()
    assert not page.cap.isVisible()
    page.phases._segments["1"].click()
    answer = at.saved()
    assert (answer.phases, answer.feed_allowed, answer.feed_cap_a) == (1, False, None)


def test_what_does_not_go_together_is_not_offered(at_step: Any) -> None:
    at = at_step("setup_grid", commissioning=replace(AT_GRID, answers=(PLACE, replace_grid(fuse_a=6, max_current_a=6))))
    page = at.page
    assert not page.fuse.minus.isEnabled()
    assert not page.circuit.plus.isEnabled()
    assert not page.floor.plus.isEnabled()
    _press(page.fuse, 1, 30)
    assert page.fuse.value.text() == "250\u00a0A"
    assert not page.fuse.plus.isEnabled()


def replace_grid(**changes: Any) -> GridAnswer:
    return GridAnswer(**{name: getattr(GRID, name) for name in GRID.__struct_fields__} | changes)


def test_what_the_hub_refuses_is_told(at_step: Any) -> None:
    at = at_step("setup_grid")
    at.hub.answers[api.AnswerStep] = lambda _call: SettingsInvalid("No main fuse of 23 A is made.")
    at.click(at.wizard.next)
    at.wait(at.page.problem.isVisible)
    assert at.page.problem.words.text() == "No main fuse of 23 A is made."
    assert at.wizard.next.text() == "Save and check"


def test_what_was_kept_is_shown_and_need_not_be_saved_again(at_step: Any) -> None:
    at = at_step("setup_car", commissioning=replace(situations.SETUP_CAR.commissioning, answers=(PLACE, GRID, CAR)))
    assert (at.page.capacity.value.text(), at.wizard.next.text()) == ("77\u00a0kWh", "Check")
    at.wizard.flow.go(Step.GRID)
    assert at.page.fuse.value.text() == "35\u00a0A"
    assert at.wizard.next.text() == "Next"
    at.wizard.flow.go(Step.PLACE)
    assert isinstance(at.page, PlaceStep)
    assert at.page.watch.said.words.text() == "Your watch said 17:24."
    assert at.wizard.next.text() == "Next"


def test_the_car_and_from_where_its_battery_is_known(at_step: Any) -> None:
    at = at_step("setup_car")
    page = at.page
    assert page.capacity.value.text() == "60\u00a0kWh"
    _press(page.capacity, 1, 2)
    page.source._segments["registration certificate"].click()
    page.address.setFocus()
    at.qtbot.keyClicks(page.address, "192.168.1.")
    assert page.fault == "“192.168.1.” is no IP address. Enter one like 192.168.1.30."
    at.redrawn()
    assert not at.wizard.next.isEnabled()
    assert at.wizard.hint.text() == page.fault
    page.save()
    at.qtbot.keyClicks(page.address, "30")
    at.redrawn()
    assert at.saved() == CarAnswer(capacity_kwh=62, address="192.168.1.30", source="registration certificate")
    assert len(at.acted(api.AnswerStep)) == 1


def test_a_data_link_that_was_entered_is_taken_away_again(at_step: Any) -> None:
    linked = CarAnswer(capacity_kwh=77, address="192.168.1.30", source="the owner")
    at = at_step("setup_car", commissioning=replace(situations.SETUP_CAR.commissioning, answers=(PLACE, GRID, linked)))
    page = at.page
    assert (page.address.text(), at.wizard.next.text()) == ("192.168.1.30", "Check")
    page.address.setFocus()
    page.address.selectAll()
    at.qtbot.keyClick(page.address, Qt.Key.Key_Backspace)
    at.redrawn()
    assert page.address.text() == ""
    assert at.saved().address == ""
    at.wait(lambda: not page.unsaved)


def test_words_that_were_typed_and_deleted_take_nothing_away(at_step: Any) -> None:
    at = at_step("setup_car")
    page = at.page
    page.address.setFocus()
    at.qtbot.keyClicks(page.address, "1")
    at.qtbot.keyClick(page.address, Qt.Key.Key_Backspace)
    assert page.answer().address is None, "another's data link, which is not shown here, stays"


def test_the_homes_name_is_taken_away_by_emptying_it(at_step: Any) -> None:
    at = at_step("setup_due", site=Site(name="Anna"))
    page = at.page
    page.name.setFocus()
    page.name.selectAll()
    at.qtbot.keyClick(page.name, Qt.Key.Key_Backspace)
    assert at.saved().name == ""
    at.redrawn()
    assert page.name.text() == ""


def test_what_the_car_tells_has_its_age_and_goes_grey(at_step: Any) -> None:
    at = at_step("setup_car")
    facts = [line.words.text() for line in at.page.facts]
    assert facts[0] == "The charger says: Charging."
    assert facts[1].endswith("64\u00a0%, 20 s old.") or "64\u00a0%, 2" in facts[1]
    fresh = at.page.facts[1].grab().toImage()
    at.hub.become(replace(at.hub.situation, snapshot=situations.OFFLINE_CHARGER.snapshot))
    at.wait(lambda: "12 min old" in at.page.facts[1].words.text())
    assert at.page.facts[0].words.text() == "Plugged in: not known, the charger does not answer."
    assert at.page.facts[1].grab().toImage() != fresh
    at.hub.become(replace(at.hub.situation, snapshot=situations.EMPTY.snapshot, devices=()))
    at.wait(lambda: "no charger" in at.page.facts[0].words.text())
    assert at.page.facts[1].words.text().endswith(": –, not known.")
    at.page.show_view(View(now=at.window.view.now, alive=True))
    assert [line.isVisible() for line in at.page.facts] == [True, False, False, False]


def test_a_sheet_that_is_open_does_not_stop_the_clock(at_step: Any) -> None:
    at = at_step("setup_due")
    at.click(at.page.zone)
    assert any(sheet.isVisible() for sheet in at.window.findChildren(Sheet))
    before = at.page.watch.clock.text()
    at.wait(lambda: at.page.watch.clock.text() != before)
