"""Full screen on an X server without a window manager, as kiosks are often built."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from ui import app

def look():
    for window in QApplication.topLevelWidgets():
        if window.isVisible() and window.windowHandle().isExposed():
            print(window.width(), window.height())
            QApplication.quit()

application = QApplication([])
timer = QTimer(interval=50, timeout=look)
timer.start()
sys.exit(app.run(socket_path=Path(sys.argv[1]), kiosk=sys.argv[2] == "kiosk", theme="dark"))
"""


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="xvfb is not installed")
@pytest.mark.parametrize("mode", ["kiosk", "window"])
def test_the_window_fits_the_screen(tmp_path: Path, mode: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("WAYLAND_DISPLAY", "DISPLAY")}
    done = subprocess.run(
        [
            "xvfb-run",
            "--auto-servernum",
            "-s",
            "-screen 0 800x480x24",
            sys.executable,
            "-c",
            PROGRAM,
            str(tmp_path / "no.sock"),
            mode,
        ],
        cwd=PROJECT,
        env={**environment, "QT_QPA_PLATFORM": "xcb"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["800", "480"], done.stderr
