"""Ask one address whether a meter is there."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp import api
from homeapp.model.device import DeviceView
from ui.setup import device_words
from ui.setup.setup_desk import SetupDesk
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button
from ui.widgets.icon_line import IconLine
from ui.widgets.text_field import TextField

LOOK = "setup:look"
"""Key of the question whether a meter is at an address."""


class MeterAddress(QWidget):
    """A line for the address, and what came of it."""

    def __init__(self, desk: SetupDesk) -> None:
        super().__init__()
        self._desk = desk
        self._usable = False
        self.address = TextField(tr("Address of the meter, like 192.168.1.40"), longest=64)
        self.look = Button(tr("Look there"), "search", height=60)
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.found = IconLine("circle-check", "", Tone.GREEN)
        self.found.hide()
        self.address.returnPressed.connect(self._look)
        self.address.textChanged.connect(self._typed)
        self.look.clicked.connect(self._look)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.address, 3)
        row.addWidget(self.look, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(row)
        column.addWidget(self.problem)
        column.addWidget(self.found)

    def show_view(self, view: View) -> None:
        """Show how the question stands."""
        state = view.action(LOOK)
        self._usable = view.alive and not state.busy
        self.problem.say(state.problem or "")
        self.look.set_busy(tr("Looking…") if state.busy else "")
        self.look.set_locked(locked=view.needs_pin(api.LookForMeter.role))
        self._show_usable()

    def _show_usable(self) -> None:
        self.look.setEnabled(self._usable and bool(self.address.text().strip()))

    def _typed(self) -> None:
        self.found.hide()
        self._desk.forget_problem(LOOK)
        self._show_usable()

    def _look(self) -> None:
        if self.look.isEnabled():
            call = api.LookForMeter(address=self.address.text().strip())
            self._desk.run(LOOK, call, "look", self._answered)

    def _answered(self, device: DeviceView) -> None:
        words = tr("{name} is there. It is in the list above.", name=device_words.name(device))
        self.found.say("circle-check", words, Tone.GREEN)
        self.found.show()
