"""The request on trial: what has come in, and the owner's answer to it, without leaving commissioning."""

from homeapp.model.commissioning import CheckState, CheckView
from homeapp.model.offer import OfferCase
from ui import offer_words
from ui.actions import Actions
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.offer_buttons import OfferButtons
from ui.widgets.text import Text


class DryRunCard(Card):
    """Waits, then shows the most urgent request, then what became of it."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(tr("A request on trial"))
        self._key = ""
        self.waiting = IconLine("inbox", "", Tone.BLUE)
        self.name = Text("", px=22, weight=600, lines=0)
        self.provider = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.asked = IconLine("info-circle")
        self.state = IconLine("send")
        self.buttons = OfferButtons(actions)
        for part in (self.waiting, self.name, self.provider, self.asked, self.state, self.buttons):
            self.body.addWidget(part)

    def show_check(self, check: CheckView, view: View) -> None:
        """Hidden while the check does not run."""
        running = check.state is CheckState.RUNNING
        self.setVisible(running)
        if not running:
            self._key = ""
            return
        case = self._case(view)
        self.waiting.setVisible(case is None)
        self.waiting.say("inbox", tr("Waiting for a request. Have a provider send one now…"), Tone.BLUE)
        for part in (self.name, self.provider, self.asked, self.state):
            part.setVisible(case is not None)
        if case is None:
            self.buttons.hide()
            return
        self._key = case.offer.key
        self.name.say(case.offer.title)
        self.provider.say(" · ".join((case.offer.sp_name, offer_words.when(case.offer, view))))
        self.asked.say("info-circle", offer_words.asked(case.offer))
        self.state.say("send", offer_words.state_words(case, view)[0], Tone.TEXT2)
        self.buttons.show_case(case, view)

    def _case(self, view: View) -> OfferCase | None:
        """The one that is shown stays until the check is over."""
        known = next((case for case in view.offers or () if case.offer.key == self._key), None)
        return known or next(iter(view.undecided), None)
