"""Reads what may never answer, like a stick that was pulled out, without the screen waiting for it."""

import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

R = TypeVar("R")

WITHIN_MS = 10_000


class DiskReader(QObject):
    """One job at a time: a newer one takes the place of the one before, whose answer is forgotten.

    A thread that hangs cannot be stopped; it does not keep the program from ending.
    """

    _read = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._number = 0
        self._then: Callable[[object], None] | None = None
        self._late: Callable[[], None] = _nothing
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(WITHIN_MS)
        self._patience.timeout.connect(self._give_up)
        self._read.connect(self._take)

    @property
    def busy(self) -> bool:
        """An answer is waited for."""
        return self._then is not None

    def run(self, job: Callable[[], R], then: Callable[[R], None], late: Callable[[], None]) -> None:
        """Call ``job`` elsewhere and ``then`` here with its answer, or ``late`` once patience is over.

        ``job`` raises nothing.
        """
        self.forget()
        number, self._then, self._late = self._number, then, late  # type: ignore[assignment]
        self._patience.start()

        def work() -> None:
            answer = job()
            # The screen may have been closed meanwhile.
            with contextlib.suppress(RuntimeError):
                self._read.emit(number, answer)

        threading.Thread(target=work, name="disk", daemon=True).start()

    def forget(self) -> None:
        """Nobody waits for the answer any more."""
        self._number += 1
        self._then, self._late = None, _nothing
        self._patience.stop()

    def _take(self, number: int, answer: object) -> None:
        if number == self._number and (then := self._then) is not None:
            self.forget()
            then(answer)

    def _give_up(self) -> None:
        late = self._late
        self.forget()
        late()


def _nothing() -> None:
    """Nobody waits."""
