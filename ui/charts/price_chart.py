"""Prices as bars over time, the plan in colour. Times are UTC inside, only labels are local: clock changes do no harm.

Slow to import: only after the first frame.
"""

from datetime import UTC, datetime

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from homeapp.model.tariff import Tariff
from ui import fonts, formats
from ui.charts import price_bars
from ui.charts.price_layer import HEAD_ROOM_PX, Drawing, PriceLayer
from ui.theme import Theme, Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint


class PriceChart(QWidget):
    """Four hours back, 36 ahead, or what is known. A tap or the arrow keys read a bar; nothing here changes anything.

    Signals:
        reading: the bar that is read, in words; empty when none is.
        picked: the instant at which that bar begins (UTC), or None.
    """

    reading = Signal(str)
    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("Prices"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 120)
        self._layer = PriceLayer()
        self._plot = _plot(self._layer)
        column = QVBoxLayout(self)
        column.setContentsMargins(3, 3, 3, 3)
        column.addWidget(self._plot)
        self._view: View | None = None
        self._drawn: tuple[object, ...] = ()
        self._bars: tuple[price_bars.Bar, ...] = ()
        self._selected: float | None = None

    @property
    def bars(self) -> tuple[price_bars.Bar, ...]:
        """What is drawn."""
        return self._bars

    def show_view(self, view: View) -> None:
        """Draw the prices and the plan; at most once a minute of the clock unless they changed."""
        self._view = view
        state = (view.tariff, view.plan, view.now.replace(second=0, microsecond=0), self.width(), theme_of(self).name)
        if view.tariff is None or not self._differs(state):
            return
        self._drawn = state
        self._bars = tuple(price_bars.bars(view.tariff, view.plan, view.now))
        self._draw(view, view.tariff)

    def _differs(self, state: tuple[object, ...]) -> bool:
        if len(state) != len(self._drawn):
            return True
        return any(new is not old for new, old in zip(state[:2], self._drawn[:2], strict=True)) or (
            state[2:] != self._drawn[2:]
        )

    def read_at(self, at: float | None) -> None:
        """Read the bar at this instant (seconds since the epoch), or none."""
        chosen = next((bar for bar in self._bars if at is not None and bar.start <= at < bar.end), None)
        self._selected = chosen.start if chosen else None
        view = self._view
        if view is None or view.tariff is None:
            return
        words = price_bars.read(chosen, view.tariff.currency, view.now, view.zone) if chosen else ""
        self.reading.emit(words)
        self.picked.emit(datetime.fromtimestamp(chosen.start, UTC) if chosen else None)
        self.setAccessibleDescription(words or self._summary(view))
        self._draw(view, view.tariff)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        at = self.instant_at(event.position().toPoint())
        tapped = next((bar.start for bar in self._bars if bar.start <= at < bar.end), None)
        self.read_at(None if tapped == self._selected else at)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() == Qt.Key.Key_Escape:
            self.read_at(None)
        elif event.key() in steps and self._bars:
            starts = [bar.start for bar in self._bars]
            now = self._view.now.timestamp() if self._view else starts[0]
            current = self._selected if self._selected is not None else now
            index = max((i for i, start in enumerate(starts) if start <= current), default=0)
            if self._selected is not None:
                index += steps[Qt.Key(event.key())]
            self.read_at(starts[max(0, min(len(starts) - 1, index))])
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._view is not None and self._view.tariff is not None:
            self._draw(self._view, self._view.tariff)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._view is not None and self._view.tariff is not None:
            self._draw(self._view, self._view.tariff)

    def paintEvent(self, _event: QPaintEvent) -> None:
        with paint.painting(self) as painter:
            paint.focus_ring(painter, self, QRectF(self.rect()), 8)

    def forget(self) -> None:
        """Draw anew the next time, whatever has changed."""
        self._drawn = ()

    def instant_at(self, place: QPoint) -> float:
        """Seconds since the epoch at a place of this widget."""
        scene = self._plot.mapToScene(self._plot.mapFrom(self, place))
        return float(self._plot.getPlotItem().getViewBox().mapSceneToView(scene).x())

    def _draw(self, view: View, tariff: Tariff) -> None:
        theme, shown = theme_of(self), list(self._bars)
        start, end = price_bars.span(shown, view.now)
        low, high, step = price_bars.scale(shown)
        room = max(60.0, self.height() - 34.0)
        top = low + (high - low) * room / max(20.0, room - HEAD_ROOM_PX)
        area = QRectF(start, low, end - start, top - low)
        every = next((h for h in (1, 2, 3, 6, 12) if (end - start) / 3600 / h * 44 <= self.width()), 12)
        marks = price_bars.ticks(start, end, view.zone, every)
        levels = [low + step * index for index in range(int((high - low) / step) + 1)]
        self._set_axes(theme, area, marks, levels)
        until = tariff.known_until
        known = tr("Known until {until}", until=formats.moment(until, view.now, view.zone)) if until else ""
        selected = next((i for i, bar in enumerate(shown) if bar.start == self._selected), None)
        drawing = Drawing(
            theme=theme,
            area=area,
            bars=self._bars,
            ticks=tuple(marks),
            lines=tuple(levels),
            now=view.now.timestamp(),
            now_words=self._now_words(view, tariff),
            known_until=until.timestamp() if until else None,
            known_words=known,
            selected=selected,
        )
        self._layer.draw(self._completed(drawing, view))
        if self._selected is None:
            self.setAccessibleDescription(self._summary(view))

    def _completed(self, drawing: Drawing, _view: View) -> Drawing:
        return drawing

    def _set_axes(self, theme: Theme, area: QRectF, marks: list[price_bars.Tick], levels: list[float]) -> None:
        item = self._plot.getPlotItem()
        item.getViewBox().setRange(area, padding=0)
        item.getAxis("bottom").setTicks([[(tick.at, tick.words) for tick in marks]])
        item.getAxis("left").setTicks([[(level, f"{level:.0f}".replace("-", "−")) for level in levels]])
        for name in ("left", "bottom"):
            axis = item.getAxis(name)
            axis.setTextPen(theme.color(Tone.TEXT2))
            axis.setPen(pg.mkPen(None))
            axis.setTickPen(pg.mkPen(None))

    def _now_words(self, view: View, tariff: Tariff) -> str:
        slot = tariff.at(view.now)
        words = tr("Now")
        return f"{words} {formats.price(slot.import_price, tariff.currency)}" if slot else words

    def _summary(self, view: View) -> str:
        ahead = [bar for bar in self._bars if bar.end > view.now.timestamp()]
        if not ahead or view.tariff is None:
            return tr("No prices are known ahead.")
        cheapest, dearest = min(ahead, key=lambda bar: bar.height), max(ahead, key=lambda bar: bar.height)
        low, high = (price_bars.read(bar, view.tariff.currency, view.now, view.zone) for bar in (cheapest, dearest))
        return f"{self._now_words(view, view.tariff)}. {tr('Lowest: {low}. Highest: {high}.', low=low, high=high)}"


def _plot(layer: PriceLayer) -> pg.PlotWidget:
    plot = pg.PlotWidget(background=None)
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    plot.setFrameShape(plot.Shape.NoFrame)
    plot.viewport().setAutoFillBackground(False)
    plot.setCacheMode(plot.CacheModeFlag.CacheNone)
    plot.setAccessibleName(tr("Prices, drawn"))
    item = plot.getPlotItem()
    item.hideButtons()
    item.setMenuEnabled(False)
    box = item.getViewBox()
    box.setMouseEnabled(x=False, y=False)
    box.disableAutoRange()
    box.addItem(layer, ignoreBounds=True)
    for name in ("left", "bottom"):
        axis = item.getAxis(name)
        axis.setStyle(tickFont=fonts.font(13), tickLength=0, tickTextOffset=6)
        axis.enableAutoSIPrefix(enable=False)
    item.getAxis("left").setWidth(38)
    item.getAxis("bottom").setHeight(26)
    return plot
