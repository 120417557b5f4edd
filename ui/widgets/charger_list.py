"""The chargers of a home that has several, one line each."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.model.live import LiveCharger
from ui import formats, words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.text import Text

MOST_LINES = 3


class ChargerList(QWidget):
    """Name, state and power of each; hidden where there is but one."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("Chargers"))
        self._lines = [_Line() for _ in range(MOST_LINES)]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for line in self._lines:
            column.addWidget(line)
        self.setVisible(False)

    def show_view(self, view: View) -> None:
        """Show this state; the charger that the plan is about is written in full colour."""
        chargers = () if view.snapshot is None else view.snapshot.chargers
        self.setVisible(len(chargers) > 1)
        shown = len(chargers) if len(chargers) <= MOST_LINES else MOST_LINES - 1
        for line, charger in zip(self._lines, chargers[:shown], strict=False):
            line.show_charger(charger, view)
        for number, line in enumerate(self._lines):
            line.setVisible(number < len(chargers))
        if len(chargers) > MOST_LINES:
            self._lines[-1].say(tr("{count} more", count=len(chargers) - shown), "", Tone.TEXT2)
        self.setAccessibleDescription(". ".join(line.sentence for line in self._lines if line.sentence))


class _Line(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.sentence = ""
        self._name = Text("", px=14, weight=600)
        self._state = Text("", px=14, tone=Tone.TEXT2, align=paint.RIGHT)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._name, 1)
        row.addWidget(self._state)

    def show_charger(self, charger: LiveCharger, view: View) -> None:
        power = view.seen(charger.power_w)
        state = words.status_words(charger.status)
        flows = power.value is not None and abs(power.value) >= 50
        state = f"{state} · {formats.kilowatts(power.value)}" if flows and not power.stale else state
        self.say(charger.name, state, Tone.TEXT if charger.primary and view.alive else Tone.TEXT2)

    def say(self, name: str, state: str, tone: Tone) -> None:
        self._name.say(name, tone)
        self._state.say(state)
        self.sentence = f"{name}: {state}" if state else name
