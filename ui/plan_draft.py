"""What the person at the screen is changing about the schedule, and the plan it would make, before it is kept."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from homeapp import api
from homeapp.errors import HomeappError
from homeapp.model.plan import ChargingMode, Plan, Schedule
from ui.actions import Actions
from ui.hub_link import HubLink

_PREVIEW_MS = 250
"""A held button changes a value several times a second; one plan is asked for in the end."""


class PlanDraft(QObject):
    """At most one draft; it is given up by ``discard``, and once the hub has kept it.

    Signals:
        changed: the draft, its plan or its problem is different.
    """

    changed = Signal()

    def __init__(self, link: HubLink, actions: Actions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._actions = actions
        self._number = 0
        self._mode = ChargingMode.READY_BY
        self.schedule: Schedule | None = None
        self.plan: Plan | None = None
        self.problem = ""
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PREVIEW_MS)
        self._soon.timeout.connect(self._ask)
        actions.schedule_set.connect(lambda _schedule: self.discard())

    def edit(self, schedule: Schedule, mode: ChargingMode) -> None:
        """Change the draft; the plan of it comes a little later."""
        self.schedule, self._mode = schedule, mode
        self._number += 1
        self._soon.start()
        self.changed.emit()

    def discard(self) -> None:
        """What the hub has holds again."""
        self._number += 1
        self._soon.stop()
        self.schedule, self.plan, self.problem = None, None, ""
        self.changed.emit()

    def keep(self, held: Schedule | None) -> None:
        """Have the hub keep it in place of ``held``; where that is refused it stays a draft."""
        if self.schedule is not None:
            self._actions.set_schedule(self.schedule, feed=held is None or held.feed != self.schedule.feed)

    def _ask(self) -> None:
        if self.schedule is None:
            return
        number = self._number
        call = api.PreviewSchedule(schedule=self.schedule, mode=self._mode)
        take, refuse = self._if_still(number, self._take), self._if_still(number, self._refuse)
        self._link.call(call, take, refuse, owner=self)

    def _if_still(self, number: int, then: Callable[[object], None]) -> Callable[[object], None]:
        def act(answer: object) -> None:
            if number == self._number:
                then(answer)
                self.changed.emit()

        return act

    def _take(self, plan: object) -> None:
        if isinstance(plan, Plan):
            self.plan, self.problem = plan, ""

    def _refuse(self, error: object) -> None:
        if isinstance(error, HomeappError):
            self.plan, self.problem = None, str(error)
