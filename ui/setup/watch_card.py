"""The hub's clock, large, and whether a watch beside the screen says the same."""

from datetime import datetime, timedelta

from PySide6.QtCore import QLocale, Signal
from PySide6.QtWidgets import QHBoxLayout

from ui.setup import place_draft
from ui.theme import Tone
from ui.tr import tr
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.stepper import Stepper
from ui.widgets.text import Text

_HOUR = 60


class WatchCard(Card):
    """Runs; "Yes" and a watch that was set both tell by how much the watch is ahead.

    Signals:
        told: a ``timedelta``.
    """

    told = Signal(object)

    def __init__(self) -> None:
        super().__init__(tr("The hub's clock"))
        self._now: datetime | None = None
        self._zone = "UTC"
        self._minute: int | None = None
        self.clock = Text("", px=56, weight=600)
        self.day = Text("", px=16, tone=Tone.TEXT2)
        self.question = Text(tr("Does your watch say the same?"), px=17, weight=600, lines=0)
        self.same, self.other = Button(tr("Yes"), "check"), Button(tr("No"), "x")
        self.hour, self.minute = Stepper(tr("Hour")), Stepper(tr("Minute"))
        self.take = Button(tr("My watch says this"), "clock", Look.FILLED)
        self.said = IconLine("circle-check", "", Tone.GREEN)
        self.same.clicked.connect(lambda: self._tell(timedelta(0)))
        self.other.clicked.connect(self._ask)
        self.hour.stepped.connect(lambda direction: self._turn(direction * _HOUR))
        self.minute.stepped.connect(self._turn)
        self.take.clicked.connect(self._take)
        self._build()

    def show_clock(self, now: datetime, zone: str, said: str) -> None:
        """Show the hub's time at this place, and the wall time that a watch has said, if any."""
        self._now, self._zone = now, zone
        local = place_draft.local(now, zone)
        self.clock.say(local.strftime("%H:%M:%S"))
        month = QLocale().monthName(local.month)
        self.day.say(f"{QLocale().dayName(local.isoweekday())}, {local.day} {month} {local.year}")
        self.said.setVisible(bool(said))
        if said:
            self.said.say("circle-check", tr("Your watch said {time}.", time=said[-5:]), Tone.GREEN)
        self._show_setting()

    def _ask(self) -> None:
        if self._now is not None:
            local = place_draft.local(self._now, self._zone)
            self._minute = local.hour * _HOUR + local.minute
            self._show_setting()

    def _turn(self, by: int) -> None:
        if self._minute is not None:
            self._minute = place_draft.turned(self._minute, by)
            self._show_setting()

    def _take(self) -> None:
        if self._now is not None and self._minute is not None:
            self._tell(place_draft.ahead_of(self._now, self._zone, self._minute))

    def _tell(self, ahead: timedelta) -> None:
        self._minute = None
        self.told.emit(ahead)
        self._show_setting()

    def _show_setting(self) -> None:
        setting = self._minute is not None
        for widget in (self.hour, self.minute, self.take):
            widget.setVisible(setting)
        self.other.setVisible(not setting)
        self.same.rename(tr("The same after all") if setting else tr("Yes"), "check")
        if self._minute is not None:
            self.hour.show_value(f"{self._minute // _HOUR:02}")
            self.minute.show_value(f"{self._minute % _HOUR:02}")

    def _build(self) -> None:
        answers = QHBoxLayout()
        answers.setSpacing(12)
        for button in (self.other, self.same):
            answers.addWidget(button, 1)
        for line in (self.clock, self.day):
            self.body.addWidget(line)
        self.body.addSpacing(6)
        self.body.addWidget(self.question)
        for widget in (self.hour, self.minute, self.take):
            self.body.addWidget(widget)
        self.body.addLayout(answers)
        self.body.addWidget(self.said)
        self._show_setting()
