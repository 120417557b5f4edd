"""The car on Home: ring, what it is doing and why, and how to charge."""

from PySide6.QtGui import QResizeEvent

from homeapp.api import SetMode
from homeapp.model.plan import ChargingMode
from ui import words
from ui.actions import MODE, Actions
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.card import Card
from ui.widgets.charge_ring import ChargeRing
from ui.widgets.charger_list import ChargerList
from ui.widgets.segmented import Segmented
from ui.widgets.text import Text

_LOW = 240
"""Height in which the ring needs the room of the title; the sentence says the same."""


class CarCard(Card):
    """Ring, sentence, chargers where there are several, and mode switch; that moves elsewhere where room is short."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(tr("Your car"))
        self._compact = False
        self.ring = ChargeRing()
        self.sentence = Text("", weight=600, align=paint.CENTER, lines=2)
        self.chargers = ChargerList()
        self.modes = ModeSwitch(actions)
        self.body.addWidget(self.ring, 1)
        self.body.addWidget(self.sentence)
        self.body.addWidget(self.chargers)
        self.body.addWidget(self.modes)

    def arrange(self, *, compact: bool) -> None:
        """Without the switch, tighter."""
        self.modes.setVisible(not compact)
        self.set_padding(14 if compact else 20)
        self.body.setSpacing(4 if compact else 8)
        self._compact = compact

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.header.setVisible(not self._compact or self.height() > _LOW)

    def show_view(self, view: View) -> None:
        """Show this state."""
        snapshot = view.snapshot
        if snapshot is None:
            self.sentence.say(tr("Connecting to the hub…"), Tone.TEXT2)
            self.modes.setEnabled(False)
            return
        self.entitle(words.car_title(snapshot.evce_status, snapshot.activity.doing))
        self.ring.show_view(snapshot, view)
        problem = view.action(MODE).problem
        if problem:
            self.sentence.say(problem, Tone.RED)
        else:
            self.sentence.say(words.activity(snapshot, view), Tone.TEXT if view.alive else Tone.TEXT3)
        self.chargers.show_view(view)
        self.modes.show_view(view)


_MODES = (ChargingMode.READY_BY, ChargingMode.NOW, ChargingMode.PAUSE)


class ModeSwitch(Segmented):
    """Ready by, Now or Pause."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(tr("Charge"), [(mode.value, words.mode_words(mode)) for mode in _MODES])
        self.asked.connect(lambda value: actions.set_mode(ChargingMode(value)))

    def show_view(self, view: View) -> None:
        """Show the mode that holds, or the one wished for until the hub has answered."""
        if view.snapshot is None:
            return
        state = view.action(MODE)
        self.setEnabled(view.alive)
        self.set_locked(locked=view.needs_pin(SetMode.role))
        self.choose(state.wish if state.busy else view.snapshot.mode, busy=state.busy)
