"""Prices on Home. The chart itself is imported only after the first frame has been shown."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from ui import fonts, formats
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.card import Card
from ui.widgets.text import Text

if TYPE_CHECKING:
    from ui.charts.price_chart import PriceChart


class PriceCard(Card):
    """Title, legend and chart; a tap on a bar reads it in the title line."""

    def __init__(self) -> None:
        super().__init__(tr("Prices"))
        self.chart: PriceChart | None = None
        self._view: View | None = None
        self.caption.say("")
        self.legend = Legend()
        layout = self.header.layout()
        if layout is not None:
            layout.addWidget(self.legend)
        self._empty = Text("", tone=Tone.TEXT2, align=paint.CENTER, lines=3)
        self.body.addWidget(self._empty, 1)

    def load_chart(self) -> None:
        """Bring the chart in."""
        from ui.charts.price_chart import PriceChart

        if self.chart is not None:
            return
        self.chart = PriceChart()
        self.chart.reading.connect(lambda words: self.caption.say(words, Tone.TEXT))
        self.body.addWidget(self.chart, 1)
        if self._view is not None:
            self.show_view(self._view)

    def show_view(self, view: View) -> None:
        """Show the prices and the plan of this view."""
        self._view = view
        known = view.tariff is not None and bool(view.tariff.slots)
        if view.snapshot is None:
            self._empty.say(tr("Connecting to the hub…"))
        else:
            self._empty.say(tr("No prices yet. They come from your energy provider as soon as it is connected."))
        self._empty.setVisible(not known)
        self.legend.setVisible(known)
        if view.tariff is not None:
            self.legend.set_currency(view.tariff.currency)
        if self.chart is not None:
            self.chart.setVisible(known)
            self.chart.show_view(view)


class Legend(QLabel):
    """What the colours of the price chart mean, and its unit."""

    def __init__(self) -> None:
        super().__init__()
        self._unit = ""
        self._entries = ((tr("Charging"), Tone.GREEN), (tr("Power feed"), Tone.VIOLET))
        self.setFont(fonts.font(14))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_currency(self, currency: str) -> None:
        """Prices are in hundredths of this currency (ISO 4217)."""
        unit = f"{formats.price_unit(currency)}/kWh"
        if unit != self._unit:
            self._unit = unit
            names = ", ".join(name for name, _tone in self._entries)
            self.setAccessibleName(tr("Colours: {names}; prices in {unit}", names=names, unit=unit))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self.font())
        width = sum(metrics.horizontalAdvance(name) + 36 for name, _tone in self._entries)
        return QSize(round(width + metrics.horizontalAdvance(self._unit)) + 2, 24)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        metrics = QFontMetricsF(self.font())
        left, middle = 0.0, self.height() / 2
        with paint.painting(self) as painter:
            for name, tone in self._entries:
                painter.setPen(Qt.PenStyle.NoPen)
                paint.rounded(painter, QRectF(left, middle - 6, 12, 12), 4, theme.color(tone))
                width = metrics.horizontalAdvance(name) + 1
                place = QRectF(left + 18, 0, width, self.height())
                paint.text(painter, place, name, self.font(), theme.color(Tone.TEXT2), paint.LEFT)
                left += width + 35
            rest = QRectF(left, 0, self.width() - left, self.height())
            paint.text(painter, rest, self._unit, self.font(), theme.color(Tone.TEXT2), paint.LEFT)
