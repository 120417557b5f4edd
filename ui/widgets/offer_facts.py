"""What a request says, the same wherever it is shown: class, deadline, title, money, car."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from homeapp.model.offer import OfferCase
from ui import fonts, formats, job_words, offer_words
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View, waits_for_owner
from ui.widgets import paint
from ui.widgets.chip import Badge
from ui.widgets.text import Text


class Tile(QLabel):
    """A number and what it is, on a raised ground."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._value, self._caption, self._tone = "", "", Tone.TEXT

    def say(self, value: str, caption: str, tone: Tone = Tone.TEXT) -> None:
        """Show a value with its caption."""
        self._value, self._caption, self._tone = value, caption, tone
        self.setAccessibleName(f"{caption}: {value}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, 72)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 72)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        with paint.painting(self) as painter:
            paint.rounded(painter, self.rect(), 14, theme.color(Tone.RAISED))
            value, caption = QRectF(14, 10, self.width() - 20, 30), QRectF(14, 41, self.width() - 20, 20)
            paint.text(painter, value, self._value, fonts.font(22, 600), theme.color(self._tone), paint.LEFT)
            paint.text(painter, caption, self._caption, fonts.font(14), theme.color(Tone.TEXT2), paint.LEFT)


class OfferFacts(QWidget):
    """The upper part of a request's card."""

    def __init__(self) -> None:
        super().__init__()
        self._badge = Badge()
        self._deadline = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        self.title = Text("", px=24, weight=600, lines=2)
        self._when = Text("", tone=Tone.TEXT2, lines=2)
        self._asked = Text("", weight=600)
        self._left, self._right = Tile(), Tile()
        self._promise = Text("", px=14, tone=Tone.TEXT2, lines=2)
        self._binding = Text("", px=14, tone=Tone.TEXT2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._badge)
        top.addWidget(self._deadline, 1)
        column.addLayout(top)
        column.addSpacing(6)
        column.addWidget(self.title)
        column.addWidget(self._when)
        column.addSpacing(4)
        tiles = QHBoxLayout()
        tiles.setSpacing(12)
        tiles.addWidget(self._left)
        tiles.addWidget(self._right)
        column.addLayout(tiles)
        column.addSpacing(4)
        column.addWidget(self._asked)
        column.addWidget(self._promise)
        column.addWidget(self._binding)

    def set_terse(self, *, terse: bool) -> None:
        """Leave out what the title and the tiles say already."""
        self._asked.setVisible(not terse)
        self._binding.setVisible(not terse)

    def show_case(self, case: OfferCase, view: View) -> None:
        """Show this request."""
        offer = case.offer
        self._badge.say(*offer_words.badge(offer))
        words, tone = offer_words.state_words(case, view)
        if waits_for_owner(case):
            words, tone = offer_words.deadline(offer, view.now), Tone.TEXT2
        self._deadline.say(words, tone)
        self.title.say(offer.title)
        self._when.say(f"{offer_words.when(offer, view)} · {offer.sp_name}")
        self._asked.say(offer_words.asked(offer))
        self._promise.setVisible(offer.kind.is_job)
        self._promise.say(job_words.promise(offer) if offer.kind.is_job else "")
        self._binding.say(offer_words.answer_words(case))
        money = offer.reward is not None
        self._left.setVisible(money)
        self._left.say(offer_words.reward(offer), tr("You earn"), Tone.GREEN)
        self._right.setVisible(offer.min_soc_pct is not None)
        self._right.say(f"≥ {formats.percent(offer.min_soc_pct)}", tr("Car stays at"))
