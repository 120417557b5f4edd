"""A rule in the making: what the form says, and what it would have done with the requests of the past."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from homeapp import api
from homeapp.errors import HomeappError
from homeapp.model.standing_rule import DryRun, RuleAction, StandingRule
from ui.hub_link import HubLink

_DRY_RUN_MS = 300


class RuleDraft(QObject):
    """One rule; every change of it is tried on the past.

    Signals:
        changed: the rule, its dry run or its problem is different.
    """

    changed = Signal()

    def __init__(self, link: HubLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._number = 0
        self.rule = StandingRule(action=RuleAction.ACCEPT)
        self.runs: tuple[DryRun, ...] | None = None
        self.problem = ""
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_DRY_RUN_MS)
        self._soon.timeout.connect(self._try)

    def edit(self, rule: StandingRule) -> None:
        """Another rule; its dry run comes a little later."""
        self.rule = rule
        self._number += 1
        self._soon.start()
        self.changed.emit()

    def _try(self) -> None:
        number = self._number

        def if_still(then: Callable[[object], None]) -> Callable[[object], None]:
            def act(answer: object) -> None:
                if number == self._number:
                    then(answer)
                    self.changed.emit()

            return act

        self._link.call(api.DryRunRule(rule=self.rule), if_still(self._take), if_still(self._refuse), owner=self)

    def _take(self, runs: object) -> None:
        if isinstance(runs, tuple):
            self.runs, self.problem = runs, ""

    def _refuse(self, error: object) -> None:
        if isinstance(error, HomeappError):
            self.runs, self.problem = None, str(error)
