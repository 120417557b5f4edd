"""Two plans drawn over each other: the state of charge with a request and without it."""

from datetime import datetime, timedelta

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy

from homeapp.model.offer import Offer
from homeapp.model.plan import OfferPreview, Plan
from ui import fonts, formats
from ui.theme import Theme, Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint

_LEFT, _BOTTOM, _TOP = 40.0, 22.0, 8.0
_LONGEST = timedelta(hours=36)


class PreviewChart(QLabel):
    """Percent over time; the request's own time is shaded."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._preview: OfferPreview | None = None
        self._offer: Offer | None = None
        self._view: View | None = None

    def show_preview(self, preview: OfferPreview, offer: Offer, view: View) -> None:
        """Draw these two plans."""
        self._preview, self._offer, self._view = preview, offer, view
        self.setAccessibleName(tr("Charge of the car with this request and without it"))
        self.setAccessibleDescription(preview.sentence)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 132)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 132)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._preview is None or self._offer is None or self._view is None:
            return
        theme = theme_of(self)
        area = QRectF(_LEFT, _TOP, self.width() - _LEFT - 4, self.height() - _TOP - _BOTTOM)
        both = (self._preview.plan_without, self._preview.plan_with)
        start, end = _span(both, self._view.now)
        with paint.painting(self) as painter:
            for interval in self._offer.intervals:
                left, right = (_x(area, start, end, at) for at in (interval.start, interval.end))
                shade = QRectF(left, area.top(), right - left, area.height()).intersected(area)
                painter.fillRect(shade, theme.tint(Tone.VIOLET, 0.18))
            self._paint_axes(painter, theme, area, start, end)
            for plan, tone, style in (
                (both[0], Tone.TEXT2, Qt.PenStyle.DashLine),
                (both[1], Tone.VIOLET, Qt.PenStyle.SolidLine),
            ):
                points = _points(plan, area, start, end)
                painter.setPen(QPen(theme.color(tone), 2.5, style, j=Qt.PenJoinStyle.RoundJoin))
                painter.drawPolyline(points)
            self._paint_names(painter, theme, area)

    def _paint_names(self, painter: QPainter, theme: Theme, area: QRectF) -> None:
        names = ((tr("with it"), Tone.VIOLET), (tr("without it"), Tone.TEXT2))
        for number, (name, tone) in enumerate(names):
            place = QRectF(area.left() + 8, area.bottom() - 44 + 20 * number, 120, 20)
            paint.text(painter, place, name, fonts.font(13, 600), theme.color(tone), paint.LEFT)

    def _paint_axes(self, painter: QPainter, theme: Theme, area: QRectF, start: datetime, end: datetime) -> None:
        view, font = self._view, fonts.font(13)
        if view is None:
            return
        for percent in (0, 50, 100):
            y = area.bottom() - area.height() * percent / 100
            painter.setPen(QPen(theme.color(Tone.LINE), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            place = QRectF(0, y - 10, _LEFT - 8, 20)
            paint.text(painter, place, f"{percent}", font, theme.color(Tone.TEXT2), paint.RIGHT)
        middle = start + (end - start) / 2
        for at, align in ((start, paint.LEFT), (middle, paint.CENTER), (end, paint.RIGHT)):
            x = _x(area, start, end, at)
            left = {paint.LEFT: x, paint.CENTER: x - 60, paint.RIGHT: x - 120}[align]
            place = QRectF(left, area.bottom() + 3, 120, _BOTTOM - 3)
            paint.text(painter, place, formats.moment(at, view.now, view.zone), font, theme.color(Tone.TEXT2), align)


def _span(plans: tuple[Plan, ...], now: datetime) -> tuple[datetime, datetime]:
    ends = [slot.end for plan in plans for slot in plan.slots]
    end = min(max(ends, default=now + timedelta(hours=1)), now + _LONGEST)
    return now, max(end, now + timedelta(hours=1))


def _x(area: QRectF, start: datetime, end: datetime, at: datetime) -> float:
    return area.left() + area.width() * ((at - start) / (end - start))


def _points(plan: Plan, area: QRectF, start: datetime, end: datetime) -> list[QPointF]:
    return [
        QPointF(_x(area, start, end, slot.end), area.bottom() - area.height() * slot.soc_pct / 100)
        for slot in plan.slots
        if slot.soc_pct is not None and start <= slot.end <= end
    ]
