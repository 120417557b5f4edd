"""The owner's contract with the supplier: kind, price, VAT, currency."""

from PySide6.QtWidgets import QHBoxLayout

from homeapp.model.commissioning import TariffAnswer
from ui.setup import band_words, tariff_draft, tariff_words
from ui.setup.band_list import BandList
from ui.setup.tariff_draft import CURRENCIES, KINDS, TariffDraft
from ui.theme import Tone
from ui.tr import tr
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.segmented import Segmented
from ui.widgets.stepper import Stepper


class TariffCard(Card):
    """Shows what the hub keeps until something is changed here; from then on what was changed."""

    def __init__(self) -> None:
        super().__init__(tr("Contract for electricity"))
        self.draft = TariffDraft()
        self._kept: TariffAnswer | None = None
        self._touched = False
        self.kind = Segmented(tr("Price"), [(kind, tariff_words.kind_words(kind)) for kind in KINDS])
        self.meaning = IconLine("info-circle", "", Tone.TEXT2)
        self.price = Stepper(tr("Price per kWh without VAT"))
        self.fine = Stepper(tr("Last digit"))
        self.vat = Stepper(tr("VAT"))
        self.total = IconLine("coins", "", Tone.TEXT2)
        self.currency = Segmented(tr("Currency"), [(code, code) for code in CURRENCIES])
        self.hours = BandList()
        self.bands = IconLine("clock", "", Tone.TEXT2)
        self.kind.asked.connect(self._set_kind)
        self.currency.asked.connect(self._set_currency)
        self.price.stepped.connect(lambda steps: self._put(self.draft.with_price(steps, fine=False)))
        self.fine.stepped.connect(lambda steps: self._put(self.draft.with_price(steps, fine=True)))
        self.vat.stepped.connect(lambda steps: self._put(self.draft.with_vat(steps)))
        self.hours.changed.connect(self._put)
        for part in (self.kind, self.meaning, self.currency):
            self.body.addWidget(part)
        figures = QHBoxLayout()
        figures.setSpacing(24)
        figures.addWidget(self.fine, 1)
        figures.addWidget(self.vat, 1)
        self.body.addWidget(self.price)
        self.body.addLayout(figures)
        self.body.addWidget(self.total)
        self.body.addWidget(self.hours)
        self.body.addWidget(self.bands)
        self.body.setSpacing(10)
        self._show()

    def take(self, kept: TariffAnswer | None) -> None:
        """The hub keeps this, or nothing."""
        if kept == self._kept:
            return
        entered = self.draft.answer()
        self._kept = kept
        if self._touched and kept != entered:
            return
        self._touched = False
        if kept is not None:
            self.draft = tariff_draft.of_answer(kept)
            self._show()

    def answer(self) -> TariffAnswer:
        """What is entered."""
        return self._kept if self._kept is not None and not self._touched else self.draft.answer()

    def _set_kind(self, kind: str) -> None:
        self._put(tariff_draft.with_kind(self.draft, kind))

    def _set_currency(self, code: str) -> None:
        self._put(tariff_draft.with_currency(self.draft, code))

    def _put(self, draft: TariffDraft) -> None:
        self.draft = draft
        self._touched = True
        self._show()

    def _show(self) -> None:
        draft = self.draft
        self.kind.choose(draft.kind)
        self.currency.choose(draft.currency)
        self.meaning.say("info-circle", tariff_words.meaning(draft.kind))
        self.hours.show_draft(draft)
        self.bands.say("clock", tariff_words.bands_words(draft))
        self.hours.setVisible(draft.kind == "time_of_use")
        self.bands.setVisible(draft.kind == "time_of_use")
        self.price.show_value(band_words.price_words(draft.price, draft.currency), less=draft.price > 0)
        self.fine.show_value(band_words.last_digit(draft.price), less=draft.price > 0)
        rates = tariff_draft.VAT_PCT
        vat = tariff_words.vat_words(draft)
        self.vat.show_value(vat, less=draft.vat_pct > rates[0], more=draft.vat_pct < rates[-1])
        self.total.say("coins", band_words.with_vat_words(draft.price, draft.vat_pct, draft.currency))
        for part in (self.price, self.fine, self.currency, self.total):
            part.setVisible(draft.names_price)
