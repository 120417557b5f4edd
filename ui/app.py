"""Starts the screen."""

import logging
import signal
import sys
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent, QScreen
from PySide6.QtWidgets import QApplication

from ui import fonts, theme
from ui.hub_link import HubLink
from ui.screenshots import Photographer, ScreenshotPlan
from ui.theme import ThemeChoice
from ui.window import Window

logger = logging.getLogger(__name__)

_WINDOW = QSize(1280, 800)


def run(
    *,
    socket_path: Path,
    kiosk: bool,
    theme: ThemeChoice = "auto",
    screenshots: ScreenshotPlan | None = None,
    animated: bool = True,
) -> int:
    """Show the screen until it is closed.

    Args:
        socket_path: the hub's local socket; the hub may come later, go and come back.
        kiosk: full screen without a frame; the pointer hides on touch.
        theme: ``auto`` follows the system.
        screenshots: pictures to take from the live window.
        animated: beads run along the pipes of the energy flow.

    Returns:
        The exit code of the process.
    """
    sys.excepthook = _log_uncaught
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    application = _application()
    _follow(theme)
    link = HubLink(socket_path, application)
    window = Window(link, animated=animated)
    window.first_frame.connect(window.load_chart)
    if screenshots is not None:
        photographer = Photographer(window, screenshots)
        if screenshots.quit_after:
            photographer.done.connect(lambda _count: application.quit())
        window.first_frame.connect(photographer.start)
    if kiosk:
        application.installEventFilter(_PointerHider(application))
    _place(window, application.primaryScreen(), kiosk=kiosk)
    link.start()
    try:
        return application.exec()
    finally:
        link.stop()
        window.close()


def _application() -> QApplication:
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("homeapp")
    # How a desktop finds name and icon of the window.
    application.setDesktopFileName("homeapp")
    application.setStyle("Fusion")
    fonts.load()
    return application


def _place(window: Window, screen: QScreen, *, kiosk: bool) -> None:
    """Show the window at its size, never larger than the screen."""
    if kiosk:
        window.setWindowFlag(Qt.WindowType.FramelessWindowHint)
        # A wall often runs X without a window manager; nobody else would make the window as large as the screen.
        window.setGeometry(screen.geometry())
        window.showFullScreen()
        return
    window.resize(_WINDOW.boundedTo(screen.availableGeometry().size()))
    window.show()


def _follow(choice: ThemeChoice) -> None:
    theme.apply(choice)
    if choice == "auto":
        QGuiApplication.styleHints().colorSchemeChanged.connect(lambda _scheme: theme.apply("auto"))


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logger.critical("uncaught error, the screen goes on", exc_info=(kind, error, trace))


class _PointerHider(QObject):
    """No pointer after a touch, a pointer again when a mouse moves."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._hidden = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.TouchBegin and not self._hidden:
            self._hidden = True
            QGuiApplication.setOverrideCursor(Qt.CursorShape.BlankCursor)
        elif self._hidden and _is_real_mouse(event):
            self._hidden = False
            QGuiApplication.restoreOverrideCursor()
        return super().eventFilter(watched, event)


def _is_real_mouse(event: QEvent) -> bool:
    if event.type() != QEvent.Type.MouseMove or not isinstance(event, QMouseEvent):
        return False
    return event.source() == Qt.MouseEventSource.MouseEventNotSynthesized
