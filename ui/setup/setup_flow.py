"""Which step is shown, and the checks that run by themselves once a step is answered."""

from PySide6.QtCore import QObject, Signal

from homeapp.model.commissioning import CHECKS_OF, CheckId, CheckState, CheckView, CommissioningView, Step, StepView
from ui.setup.setup_desk import APPLY, SetupDesk, check_key
from ui.view import View

BY_HAND = frozenset({CheckId.METER_DIRECTION, CheckId.CHARGER_LIMIT, CheckId.CHARGER_FLOOR, CheckId.DRY_RUN})
"""Checks for which somebody has to do something at the same time; they begin when that person says so."""


class SetupFlow(QObject):
    """Shows one step after the other; the hub alone decides which are settled.

    Signals:
        moved: another page is to be shown.

    Attributes:
        shown: the step; None for the report.
        known: how commissioning stood last, also while the hub begins anew; None before it was heard of.
    """

    moved = Signal()

    def __init__(self, desk: SetupDesk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.shown: Step | None = Step.PLACE
        self.known: CommissioningView | None = None
        self._begun = False
        self._checking: Step | None = None
        self._tried: set[CheckId] = set()
        self._applied: CommissioningView | None = None
        desk.answered.connect(self.check)

    def begin(self) -> None:
        """Show the first step that is not settled."""
        self._begun = False
        self._resume()

    def resume(self) -> None:
        """Show the step that was shown last, where it can be; else the first that is not settled."""
        if self.known is None or (not self.complete if self.shown is None else not self.reachable(self.shown)):
            self.begin()

    def go(self, step: Step | None) -> None:
        """Show this step, or the report."""
        if step is not self.shown:
            self._checking = None
            self.shown = step
            self.moved.emit()

    def back(self) -> None:
        """The step before."""
        steps = list(Step)
        at = len(steps) if self.shown is None else steps.index(self.shown)
        self.go(steps[max(0, at - 1)])

    def forward(self) -> None:
        """The step after, or the report."""
        steps = [*Step, None]
        self.go(steps[min(steps.index(self.shown) + 1, len(steps) - 1)])

    def check(self, step: Step) -> None:
        """Run what can be checked of this step without anybody's hands, one after the other."""
        self._checking, self._tried, self._applied = step, set(), None

    @property
    def checking(self) -> bool:
        """Checks run by themselves, or are about to."""
        return self._checking is not None

    @property
    def at_work(self) -> bool:
        """A check runs, or is about to."""
        return self.checking or self.running is not None

    @property
    def running(self) -> CheckId | None:
        """The check that runs, of whatever step."""
        steps = self.known.steps if self.known is not None else ()
        found = (item.check for step in steps for item in step.checks if item.state is CheckState.RUNNING)
        return next(found, None)

    def can_check(self, step: Step) -> bool:
        """There is a check that runs without anybody's hands."""
        first = next((item for item in self.step(step).checks if not item.state.is_settled), None)
        return first is not None and first.check not in BY_HAND

    def take(self, view: View) -> None:
        """The hub has told something, or some time has passed."""
        if view.commissioning is None:
            return
        self.known = view.commissioning
        self._resume()
        if self._checking is not None and view.alive:
            self._go_on(self._checking, view, view.commissioning)

    def step(self, step: Step) -> StepView:
        """How a step stands; with nothing known all of it is open."""
        if self.known is not None:
            return next(item for item in self.known.steps if item.step is step)
        return StepView(step=step, checks=tuple(CheckView(check=check) for check in CHECKS_OF[step]))

    def reachable(self, step: Step) -> bool:
        """Every step before is settled."""
        steps = list(Step)
        return all(self.step(before).is_settled for before in steps[: steps.index(step)])

    @property
    def complete(self) -> bool:
        """The report can be signed."""
        return self.known is not None and self.known.current is None

    def _resume(self) -> None:
        if not self._begun and self.known is not None:
            self._begun = True
            self.shown = self.known.current
            self.moved.emit()

    def _go_on(self, step: Step, view: View, known: CommissioningView) -> None:
        found = self.step(step).checks
        if view.action(APPLY).busy or any(item.state is CheckState.RUNNING for item in found):
            return
        if any(view.action(check_key(item.check)).busy for item in found):
            return
        if known.restart_due:
            self._apply(known)
            return
        self.desk.forget_problem(APPLY)
        following = self._following(found)
        if following is None or not self.reachable(step) or view.action(check_key(following)).problem:
            self._checking = None
            return
        self._tried.add(following)
        self.desk.check(following)

    def _apply(self, known: CommissioningView) -> None:
        """Once; where the hub has come back and they still do not hold, whoever is at the screen has to look."""
        if self._applied is None:
            self._applied = known
            self.desk.apply()
        elif self._applied is not known:
            self._checking = None

    def _following(self, found: tuple[CheckView, ...]) -> CheckId | None:
        """The next one that nobody's hands are needed for; none after one that has failed."""
        for item in found:
            if item.state.is_settled:
                continue
            if item.check in BY_HAND or item.check in self._tried:
                return None
            return item.check
        return None
