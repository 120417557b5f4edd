"""The setup wizard: the way at the left, the page of a step, and the buttons to go on."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from homeapp.api import AnswerStep
from homeapp.model.commissioning import Step
from ui.actions import Actions
from ui.hub_link import HubLink
from ui.setup import setup_words
from ui.setup.pages import step_pages
from ui.setup.report_page import ReportPage
from ui.setup.setup_desk import APPLY, SetupDesk, answer_key
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_dots import StepDots
from ui.setup.step_page import StepPage
from ui.setup.step_rail import StepRail
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.text import Text


class Wizard(QWidget):
    """Takes the place of everything else in the window until it is left.

    Signals:
        left: to the pages of the home.
    """

    left = Signal()

    def __init__(self, link: HubLink, desk: SetupDesk, actions: Actions) -> None:
        super().__init__()
        self.setAccessibleName(tr("Setup"))
        self.flow = SetupFlow(desk, self)
        self._view: View | None = None
        self._compact = False
        self.rail, self.dots = StepRail(), StepDots()
        self.title = Text("", px=26, weight=600)
        self.place = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        self.later = Button(tr("Later"), "x", Look.OUTLINED, height=60)
        self.leave = Button("", "x", Look.OUTLINED)
        self.leave.setAccessibleName(tr("Later"))
        self.beginning = Banner("clock", Tone.BLUE)
        self.back = Button(tr("Back"), "chevron-left", Look.OUTLINED)
        self.hint = Text("", tone=Tone.TEXT2, lines=2)
        self.next = Button(tr("Next"), "chevron-right", Look.FILLED)
        self.steps: dict[Step, StepPage] = step_pages(self.flow, link, actions)
        self.report = ReportPage(self.flow)
        self.pages = QStackedWidget()
        for page in (*self.steps.values(), self.report):
            self.pages.addWidget(page)
        self._build()
        self.rail.chosen.connect(self.flow.go)
        self.back.clicked.connect(self.flow.back)
        self.next.clicked.connect(self._on)
        self.later.clicked.connect(self.left)
        self.leave.clicked.connect(self.left)
        self.flow.moved.connect(self._moved)
        self.arrange(compact=False)

    @property
    def page(self) -> StepPage | ReportPage:
        """The one that is shown."""
        return self.report if self.flow.shown is None else self.steps[self.flow.shown]

    def resume(self) -> None:
        """Show the step that was shown last, at first the first that is not settled."""
        self.flow.resume()
        self._moved()

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        margin = 12 if compact else 20
        for wide in (self.rail, self.later):
            wide.setVisible(not compact)
        for narrow in (self.dots, self.leave):
            narrow.setVisible(compact)
        self._compact = compact
        self._column.setContentsMargins(margin, margin, margin, margin)
        self._column.setSpacing(10 if compact else 16)
        self.report.arrange(compact=compact)
        for page in self.steps.values():
            page.arrange(compact=compact)

    def show_view(self, view: View) -> None:
        """Show how commissioning stands."""
        self._view = view
        self.flow.take(view)
        self.rail.show_flow(self.flow)
        self.dots.show_flow(self.flow)
        step = self.flow.shown
        self.title.say(setup_words.step_title(step))
        number = len(Step) + 1 if step is None else list(Step).index(step) + 1
        count = {"number": number, "all": len(Step) + 1}
        self.place.say(tr("{number} / {all}", **count) if self._compact else tr("Step {number} of {all}", **count))
        problem = self.flow.known.problem if self.flow.known is not None else ""
        again = self.flow.checking and not view.alive
        self.beginning.say(tr("The hub begins anew with these settings…") if again else problem)
        self.page.show_view(view)
        self._show_buttons(view, step)

    def _show_buttons(self, view: View, step: Step | None) -> None:
        self.back.setEnabled(step is not Step.PLACE)
        self.next.setVisible(step is not None or self.report.done)
        if step is None:
            self.hint.say("")
            self.next.rename(tr("Done"), "home", Look.FILLED)
            self.next.set_busy("")
            self.next.setEnabled(True)
            self.next.set_locked(locked=False)
            return
        page, found = self.steps[step], self.flow.step(step)
        busy = self.flow.checking or view.action(answer_key(step)).busy or view.action(APPLY).busy
        saves = page.unsaved or (not found.is_settled and self.flow.can_check(step))
        verb, icon = (tr("Next"), "chevron-right")
        if saves:
            verb, icon = (tr("Save and check"), "check") if page.unsaved else (tr("Check"), "check")
        self.next.rename(verb, icon, Look.OUTLINED if page.asks_first and not page.unsaved else Look.FILLED)
        self.next.set_busy(tr("One moment…") if busy else "")
        usable = view.alive and not busy and self.flow.running is None and not page.fault
        self.next.setEnabled(usable and (saves or found.is_settled))
        self.next.set_locked(locked=saves and view.needs_pin(AnswerStep.role))
        self.hint.say(page.fault or ("" if busy or saves else setup_words.open_words(found.checks)))

    def _on(self) -> None:
        page = self.page
        if isinstance(page, ReportPage):
            self.left.emit()
            return
        if page.unsaved:
            page.save()
        elif self.flow.step(page.step).is_settled:
            self.flow.forward()
        else:
            self.flow.check(page.step)
        self._again()

    def _moved(self) -> None:
        self.pages.setCurrentWidget(self.page)
        self._again()

    def _again(self) -> None:
        if self._view is not None:
            self.show_view(self._view)

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self.title)
        head.addWidget(self.place, 1)
        head.addWidget(self.dots)
        head.addWidget(self.later)
        foot = QHBoxLayout()
        foot.setSpacing(16)
        self.leave.setFixedWidth(64)
        foot.addWidget(self.leave)
        foot.addWidget(self.back, 1)
        foot.addWidget(self.hint, 2)
        keeps = self.next.sizePolicy()
        keeps.setRetainSizeWhenHidden(True)
        self.next.setSizePolicy(keeps)
        foot.addWidget(self.next, 2)
        self._column = QVBoxLayout()
        self._column.addLayout(head)
        self._column.addWidget(self.beginning)
        self._column.addWidget(self.pages, 1)
        self._column.addLayout(foot)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(self._column, 1)
