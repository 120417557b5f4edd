"""Why a check is left out: the report tells it to whoever reads it."""

from PySide6.QtWidgets import QWidget

from homeapp.model.commissioning import CheckId
from ui.setup import setup_words
from ui.setup.setup_desk import SetupDesk
from ui.theme import Tone
from ui.tr import tr
from ui.widgets.buttons import Button, Look
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.widgets.text_field import TextField


class ReasonSheet(Sheet):
    """A few usual reasons, and a line for another."""

    def __init__(self, window: QWidget, check: CheckId, desk: SetupDesk) -> None:
        super().__init__(window, tr("Leave out “{check}”?", check=setup_words.check_title(check)))
        self._check, self._desk = check, desk
        lead = tr("It is told in the report and on Home as a gap, until it is made up for. Why is it left out?")
        self.body.addWidget(Text(lead, px=16, tone=Tone.TEXT2, lines=0))
        self.reasons = {words: Button(words, "flag", height=60) for words in _usual()}
        for words, button in self.reasons.items():
            button.clicked.connect(lambda _checked=False, words=words: self._leave_out(words))
            self.body.addWidget(button)
        self.own = TextField(tr("Another reason"), longest=200)
        self.own.textChanged.connect(self._typed)
        self.own.returnPressed.connect(self._own_reason)
        self.body.addWidget(self.own)
        self.body.addStretch(1)
        self.add_button(tr("Cancel"), "x", Look.TONAL)
        self.leave = self.add_button(tr("Leave out"), "flag", Look.FILLED, self._own_reason)
        self._typed()

    def _typed(self) -> None:
        self.leave.setEnabled(bool(self.own.text().strip()))

    def _own_reason(self) -> None:
        if words := self.own.text().strip():
            self._leave_out(words)

    def _leave_out(self, words: str) -> None:
        if self.isVisible():
            self.close_sheet()
        self._desk.leave_out(self._check, words)


def open_reasons(window: QWidget, check: CheckId, desk: SetupDesk) -> ReasonSheet:
    """Ask for the reason, and leave it out."""
    sheet = ReasonSheet(window, check, desk)
    sheet.open_sheet()
    return sheet


def _usual() -> tuple[str, ...]:
    return (tr("Not there yet."), tr("It cannot be tried today."), tr("This home does without it."))
