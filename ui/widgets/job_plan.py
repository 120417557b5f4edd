"""What a job will do, step by step."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from homeapp.model.offer import OfferCase
from ui import job_words
from ui.tr import tr
from ui.view import is_running, waits_for_owner
from ui.widgets.icon_line import IconLine
from ui.widgets.text import Text

_MOST_STEPS = 3


class JobPlan(QWidget):
    """A title and a line for each step; hidden for requests for power and once it is over."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = [IconLine() for _ in range(_MOST_STEPS)]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 6)
        column.setSpacing(6)
        column.addWidget(Text(tr("What will happen"), px=17, weight=600))
        for line in self.lines:
            column.addWidget(line)

    def show_case(self, case: OfferCase) -> None:
        """Show this request."""
        ahead = case.offer.kind.is_job and (waits_for_owner(case) or is_running(case))
        steps = job_words.steps(case.offer) if ahead else ()
        self.setVisible(bool(steps))
        for line, step in zip(self.lines, [*steps, *[None] * _MOST_STEPS], strict=False):
            line.setVisible(step is not None)
            if step is not None:
                line.say(*step)
