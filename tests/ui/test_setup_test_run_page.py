"""Setup page of the test run."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from canned_hub import CannedHub
from commissioning_told import ALL, stands
from pytestqt.qtbot import QtBot
from situations import SETUP_TEST_RUN, Situation

from homeapp.api import AskDoctor
from homeapp.model.commissioning import Step
from ui.setup.test_run_words import lines, whole
from ui.theme import Tone
from ui.widgets.text import Text
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
FOUND = SETUP_TEST_RUN.doctor


def told(window: Window) -> list[str]:
    page = window.wizard.steps[Step.TEST_RUN]
    return [text.text() for text in page.findChildren(Text) if text.isVisible()]


def asked(hub: CannedHub) -> int:
    return sum(isinstance(call, AskDoctor) for call in hub.calls)


@pytest.mark.usecase("W6")
def test_what_the_hub_has_found_is_shown_the_worst_first(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(SETUP_TEST_RUN)
    window.go("setup")
    meter = "Meter: It does not answer. Look at its power supply."
    qtbot.waitUntil(lambda: meter in told(window), timeout=5000)
    shown = [words for words in told(window) if words.partition(":")[0] in ("Meter", "Prices", "Clock", "Disk")]
    assert shown[0] == meter
    assert shown[-1] == "Disk: 12.4 GB free"
    assert "1 of 4 to be mended before the test run can pass." in told(window)
    assert asked(hub) == 1


@pytest.mark.usecase("W6")
def test_it_is_asked_again_once_the_check_is_over(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(SETUP_TEST_RUN)
    window.go("setup")
    qtbot.waitUntil(lambda: asked(hub) == 1, timeout=5000)
    mended: Situation = replace(
        SETUP_TEST_RUN, commissioning=stands(ALL), doctor=tuple(check for check in FOUND if check.name != "Meter")
    )
    hub.become(mended)
    qtbot.waitUntil(lambda: asked(hub) == 2, timeout=5000)
    qtbot.waitUntil(lambda: "3 looked at; 1 to know about, none in the way." in told(window), timeout=5000)


def test_words_of_the_whole() -> None:
    assert whole(()) == "The hub is being asked…"
    assert whole((FOUND[0], FOUND[3])) == "2 looked at, all in order."
    assert [tone for _, _, tone in lines(FOUND)] == [Tone.RED, Tone.AMBER, Tone.GREEN, Tone.GREEN]
