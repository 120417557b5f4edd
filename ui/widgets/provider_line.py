"""How the connection to a provider stands, and how much of the way out it has used."""

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.model.consent import ProviderSharing
from ui import sharing_words
from ui.theme import Tone, theme_of
from ui.view import View
from ui.widgets import paint
from ui.widgets.text import Text

_DOT, _LEFT, _FIRST_LINE = 5.0, 18, 9.0


class ProviderLine(QWidget):
    """A dot in the colour of the state with its words, the use at the right, and below what is not as it should be."""

    def __init__(self) -> None:
        super().__init__()
        self._dot = Tone.BAR_IDLE
        self.link = Text("", px=14, tone=Tone.TEXT2)
        self.used = Text("", px=14, tone=Tone.TEXT2, align=paint.RIGHT)
        self.story = Text("", px=14, tone=Tone.TEXT2, lines=0)
        self.limit = Text("", px=14, weight=600, tone=Tone.AMBER, lines=0)
        both = QHBoxLayout()
        both.setSpacing(12)
        both.addWidget(self.link)
        both.addWidget(self.used, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(_LEFT, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(both)
        column.addWidget(self.story)
        column.addWidget(self.limit)

    def show_provider(self, provider: ProviderSharing, view: View) -> None:
        """Show this provider."""
        tone = Tone.TEXT2 if view.alive else Tone.TEXT3
        words, self._dot = sharing_words.link_words(provider, view)
        self.link.say(words, tone)
        self.used.say(sharing_words.used_words(provider, view), tone)
        for text, said in (
            (self.story, sharing_words.link_story(provider, view)),
            (self.limit, sharing_words.limit_words(provider, view)),
        ):
            text.say(said)
            text.setVisible(bool(said))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        with paint.painting(self) as painter:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme_of(self).color(self._dot))
            painter.drawEllipse(QPointF(_DOT, _FIRST_LINE), _DOT, _DOT)
