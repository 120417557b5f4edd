"""What the grid connection carries, as it says on the fuses and in the contract."""

import msgspec
from PySide6.QtWidgets import QWidget

from homeapp.model.commissioning import FUSES_A, Answer, GridAnswer, Step
from ui import formats
from ui.setup import grid_words
from ui.setup.draft import Draft
from ui.setup.entry_row import EntryRow
from ui.setup.grid_draft import (
    Circuit,
    Export,
    caps_a,
    circuit_of,
    circuits_a,
    export_of,
    fitted,
    floors_a,
    from_site,
    most_power_w,
    stepped,
    stepped_power,
    with_export,
    with_fuse,
)
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.card import Card
from ui.widgets.current_bars import Bar, CurrentBars
from ui.widgets.segmented import Segmented
from ui.widgets.stepper import Stepper
from ui.widgets.term_list import TermList


class GridStep(StepPage):
    """Fuse, the charger's circuit, export, and what the grid operator may do; what comes of it at the right."""

    def __init__(self, flow: SetupFlow) -> None:
        super().__init__(Step.GRID, flow)
        self._draft: Draft[GridAnswer] = Draft()
        self._circuit = Circuit(fuse_margin=0.9, voltage_v=230.0)
        self.phases = Segmented(tr("Phases"), [("1", tr("1 phase")), ("3", tr("3 phases"))])
        self.export = Segmented(
            tr("Export"),
            [(Export.NONE, tr("None")), (Export.CAPPED, tr("Limited")), (Export.FUSE, tr("As the fuse"))],
        )
        self.fuse, self.circuit = Stepper(tr("Main fuse, per phase")), Stepper(tr("Breaker, per phase"))
        self.floor, self.cap = Stepper(tr("Without the hub")), Stepper(tr("Most, per phase"))
        self.dso_floor, self.failsafe = Stepper(tr("Least left")), Stepper(tr("Unreachable"))
        self.bars = CurrentBars(tr("What fits into what"))
        self.told = TermList()
        self._build()
        self._connect()

    def answer(self) -> Answer | None:
        """What is entered now."""
        return self._draft.value

    def arrange(self, *, compact: bool) -> None:
        super().arrange(compact=compact)
        for card in self._cards:
            card.set_padding(14 if compact else 20)

    def show_view(self, view: View) -> None:
        super().show_view(view)
        self._circuit = circuit_of(view.site)
        self._draft.follow(self.kept(GridAnswer) or from_site(view.site))
        self._show()

    def _show(self) -> None:
        entered = self._draft.value
        if entered is None:
            return
        self.phases.choose(str(entered.phases))
        self.export.choose(export_of(entered))
        _show_step(self.fuse, FUSES_A, entered.fuse_a)
        _show_step(self.circuit, circuits_a(entered), entered.max_current_a)
        _show_step(self.floor, floors_a(entered, self._circuit), entered.safe_current_a, zero=tr("It stops"))
        self._cap_row.setVisible(entered.feed_cap_a is not None)
        if entered.feed_cap_a is not None:
            _show_step(self.cap, caps_a(entered), entered.feed_cap_a)
        most_w = most_power_w(entered, self._circuit)
        for stepper, value in ((self.dso_floor, entered.dso_floor_w), (self.failsafe, entered.failsafe_w)):
            stepper.show_value(formats.kilowatts(value), less=value > 0, more=value < most_w)
        self._show_result(entered)

    def _show_result(self, entered: GridAnswer) -> None:
        allowed, most = self._circuit.allowed_a(entered), entered.fuse_a
        charger = min(entered.max_current_a, allowed)
        rows = (
            (tr("Main fuse"), most, Tone.BAR_IDLE),
            (tr("The home may draw"), allowed, Tone.AMBER),
            (tr("The charger of it"), charger, Tone.GREEN),
            (tr("The charger without the hub"), entered.safe_current_a, Tone.BLUE),
        )
        self.bars.show_bars(
            [
                Bar(name=name, words=grid_words.per_phase(entered, value), share=value / most, tone=tone)
                for name, value, tone in rows
            ]
        )
        sentences = (
            ("bolt", grid_words.draws(entered, self._circuit)),
            ("wifi-off", grid_words.without_hub(entered, self._circuit)),
            ("pylon", grid_words.exports(entered, self._circuit)),
            ("scale", grid_words.operator(entered)),
        )
        self.told.show_lines([(icon, words, Tone.TEXT2) for icon, words in sentences])

    def _change(self, **changes: object) -> None:
        if self._draft.value is not None:
            changed = msgspec.structs.replace(self._draft.value, **changes)
            self._draft.change(fitted(changed, self._circuit))
            self._show()

    def _step_fuse(self, direction: int) -> None:
        if (entered := self._draft.value) is not None:
            fuse = stepped(FUSES_A, entered.fuse_a, direction)
            self._draft.change(with_fuse(entered, fuse, self._circuit))
            self._show()

    def _step_circuit(self, direction: int) -> None:
        if (entered := self._draft.value) is not None:
            self._change(max_current_a=stepped(circuits_a(entered), entered.max_current_a, direction))

    def _step_floor(self, direction: int) -> None:
        if (entered := self._draft.value) is not None:
            self._change(safe_current_a=stepped(floors_a(entered, self._circuit), entered.safe_current_a, direction))

    def _step_cap(self, direction: int) -> None:
        entered = self._draft.value
        if entered is not None and entered.feed_cap_a is not None:
            self._change(feed_cap_a=stepped(caps_a(entered), entered.feed_cap_a, direction))

    def _step_power(self, field: str, direction: int) -> None:
        if (entered := self._draft.value) is not None:
            value = stepped_power(getattr(entered, field), direction, most_power_w(entered, self._circuit))
            self._change(**{field: value})

    def _choose_export(self, value: str) -> None:
        if (entered := self._draft.value) is not None:
            self._draft.change(with_export(entered, Export(value)))
            self._show()

    def _connect(self) -> None:
        self.phases.asked.connect(lambda value: self._change(phases=int(value)))
        self.export.asked.connect(self._choose_export)
        self.fuse.stepped.connect(self._step_fuse)
        self.circuit.stepped.connect(self._step_circuit)
        self.floor.stepped.connect(self._step_floor)
        self.cap.stepped.connect(self._step_cap)
        self.dso_floor.stepped.connect(lambda direction: self._step_power("dso_floor_w", direction))
        self.failsafe.stepped.connect(lambda direction: self._step_power("failsafe_w", direction))

    def _build(self) -> None:
        self._cap_row = EntryRow(tr("Most export"), tr("In the contract, or in the operator's approval."), self.cap)
        result = Card(tr("What comes of it"))
        result.body.addWidget(self.bars)
        result.body.addWidget(self.told)
        self._cards = (
            _card(
                tr("Connection"),
                EntryRow(tr("Phases"), tr("In the meter cupboard: one main fuse, or three."), self.phases),
                EntryRow(tr("Main fuse"), tr("The number on the fuse, or in the contract."), self.fuse),
            ),
            _card(
                tr("Charger"),
                EntryRow(tr("Its own circuit"), tr("The number on its breaker."), self.circuit),
                EntryRow(
                    tr("Without the hub"),
                    tr("What it may draw when the hub is gone. Nobody watches the fuse then."),
                    self.floor,
                ),
            ),
            _card(
                tr("Grid operator"),
                EntryRow(
                    tr("Export"), tr("Whether the contract allows feeding into the grid."), self.export, width=330
                ),
                self._cap_row,
                EntryRow(tr("Never less than"), tr("A limit of the operator never goes below it."), self.dso_floor),
                EntryRow(
                    tr("When unreachable"),
                    tr("Holds when the operator is lost while it limits the chargers."),
                    self.failsafe,
                ),
            ),
            result,
        )
        for card in self._cards[:-1]:
            self.entries.addWidget(card)
        self.aside.addWidget(result)


def _card(title: str, *rows: QWidget) -> Card:
    card = Card(title)
    for row in rows:
        card.body.addWidget(row)
    return card


def _show_step(stepper: Stepper, values: tuple[float, ...], value: float, *, zero: str = "") -> None:
    words = zero if zero and value == 0 else grid_words.amperes(value)
    stepper.show_value(words, less=any(item < value for item in values), more=any(item > value for item in values))
