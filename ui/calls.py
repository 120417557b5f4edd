"""Calls that a person has started and how each stands, by key, so that any widget can show it."""

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from homeapp import api
from homeapp.errors import HomeappError, NotAllowed, PairingPending
from ui.hub_link import HubLink
from ui.view import ActionState

R = TypeVar("R")


class Calls(QObject):
    """Carries out what was tapped; a second tap while busy does nothing.

    Signals:
        changed: some ``states`` entry is different.
        pin_needed: the ``Role`` that something tapped needs, and what to call once it is there.
    """

    changed = Signal()
    pin_needed = Signal(object, object)

    def __init__(self, link: HubLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.states: dict[str, ActionState] = {}

    def forget_problem(self, key: str) -> None:
        """Tell no more what went wrong."""
        if key in self.states and not self.states[key].busy:
            del self.states[key]
            self.changed.emit()

    def run(self, key: str, call: api.Call[R], wish: str, on_answer: Callable[[R], None] | None = None) -> None:
        """Have the hub carry ``call`` out; ``wish`` is what the control shows meanwhile."""
        if self.states.get(key, ActionState()).busy:
            return

        def answered(value: R) -> None:
            self.states.pop(key, None)
            if on_answer is not None:
                on_answer(value)
            self.changed.emit()

        def failed(error: HomeappError) -> None:
            if isinstance(error, NotAllowed):
                self.states.pop(key, None)
                self.changed.emit()
                self.pin_needed.emit(call.needs(), lambda: self.run(key, call, wish, on_answer))
                return
            pending = isinstance(error, PairingPending)
            sentence = str(error)
            self._put(key, ActionState(instruction=sentence) if pending else ActionState(problem=sentence))

        self._put(key, ActionState(busy=True, wish=wish))
        self._link.call(call, answered, failed, owner=self)

    def _put(self, key: str, state: ActionState) -> None:
        self.states[key] = state
        self.changed.emit()
