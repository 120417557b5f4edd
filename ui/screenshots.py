"""Pictures of the live window: every page in both themes and sizes."""

import logging
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from ui import theme
from ui.window import PAGES, Window

logger = logging.getLogger(__name__)

_LOOK_MS, _SETTLE_MS = 100, 350


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenshotPlan:
    """What to take.

    Attributes:
        directory: where the PNG files go, named like ``home-dark-1280x800.png``; made if missing.
        wait_s: how long to wait for the hub's data before taking what there is.
        delay_s: how long to wait after the data has come.
        quit_after: end the application when all are taken.
    """

    directory: Path
    pages: tuple[str, ...] = PAGES
    themes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    sizes: tuple[tuple[int, int], ...] = ((1280, 800), (800, 480))
    wait_s: float = 30.0
    delay_s: float = 0.0
    quit_after: bool = True


class Photographer(QObject):
    """Carries a plan out, one picture per settled frame.

    Signals:
        done: number of pictures that were written.
    """

    done = Signal(int)

    def __init__(self, window: Window, plan: ScreenshotPlan) -> None:
        super().__init__(window)
        self._window = window
        self._plan = plan
        self._left = list(product(plan.themes, plan.sizes, plan.pages))
        self._waited_ms = 0
        self._written = 0

    def start(self) -> None:
        """Begin as soon as the data is there."""
        self._plan.directory.mkdir(parents=True, exist_ok=True)
        self._wait()

    def _wait(self) -> None:
        if self._window.complete or self._waited_ms > self._plan.wait_s * 1000:
            if not self._window.complete:
                logger.warning("screenshots: the hub's data has not come in %.0f s", self._plan.wait_s)
            self._window.load_chart()
            QTimer.singleShot(round(self._plan.delay_s * 1000), self, self._next)
            return
        self._waited_ms += _LOOK_MS
        QTimer.singleShot(_LOOK_MS, self, self._wait)

    def _next(self) -> None:
        if not self._left:
            self.done.emit(self._written)
            return
        name, (width, height), page = self._left[0]
        theme.apply(name)
        self._window.resize(width, height)
        self._window.go(page)
        QTimer.singleShot(_SETTLE_MS, self, self._take)

    def _take(self) -> None:
        name, (width, height), page = self._left.pop(0)
        path = self._plan.directory / f"{page}-{name}-{width}x{height}.png"
        if self._window.grab().save(str(path), "PNG"):
            self._written += 1
        else:
            logger.error("screenshots: %s cannot be written", path)
        self._next()
