"""Many changes, few repaints."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer


class Throttle(QObject):
    """Calls ``action`` once for all requests within ``interval_ms``, and never later than that after the last one.

    The first request after a quiet time is carried out in the same round of the event loop.
    """

    def __init__(self, action: Callable[[], None], interval_ms: int, parent: QObject) -> None:
        super().__init__(parent)
        self._action = action
        self._interval_ms = interval_ms
        self._wanted = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._fire)

    def request(self) -> None:
        """Something has changed."""
        self._wanted = True
        if not self._timer.isActive():
            self._timer.start(0)

    def _fire(self) -> None:
        if self._wanted:
            self._wanted = False
            self._action()
            self._timer.start(self._interval_ms)
