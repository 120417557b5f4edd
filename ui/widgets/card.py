"""The box that everything on a page stands in."""

from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ui.theme import Tone, theme_of
from ui.widgets import paint
from ui.widgets.text import Text

RADIUS = 20
_WIDE = 1000


class Card(QWidget):
    """A surface with a title, a caption at the right of it and a body below.

    Args:
        title_lines: 1, or 0 for as many as it takes.
    """

    def __init__(
        self, title: str = "", *, tone: Tone = Tone.SURFACE, pad: int = 20, title_lines: Literal[0, 1] = 1
    ) -> None:
        super().__init__()
        self._tone = tone
        self.title = Text(title, px=17, weight=600, lines=title_lines)
        self.caption = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        self.header = QWidget()
        row = QHBoxLayout(self.header)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.title, 1 - title_lines)
        row.addWidget(self.caption, title_lines)
        if title_lines != 1:
            self.caption.setMinimumHeight(self.title.heightForWidth(_WIDE))
            row.setAlignment(self.caption, Qt.AlignmentFlag.AlignTop)
        self.body = QVBoxLayout(self)
        self.body.setSpacing(8)
        self.body.addWidget(self.header)
        self.header.setVisible(bool(title))
        self.set_padding(pad)
        self.entitle(title)

    def set_padding(self, pad: int) -> None:
        """Space around the body."""
        self.body.setContentsMargins(pad, pad - 4, pad, pad - 2)

    def entitle(self, title: str) -> None:
        """Another title."""
        self.title.say(title)
        self.setAccessibleName(title)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        with paint.painting(self) as painter:
            paint.rounded(painter, self.rect(), RADIUS, theme.color(self._tone), theme.color(Tone.LINE))
