"""Plan: what the owner wants, the plan that is made of it, and what a change would make, before it is kept."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from homeapp.model.plan import ChargingMode, Plan, Schedule
from ui import formats, plan_words, schedule_edits
from ui.actions import SCHEDULE, Actions
from ui.pages.days_sheet import DaysSheet
from ui.pages.feed_sheet import FeedSheet
from ui.plan_draft import PlanDraft
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.card import Card
from ui.widgets.offer_facts import Tile
from ui.widgets.plan_legend import PlanLegend
from ui.widgets.text import Text
from ui.widgets.wishes import Wishes

if TYPE_CHECKING:
    from ui.charts.plan_chart import PlanChart

_WITH_DEPARTURE = (ChargingMode.READY_BY, ChargingMode.POWER_FEED)


class PlanPage(QWidget):
    """The chart with what it costs, and beside it the wishes.

    Signals:
        why: show the timeline of decisions.
    """

    why = Signal()

    def __init__(self, actions: Actions, draft: PlanDraft) -> None:
        super().__init__()
        self.setAccessibleName(tr("Plan"))
        self._actions = actions
        self.draft = draft
        draft.changed.connect(self._again)
        self._view: View | None = None
        self._compact = False
        self._reading = False
        self.chart: PlanChart | None = None
        self._summary = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        self._card = Card(tr("Plan on prices"))
        self.legend = PlanLegend()
        if (header := self._card.header.layout()) is not None:
            header.addWidget(self.legend)
        self._nothing = Text("", tone=Tone.TEXT2, align=paint.CENTER, lines=3)
        self._card.body.addWidget(self._nothing, 1)
        self.advice = Text("", px=15, lines=2)
        self.cost, self.saving, self.reaches = Tile(), Tile(), Tile()
        self._tiles = QWidget()
        self.wishes = Wishes(actions)
        self._build()
        self._connect()
        self.arrange(compact=False)

    def load_chart(self) -> None:
        """Bring the chart in, after the first frame."""
        from ui.charts.plan_chart import PlanChart

        if self.chart is not None:
            return
        self.chart = PlanChart()
        self.chart.reading.connect(self._read)
        self.chart.departure_dragged.connect(self._dragged)
        self._card.body.addWidget(self.chart, 1)
        self._again()

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        self._compact = compact
        margin, gap = (12, 12) if compact else (20, 16)
        self._column.setContentsMargins(margin, margin if compact else 22, margin, margin)
        self._column.setSpacing(gap if compact else 20)
        self._left.setSpacing(gap)
        self._both.setSpacing(gap)
        self._card.set_padding(14 if compact else 20)
        self._card.title.setVisible(not compact)
        self._tiles.setVisible(not compact)
        self.wishes.arrange(compact=compact)
        self._again()

    def show_view(self, view: View) -> None:
        """Show the plan of this view, or of the draft."""
        self._view = view
        plan = self.draft.plan or view.plan
        schedule = self.draft.schedule or view.schedule
        self._summary.say(plan_words.summary(plan, self._departure(view), view))
        words, tone = plan_words.advice(plan)
        problem = self.draft.problem or view.action(SCHEDULE).problem or ""
        self.advice.say(problem or words, Tone.RED if problem else tone)
        self.advice.setVisible(bool(self.advice.text()))
        self._show_tiles(plan, view)
        self.wishes.show_view(view, schedule, departure=self._departure(view), drafted=self.draft.schedule is not None)
        self._show_chart(view)

    def _show_chart(self, view: View) -> None:
        known = view.tariff is not None and bool(view.tariff.slots)
        self._nothing.setVisible(not known)
        self._nothing.say(tr("No prices yet. The car is charged in time for your departure all the same."))
        self.legend.setVisible(known and not self._reading)
        self.legend.show_plan(self.draft.plan or view.plan, drafted=self.draft.plan is not None)
        if self.chart is None:
            return
        self.chart.setVisible(known)
        snapshot = view.snapshot
        departs = snapshot is not None and snapshot.mode in _WITH_DEPARTURE
        departure = self._departure(view) if departs else None
        self.chart.show_plan(view, draft=self.draft.plan, departure=departure)

    def _departure(self, view: View) -> datetime | None:
        """The next one, where the draft has moved it to."""
        if view.snapshot is None:
            return None
        ready_by, drafted = view.snapshot.ready_by, self.draft.schedule
        if drafted is None or view.schedule is None:
            return ready_by
        return schedule_edits.moved(view.schedule, drafted, ready_by, view.zone)

    def _show_tiles(self, plan: Plan | None, view: View) -> None:
        currency = view.snapshot.currency if view.snapshot else "EUR"
        cost, before = plan.cost if plan else None, view.plan.cost if view.plan else None
        value = formats.money(cost, currency)
        if self.draft.plan is not None:
            value = f"{formats.money(before, currency)} → {value}"
        self.cost.say(value, tr("Expected cost"))
        gain = plan_words.saving(plan)
        self.saving.say(formats.money(gain, currency), tr("Saved by waiting"), Tone.GREEN if gain else Tone.TEXT)
        if plan is not None and plan.feed_gain:
            self.saving.say(formats.money(plan.feed_gain, currency), tr("Gained by power feed"), Tone.GREEN)
        reaches = plan.reaches_pct if plan else None
        missing = plan is not None and plan.shortfall_wh > 0
        self.reaches.say(formats.percent(reaches), tr("In the car by then"), Tone.AMBER if missing else Tone.TEXT)

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(Text(tr("Plan"), px=26, weight=600))
        head.addWidget(self._summary, 1)
        tiles = QHBoxLayout(self._tiles)
        tiles.setContentsMargins(0, 0, 0, 0)
        tiles.setSpacing(12)
        for tile in (self.cost, self.saving, self.reaches):
            tiles.addWidget(tile, 1)
        self._left = QVBoxLayout()
        self._left.addWidget(self._card, 1)
        self._left.addWidget(self.advice)
        self._left.addWidget(self._tiles)
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._both.addLayout(self._left, 1)
        self._both.addWidget(self.wishes)
        self._column = QVBoxLayout(self)
        self._column.addLayout(head)
        self._column.addLayout(self._both, 1)

    def _connect(self) -> None:
        wishes = self.wishes
        wishes.time.stepped.connect(lambda steps: self._edit(partial(schedule_edits.with_time_stepped, steps=steps)))
        wishes.target.stepped.connect(lambda steps: self._edit(partial(schedule_edits.with_target, steps=steps)))
        wishes.floor.stepped.connect(lambda steps: self._change(partial(schedule_edits.with_floor, steps=steps)))
        wishes.keep.clicked.connect(lambda: self.draft.keep(self._view.schedule if self._view else None))
        wishes.discard.clicked.connect(self.draft.discard)
        wishes.why.clicked.connect(self.why)
        wishes.days.clicked.connect(lambda: self._open(DaysSheet))
        wishes.feed.clicked.connect(lambda: self._open(FeedSheet))

    def _open(self, kind: type[DaysSheet] | type[FeedSheet]) -> None:
        view, schedule = self._view, self._schedule()
        if view is not None and schedule is not None:
            sheet = kind(self.window(), schedule, view, self._actions)
            sheet.changed.connect(lambda changed: self._change(lambda _schedule: changed))
            sheet.open_sheet()

    def _read(self, words: str) -> None:
        self._card.caption.say(words, Tone.TEXT)
        self._reading = bool(words)
        self.legend.setHidden(self._reading)

    def _dragged(self, to: datetime) -> None:
        self._edit(lambda schedule, departure, zone: schedule_edits.with_time(schedule, departure, zone, to))

    def _edit(self, change: Callable[[Schedule, datetime, ZoneInfo], Schedule]) -> None:
        """Change what is about the next departure."""
        departure = self._departure(self._view) if self._view else None
        if self._view is not None and departure is not None:
            zone = self._view.zone
            self._change(lambda schedule: change(schedule, departure, zone))

    def _change(self, change: Callable[[Schedule], Schedule]) -> None:
        view, schedule = self._view, self._schedule()
        if view is not None and view.snapshot is not None and schedule is not None:
            self.draft.edit(change(schedule), view.snapshot.mode)

    def _schedule(self) -> Schedule | None:
        return self.draft.schedule or (self._view.schedule if self._view else None)

    def _again(self) -> None:
        if self._view is not None:
            self.show_view(self._view)
