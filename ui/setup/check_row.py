"""One check: how it stands, what was seen, what to do, and the buttons to run it or to go on without it."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import RunCheck
from homeapp.model.commissioning import CheckId, CheckState, CheckView
from ui.setup import setup_words
from ui.setup.reason_sheet import open_reasons
from ui.setup.setup_desk import SetupDesk, check_key
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button
from ui.widgets.chip import Badge
from ui.widgets.text import Text


class CheckRow(QWidget):
    """Title and state, then what there is to read, then its buttons."""

    def __init__(self, check: CheckId, desk: SetupDesk) -> None:
        super().__init__()
        self.check = check
        self._desk = desk
        self._title = Text(setup_words.check_title(check), px=16, weight=600)
        self._badge = Badge()
        self.told = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.advice = Banner("info-circle", Tone.AMBER, lines=0)
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.run = Button(tr("Start"), "player-play", height=60)
        self.skip = Button(tr("Leave out"), "flag", height=60)
        self.run.clicked.connect(self._run)
        self.skip.clicked.connect(lambda: open_reasons(self.window(), check, desk))
        self._running = False
        self._build()

    def show_check(self, found: CheckView, view: View, *, turn: bool, waits: bool) -> None:
        """Show how it stands; ``turn`` where it is the next one to be settled, ``waits`` while another one runs."""
        state = view.action(check_key(self.check))
        self._running = found.state is CheckState.RUNNING
        icon_words = setup_words.state_words(found.state)
        _, tone = setup_words.state_icon(found.state)
        self._badge.say(icon_words, tone)
        self.told.say(setup_words.told(found), Tone.TEXT if found.state.is_settled or self._running else Tone.TEXT2)
        self.advice.say(found.advice if found.state is CheckState.FAILED else "")
        self.problem.say(state.problem or "")
        self.setAccessibleName(f"{self._title.text()}: {icon_words}")
        self.setAccessibleDescription(found.advice or self.told.text())
        self._show_buttons(found, view, turn=turn, usable=view.alive and not waits)

    def _show_buttons(self, found: CheckView, view: View, *, turn: bool, usable: bool) -> None:
        title = self._title.text()
        busy = view.action(check_key(self.check)).busy and not self._running
        if self._running:
            self.run.rename(tr("Stop"), "x")
        elif found.state is CheckState.OPEN:
            self.run.rename(tr("Start"), "player-play")
        else:
            self.run.rename(tr("Try again"), "refresh")
        self.run.setAccessibleName(f"{self.run.text()}: {title}")
        self.run.set_busy(tr("One moment…") if busy else "")
        self.run.setEnabled((usable and not busy) or (self._running and view.alive))
        self.run.setVisible(turn or self._running or found.state is CheckState.SKIPPED)
        self.skip.setVisible(turn and not self._running)
        self.skip.setEnabled(usable and not busy)
        self.skip.setAccessibleName(f"{self.skip.text()}: {title}")
        for button in (self.run, self.skip):
            button.set_locked(locked=view.needs_pin(RunCheck.role))

    def _run(self) -> None:
        if self._running:
            self._desk.stop(self.check)
        else:
            self._desk.check(self.check)

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self._title, 1)
        head.addWidget(self._badge)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(self.skip, 1)
        foot.addWidget(self.run, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 6)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.told)
        column.addWidget(self.advice)
        column.addWidget(self.problem)
        column.addLayout(foot)
