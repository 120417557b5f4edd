"""Paints the bars of the price chart in pixels, so that corners stay round at any scale."""

from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QTransform
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from ui import fonts
from ui.charts.price_bars import Bar, Tick
from ui.theme import DARK, Theme, Tone
from ui.widgets import paint

HEAD_ROOM_PX = 34.0
_HOLLOW = 0.3


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that is drawn, x in seconds, y in hundredths per kWh.

    Attributes:
        area: the stretch shown.
        known_until: beyond it the ground is hatched.
        selected: index of the bar that is read, or None.
        by_reason: bars have the colour of the plan's reason.
        charge: state of charge over time, seconds and percent; the whole height is 100 %.
        flag: seconds and words of the departure that can be moved, or None.
        before: spans of the plan that holds while another one is shown.
    """

    theme: Theme = DARK
    area: QRectF = field(default_factory=lambda: QRectF(0, 0, 1, 1))
    bars: tuple[Bar, ...] = ()
    ticks: tuple[Tick, ...] = ()
    lines: tuple[float, ...] = ()
    now: float = 0.0
    now_words: str = ""
    known_until: float | None = None
    known_words: str = ""
    selected: int | None = None
    by_reason: bool = False
    charge: tuple[tuple[float, float], ...] = ()
    flag: tuple[float, str] | None = None
    before: tuple[tuple[float, float, Tone], ...] = ()


class PriceLayer(QGraphicsItem):
    """One item in the view's own coordinates."""

    def __init__(self) -> None:
        super().__init__()
        self.drawing = Drawing()

    def draw(self, drawing: Drawing) -> None:
        """Show this."""
        self.prepareGeometryChange()
        self.drawing = drawing
        self.update()

    def boundingRect(self) -> QRectF:
        return self.drawing.area

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None, /) -> None:
        """Map to pixels and paint there."""
        drawing, pixels = self.drawing, painter.transform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = pixels.mapRect(drawing.area)
        self._paint_unknown(painter, pixels, area)
        self._paint_lines(painter, pixels, area)
        for index, bar in enumerate(drawing.bars):
            self._paint_bar(painter, pixels, bar, selected=index == drawing.selected)
        self._paint_before(painter, pixels, area)
        self._paint_charge(painter, pixels, area)
        self._paint_known(painter, pixels, area)
        self._paint_flag(painter, pixels, area)
        self._paint_now(painter, pixels, area)
        painter.restore()

    def _paint_lines(self, painter: QPainter, pixels: QTransform, area: QRectF) -> None:
        painter.setPen(QPen(self.drawing.theme.color(Tone.LINE), 1))
        for value in self.drawing.lines:
            y = pixels.map(QPointF(self.drawing.area.left(), value)).y()
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        for tick in self.drawing.ticks:
            if tick.midnight:
                x = pixels.map(QPointF(tick.at, 0)).x()
                painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

    def _paint_unknown(self, painter: QPainter, pixels: QTransform, area: QRectF) -> None:
        drawing = self.drawing
        if drawing.known_until is None or drawing.known_until >= drawing.area.right():
            return
        left = pixels.map(QPointF(drawing.known_until, 0)).x()
        place = QRectF(left, area.top(), area.right() - left, area.height())
        painter.fillRect(place, QBrush(drawing.theme.color(Tone.LINE), Qt.BrushStyle.BDiagPattern))

    def _paint_known(self, painter: QPainter, pixels: QTransform, area: QRectF) -> None:
        drawing = self.drawing
        if drawing.known_until is None or drawing.known_until >= drawing.area.right():
            return
        left = pixels.map(QPointF(drawing.known_until, 0)).x()
        font = fonts.font(13)
        width = min(QFontMetricsF(font).horizontalAdvance(drawing.known_words) + 20, area.width())
        right = min(area.right(), max(left + width + 8, area.left() + width))
        pill = QRectF(right - width, area.top() + HEAD_ROOM_PX + 4, width, 26)
        paint.rounded(painter, pill, 13, drawing.theme.color(Tone.RAISED), drawing.theme.color(Tone.LINE))
        paint.text(painter, pill, drawing.known_words, font, drawing.theme.color(Tone.TEXT2))

    def _paint_bar(self, painter: QPainter, pixels: QTransform, bar: Bar, *, selected: bool) -> None:
        area = self.drawing.area
        left, right = max(bar.start, area.left()), min(bar.end, area.right())
        box = pixels.mapRect(QRectF(left, min(0.0, bar.height), right - left, abs(bar.height)))
        gap = min(2.0, box.width() * 0.18)
        box.adjust(gap / 2, 0, -gap / 2, 0)
        if box.height() < 2:
            box.setTop(box.bottom() - 2)
        radius = min(4.0, box.width() / 2, box.height() / 2)
        drawing = self.drawing
        tone = bar.plan_tone(drawing.now) if drawing.by_reason else bar.tone(drawing.now)
        color = drawing.theme.color(tone)
        fill = self._lit(color) if selected else color
        if bar.forecast:
            # Hollow: nobody has promised this price.
            painter.setPen(QPen(fill, 1))
            painter.setBrush(drawing.theme.tint(tone, _HOLLOW))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        else:
            paint.rounded(painter, box, radius, fill)
        if selected:
            painter.setPen(QPen(self.drawing.theme.color(Tone.TEXT), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(-1, -1, 1, 1), radius, radius)

    def _paint_before(self, painter: QPainter, pixels: QTransform, area: QRectF) -> None:
        for start, end, tone in self.drawing.before:
            left, right = (pixels.map(QPointF(at, 0)).x() for at in (start, end))
            place = QRectF(left, area.bottom() - 7, right - left, 6).intersected(area)
            paint.rounded(painter, place, 2, None, self.drawing.theme.color(tone))

    def _paint_charge(self, painter: QPainter, pixels: QTransform, area: QRectF) -> None:
        drawing, room = self.drawing, area.height() - HEAD_ROOM_PX
        points = [
            QPointF(pixels.map(QPointF(at, 0)).x(), area.bottom() - room * percent / 100)
            for at, percent in drawing.charge
            if drawing.area.left() <= at <= drawing.area.right()
        ]
        if len(points) < 2:
            return
        painter.setPen(QPen(drawing.theme.color(Tone.SURFACE), 5, j=Qt.PenJoinStyle.RoundJoin))
        painter.drawPolyline(points)
        painter.setPen(QPen(drawing.theme.color(Tone.TEXT), 2, j=Qt.PenJoinStyle.RoundJoin))
        painter.drawPolyline(points)

    def _paint_flag(self, painter: QPainter, pixels: QTransform, area: QRectF) -> None:
        drawing = self.drawing
        if drawing.flag is None or not drawing.area.left() <= drawing.flag[0] <= drawing.area.right():
            return
        x = pixels.map(QPointF(drawing.flag[0], 0)).x()
        beyond = QRectF(x, area.top(), area.right() - x, area.height())
        ground = drawing.theme.color(Tone.SURFACE)
        ground.setAlphaF(0.5)
        painter.fillRect(beyond, ground)
        ink, font = drawing.theme.color(Tone.GREEN), fonts.font(14, 700)
        painter.setPen(QPen(ink, 2))
        painter.drawLine(QPointF(x, area.top() + 14), QPointF(x, area.bottom()))
        width = QFontMetricsF(font).horizontalAdvance(drawing.flag[1]) + 24
        left = x if x + width < area.right() else x - width
        pill = QRectF(left, area.top(), width, 28)
        paint.rounded(painter, pill, 8, ink)
        paint.text(painter, pill, drawing.flag[1], font, drawing.theme.color(Tone.ON_GREEN))

    def _lit(self, color: QColor) -> QColor:
        return color.lighter(120) if self.drawing.theme is DARK else color.darker(115)

    def _paint_now(self, painter: QPainter, pixels: QTransform, area: QRectF) -> None:
        drawing = self.drawing
        x = pixels.map(QPointF(drawing.now, 0)).x()
        font = fonts.font(14, 700)
        width = QFontMetricsF(font).horizontalAdvance(drawing.now_words) + 20
        painter.setPen(QPen(drawing.theme.color(Tone.TEXT), 2))
        painter.drawLine(QPointF(x, area.top() + 26), QPointF(x, area.bottom()))
        left = min(max(x - width / 2, area.left()), area.right() - width)
        pill = QRectF(left, area.top(), width, 28)
        paint.rounded(painter, pill, 14, drawing.theme.color(Tone.TEXT))
        paint.text(painter, pill, drawing.now_words, font, drawing.theme.color(Tone.SURFACE))
