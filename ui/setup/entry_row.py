"""One thing to enter: what it is and where it says so at the left, the control at the right."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ui.theme import Tone
from ui.widgets.text import Text

_CONTROL = 280


class EntryRow(QWidget):
    """Title, a hint, and a control of its own width."""

    def __init__(self, title: str, hint: str, control: QWidget, *, width: int = _CONTROL) -> None:
        super().__init__()
        self.hint = Text(hint, px=14, tone=Tone.TEXT2, lines=0)
        control.setFixedWidth(width)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(Text(title, px=16, weight=600, lines=0))
        words.addWidget(self.hint)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(16)
        row.addLayout(words, 1)
        row.addWidget(control)
