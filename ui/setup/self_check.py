"""Begins the checks of a step by itself as soon as there is something to look at."""

from homeapp.api import RunCheck
from homeapp.model.commissioning import CheckState, Step
from ui.setup.setup_flow import SetupFlow
from ui.view import View


class SelfCheck:
    """Once for each state of what is looked at; what has failed then is run again by whoever stands there."""

    def __init__(self, step: Step, flow: SetupFlow) -> None:
        self._step, self._flow = step, flow
        self._seen = ""

    def take(self, ready: str, view: View) -> None:
        """``ready`` names what is there to be looked at; empty while it is not."""
        if not ready or not view.alive:
            self._seen = "" if view.alive else self._seen
            return
        if ready == self._seen:
            return
        if any(check.state is CheckState.RUNNING for check in self._flow.step(self._step).checks):
            self._seen = ready
        elif self._may(view):
            self._seen = ready
            self._flow.check(self._step)

    def _may(self, view: View) -> bool:
        if self._flow.checking or self._flow.running is not None or view.needs_pin(RunCheck.role):
            return False
        return self._flow.reachable(self._step) and self._flow.can_check(self._step)
