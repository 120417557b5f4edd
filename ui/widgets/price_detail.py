"""One price taken apart: what is paid, what is got for feeding, and what the price is made of."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from homeapp.model.tariff import ComponentKind, PriceComponent, PriceSlot, Tariff
from ui import fonts, formats, price_words
from ui.theme import Theme, Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.card import Card
from ui.widgets.offer_facts import Tile
from ui.widgets.text import Text

_SHARES = {
    ComponentKind.MARKET: 1.0,
    ComponentKind.SUPPLIER: 0.93,
    ComponentKind.GRID_FEE: 0.86,
    ComponentKind.TAX: 0.79,
    ComponentKind.VAT: 0.72,
}
"""Shades of the grid's colour; the faintest still has 3:1 against the card."""


class PriceDetail(Card):
    """The price that is read on the chart, or the one now."""

    def __init__(self) -> None:
        super().__init__(tr("Price now"))
        self._price = Text("", px=34, weight=600)
        self._unit = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        self._note = Text("", px=14, tone=Tone.TEXT2, lines=2)
        self.stack = _Stack()
        self._export = _Row()
        self.rows = [_Row() for _ in ComponentKind]
        top = QHBoxLayout()
        top.addWidget(self._price)
        top.addWidget(self._unit, 1)
        self.body.addLayout(top)
        self.body.addWidget(self.stack)
        for row in self.rows:
            self.body.addWidget(row)
        self.body.addWidget(self._export)
        self.body.addWidget(self._note)
        self.body.addStretch(1)

    def arrange(self, *, compact: bool) -> None:
        """Lower rows where room is short."""
        self.set_padding(14 if compact else 20)
        self.body.setSpacing(4 if compact else 8)
        for row in (*self.rows, self._export):
            row.set_compact(compact=compact)

    def show_slot(self, tariff: Tariff | None, slot: PriceSlot | None, view: View) -> None:
        """Show this price; a dash where there is none."""
        self.entitle(price_words.slot_title(slot, view) if slot else tr("Price now"))
        if tariff is None or slot is None:
            self._price.say(formats.DASH, Tone.TEXT2)
            self._unit.say("")
            self._note.say(tr("Nobody has told a price for this time."))
            self._show_parts((), "")
            self._export.hide()
            return
        unit = f"{formats.price_unit(tariff.currency)}/kWh"
        self._price.say(_hundredths(slot.import_price), Tone.TEXT if view.alive else Tone.TEXT3)
        self._price.setAccessibleName(f"{tr('You pay')}: {_hundredths(slot.import_price)} {unit}")
        self._unit.say(unit)
        self._show_parts(slot.components, unit)
        self._export.setVisible(slot.export_price is not None)
        if slot.export_price is not None:
            self._export.say(tr("Feeding earns"), _hundredths(slot.export_price), unit)
        self._note.say(_note(tariff, slot))

    def _show_parts(self, parts: tuple[PriceComponent, ...], unit: str) -> None:
        self.stack.show_parts(parts)
        self.stack.setVisible(bool(parts))
        for row, part in zip(self.rows, [*parts, *[None] * len(self.rows)], strict=False):
            row.setVisible(part is not None)
            if part is not None:
                row.say(price_words.component_words(part.kind), _hundredths(part.amount), unit, part.kind)


class PriceOutlook(QWidget):
    """Lowest, mean and highest price ahead."""

    def __init__(self) -> None:
        super().__init__()
        self._low, self._mean, self._high = Tile(), Tile(), Tile()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        for tile in (self._low, self._mean, self._high):
            row.addWidget(tile, 1)

    def show_view(self, view: View) -> None:
        """Show what lies ahead; hidden where nothing does."""
        tariff = view.tariff
        found = price_words.extremes(tariff, view) if tariff else None
        self.setVisible(found is not None)
        if tariff is None or found is None:
            return
        low, high = found
        currency = tariff.currency
        at = [tr("Lowest {at}", at=_start(low, view)), tr("Highest {at}", at=_start(high, view))]
        self._low.say(formats.price(low.import_price, currency), at[0], Tone.GREEN)
        self._mean.say(formats.price(price_words.mean_ahead(tariff.slots, view.now), currency), tr("Mean ahead"))
        self._high.say(formats.price(high.import_price, currency), at[1], Tone.AMBER)


class _Stack(QLabel):
    """The parts of a price side by side; what makes it less is left out of the picture and stands in its row."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._parts: tuple[PriceComponent, ...] = ()

    def show_parts(self, parts: tuple[PriceComponent, ...]) -> None:
        if parts != self._parts:
            self._parts = parts
            names = ", ".join(price_words.component_words(part.kind) for part in parts)
            self.setAccessibleName(tr("What the price is made of: {names}", names=names) if names else "")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 16)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        paying = [part for part in self._parts if part.amount > 0]
        total = float(sum(part.amount for part in paying)) or 1.0
        left, room = 0.0, self.width() - 3.0 * max(0, len(paying) - 1)
        with paint.painting(self) as painter:
            for part in paying:
                width = room * float(part.amount) / total
                paint.rounded(painter, QRectF(left, 2, width, 12), min(4.0, width / 2), _shade(theme, part.kind))
                left += width + 3


class _Row(QLabel):
    """A name and an amount, with the colour of the picture before it."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._name = self._amount = ""
        self._part: ComponentKind | None = None
        self._height = 28

    def set_compact(self, *, compact: bool) -> None:
        self._height = 24 if compact else 28
        self.updateGeometry()

    def say(self, name: str, amount: str, unit: str, part: ComponentKind | None = None) -> None:
        self._name, self._amount, self._part = name, amount, part
        self.setAccessibleName(f"{name}: {amount} {unit}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(140, self._height)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, rect = theme_of(self), QRectF(self.rect())
        with paint.painting(self) as painter:
            if self._part is None:
                painter.setPen(theme.color(Tone.LINE))
                painter.drawLine(0, 0, self.width(), 0)
            painter.setPen(Qt.PenStyle.NoPen)
            paint.rounded(painter, QRectF(0, rect.center().y() - 6, 12, 12), 4, _shade(theme, self._part))
            name = rect.adjusted(22, 0, -80, 0)
            paint.text(painter, name, self._name, fonts.font(15), theme.color(Tone.TEXT2), paint.LEFT)
            paint.text(painter, rect, self._amount, fonts.font(16, 600), theme.color(Tone.TEXT), paint.RIGHT)


def _shade(theme: Theme, part: ComponentKind | None) -> QColor:
    return theme.color(Tone.GREEN) if part is None else theme.tint(Tone.BLUE, _SHARES[part])


def _hundredths(per_kwh: object) -> str:
    return f"{float(str(per_kwh)) * 100:.1f}".replace("-", "−")


def _note(tariff: Tariff, slot: PriceSlot) -> str:
    said = [price_words.emission_words(tariff, slot)]
    if slot.market_price is not None and slot.market_price < 0 < slot.import_price:
        said.insert(0, tr("The market price is below zero; taxes and fees make up the rest."))
    elif slot.import_price < 0:
        said.insert(0, tr("You are paid for what you use now."))
    return " ".join(part for part in said if part)


def _start(slot: PriceSlot, view: View) -> str:
    return formats.moment(max(slot.start, view.now), view.now, view.zone)
