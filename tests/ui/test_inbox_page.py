"""Inbox: to decide first, then what runs, then history; receipts never mixed."""

from collections.abc import Callable
from dataclasses import replace

import offers_told
import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import WrongState
from homeapp.model.offer import Choice, OfferState
from ui.pages.offer_detail import history
from ui.view import View
from ui.window import PAGES, Window

Opener = Callable[..., tuple[Window, CannedHub]]
VIEW = View(now=situations.NOW, alive=True, site=situations.SITE)


def test_order_and_count(opened: Opener) -> None:
    window, _hub = opened(situations.OFFERED)
    window.go("inbox")
    assert list(window.inbox.rows) == [
        "evc_sp/feed-17",
        "grid_sp/shed-3",
        "evc_sp/feed-16",
        "grid_sp/limit-9",
        "evc_sp/feed-1",
        "evc_sp/feed-2",
        "evc_sp/feed-0",
    ]
    assert window.navigation.buttons[PAGES.index("inbox")].accessibleDescription() == "2 waiting for you"
    assert window.inbox.detail.facts.title.text() == "Sell 6 kWh tonight"


@pytest.mark.usecase("T2")
def test_decline_from_the_detail(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.OFFERED)
    window.go("inbox")
    qtbot.mouseClick(window.inbox.rows["grid_sp/shed-3"], Qt.MouseButton.LeftButton)
    assert window.inbox.detail.facts.title.text() == "Charge less after dinner"
    shown = offers_told.PENDING_SHED
    declined = replace(shown, state=OfferState.DECLINED, decision=offers_told.decision(shown.offer, Choice.DECLINE))
    hub.answers[api.DecideOffer] = lambda _call: declined
    qtbot.mouseClick(window.inbox.detail.buttons.decline, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.inbox.detail.buttons.decline.isVisible(), timeout=5000)
    answers = [call for call in hub.calls if isinstance(call, api.DecideOffer)]
    assert answers == [api.DecideOffer(key="grid_sp/shed-3", digest=shown.digest, choice=Choice.DECLINE)]
    assert "Declined by you" in window.inbox.detail.steps[1].accessibleName()
    assert len(window.view.undecided) == 1


