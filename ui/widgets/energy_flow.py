"""Where power comes from and where it goes: grid, meter, home, charger, car."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPainterPath, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from homeapp.model.live import Snapshot
from ui import fonts, formats, icons
from ui.theme import Theme, Tone, theme_of
from ui.tr import tr
from ui.view import Seen, View
from ui.widgets import paint
from ui.widgets.flow_pipes import Flow, Pipe, flow, unknown

PIPE_TINT = 0.72
"""Share of the tone in a pipe; the beads on it have all of it."""
_FRAME_MS = 100
_STEP = 0.045
_VALUE_HEIGHT, _CAPTION_HEIGHT = 26.0, 20.0


@dataclass(frozen=True, slots=True)
class _Node:
    center: QPointF
    icon: str
    tone: Tone
    value: str
    caption: str
    grey: bool
    beside: bool = False


@dataclass(frozen=True, slots=True)
class _Places:
    radius: float
    grid: QPointF
    meter: QPointF
    home: QPointF
    charger: QPointF
    car: QPointF


class EnergyFlow(QLabel):
    """The picture of the flow; moves only while power flows, it is visible and ``animated``."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.animated = True
        self._flow = unknown()
        self._soc = Seen(None, None, stale=True)
        self._missing = dict.fromkeys(("grid", "charger", "car"), "")
        self._several = False
        self._phase = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._advance)
        self.setAccessibleName(tr("Energy now"))

    def show_view(self, snapshot: Snapshot, view: View) -> None:
        """Draw this state."""
        self._flow = flow(snapshot, view)
        self._soc = view.seen(snapshot.soc_pct)
        present = snapshot.evce_status is not None and snapshot.evce_status.car_present
        self._several = len(snapshot.chargers) > 1
        self._missing = {
            "grid": tr("No meter") if snapshot.meter_online is None else "",
            "charger": tr("No charger") if snapshot.evce_online is None else "",
            "car": "" if present or self._soc.value is not None else tr("Not here"),
        }
        self.setAccessibleDescription(self._sentence(self._flow))
        self._start_or_stop()
        self.update()

    @property
    def moving(self) -> bool:
        """Beads run along the pipes."""
        return self._timer.isActive()

    def sizeHint(self) -> QSize:
        return QSize(400, 150)

    def minimumSizeHint(self) -> QSize:
        return QSize(360, 96)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._start_or_stop()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        places = self._places()
        with paint.painting(self) as painter:
            for path, pipe in self._pipes(places, self._flow):
                self._paint_pipe(painter, path, pipe, theme)
            self._paint_meter(painter, places, theme)
            for node in self._nodes(places, self._flow):
                _paint_node(painter, node, places.radius, theme)

    def _advance(self) -> None:
        self._phase = (self._phase + _STEP) % 1.0
        self.update()

    def _start_or_stop(self) -> None:
        pipes = (self._flow.to_grid, self._flow.to_home, self._flow.to_car)
        if self.animated and self.isVisible() and any(pipe.flows for pipe in pipes):
            if not self._timer.isActive():
                self._timer.start()
        else:
            self._timer.stop()

    def _places(self) -> _Places:
        width, height = float(self.width()), float(self.height())
        label = _VALUE_HEIGHT + _CAPTION_HEIGHT + 4
        radius = max(19.0, min(50.0, (height - label - 14) / 4, width / 9.2))
        spare = max(0.0, height - label - 4 * radius)
        gap = min(spare, 64.0)
        top = radius + 2 + (spare - gap) / 2
        bottom = top + 2 * radius + gap
        middle = (top + bottom) / 2
        column = radius * 1.1 + 8
        return _Places(
            radius,
            grid=QPointF(max(radius + 14, 58.0), middle),
            meter=QPointF(width * 0.33, middle),
            home=QPointF(width * 0.56, top),
            charger=QPointF(width * 0.56, bottom),
            car=QPointF(width - max(column, 56.0), bottom),
        )

    def _nodes(self, places: _Places, shown: Flow) -> list[_Node]:
        kilowatts = formats.kilowatts
        selling = (shown.grid.value or 0) < -50
        grid = self._missing["grid"] or (tr("To the grid") if selling else tr("Grid"))
        charger = self._missing["charger"] or (tr("Chargers") if self._several else tr("Charger"))
        car = self._missing["car"] or tr("Car")
        return [
            _node(places.grid, "pylon", Tone.BLUE, kilowatts(shown.grid.value), grid, shown.grid),
            _node(places.home, "home", Tone.AMBER, kilowatts(shown.home.value), tr("Home"), shown.home, beside=True),
            _node(places.charger, "charging-pile", shown.car, kilowatts(shown.evce.value), charger, shown.evce),
            _node(places.car, "car", shown.car, formats.percent(self._soc.value), car, self._soc),
        ]

    def _pipes(self, places: _Places, shown: Flow) -> list[tuple[QPainterPath, Pipe]]:
        return [
            (_straight(places.grid, places.meter), shown.to_grid),
            (_bent(places.meter, places.home), shown.to_home),
            (_bent(places.meter, places.charger), shown.to_car),
            (_straight(places.charger, places.car), shown.to_car),
        ]

    def _paint_pipe(self, painter: QPainter, path: QPainterPath, pipe: Pipe, theme: Theme) -> None:
        color = theme.color(pipe.tone)
        ground = theme.tint(pipe.tone, PIPE_TINT) if pipe.flows else color
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(ground, 5 if pipe.flows else 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPath(path)
        if pipe.flows:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            for offset in (0.25, 0.75) if path.length() > 4 * _VALUE_HEIGHT else (0.5,):
                along = (self._phase + offset) % 1.0
                painter.drawEllipse(path.pointAtPercent(along if pipe.forward else 1 - along), 5, 5)

    def _paint_meter(self, painter: QPainter, places: _Places, theme: Theme) -> None:
        radius = max(13.0, places.radius * 0.4)
        painter.setPen(QPen(theme.color(Tone.LINE), 2))
        painter.setBrush(theme.color(Tone.SURFACE))
        painter.drawEllipse(places.meter, radius, radius)
        icons.draw(painter, "gauge", places.meter, radius * 1.15, theme.color(Tone.TEXT2))

    def _sentence(self, shown: Flow) -> str:
        parts = [
            tr("Grid {power}", power=_spoken(shown.grid)),
            tr("home {power}", power=_spoken(shown.home)),
            (tr("chargers {power}") if self._several else tr("charger {power}")).format(power=_spoken(shown.evce)),
            tr("car {charge}", charge=formats.percent(self._soc.value)),
        ]
        return ", ".join(parts)


def _node(
    center: QPointF, icon: str, tone: Tone, value: str, caption: str, seen: Seen, *, beside: bool = False
) -> _Node:
    if seen.stale and seen.age_s is not None:
        caption = formats.age(seen.age_s)
    return _Node(center, icon, Tone.TEXT3 if seen.stale else tone, value, caption, seen.stale, beside)


def _paint_node(painter: QPainter, node: _Node, radius: float, theme: Theme) -> None:
    color = theme.color(node.tone)
    painter.setPen(QPen(color, 3))
    painter.setBrush(theme.color(Tone.RAISED))
    painter.drawEllipse(node.center, radius, radius)
    icons.draw(painter, node.icon, node.center, radius * 0.84, color)
    align = paint.LEFT if node.beside else paint.CENTER
    if node.beside:
        corner = QPointF(node.center.x() + radius + 12, node.center.y() - _VALUE_HEIGHT + 4)
    else:
        corner = QPointF(node.center.x() - 56, node.center.y() + radius + 4)
    value = QRectF(corner.x(), corner.y(), 112, _VALUE_HEIGHT)
    caption = value.translated(0, _VALUE_HEIGHT - 1)
    caption.setHeight(_CAPTION_HEIGHT)
    ink = theme.color(Tone.TEXT3 if node.grey else Tone.TEXT)
    paint.text(painter, value, node.value, fonts.font(22 if radius > 34 else 19, 600), ink, align)
    paint.text(painter, caption, node.caption, fonts.font(14), theme.color(Tone.TEXT2), align)


def _straight(start: QPointF, end: QPointF) -> QPainterPath:
    path = QPainterPath(start)
    path.lineTo(end)
    return path


def _bent(start: QPointF, end: QPointF) -> QPainterPath:
    path = QPainterPath(start)
    reach = (end.x() - start.x()) * 0.5
    path.cubicTo(start + QPointF(reach, 0), end - QPointF(reach, 0), end)
    return path


def _spoken(seen: Seen) -> str:
    words = formats.kilowatts(seen.value)
    return f"{words}, {formats.age(seen.age_s)}" if seen.stale and seen.age_s is not None else words
