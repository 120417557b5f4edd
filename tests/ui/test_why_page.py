"""Why: what was decided and what was seen, newest first, by days."""

from collections.abc import Callable
from dataclasses import replace

import plans_told
import situations
from canned_hub import CannedHub
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import HubNotRunning
from homeapp.model.why import WhyEntry
from ui import why_words
from ui.pages.why import WhyRow
from ui.view import View
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]


def rows(window: Window) -> list[str]:
    return [row.accessibleName() for row in window.why.findChildren(WhyRow) if not row.isHidden()]


def test_each_decision_with_what_was_seen(opened: Opener, qtbot: QtBot) -> None:
    window, _hub = opened(situations.PLANNED)
    window.plan.wishes.why.click()
    qtbot.waitUntil(lambda: len(rows(window)) == len(plans_told.WHY), timeout=5000)
    assert rows(window)[0] == (
        "16:21 Driveway: Charging – up to your reserve, until 18:24. 26.3\u00a0ct · plan: up to your reserve · car at "
        "52\u00a0% · main fuse 14.2 of 25 A · buying 8.4\u00a0kW"
    )
    assert rows(window)[1].startswith("16:20 You chose: Power feed.")
    assert "agreed by your rule" in rows(window)[3]
    assert rows(window)[4] == "22:24 Charging at the safe limit – fresh data is missing. "
    assert [button.isChecked() for button in window.navigation.buttons][1]
    window.why.to_plan.click()
    assert window.plan.isVisible()


def test_it_is_asked_for_only_while_somebody_looks(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.PLANNED)
    assert not [call for call in hub.calls if isinstance(call, api.GetWhy)]
    window.go("why")
    qtbot.waitUntil(lambda: window.why._feed.entries is not None, timeout=5000)
    assert window.why._feed._again.isActive()
    window.go("home")
    assert not window.why._feed._again.isActive()


def test_an_empty_timeline_explains_itself(opened: Opener, qtbot: QtBot) -> None:
    window, _hub = opened(situations.CHARGING)
    window.go("why")
    qtbot.waitUntil(window.why.empty.isVisible, timeout=5000)


def test_a_hub_that_does_not_answer_is_said(opened: Opener) -> None:
    window, _hub = opened(situations.PLANNED)
    window.go("why")
    window.why._feed._refuse(HubNotRunning("The hub does not answer. Try again soon."))
    assert window.why._summary.text() == "The hub does not answer. Try again soon."


def test_every_state_of_a_request_has_words() -> None:
    view = View(now=situations.NOW, alive=True, site=situations.SITE)
    request: WhyEntry = plans_told.WHY[3]
    told = {why_words.title(replace(request, state=state), view) for state in plans_told.TOLD_STATES}
    assert len(told) == len(plans_told.TOLD_STATES)
    assert all(not title.endswith(": ") for title in told)
