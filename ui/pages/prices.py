"""Prices: four hours back, 36 ahead, what each is made of; a tap reads and changes nothing."""

from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from ui import price_words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.price_card import Legend
from ui.widgets.price_detail import PriceDetail, PriceOutlook
from ui.widgets.text import Text

if TYPE_CHECKING:
    from ui.charts.price_chart import PriceChart


class PricesPage(QWidget):
    """The chart, and beside or below it the price that is read."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("Prices"))
        self._view: View | None = None
        self._picked: datetime | None = None
        self._compact = False
        self.chart: PriceChart | None = None
        self._title = Text(tr("Prices"), px=26, weight=600)
        self._summary = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        self.empty = _empty()
        self._card = Card(tr("Import price"))
        self.legend = Legend()
        if (header := self._card.header.layout()) is not None:
            header.addWidget(self.legend)
        self.detail, self.outlook = PriceDetail(), PriceOutlook()
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addWidget(self._summary, 1)
        self._left = QVBoxLayout()
        self._left.addWidget(self._card, 1)
        self._left.addWidget(self.outlook)
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._both.addLayout(self._left, 1)
        self._both.addWidget(self.detail)
        self._column = QVBoxLayout(self)
        self._column.addLayout(head)
        self._column.addWidget(self.empty, 1)
        self._column.addLayout(self._both, 1)
        self.arrange(compact=False)

    def load_chart(self) -> None:
        """Bring the chart in, after the first frame."""
        from ui.charts.price_chart import PriceChart

        if self.chart is not None:
            return
        self.chart = PriceChart()
        self.chart.picked.connect(self._pick)
        self._card.body.addWidget(self.chart, 1)
        if self._view is not None:
            self.show_view(self._view)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        self._compact = compact
        margin, gap = (12, 12) if compact else (20, 16)
        self._column.setContentsMargins(margin, margin if compact else 22, margin, margin)
        self._column.setSpacing(gap if compact else 20)
        self._left.setSpacing(gap)
        self._both.setSpacing(gap)
        self._card.set_padding(14 if compact else 20)
        self.detail.arrange(compact=compact)
        self.detail.setFixedWidth(236 if compact else 320)
        if self._view is not None:
            self.show_view(self._view)

    def show_view(self, view: View) -> None:
        """Show the prices of this view."""
        self._view = view
        tariff = view.tariff
        known = tariff is not None and bool(tariff.slots)
        self._summary.say(price_words.known_words(view) if view.snapshot else tr("Connecting to the hub…"))
        self.empty.setVisible(not known and view.snapshot is not None)
        for widget in (self._card, self.detail):
            widget.setVisible(known)
        self.outlook.show_view(view)
        if self._compact:
            self.outlook.hide()
        if tariff is None or not known:
            return
        self.legend.set_currency(tariff.currency)
        self._card.caption.say(tariff.source)
        slot = tariff.at(self._picked or view.now)
        self.detail.show_slot(tariff, slot, view)
        if self.chart is not None:
            self.chart.show_view(view)

    def _pick(self, at: datetime | None) -> None:
        self._picked = at
        if self._view is not None:
            self.show_view(self._view)


def _empty() -> EmptyState:
    return EmptyState(
        "chart-bar",
        tr("No prices yet"),
        (
            tr("Prices come from your energy provider as soon as it is connected."),
            tr("Your installer can also enter your contract: a fixed price, or one that changes with the hour."),
            tr("Until then the car is charged in time for your departure, without looking at prices."),
        ),
    )
