"""Pictures of a home that stands still, for comparing two installations. ``take_pictures.py DIRECTORY``.

The homeapp that this Python finds draws what the situations of the tests tell: ``PYTHONPATH`` has to name tests/ui,
``FONTCONFIG_FILE`` its no-fonts.conf, and ``QT_QPA_PLATFORM`` is offscreen.
"""

import sys
import tempfile
from pathlib import Path

import situations
from canned_hub import CannedHub
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication

from ui import app
from ui.screenshots import ScreenshotPlan

PAGES = ("home", "inbox", "plan", "prices")


def take(pictures: Path) -> int:
    """Into this directory; the exit code."""
    application = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as directory:
        hub = CannedHub(Path(directory) / "hub.sock", situations.OFFERED)
        hub.speed = 0.0
        hub.start()
        plan = ScreenshotPlan(directory=pictures, pages=PAGES, sizes=((1280, 800),))
        code = app.run(socket_path=hub.path, kiosk=False, theme="dark", screenshots=plan, animated=False)
        hub.stop()
        QCoreApplication.processEvents()
    del application
    return code


if __name__ == "__main__":
    sys.exit(take(Path(sys.argv[1])))