def test_an_error_does_not_outlive_a_new_revision(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.OFFERED)
    window.go("inbox")
    hub.answers[api.DecideOffer] = lambda _call: WrongState("It has changed. Look at it again.")
    qtbot.mouseClick(window.inbox.detail.buttons.approve, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(window.inbox.detail.buttons.problem.isVisible, timeout=5000)
    changed = offers_told.offer(revision=2, title="Sell 5 kWh tonight")
    hub.situation = replace(situations.OFFERED, offers=(offers_told.case(changed, OfferState.PENDING),))
    hub.push(api.Topic.OFFERS)
    qtbot.waitUntil(lambda: window.inbox.detail.facts.title.text() == "Sell 5 kWh tonight", timeout=5000)
    assert not window.inbox.detail.buttons.problem.isVisible()


def test_list_then_detail_where_room_is_short(opened: Opener, qtbot: QtBot) -> None:
    window, _hub = opened(situations.OFFERED, (800, 480))
    window.go("inbox")
    assert not window.inbox.detail.isVisible()
    qtbot.waitUntil(window.inbox.rows["evc_sp/feed-17"].isVisible, timeout=5000)
    qtbot.mouseClick(window.inbox.rows["evc_sp/feed-17"], Qt.MouseButton.LeftButton)
    assert window.inbox.detail.isVisible()
    assert window.inbox.detail.buttons.approve.isVisible()
    qtbot.mouseClick(window.inbox.detail._back, Qt.MouseButton.LeftButton)
    assert not window.inbox.detail.isVisible()
    assert window.inbox.rows["evc_sp/feed-17"].isVisible()


def test_a_mandatory_request_has_no_buttons(opened: Opener) -> None:
    window, _hub = opened(situations.OFFERED)
    window.go("inbox")
    window.inbox.open_case("grid_sp/limit-9")
    buttons = window.inbox.detail.buttons
    assert not any(button.isVisible() for button in (buttons.approve, buttons.decline, buttons.withdraw))


def test_a_handed_over_answer_still_waits_for_the_provider() -> None:
    told = [words for _icon, words, _when, _tone in history(offers_told.RELAYED, VIEW)]
    assert told == [
        "Asked by EVC provider",
        "Approved by you",
        "Handed over – not yet the provider's word",
        "The provider's own answer is still to come",
    ]


def test_the_providers_word_and_what_was_earned_by_it() -> None:
    told = [words for _icon, words, _when, _tone in history(offers_told.DONE, VIEW)]
    assert "Approved by your rule" in told
    assert "Confirmed by EVC provider" in told
    assert told[-1] == "Done · 5.0\u00a0kWh fed"
    refused = [words for _icon, words, _when, _tone in history(offers_told.REJECTED, VIEW)]
    assert refused[-1] == "EVC provider said no: enough power was found"


@pytest.mark.parametrize("state", list(OfferState))
def test_every_state_can_be_shown(opened: Opener, state: OfferState) -> None:
    window, _hub = opened(replace(situations.OFFERED, offers=(offers_told.case(offers_told.offer(), state),)))
    window.go("inbox")
    assert window.inbox.detail.isVisible()


def test_the_empty_inbox_teaches(opened: Opener) -> None:
    window, _hub = opened(situations.EMPTY)
    window.go("inbox")
    assert window.inbox.empty.isVisible()
    assert not window.inbox.detail.isVisible()


def test_hostile_text_stays_text(opened: Opener) -> None:
    evil = offers_told.offer(title="<b>Free</b> & <img src=x>" * 20, description="\n".join(["x" * 500] * 20))
    window, _hub = opened(replace(situations.OFFERED, offers=(offers_told.case(evil, OfferState.PENDING),)))
    assert window.home.offer.facts.title.textFormat() == Qt.TextFormat.PlainText
    window.go("inbox")
    assert window.width() == 1280
    assert window.inbox.detail.buttons.approve.isVisible()


@pytest.mark.usecase("T3", "S1")
def test_a_job_says_what_will_happen_and_what_leaves_the_home(opened: Opener) -> None:
    window, _hub = opened(situations.JOBS)
    window.go("inbox")
    detail = window.inbox.detail
    window.inbox.open_case(offers_told.CHECK.offer.key)
    assert detail.facts._asked.text() == "Look into your car"
    assert (
        detail.facts._promise.text() == "Nothing about your car is sent unless you share health data with PEV provider."
    )
    shown = [line.words.text() for line in detail.plan.lines if line.isVisible()]
    assert shown[-1] == "It only reads. Nothing in the car is changed."
    assert not detail.facts._left.isVisible()
    assert not detail.facts._right.isVisible()
    window.inbox.open_case(offers_told.SOFTWARE.offer.key)
    shown = [line.words.text() for line in detail.plan.lines if line.isVisible()]
    assert shown[0] == "12.4\u00a0MB are fetched from software.maker.example."
    window.inbox.open_case(offers_told.FAILED.offer.key)
    assert not detail.plan.isVisible()
    assert detail.problem.text() == "The charger refuses the software."


def test_how_a_job_went_is_the_last_step() -> None:
    told = {
        name: [words for _icon, words, _when, _tone in history(case, VIEW)][-1]
        for name, case in (("done", offers_told.CHECKED), ("failed", offers_told.FAILED), ("due", offers_told.PART))
    }
    assert told == {"done": "Done", "failed": "Could not be done", "due": "To be done by Tue 12:00"}


@pytest.mark.parametrize("state", list(OfferState))
def test_every_state_of_a_job_can_be_shown(opened: Opener, state: OfferState) -> None:
    offers = tuple(
        replace(shown, state=state)
        for shown in (offers_told.CHECK, offers_told.SOFTWARE, offers_told.PART, offers_told.FAILED)
    )
    window, _hub = opened(replace(situations.JOBS, offers=offers))
    window.go("inbox")
    for shown in offers:
        window.inbox.open_case(shown.offer.key)
        assert window.inbox.detail.isVisible()
