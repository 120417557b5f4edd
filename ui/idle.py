"""Whether anybody is at the screen."""

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer, Signal

_BEGINS = (QEvent.Type.MouseButtonPress, QEvent.Type.TouchBegin, QEvent.Type.KeyPress)
_ENDS = (QEvent.Type.MouseButtonRelease, QEvent.Type.TouchEnd, QEvent.Type.TouchCancel, QEvent.Type.KeyRelease)
_WITHIN = (QEvent.Type.MouseButtonDblClick, QEvent.Type.MouseMove, QEvent.Type.TouchUpdate)


class Idle(QObject):
    """Watches all touches, clicks and keys of the application.

    Signals:
        away: nobody has touched the screen for the given time.
    """

    away = Signal()

    def __init__(self, after_ms: int, parent: QObject) -> None:
        super().__init__(parent)
        self._swallows = False
        self._swallowing = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(after_ms)
        self._timer.timeout.connect(self.away.emit)
        self._timer.start()
        application = QCoreApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def wait(self, after_ms: int) -> None:
        """Give whoever is there so long from now on."""
        self._timer.start(after_ms)

    def wait_again(self) -> None:
        """As if somebody had touched the screen."""
        self._timer.start()

    def swallow_next(self) -> None:
        """The next touch only wakes: what it hits is not what the person saw when the finger came down."""
        self._swallows = True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in _BEGINS or kind == QEvent.Type.Wheel:
            self._timer.start()
            swallowed, self._swallows = self._swallows or self._swallowing, False
            self._swallowing = swallowed and kind in _BEGINS
            return swallowed
        if self._swallowing and kind in (*_ENDS, *_WITHIN):
            self._swallowing = kind not in _ENDS
            return True
        return super().eventFilter(watched, event)
