"""The plan on the prices: reasons in colour, the state of charge as a line, and the departure as a handle.

Slow to import: only after the first frame.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent

from homeapp.model.plan import Plan
from ui import formats
from ui.charts import price_bars
from ui.charts.price_chart import PriceChart
from ui.charts.price_layer import Drawing
from ui.tr import tr
from ui.view import View

STEP = timedelta(minutes=15)
_REACH_PX = 32.0


class PlanChart(PriceChart):
    """A tap reads; only the flag of the departure edits, by being dragged.

    Signals:
        departure_dragged: the instant (UTC, a whole quarter hour) to which the flag was brought.
    """

    departure_dragged = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("Plan"))
        self.setMouseTracking(True)
        self._departure: datetime | None = None
        self._before: Plan | None = None
        self._draft: Plan | None = None
        self._dragged: datetime | None = None

    def show_plan(self, view: View, *, draft: Plan | None, departure: datetime | None) -> None:
        """Draw ``draft`` with the plan that holds below it, or that alone."""
        departure = self._dragged or departure
        changed = (departure, draft) != (self._departure, self._draft)
        self._departure, self._draft = departure, draft
        self._before = view.plan if draft is not None else None
        shown = view if draft is None else replace(view, plan=draft)
        if changed:
            self.forget()
        self.show_view(shown)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._departure is not None and abs(self._x_of(self._departure) - event.position().x()) <= _REACH_PX:
            self._dragged = self._departure
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragged is None:
            near = self._departure is not None and abs(self._x_of(self._departure) - event.position().x()) <= _REACH_PX
            self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor)
            return
        step = STEP.total_seconds()
        at = round(self.instant_at(event.position().toPoint()) / step) * step
        moved = datetime.fromtimestamp(at, UTC)
        if self._view is not None and moved > self._view.now and moved != self._dragged:
            self._dragged = self._departure = moved
            self.forget()
            self.show_view(self._view)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragged is None:
            super().mouseReleaseEvent(event)
            return
        moved, self._dragged = self._dragged, None
        self.departure_dragged.emit(moved)

    def _x_of(self, at: datetime) -> float:
        scene = self._plot.getPlotItem().getViewBox().mapViewToScene(QPointF(at.timestamp(), 0))
        return float(self._plot.mapTo(self, self._plot.mapFromScene(scene)).x())

    def _completed(self, drawing: Drawing, view: View) -> Drawing:
        flag = None
        if self._departure is not None:
            flag = (self._departure.timestamp(), formats.moment(self._departure, view.now, view.zone))
        return replace(
            drawing,
            by_reason=True,
            charge=tuple(price_bars.charge_line(view.plan)),
            flag=flag,
            before=tuple(price_bars.spans(self._before)),
        )
