"""The car: how large its battery is, from where that is known, and what it tells by itself."""

import msgspec

from homeapp.model.commissioning import Answer, CarAnswer, Step
from ui.setup import car_draft, car_words
from ui.setup.car_draft import Source
from ui.setup.draft import Draft, emptied
from ui.setup.entry_row import EntryRow
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.segmented import Segmented
from ui.widgets.stepper import Stepper
from ui.widgets.text_field import TextField

_FACTS = 4


class CarStep(StepPage):
    """What is entered above, what is known below."""

    def __init__(self, flow: SetupFlow) -> None:
        super().__init__(Step.CAR, flow)
        self._draft: Draft[CarAnswer] = Draft()
        self.capacity = Stepper(tr("Usable battery"))
        self.source = Segmented(
            tr("From where that is known"), [(source, car_words.source_words(source)) for source in Source]
        )
        self.address = TextField(tr("Address of the data link"), placeholder=tr("None"), digits=True, longest=45)
        self.facts = [IconLine() for _fact in range(_FACTS)]
        self.capacity.stepped.connect(self._step)
        self.source.asked.connect(lambda value: self._change(source=value))
        self.address.textEdited.connect(self._readdress)
        entered, told = Card(tr("The car")), Card(tr("What it tells by itself"))
        rows = (
            EntryRow(tr("Battery"), tr("What can be used of it, not what is built in."), self.capacity),
            EntryRow(tr("Known from"), tr("The report says so."), self.source, width=340),
            EntryRow(
                tr("Data link"),
                tr("The address of the car's diagnostic gateway (DoIP), like 192.168.1.30. May be left or made empty."),
                self.address,
            ),
        )
        for row in rows:
            entered.body.addWidget(row)
        for line in self.facts:
            told.body.addWidget(line)
        self._cards = (entered, told)
        for card in self._cards:
            self.entries.addWidget(card)

    def answer(self) -> Answer | None:
        """What is entered now."""
        return self._draft.value

    @property
    def fault(self) -> str:
        entered = self._draft.value
        if entered is None or car_draft.is_address(entered.address or ""):
            return ""
        return tr("“{address}” is no IP address. Enter one like 192.168.1.30.", address=entered.address)

    def arrange(self, *, compact: bool) -> None:
        super().arrange(compact=compact)
        for card in self._cards:
            card.set_padding(14 if compact else 20)

    def show_view(self, view: View) -> None:
        super().show_view(view)
        self._draft.follow(self.kept(CarAnswer) or car_draft.first())
        self._show()
        facts = car_words.known(view)
        for index, line in enumerate(self.facts):
            line.setVisible(index < len(facts))
            if index < len(facts):
                fact = facts[index]
                tone, ink = (Tone.GREEN, Tone.TEXT) if fact.fresh else (Tone.TEXT3, Tone.TEXT3)
                line.say(fact.icon, fact.words, tone, ink=ink)

    def _show(self) -> None:
        entered = self._draft.value
        if entered is None:
            return
        words = f"{entered.capacity_kwh:g}\u00a0kWh"
        less, more = entered.capacity_kwh > car_draft.LEAST_KWH, entered.capacity_kwh < car_draft.MOST_KWH
        self.capacity.show_value(words, less=less, more=more)
        self.source.choose(entered.source)
        if self.address.text().strip() != (entered.address or ""):
            self.address.setText(entered.address or "")

    def _readdress(self, words: str) -> None:
        known = self._draft.known
        self._change(address=emptied(words.strip(), known.address if known is not None else None))

    def _step(self, direction: int) -> None:
        if self._draft.value is not None:
            self._draft.change(car_draft.stepped(self._draft.value, direction))
            self._show()

    def _change(self, **changes: object) -> None:
        if self._draft.value is not None:
            self._draft.change(msgspec.structs.replace(self._draft.value, **changes))
            self._show()
