"""Pictures of the live window, and the screen as the command line starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from ui.hub_link import HubLink
from ui.screenshots import Photographer, ScreenshotPlan
from ui.window import PAGES, Window

_PROGRAM = """
import sys
from pathlib import Path
from ui import app
from ui.screenshots import ScreenshotPlan
plan = ScreenshotPlan(directory=Path(sys.argv[2]), pages=("home",), themes=("light",), wait_s=0.2)
sys.exit(app.run(socket_path=Path(sys.argv[1]), kiosk=True, theme="light", screenshots=plan))
"""


def test_all_pages_themes_and_sizes(hub: CannedHub, qtbot: QtBot, tmp_path: Path) -> None:
    hub.situation = situations.OFFERED
    link = HubLink(hub.path)
    window = Window(link, animated=False)
    qtbot.addWidget(window)
    window.show()
    photographer = Photographer(window, ScreenshotPlan(directory=tmp_path / "shots"))
    link.start()
    with qtbot.waitSignal(photographer.done, timeout=30000) as done:
        photographer.start()
    link.stop()
    assert done.args == [4 * len(PAGES)]
    taken = {path.name: QImage(str(path)) for path in (tmp_path / "shots").glob("*.png")}
    assert len(taken) == 4 * len(PAGES)
    assert taken["home-dark-1280x800.png"].width() == 1280
    assert taken["devices-light-800x480.png"].height() == 480
    corner = [taken[f"inbox-{theme}-1280x800.png"].pixelColor(640, 10).name() for theme in ("dark", "light")]
    assert corner == ["#0d1117", "#f1f4f7"]


@pytest.mark.timeout(60)
def test_the_screen_starts_without_a_hub_takes_its_picture_and_ends(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM, str(tmp_path / "no.sock"), str(tmp_path / "shots")],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "shots" / "home-light-1280x800.png").is_file()
    assert "Traceback" not in done.stderr
