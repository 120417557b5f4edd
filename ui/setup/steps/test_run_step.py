"""The test run: what the hub has found when it looked at itself, line by line."""

from homeapp import api
from homeapp.api import CheckLevel
from homeapp.model.commissioning import CheckId, CheckState, Step
from ui.setup import test_run_words
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.term_list import TermList

_LOOK = "setup:doctor"


class TestRunStep(StepPage):
    """What is wrong first; asked for when the page is opened, and again whenever the check has another state."""

    def __init__(self, flow: SetupFlow) -> None:
        super().__init__(Step.TEST_RUN, flow)
        self._asked: CheckState | None = None
        self._found: tuple[api.Check, ...] = ()
        self.whole = IconLine("list-check")
        self.lines = TermList()
        self._cards = (Card(tr("What the hub has looked at")),)
        self._cards[0].body.addWidget(self.whole)
        self._cards[0].body.addWidget(self.lines)
        self.entries.addWidget(self._cards[0])

    def arrange(self, *, compact: bool) -> None:
        super().arrange(compact=compact)
        for card in self._cards:
            card.set_padding(14 if compact else 20)

    def show_view(self, view: View) -> None:
        super().show_view(view)
        state = next(item.state for item in self.flow.step(Step.TEST_RUN).checks if item.check is CheckId.TEST_RUN)
        if not view.alive:
            self._asked = None
        elif state is not self._asked:
            self._asked = state
            self.flow.desk.run(_LOOK, api.AskDoctor(), "look", self._take)
        self._show()

    def _take(self, found: tuple[api.Check, ...]) -> None:
        self._found = found
        self._show()

    def _show(self) -> None:
        worst = [check for check in self._found if check.level is CheckLevel.ERROR]
        tone = Tone.RED if worst else Tone.TEXT2
        self.whole.say("list-check", test_run_words.whole(self._found), tone)
        self.lines.show_lines(test_run_words.lines(self._found))
