"""Setup, the owner's part: wishes are kept, and every provider is decided about, be it with a no."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import situations
from canned_hub import CannedHub
from commissioning_told import passed, stands, until
from offers_told import NOW
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import StoreUnavailable
from homeapp.model.commissioning import CheckId, Step
from homeapp.model.consent import DataClass, ProviderSharing
from homeapp.model.plan import Schedule
from ui.setup.steps.owner_step import OwnerStep
from ui.setup.wishes_draft import Wish
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
pytestmark = pytest.mark.usecase("W8")
_WISHED = stands(until(Step.OWNER, wishes=passed(CheckId.WISHES)))


def _page(window: Window) -> OwnerStep:
    window.go("setup")
    page = window.wizard.page
    assert isinstance(page, OwnerStep)
    return page


def _click(qtbot: QtBot, button: QWidget) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _refused(provider: ProviderSharing) -> ProviderSharing:
    first, *others = provider.entries
    return replace(provider, entries=(replace(first, changed_at=NOW), *others))


def test_wishes_are_kept_by_the_pages_button_and_then_checked_by_themselves(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_OWNER)
    page = _page(window)
    steppers = page.wishes.steppers
    assert [stepper.value.text() for stepper in steppers.values()] == ["50\u00a0%", "80\u00a0%", "07:00"]
    assert window.wizard.next.text() == "Check"
    _click(qtbot, steppers[Wish.FLOOR].minus)
    _click(qtbot, steppers[Wish.TARGET].plus)
    _click(qtbot, steppers[Wish.READY_BY].plus)
    hub.push(api.Topic.SCHEDULE)
    qtbot.waitUntil(lambda: window.wizard.next.text() == "Save and check", timeout=5000)
    assert steppers[Wish.TARGET].value.text() == "85\u00a0%"
    hub.answers |= {api.SetSchedule: lambda call: call.schedule, api.RunCheck: lambda _call: _WISHED}
    _click(qtbot, window.wizard.next)
    qtbot.waitUntil(lambda: len(hub.calls) >= 2, timeout=8000)
    wished = Schedule(floor_pct=45, target_pct=85, ready_by="07:15")
    assert hub.calls[:2] == [
        api.SetSchedule(schedule=wished, feed=False),
        api.RunCheck(check=CheckId.WISHES),
    ]
    assert not page.unsaved


def test_a_change_can_be_taken_back_and_a_floor_above_the_target_is_named(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(replace(situations.SETUP_OWNER, schedule=Schedule(floor_pct=80, target_pct=80)))
    page = _page(window)
    _click(qtbot, page.wishes.steppers[Wish.FLOOR].plus)
    assert "Change one" in page.wishes.meaning.words.text()
    _click(qtbot, page.wishes.undo)
    assert not page.unsaved
    assert "85" not in page.wishes.meaning.words.text()
    assert not hub.calls or all(not isinstance(call, api.SetSchedule) for call in hub.calls)


def test_to_allow_nothing_is_a_decision_and_the_last_one_has_the_consents_checked(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(replace(situations.SETUP_OWNER, commissioning=_WISHED))
    page = _page(window)
    assert "PEV provider, Fleet control centre" in page.standing.words.text()
    assert not page.providers["evc_sp"].nothing.isVisible()
    answers = [
        StoreUnavailable("The disk is full. Nothing was changed."),
        _refused(situations.SHARING[2]),
        _refused(situations.SHARING[3]),
    ]
    hub.answers[api.SetConsent] = lambda _call: answers.pop(0)
    hub.answers[api.RunCheck] = lambda _call: stands(
        until(Step.OWNER, wishes=passed(CheckId.WISHES), consents=passed(CheckId.CONSENTS))
    )
    pev = page.providers["pev_sp"]
    _click(qtbot, pev.nothing)
    qtbot.waitUntil(pev.card.problem.isVisible, timeout=5000)
    assert "disk is full" in pev.card.problem.words.text()
    _click(qtbot, pev.nothing)
    qtbot.waitUntil(lambda: not pev.nothing.isVisible(), timeout=5000)
    assert not any(isinstance(call, api.RunCheck) for call in hub.calls)
    _click(qtbot, page.providers["fleet"].nothing)
    qtbot.waitUntil(lambda: hub.calls[-1] == api.RunCheck(check=CheckId.CONSENTS), timeout=8000)
    refusals = [call for call in hub.calls if isinstance(call, api.SetConsent)]
    assert [(call.sp_id, call.data_class, call.granted) for call in refusals] == [
        ("pev_sp", DataClass.IDENTITY, False),
        ("pev_sp", DataClass.IDENTITY, False),
        ("fleet", DataClass.IDENTITY, False),
    ]
    assert page.standing.words.text() == "The owner has decided about every provider."


def test_a_home_without_providers_has_nothing_to_decide(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(replace(situations.SETUP_OWNER, sharing=(), providers=()))
    page = _page(window)
    assert "nothing leaves the home" in page.standing.words.text()
    assert not page.providers
    hub.become(situations.SETUP_OWNER)
    qtbot.waitUntil(lambda: len(page.providers) == 4, timeout=5000)
    hub.become(replace(situations.SETUP_OWNER, sharing=situations.SHARING[:1]))
    qtbot.waitUntil(lambda: list(page.providers) == ["grid_sp"], timeout=5000)
