"""What the hub means to do, in words; stands where a request would while there is none."""

from datetime import timedelta

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy

from homeapp.model.live import Snapshot
from homeapp.model.plan import Plan, PlanSlot, SlotReason
from homeapp.model.readings import EvceStatus
from ui import fonts, formats, words
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.card import Card
from ui.widgets.offer_facts import Tile
from ui.widgets.text import Text

_NOTICEABLE_W = 50.0
_MOST_SPANS = 3


class _SpanRow(QLabel):
    """When, how much, why; a stripe in the colour of the chart."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._when = self._power = self._why = ""
        self._tone = Tone.GREEN

    def show_span(self, span: PlanSlot, view: View) -> None:
        feeding = span.power_w < 0
        self._tone = Tone.VIOLET if feeding else Tone.GREEN
        self._when = formats.window(max(span.start, view.now), span.end, view.now, view.zone)
        self._power = formats.kilowatts(span.power_w)
        self._why = words.reason_words(SlotReason.FEED_OFFER if feeding else span.reason)
        self.setAccessibleName(f"{self._when}, {self._power}, {self._why}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 46)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 46)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        value = fonts.font(17, 600)
        with paint.painting(self) as painter:
            paint.rounded(painter, QRectF(0, 3, 4, rect.height() - 6), 2, theme.color(self._tone))
            top, below = QRectF(16, 1, rect.width() - 16, 24), QRectF(16, 24, rect.width() - 16, 20)
            paint.text(painter, top.adjusted(0, 0, -80, 0), self._when, value, theme.color(Tone.TEXT), paint.LEFT)
            paint.text(painter, top, self._power, value, theme.color(self._tone), paint.RIGHT)
            paint.text(painter, below, self._why, fonts.font(14), theme.color(Tone.TEXT2), paint.LEFT)


class PlanCard(Card):
    """The next spans of charging and feeding, what they cost, and whether the goal is met."""

    def __init__(self) -> None:
        super().__init__(tr("Plan"))
        self._headline = Text("", px=22, weight=600, lines=2)
        self._spans = [_SpanRow() for _ in range(_MOST_SPANS)]
        self._advice = Text("", tone=Tone.AMBER, weight=600, lines=3)
        self._cost, self._reaches = Tile(), Tile()
        self._requests = Text(tr("No requests wait for your answer."), px=14, tone=Tone.TEXT2, lines=2)
        self.body.addSpacing(4)
        self.body.addWidget(self._headline)
        for span in self._spans:
            self.body.addWidget(span)
        self.body.addWidget(self._advice)
        self.body.addStretch(1)
        tiles = QHBoxLayout()
        tiles.setSpacing(12)
        tiles.addWidget(self._cost)
        tiles.addWidget(self._reaches)
        self.body.addLayout(tiles)
        self.body.addSpacing(2)
        self.body.addWidget(self._requests)

    def show_view(self, view: View) -> None:
        """Show the plan of this view."""
        snapshot, plan = view.snapshot, view.plan
        coming = spans(plan, view) if plan else []
        ready = formats.moment(snapshot.ready_by, view.now, view.zone) if snapshot else formats.DASH
        self.caption.say(tr("Ready by {ready}", ready=ready) if snapshot else "")
        self._headline.say(_headline(coming, view))
        for row, span in zip(self._spans, [*coming[:_MOST_SPANS], *[None] * _MOST_SPANS], strict=False):
            row.setVisible(span is not None)
            if span is not None:
                row.show_span(span, view)
        self._advice.say(_advice(view))
        self._advice.setVisible(bool(self._advice.text()))
        currency = snapshot.currency if snapshot else "EUR"
        self._cost.say(formats.money(plan.cost if plan else None, currency), tr("Expected cost"))
        reaches = snapshot.reaches_pct if snapshot and snapshot.reaches_pct is not None else None
        reaches = plan.reaches_pct if reaches is None and plan else reaches
        self._reaches.say(formats.percent(reaches), tr("At {ready}", ready=ready))


def spans(plan: Plan, view: View) -> list[PlanSlot]:
    """Neighbouring slots of the same direction, joined, without idle ones and what is over."""
    joined: list[PlanSlot] = []
    for slot in plan.slots:
        if slot.end <= view.now or abs(slot.power_w) < _NOTICEABLE_W:
            continue
        last = joined[-1] if joined else None
        if last and slot.start - last.end <= timedelta(seconds=1) and (last.power_w > 0) == (slot.power_w > 0):
            strongest = max(last.power_w, slot.power_w, key=abs)
            joined[-1] = PlanSlot(start=last.start, end=slot.end, power_w=strongest, reason=last.reason)
        else:
            joined.append(slot)
    return joined


def _headline(coming: list[PlanSlot], view: View) -> str:
    if view.snapshot is None:
        return tr("Connecting to the hub…")
    if view.plan is None or not _car_here(view.snapshot):
        return tr("The plan starts when a car is plugged in")
    if not coming:
        return tr("No charging needed")
    first = coming[0]
    feeding = first.power_w < 0
    if first.start <= view.now:
        until = formats.moment(first.end, view.now, view.zone)
        return tr("Feeding until {until}", until=until) if feeding else tr("Charging until {until}", until=until)
    start = formats.moment(first.start, view.now, view.zone)
    return tr("Feeding from {start}", start=start) if feeding else tr("Charging from {start}", start=start)


def _advice(view: View) -> str:
    if view.plan is None or view.snapshot is None or view.plan.shortfall_wh < 100 or not _car_here(view.snapshot):
        return ""
    missing = formats.kilowatt_hours(view.plan.shortfall_wh)
    ready = formats.moment(view.snapshot.ready_by, view.now, view.zone)
    return tr("{missing} will be missing at {ready}. Choose Now to start at once.", missing=missing, ready=ready)


def _car_here(snapshot: Snapshot) -> bool:
    return (snapshot.evce_status or EvceStatus.OFFLINE).car_present
