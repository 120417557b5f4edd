"""The sheet for power feed: how much the car may give, what its wear is worth, and what it has given."""

from dataclasses import dataclass
from decimal import Decimal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from homeapp.model.plan import FeedBudget, FeedUse, Schedule
from ui import formats, plan_words, schedule_edits
from ui.actions import Actions
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.buttons import Look
from ui.widgets.sheet import Sheet
from ui.widgets.stepper import Stepper
from ui.widgets.text import Text


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit of the budget: its step, its most, and what stands for none."""

    field: str
    step: float
    most: float
    unit: str


_LIMITS = (
    _Limit("cycles_per_day", 0.25, 3.0, ""),
    _Limit("cycles_per_year", 10.0, 400.0, ""),
    _Limit("kwh_per_day", 1.0, 100.0, "kWh"),
    _Limit("kwh_per_year", 100.0, 20_000.0, "kWh"),
)
_WEAR_STEP, _GAIN_STEP = Decimal("0.01"), Decimal("0.05")
_MOST_WEAR, _MOST_GAIN = Decimal(1), Decimal(20)


class FeedSheet(Sheet):
    """Beyond its most a limit is none.

    Signals:
        changed: the schedule as it is wanted now.
    """

    changed = Signal(object)

    def __init__(self, window: QWidget, schedule: Schedule, view: View, actions: Actions) -> None:
        super().__init__(window, tr("Power feed"))
        self._schedule = schedule
        self._view = view
        names = (tr("Cycles a day"), tr("Cycles a year"), tr("Energy a day"), tr("Energy a year"))
        self.limits = {limit.field: Stepper(name) for limit, name in zip(_LIMITS, names, strict=True)}
        self.wear, self.gain = Stepper(tr("Wear, per kWh")), Stepper(tr("Least gain of a plan"))
        self.use = Text("", tone=Tone.TEXT2, lines=0)
        grid = QGridLayout()
        grid.setSpacing(10)
        for index, (limit, stepper) in enumerate(zip(_LIMITS, self.limits.values(), strict=True)):
            stepper.stepped.connect(lambda steps, limit=limit: self._step(limit, steps))
            grid.addWidget(stepper, index // 2, index % 2)
        grid.addWidget(self.wear, 2, 0)
        grid.addWidget(self.gain, 2, 1)
        self.wear.stepped.connect(lambda steps: self._step_money("wear_per_kwh", _WEAR_STEP, steps))
        self.gain.stepped.connect(lambda steps: self._step_money("least_gain", _GAIN_STEP, steps))
        words = tr(
            "Your car gives power only for requests that you approve, or in the mode Power feed where it pays more "
            "than the wear. It never goes below your reserve, and never over these limits."
        )
        self.body.addWidget(Text(words, tone=Tone.TEXT2, lines=0))
        self.body.addLayout(grid)
        self.body.addWidget(self.use)
        self.add_button(tr("Done"), "check", Look.FILLED)
        self._show()
        self._show_use(None)
        actions.ask_feed_use(self._show_use, self)

    def _step(self, limit: _Limit, steps: int) -> None:
        now: float | None = getattr(self._schedule.feed, limit.field)
        wanted: float | None = (limit.most if now is None else now) + steps * limit.step
        if wanted is not None and (wanted > limit.most or (now is None and steps > 0)):
            wanted = None
        self._take(**{limit.field: None if wanted is None else max(0.0, wanted)})

    def _step_money(self, field: str, step: Decimal, steps: int) -> None:
        now: Decimal = getattr(self._schedule.feed, field)
        self._take(**{field: max(Decimal(0), now + step * steps)})

    def _take(self, **changes: object) -> None:
        self._schedule = schedule_edits.with_feed(self._schedule, **changes)
        self.changed.emit(self._schedule)
        self._show()

    def _show(self) -> None:
        feed = self._schedule.feed
        currency = self._view.snapshot.currency if self._view.snapshot else "EUR"
        for limit in _LIMITS:
            self._show_limit(feed, limit)
        self.wear.show_value(
            formats.money(feed.wear_per_kwh, currency), less=feed.wear_per_kwh > 0, more=feed.wear_per_kwh < _MOST_WEAR
        )
        self.gain.show_value(
            formats.money(feed.least_gain, currency), less=feed.least_gain > 0, more=feed.least_gain < _MOST_GAIN
        )

    def _show_limit(self, feed: FeedBudget, limit: _Limit) -> None:
        value: float | None = getattr(feed, limit.field)
        stepper = self.limits[limit.field]
        if value is None:
            stepper.show_value(tr("no limit"), more=False)
        else:
            stepper.show_value(f"{value:g} {limit.unit}".strip(), less=value > 0)

    def _show_use(self, use: FeedUse | None) -> None:
        self.use.say(plan_words.feed_use_words(use))
