"""The window of the screen, opened at a hub's socket and closed again, in a process that has Qt's event loop."""

import os
from pathlib import Path

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ui import app, theme
from ui.hub_link import HubLink
from ui.window import Window

PICTURES = "HOMEAPP_PICTURES"
"""Environment variable: a directory for pictures of every step."""
_SIZE = (1280, 800)
_PAINTED_MS = 250


class SetupScreen:
    """One screen; without a window manager it is as large as the X server's."""

    def __init__(self, socket: Path, *, kiosk: bool) -> None:
        self._application: QApplication = app._application()
        theme.apply("dark")
        self._socket, self._kiosk, self._taken = socket, kiosk, 0

    def open(self) -> Window:
        """As whoever switches the screen on."""
        self._link = HubLink(self._socket)
        self.window = Window(self._link, animated=False)
        self.window.first_frame.connect(self.window.load_chart)
        app._place(self.window, self._application.primaryScreen(), kiosk=self._kiosk)
        if not self._kiosk:
            self.window.resize(*_SIZE)
        self._link.start()
        QTest.qWaitForWindowExposed(self.window)
        return self.window

    def close(self) -> None:
        """As whoever pulls its plug."""
        self._link.stop()
        self.window.close()
        self.window.deleteLater()

    def picture(self, name: str) -> None:
        """Keep what is to be seen, where somebody wants pictures."""
        if (directory := os.environ.get(PICTURES)) is None:
            return
        QTest.qWait(_PAINTED_MS)
        Path(directory).mkdir(parents=True, exist_ok=True)
        self._taken += 1
        self.window.grab().save(f"{directory}/{self._taken:02}-{name}.png")
