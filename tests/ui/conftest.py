"""Screens without a screen: offscreen platform, only the bundled font."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["FONTCONFIG_FILE"] = str(Path(__file__).parent / "no-fonts.conf")
sys.path.insert(0, str(Path(__file__).parent))

from canned_hub import CannedHub
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from situations import CHARGING, Situation

from ui import fonts, theme
from ui.hub_link import HubLink
from ui.window import Window

Opened = tuple[Window, CannedHub]
Opener = Callable[..., Opened]


@pytest.fixture(autouse=True)
def _look(qapp: QApplication) -> None:
    qapp.setStyle("Fusion")
    fonts.load()
    theme.apply("dark")


@pytest.fixture
def hub(tmp_path: Path, qapp: QApplication) -> Iterator[CannedHub]:
    canned = CannedHub(tmp_path / "hub.sock")
    canned.start()
    yield canned
    canned.stop()


@pytest.fixture
def opened(hub: CannedHub, qtbot: QtBot) -> Iterator[Opener]:
    """Open the window on a situation and wait until all of it is drawn."""
    links: list[HubLink] = []

    def open_window(situation: Situation = CHARGING, size: tuple[int, int] = (1280, 800)) -> Opened:
        hub.situation = situation
        link = HubLink(hub.path)
        links.append(link)
        window = Window(link, animated=False)
        qtbot.addWidget(window)
        window.resize(*size)
        window.show()
        link.start()
        qtbot.waitUntil(lambda: window.complete and window.view.alive, timeout=5000)
        window.load_chart()
        window.go("home")
        qtbot.wait(1)
        return window, hub

    yield open_window
    for link in links:
        link.stop()
