"""Sentences with icons, as many as there are."""

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui.offer_terms import Line
from ui.widgets.icon_line import IconLine
from ui.widgets.text import Text


class TermList(QWidget):
    """A title, where it has one, and a line for each sentence; hidden without any."""

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self.lines: list[IconLine] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 2, 0, 2)
        self._column.setSpacing(4)
        if title:
            self._column.addWidget(Text(title, px=17, weight=600))

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these sentences."""
        self.setVisible(bool(lines))
        while len(self.lines) < len(lines):
            line = IconLine()
            self.lines.append(line)
            self._column.addWidget(line)
        for line, told in zip(self.lines, [*lines, *[None] * len(self.lines)], strict=False):
            line.setVisible(told is not None)
            if told is not None:
                line.say(*told)
