"""What the installer has the hub do in commissioning."""

from collections.abc import Callable

from PySide6.QtCore import Signal

from homeapp import api
from homeapp.model.commissioning import Answer, CheckId, CommissioningView, Step
from ui.calls import Calls

APPLY = "setup:apply"
"""Key of the hub's new beginning with the settings that were written."""
FINISH = "setup:finish"


def answer_key(step: Step) -> str:
    """Key of what was entered in a step."""
    return f"setup:answer:{step}"


def check_key(check: CheckId) -> str:
    """Key of what is done with a check: run, stopped or left out."""
    return f"setup:check:{check}"


class SetupDesk(Calls):
    """What the installer does in commissioning.

    Signals:
        commissioned: the ``CommissioningView`` after something was done.
        answered: the ``Step`` whose answer is kept now.
        pin_choice: the ``Role`` whose PIN is to be chosen, and what to call once it is set.
    """

    commissioned = Signal(object)
    answered = Signal(object)
    pin_choice = Signal(object, object)

    def answer(self, step: Step, answer: Answer) -> None:
        """Keep what was entered."""

        def kept(view: CommissioningView) -> None:
            self.commissioned.emit(view)
            self.answered.emit(step)

        self.run(answer_key(step), api.AnswerStep(step_answer=answer), "answer", kept)

    def check(self, check: CheckId) -> None:
        """Run a check; how it goes on is told by the hub as it happens."""
        self.run(check_key(check), api.RunCheck(check=check), "run", self.commissioned.emit)

    def stop(self, check: CheckId) -> None:
        """Break a running check off."""
        self._link.call(api.StopCheck(check=check), self.commissioned.emit, lambda _error: None, owner=self)

    def leave_out(self, check: CheckId, reason: str) -> None:
        """Go on without it: a gap, which the report and Home tell of."""
        self.run(check_key(check), api.SkipCheck(check=check, reason=reason), "leave out", self.commissioned.emit)

    def apply(self) -> None:
        """Have the hub begin anew with the settings that were written; the connection to it is lost for a moment."""
        self.run(APPLY, api.ApplySettings(), "apply")

    def choose_pin(self, role: api.Role, then: Callable[[], None]) -> None:
        """Have a PIN set or changed at the screen."""
        self.pin_choice.emit(role, then)

    def finish(self, installer: str) -> None:
        """Sign the report."""
        self.run(FINISH, api.FinishCommissioning(installer=installer), "finish", self.commissioned.emit)
