"""What the pages of all steps have in common: what is entered at the left, what was checked at the right."""

from typing import TypeVar

from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from homeapp.model.commissioning import CHECKS_OF, Answer, Step
from ui.setup import setup_words
from ui.setup.check_row import CheckRow
from ui.setup.setup_desk import answer_key
from ui.setup.setup_flow import SetupFlow
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.card import Card
from ui.widgets.scroll import Scroll
from ui.widgets.text import Text

K = TypeVar("K")

_CHECKS_WIDTH = 380


class StepPage(QWidget):
    """A step whose own cards go into ``entries``, and what comes of them into ``aside``, over the checks.

    The page of a step that has none shows its checks alone.

    Attributes:
        asks_first: something on the page is to be done before the footer's button.
    """

    def __init__(self, step: Step, flow: SetupFlow) -> None:
        super().__init__()
        self.step = step
        self.flow = flow
        self.asks_first = False
        self.setAccessibleName(setup_words.step_title(step))
        self.lead = Text(setup_words.step_lead(step), px=16, tone=Tone.TEXT2, lines=0)
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.entries, self.aside = QVBoxLayout(), QVBoxLayout()
        self.checks = Card(tr("Checks"))
        self.rows = {check: CheckRow(check, flow.desk) for check in CHECKS_OF[step]}
        for row in self.rows.values():
            self.checks.body.addWidget(row)
        self.checks.body.addStretch(1)
        content = QWidget()
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._left = QVBoxLayout()
        self._left.addWidget(self.lead)
        self._left.addWidget(self.problem)
        self._left.addLayout(self.entries)
        self._left.addStretch(1)
        self._beside = QWidget()
        self._right = QVBoxLayout(self._beside)
        self._right.setContentsMargins(0, 0, 0, 0)
        self._right.addLayout(self.aside)
        self._right.addWidget(self.checks)
        self._right.addStretch(1)
        self._both.addLayout(self._left, 1)
        self._both.addWidget(self._beside)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 8, 0)
        column.addLayout(self._both)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(Scroll(content))

    def answer(self) -> Answer | None:
        """What is entered now; None where this step has nothing to enter."""
        return None

    @property
    def fault(self) -> str:
        """A sentence that says why what is entered cannot be kept; empty where it can."""
        return ""

    def kept(self, kind: type[K]) -> K | None:
        """The answer that the hub keeps; None where there is none yet."""
        answers = self.flow.known.answers if self.flow.known is not None else ()
        return next((answer for answer in answers if isinstance(answer, kind)), None)

    @property
    def unsaved(self) -> bool:
        """What is entered is not what the hub keeps."""
        entered = self.answer()
        return entered is not None and (self.flow.known is None or entered not in self.flow.known.answers)

    def save(self) -> None:
        """Have the hub keep what is entered; its checks follow by themselves."""
        if (entered := self.answer()) is not None and not self.fault:
            self.flow.desk.answer(self.step, entered)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        direction = QBoxLayout.Direction.TopToBottom if compact else QBoxLayout.Direction.LeftToRight
        self._both.setDirection(direction)
        gap = 12 if compact else 16
        for layout in (self._both, self._left, self._right, self.entries, self.aside):
            layout.setSpacing(gap)
        self.checks.set_padding(14 if compact else 20)
        if compact:
            self._beside.setMinimumWidth(0)
            self._beside.setMaximumWidth(16_777_215)
        else:
            self._beside.setFixedWidth(_CHECKS_WIDTH)

    def show_view(self, view: View) -> None:
        """Show how the step stands."""
        self.problem.say(view.action(answer_key(self.step)).problem or "")
        found = self.flow.step(self.step)
        reachable = self.flow.reachable(self.step)
        waits = self.flow.checking or self.flow.running is not None
        turn = next((check.check for check in found.checks if not check.state.is_settled), None) if reachable else None
        for check in found.checks:
            self.rows[check.check].show_check(check, view, turn=check.check is turn, waits=waits)
