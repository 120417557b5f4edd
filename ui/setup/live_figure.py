"""A number to be read from the other end of the room, with its age; grey once it is stale."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui import formats
from ui.theme import Tone
from ui.view import Seen
from ui.widgets.text import Text


class LiveFigure(QWidget):
    """What it is, how much, and how old that is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.caption = Text(name, px=15, tone=Tone.TEXT2)
        self.value = Text(formats.DASH, px=44, weight=600)
        self.note = Text("", px=15, tone=Tone.TEXT2, lines=0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for line in (self.caption, self.value, self.note):
            column.addWidget(line)

    def show_seen(self, seen: Seen, words: str, note: str = "", *, tone: Tone = Tone.TEXT) -> None:
        """Show ``words`` for this figure, or a dash where it is not known; ``note`` goes before the age."""
        known = seen.value is not None
        said = words if known else formats.DASH
        age = formats.age(seen.age_s) if seen.age_s is not None else ""
        self.value.say(said, Tone.TEXT3 if seen.stale else tone)
        self.note.say(" · ".join(filter(None, (note if known else "", age))), Tone.TEXT2)
        self.value.setAccessibleName(f"{self._name}: {said}")
