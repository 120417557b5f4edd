"""The request that matters most now, on Home: as a card, and as a strip where room is short."""

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from homeapp.model.offer import OfferCase
from ui import offer_words
from ui.actions import Actions, offer_key
from ui.theme import Tone
from ui.view import View, waits_for_owner
from ui.widgets.card import Card
from ui.widgets.chip import Badge
from ui.widgets.offer_buttons import OfferButtons
from ui.widgets.offer_facts import OfferFacts
from ui.widgets.text import Text


class OfferCard(Card):
    """The whole request with its buttons."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self.facts = OfferFacts()
        self._description = Text("", tone=Tone.TEXT2, lines=3)
        self.buttons = OfferButtons(actions)
        self.body.addWidget(self.facts)
        self.body.addWidget(self._description)
        self.body.addStretch(1)
        self.body.addWidget(self.buttons)

    def show_case(self, case: OfferCase, view: View) -> None:
        """Show this request."""
        self.facts.show_case(case, view)
        self._description.say(case.offer.description)
        self.buttons.show_case(case, view)
        self.facts.set_terse(terse=self.buttons.problem.isVisibleTo(self))
        self._fit()
        self.setAccessibleName(f"{offer_words.badge(case.offer)[0]}: {case.offer.title}")
        self.setAccessibleDescription(f"{offer_words.earn_line(case.offer)}. {offer_words.when(case.offer, view)}")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """The provider's own words only where there is room for them."""
        margins = self.body.contentsMargins()
        width = self.width() - margins.left() - margins.right()
        used = margins.top() + margins.bottom() + 3 * self.body.spacing() + self.facts.heightForWidth(width)
        if self.buttons.isVisibleTo(self):
            used += self.buttons.sizeHint().height()
        wanted = self._description.heightForWidth(width) if self._description.text() else 0
        self._description.setVisible(0 < wanted <= self.height() - used)


class OfferStrip(Card):
    """The request in two lines with its buttons beside."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(pad=14)
        self._badge = Badge()
        self._deadline = Text("", px=14, tone=Tone.TEXT2)
        self.title = Text("", px=18, weight=600)
        self.line = Text("", px=14, tone=Tone.TEXT2, lines=2)
        self.buttons = OfferButtons(actions, tells=False)
        self.buttons.set_height(60)
        self.buttons.setFixedWidth(320)
        words = QVBoxLayout()
        words.setSpacing(3)
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._badge)
        top.addWidget(self._deadline, 1)
        words.addLayout(top)
        words.addWidget(self.title)
        words.addWidget(self.line)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addWidget(self.buttons)
        self.body.addLayout(row)

    def show_case(self, case: OfferCase, view: View) -> None:
        """Show this request."""
        offer = case.offer
        self._badge.say(*offer_words.badge(offer))
        words = (
            offer_words.deadline(offer, view.now) if waits_for_owner(case) else offer_words.state_words(case, view)[0]
        )
        self._deadline.say(words)
        self.title.say(offer.title)
        problem = view.action(offer_key(case)).problem
        self.line.say(problem or offer_words.strip_line(offer, view), Tone.RED if problem else Tone.TEXT2)
        self.buttons.show_case(case, view)
        self.setAccessibleName(f"{offer_words.badge(offer)[0]}: {offer.title}")
        self.setAccessibleDescription(self.line.text())
