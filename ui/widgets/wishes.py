"""What the owner wants of the car: mode, departure, target, reserve; and whether a change of it is to be kept."""

from datetime import datetime

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import Role, SetSchedule
from homeapp.model.plan import ChargingMode, Schedule
from ui import formats, plan_words, schedule_edits
from ui.actions import SCHEDULE, Actions
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.mode_grid import ModeGrid
from ui.widgets.scroll import Scroll
from ui.widgets.stepper import Stepper

_WITHOUT_DEPARTURE = (ChargingMode.CHEAPEST, ChargingMode.SOLAR, ChargingMode.PAUSE)


class Wishes(Card):
    """A column beside the chart; nothing here is kept before Keep is tapped, but the mode, which is at once."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(tr("Your wishes"))
        self.modes = ModeGrid(actions)
        self.time, self.target = Stepper(tr("Ready by")), Stepper(tr("Charged to"))
        self.floor = Stepper(tr("Never below"))
        self.days = Button(tr("Days"), "calendar-time")
        self.feed = Button(tr("Power feed"), "battery-2")
        self.why = Button(tr("Why?"), "history")
        self.discard = Button(tr("Undo"), "arrow-back-up")
        self.keep = Button(tr("Keep"), "check", Look.FILLED)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 4, 0)
        column.setSpacing(10)
        for widget in (self.modes, self.time, self.target, self.floor, self.days, self.feed, self.why):
            column.addWidget(widget)
        column.addStretch(1)
        self._scroll = Scroll(content)
        self._foot = QWidget()
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(12)
        foot.addWidget(self.discard, 2)
        foot.addWidget(self.keep, 3)
        self.body.addWidget(self._scroll, 1)
        self.body.addWidget(self._foot)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        self.set_padding(12 if compact else 20)
        self.header.setVisible(not compact)
        self.setFixedWidth(306 if compact else 340)
        for button in (self.days, self.feed, self.why, self.discard, self.keep):
            button.set_height(60)

    def show_view(self, view: View, schedule: Schedule | None, *, departure: datetime | None, drafted: bool) -> None:
        """Show these wishes; ``drafted`` where they are not what the hub has."""
        self.modes.show_view(view)
        self._foot.setVisible(drafted)
        busy = view.action(SCHEDULE).busy
        self.keep.set_busy(tr("Saving…") if busy else "")
        self.keep.setEnabled(view.alive and not busy)
        feed = schedule is not None and view.schedule is not None and schedule.feed != view.schedule.feed
        needed = Role.OWNER if feed else SetSchedule.role
        self.keep.set_locked(locked=view.needs_pin(needed))
        usable = view.alive and schedule is not None and departure is not None
        for stepper in (self.time, self.target, self.floor):
            stepper.setEnabled(usable)
        for button in (self.days, self.feed):
            button.setEnabled(usable)
        self.days.rename(plan_words.days_button(schedule), "calendar-time")
        if schedule is None or departure is None or view.snapshot is None:
            return
        self.time.setVisible(view.snapshot.mode not in _WITHOUT_DEPARTURE)
        tone = Tone.AMBER if drafted else Tone.TEXT
        time = schedule_edits.next_time(schedule, departure, view.zone)
        when = formats.moment(departure, view.now, view.zone) if time else formats.DASH
        target = schedule_edits.next_target(schedule, departure, view.zone)
        self.time.show_value(when, tone=tone)
        self.target.show_value(formats.percent(target), less=target > 5, more=target < 100, tone=tone)
        floor = schedule.floor_pct
        self.floor.show_value(formats.percent(floor), less=floor > 0, more=floor < 100, tone=tone)
