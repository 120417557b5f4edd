"""The timeline of decisions as far as it has been fetched; asked for only while somebody looks."""

from datetime import datetime, timedelta

from PySide6.QtCore import QObject, QTimer, Signal

from homeapp import api
from homeapp.errors import HomeappError
from homeapp.model.why import WhyEntry
from ui.hub_link import HubLink

BACK = timedelta(days=2)
_AGAIN_MS = 10_000


class WhyFeed(QObject):
    """``watch`` while the timeline is on the screen.

    Signals:
        changed: entries or problem are different.
    """

    changed = Signal()

    def __init__(self, link: HubLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._asking = False
        self.entries: tuple[WhyEntry, ...] | None = None
        self.told_at: datetime | None = None
        self.problem = ""
        self._again = QTimer(self)
        self._again.setInterval(_AGAIN_MS)
        self._again.timeout.connect(self._ask)

    def watch(self, *, on: bool) -> None:
        """Fetch now and again, or stop."""
        if on and not self._again.isActive():
            self._again.start()
            self._ask()
        elif not on:
            self._again.stop()

    def _ask(self) -> None:
        if self._asking:
            return
        self._asking = True
        now = self._link.now()
        call = api.GetWhy(since=now - BACK, until=now + timedelta(minutes=1))
        self._link.call(call, self._take, self._refuse, owner=self)

    def _take(self, entries: tuple[WhyEntry, ...]) -> None:
        self._asking = False
        self.entries, self.told_at, self.problem = entries, self._link.now(), ""
        self.changed.emit()

    def _refuse(self, error: HomeappError) -> None:
        self._asking = False
        self.problem = str(error)
        self.changed.emit()
