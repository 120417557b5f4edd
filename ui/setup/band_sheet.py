"""The sheet in which a price at certain hours is entered."""

from collections.abc import Callable
from decimal import Decimal

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from homeapp.model.commissioning import BandAnswer
from ui import formats
from ui.setup import band_draft, band_words
from ui.setup.tariff_draft import TariffDraft
from ui.theme import Tone
from ui.tr import tr
from ui.widgets.buttons import Look
from ui.widgets.scroll import Scroll
from ui.widgets.sheet import Sheet
from ui.widgets.stepper import Stepper
from ui.widgets.text import Text
from ui.widgets.toggle import Toggle


class BandSheet(Sheet):
    """Nothing is entered before Keep is tapped.

    Args:
        band: to begin with.
        contract: that it belongs to.
        then: takes what was entered.
    """

    def __init__(
        self, window: QWidget, title: str, band: BandAnswer, contract: TariffDraft, then: Callable[[BandAnswer], None]
    ) -> None:
        super().__init__(window, title)
        self.band, self._contract = band, contract
        self.start, self.end = Stepper(tr("From")), Stepper(tr("Until"))
        self.price, self.fine = Stepper(tr("Price without VAT")), Stepper(tr("Its last digit"))
        self.days = {day: Toggle(formats.day_name(number)) for number, day in enumerate(band_draft.DAYS, 1)}
        self.total = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.meaning = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.start.stepped.connect(lambda steps: self._put(band_draft.with_start(self.band, steps)))
        self.end.stepped.connect(lambda steps: self._put(band_draft.with_end(self.band, steps)))
        self.price.stepped.connect(lambda steps: self._put(band_draft.with_price(self.band, steps, fine=False)))
        self.fine.stepped.connect(lambda steps: self._put(band_draft.with_price(self.band, steps, fine=True)))
        for toggle in self.days.values():
            toggle.clicked.connect(self._choose_days)
        self._build()
        self.add_button(tr("Cancel"), "x", Look.TONAL)
        self.keep = self.add_button(tr("Keep"), "check", Look.FILLED, lambda: then(self.band))
        self._put(band)

    def _build(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(12)
        for index, stepper in enumerate((self.start, self.end, self.price, self.fine)):
            grid.addWidget(stepper, index // 2, index % 2)
        week = QHBoxLayout()
        week.setSpacing(6)
        for toggle in self.days.values():
            week.addWidget(toggle, 1)
        self.body.addLayout(grid)
        self.body.addWidget(self.total)
        self.body.addWidget(Text(tr("Only on these days (none: every day)"), weight=600))
        self.body.addLayout(week)
        self.body.addWidget(self.meaning)
        self.body.addStretch(1)

    def _choose_days(self) -> None:
        self._put(band_draft.with_days(self.band, tuple(day for day, on in self.days.items() if on.isChecked())))

    def _put(self, band: BandAnswer) -> None:
        self.band = band
        price, contract = Decimal(band.price), self._contract
        self.start.show_value(band.start)
        self.end.show_value(band.end)
        self.price.show_value(band_words.price_words(price, contract.currency), less=price > 0)
        self.fine.show_value(band_words.last_digit(price), less=price > 0)
        for day, toggle in self.days.items():
            toggle.setChecked(day in band.days)
        self.total.say(band_words.with_vat_words(price, contract.vat_pct, contract.currency))
        meaning = band_words.meaning(band)
        if meaning != self.meaning.text():
            self.meaning.say(meaning)
            self._settle()

    def _settle(self) -> None:
        if self.isVisible():
            self._fit()
            for area in self.findChildren(Scroll):
                area.settle()
