"""The hours of a contract that have a price of their own."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.model.commissioning import BandAnswer
from ui.setup import band_draft, band_words
from ui.setup.band_sheet import BandSheet
from ui.setup.tariff_draft import TariffDraft
from ui.theme import Tone
from ui.tr import tr
from ui.widgets.buttons import Button
from ui.widgets.text import Text


class BandList(QWidget):
    """A row for each, and a button for another while there are not too many.

    Signals:
        changed: the ``TariffDraft`` with other hours.
    """

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._draft = TariffDraft()
        self.rows: list[BandRow] = []
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        self.add = Button(tr("Add hours"), "plus", height=60)
        self.add.clicked.connect(self._add)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(self._rows)
        column.addWidget(self.add)

    def show_draft(self, draft: TariffDraft) -> None:
        """Show its hours."""
        self._draft = draft
        while len(self.rows) < len(draft.bands):
            row = BandRow()
            index = len(self.rows)
            row.change.clicked.connect(lambda _checked=False, index=index: self._change(index))
            row.remove.clicked.connect(lambda _checked=False, index=index: self._remove(index))
            self.rows.append(row)
            self._rows.addWidget(row)
        for index, row in enumerate(self.rows):
            row.setVisible(index < len(draft.bands))
            if index < len(draft.bands):
                row.show_band(draft.bands[index], draft.currency)
        self.add.setVisible(len(draft.bands) < band_draft.MOST_BANDS)

    def _add(self) -> None:
        self._open(tr("Price at certain hours"), band_draft.first(self._draft.price), self._append)

    def _append(self, band: BandAnswer) -> None:
        self._put((*self._draft.bands, band))

    def _change(self, index: int) -> None:
        def changed(band: BandAnswer) -> None:
            bands = self._draft.bands
            self._put((*bands[:index], band, *bands[index + 1 :]))

        self._open(tr("Price at certain hours"), self._draft.bands[index], changed)

    def _remove(self, index: int) -> None:
        bands = self._draft.bands
        self._put((*bands[:index], *bands[index + 1 :]))

    def _open(self, title: str, band: BandAnswer, then: Callable[[BandAnswer], None]) -> None:
        BandSheet(self.window(), title, band, self._draft, then).open_sheet()

    def _put(self, bands: tuple[BandAnswer, ...]) -> None:
        self.changed.emit(replace(self._draft, bands=bands))


class BandRow(QWidget):
    """When and on which days, for how much, and what can be done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.hours, self.price = Text("", px=17, weight=600, lines=0), Text("", px=15, lines=0)
        self.days = Text("", px=14, tone=Tone.TEXT2, lines=0)
        self.change = Button(tr("Change"), "adjustments", height=60)
        self.remove = Button(tr("Remove"), "trash", height=60)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        for text in (self.hours, self.days, self.price):
            words.addWidget(text)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addWidget(self.change)
        row.addWidget(self.remove)
        for button in (self.change, self.remove):
            button.setFixedWidth(button.sizeHint().width())

    def show_band(self, band: BandAnswer, currency: str) -> None:
        """Show this one."""
        self.hours.say(band_words.hours_words(band))
        self.days.say(band_words.days_words(band))
        self.price.say(band_words.price_words(Decimal(band.price), currency))
        said = band_words.summary(band, currency)
        self.change.setAccessibleName(tr("Change {words}", words=said))
        self.remove.setAccessibleName(tr("Remove {words}", words=said))
