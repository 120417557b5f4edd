"""Asks for a PIN over the page."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import Role
from ui import words
from ui.theme import Tone
from ui.tr import tr
from ui.widgets.buttons import Button
from ui.widgets.number_pad import NumberPad, PinDots
from ui.widgets.segmented import Segmented
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text

_SHORTEST, _LONGEST = 4, 12


class PinSheet(Sheet):
    """What the PIN is for, whose it is, dots, and a number pad; who uses it says what becomes of the PIN.

    Signals:
        entered: the role and the PIN; the digits are forgotten then.
        chosen: another role.
        closed: by whatever way.
    """

    entered = Signal(object, str)
    chosen = Signal(object)
    closed = Signal()

    def __init__(self, window: QWidget, title: str, purpose: str, roles: Sequence[Role], role: Role) -> None:
        super().__init__(window, title)
        self.role = role
        self._digits = ""
        self._usable = True
        self.purpose = Text(purpose, px=17, tone=Tone.TEXT2, lines=0)
        self.roles = Segmented(tr("PIN of"), [(role.value, words.role_words(role)) for role in roles])
        self.roles.choose(role)
        self.roles.setVisible(len(roles) > 1)
        self.roles.asked.connect(self._choose)
        self.dots = PinDots()
        self.told = Text("", px=15, weight=600, lines=0)
        self.cancel = Button(tr("Cancel"), "x")
        self.cancel.clicked.connect(self.close_sheet)
        self.pad = NumberPad()
        self.pad.digit.connect(self._add)
        self.pad.deleted.connect(self._delete)
        self.pad.entered.connect(self._enter)
        left = QVBoxLayout()
        left.setSpacing(12)
        for widget in (self.purpose, self.roles, self.dots, self.told):
            left.addWidget(widget)
        left.addStretch(1)
        left.addWidget(self.cancel)
        both = QHBoxLayout()
        both.setSpacing(28)
        both.addLayout(left, 1)
        both.addWidget(self.pad)
        self.body.addLayout(both)
        self._show_digits()

    def open_sheet(self) -> None:
        super().open_sheet()
        self.pad.keys["1"].setFocus()

    def close_sheet(self) -> None:
        super().close_sheet()
        self.closed.emit()

    def ask_again(self, purpose: str) -> None:
        """Ask for another PIN."""
        self.purpose.say(purpose)
        self.tell("", usable=True)

    def tell(self, sentence: str, tone: Tone = Tone.RED, *, usable: bool) -> None:
        """Say what became of the last PIN; without ``usable`` no key works."""
        self.told.say(sentence, tone)
        self._usable = usable
        self._show_digits()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        typed = event.text()
        if len(typed) == 1 and typed in self.pad.keys:
            self._add(typed)
        elif event.key() == Qt.Key.Key_Backspace:
            self._delete()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter()
        else:
            super().keyPressEvent(event)

    def _choose(self, value: str) -> None:
        self.role = Role(value)
        self.roles.choose(value)
        self._digits = ""
        self._show_digits()
        self.chosen.emit(self.role)

    def _add(self, digit: str) -> None:
        if self._usable and len(self._digits) < _LONGEST:
            self._digits += digit
            self._show_digits()

    def _delete(self) -> None:
        self._digits = self._digits[:-1]
        self._show_digits()

    def _enter(self) -> None:
        if self._usable and len(self._digits) >= _SHORTEST:
            pin, self._digits = self._digits, ""
            self._show_digits()
            self.entered.emit(self.role, pin)

    def _show_digits(self) -> None:
        count = len(self._digits)
        self.dots.show_count(count)
        for key in self.pad.keys.values():
            key.setEnabled(self._usable and count < _LONGEST)
        self.pad.delete.setEnabled(self._usable and count > 0)
        self.pad.enter.setEnabled(self._usable and count >= _SHORTEST)

    def _fit(self) -> None:
        space = self._window.size()
        self.setGeometry(0, 0, space.width(), space.height())
        wanted = self._content.sizeHint().height() + 80
        self._card.setFixedSize(min(720, space.width() - 32), min(space.height() - 32, wanted))
