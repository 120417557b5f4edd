"""The sheet for departures: those of every week, single ones, and what happens when the car is not ready."""

from dataclasses import replace
from datetime import datetime, time, timedelta

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from homeapp.model.plan import AtDeadline, Departure, Schedule, WeeklyDeparture
from ui import formats, plan_words, schedule_edits
from ui.actions import Actions
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import rows
from ui.widgets.buttons import Button, Look
from ui.widgets.segmented import Segmented
from ui.widgets.sheet import Sheet
from ui.widgets.stepper import Stepper
from ui.widgets.text import Text
from ui.widgets.toggle import Toggle

_ONCE_DAYS = 14


class DaysSheet(Sheet):
    """Lists the departures; one below the other is added by the form at the foot.

    Signals:
        changed: the schedule as it is wanted now.
    """

    changed = Signal(object)

    def __init__(self, window: QWidget, schedule: Schedule, view: View, _actions: Actions) -> None:
        super().__init__(window, tr("Days and departures"))
        self._schedule = schedule
        self._view = view
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        self.late = Segmented(
            tr("If it is late"),
            [(AtDeadline.KEEP_CHARGING.value, tr("Keep charging")), (AtDeadline.STOP.value, tr("Stop"))],
        )
        self.late.asked.connect(lambda value: self._take(replace(self._schedule, at_deadline=AtDeadline(value))))
        self._late_words = Text("", px=14, tone=Tone.TEXT2, lines=0)
        self.form = _Form(view)
        self.form.weekly.connect(lambda entry: self._take(schedule_edits.with_weekly(self._schedule, entry)))
        self.form.once.connect(lambda entry: self._take(schedule_edits.with_once(self._schedule, entry)))
        self.body.addLayout(self._rows)
        self.body.addWidget(Text(tr("Add a departure"), weight=600))
        self.body.addWidget(self.form)
        self.body.addWidget(Text(tr("If the car is not ready in time"), weight=600))
        self.body.addWidget(self.late)
        self.body.addWidget(self._late_words)
        self.add_button(tr("Done"), "check", Look.FILLED)
        self._show()

    def _take(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.changed.emit(schedule)
        self._show()

    def _show(self) -> None:
        rows.empty(self._rows)
        schedule = self._schedule
        usual = schedule.ready_by or formats.DASH
        target = formats.percent(schedule.target_pct)
        words = tr("All other days: {time}, {target}", time=usual, target=target)
        for weekly in schedule.weekly:
            self._rows.addWidget(self._row(plan_words.weekly_words(weekly), weekly))
        for single in schedule.once:
            self._rows.addWidget(self._row(plan_words.departure_words(single, self._view.now, self._view.zone), single))
        self._rows.addWidget(Text(words, tone=Tone.TEXT2))
        self.late.choose(schedule.at_deadline.value)
        self._late_words.say(plan_words.deadline_words(schedule.at_deadline))

    def _row(self, words: str, entry: Departure | WeeklyDeparture) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        remove = Button(tr("Remove"), "trash", height=60)
        remove.setAccessibleName(tr("Remove {words}", words=words))
        remove.clicked.connect(lambda: self._take(schedule_edits.without(self._schedule, entry)))
        row.addWidget(Text(words, px=17, weight=600), 3)
        row.addWidget(remove, 2)
        return holder


class _Form(QWidget):
    """Days or one date, a time and a target."""

    weekly = Signal(object)
    once = Signal(object)

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view
        self._time, self._target, self._day = "07:00", 80.0, 1
        self.kind = Segmented(tr("How often"), [("weekly", tr("Every week")), ("once", tr("Once"))])
        self.kind.asked.connect(self._choose)
        self.days = [Toggle(formats.day_name(number)) for number in range(1, 8)]
        self._week = QWidget()
        week = QHBoxLayout(self._week)
        week.setContentsMargins(0, 0, 0, 0)
        week.setSpacing(6)
        for toggle in self.days:
            toggle.toggled.connect(lambda _on: self._show())
            week.addWidget(toggle, 1)
        self.date, self.time, self.target = Stepper(tr("Day")), Stepper(tr("Time")), Stepper(tr("Charged to"))
        self.date.stepped.connect(self._step_day)
        self.time.stepped.connect(self._step_time)
        self.target.stepped.connect(self._step_target)
        self.add = Button(tr("Add"), "plus")
        self.add.clicked.connect(self._add)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(10)
        grid.addWidget(self.kind, 0, 0, 1, 2)
        grid.addWidget(self._week, 1, 0, 1, 2)
        grid.addWidget(self.date, 2, 0, 1, 2)
        grid.addWidget(self.time, 3, 0)
        grid.addWidget(self.target, 3, 1)
        grid.addWidget(self.add, 4, 0, 1, 2)
        self._choose("weekly")

    def _choose(self, kind: str) -> None:
        self._kind = kind
        self.kind.choose(kind)
        self._week.setVisible(kind == "weekly")
        self.date.setVisible(kind == "once")
        self._show()

    def _step_day(self, steps: int) -> None:
        self._day = min(_ONCE_DAYS, max(0, self._day + steps))
        self._show()

    def _step_time(self, steps: int) -> None:
        self._time = schedule_edits.stepped_time(self._time, steps)
        self._show()

    def _step_target(self, steps: int) -> None:
        self._target = min(100.0, max(5.0, self._target + steps * schedule_edits.PERCENT_STEP))
        self._show()

    def _once_at(self) -> datetime:
        zone = self._view.zone
        day = self._view.now.astimezone(zone).date() + timedelta(days=self._day)
        wanted = datetime.combine(day, time.fromisoformat(self._time), zone)
        return wanted.astimezone(self._view.now.tzinfo)

    def _chosen_days(self) -> tuple[int, ...]:
        return tuple(number for number, toggle in enumerate(self.days, 1) if toggle.isChecked())

    def _show(self) -> None:
        at = self._once_at()
        local = at.astimezone(self._view.zone)
        self.date.show_value(
            f"{formats.weekday(local)} {formats.day(at, self._view.zone)}",
            less=self._day > 0,
            more=self._day < _ONCE_DAYS,
        )
        self.time.show_value(self._time)
        self.target.show_value(formats.percent(self._target), less=self._target > 5, more=self._target < 100)
        possible = bool(self._chosen_days()) if self._kind == "weekly" else at > self._view.now
        self.add.setEnabled(possible)

    def _add(self) -> None:
        if self._kind == "once":
            self.once.emit(Departure(at=self._once_at(), target_pct=self._target))
            return
        entry = WeeklyDeparture(weekdays=self._chosen_days(), time=self._time, target_pct=self._target)
        for toggle in self.days:
            toggle.setChecked(False)
        self.weekly.emit(entry)
