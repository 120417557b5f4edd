"""A device that could be adopted: what it is, how it stands, and what its maker wants done at it."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import AdoptDevice
from homeapp.model.device import DeviceKind, DeviceView
from ui import fonts, words
from ui.actions import Actions, device_key
from ui.setup import device_words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.chip import Badge
from ui.widgets.empty_state import RoundIcon
from ui.widgets.text import Text

ICONS = {DeviceKind.METER: "gauge", DeviceKind.EVCE: "charging-pile"}


class DeviceRow(QWidget):
    """Adopt, and while somebody has to act at the device what to do there, in big letters."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self._device: DeviceView | None = None
        self._icon = RoundIcon()
        self._name = Text("", px=20, weight=600, lines=0)
        self._particulars = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self._badge = Badge()
        self.instruction = Banner("info-circle", Tone.AMBER, lines=0)
        self.instruction.words.setFont(fonts.font(22, 600))
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.adopt = Button(tr("Adopt"), "plus", Look.FILLED)
        self.adopt.clicked.connect(self._adopt)
        self._build()

    def show_device(self, device: DeviceView, view: View, *, further: bool = False) -> None:
        """Show this one; ``further`` where the home has one of this kind already."""
        self._device = device
        state = view.action(device_key(device.device_id))
        name = device_words.name(device)
        link, tone = words.link_words(device.link) if view.alive else (tr("Unknown"), Tone.TEXT2)
        self._icon.show_icon(ICONS[device.kind], tone)
        self._name.say(name)
        self._badge.say(link, tone)
        heard = device_words.heard(device, view)
        self._particulars.say(" · ".join(filter(None, (device_words.particulars(device), heard))))
        self.instruction.say(state.instruction or "")
        self.problem.say(state.problem or ((device.problem or "") if not state.instruction else ""))
        again = bool(state.instruction or state.problem)
        look = Look.TONAL if further else Look.FILLED
        self.adopt.rename(tr("Try again") if again else tr("Adopt"), "refresh" if again else "plus", look)
        self.adopt.setAccessibleName(f"{self.adopt.text()}: {name}")
        self.adopt.set_busy(tr("Adopting…") if state.busy else "")
        self.adopt.setEnabled(view.alive and not state.busy)
        self.adopt.set_locked(locked=view.needs_pin(AdoptDevice.role))
        self.setAccessibleName(f"{name}, {link}")

    def _adopt(self) -> None:
        if self._device is not None:
            self._actions.adopt(self._device)

    def _build(self) -> None:
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addWidget(self._name)
        names.addWidget(self._particulars)
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._icon)
        head.addLayout(names, 1)
        head.addWidget(self._badge)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 8)
        column.setSpacing(12)
        column.addLayout(head)
        for part in (self.instruction, self.problem, self.adopt):
            column.addWidget(part)


class DeviceRows(QVBoxLayout):
    """One row for each; those that stay keep their place and their focus."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self.setSpacing(12)
        self.rows: dict[str, DeviceRow] = {}

    def show_devices(self, devices: tuple[DeviceView, ...], view: View, *, further: bool) -> None:
        """Show these; ``further`` where the home has one of this kind already."""
        wanted = {device.device_id for device in devices}
        for device_id in [known for known in self.rows if known not in wanted]:
            row = self.rows.pop(device_id)
            row.hide()
            row.deleteLater()
        for device in devices:
            if device.device_id not in self.rows:
                self.rows[device.device_id] = DeviceRow(self._actions)
                self.addWidget(self.rows[device.device_id])
            self.rows[device.device_id].show_device(device, view, further=further)
            self.rows[device.device_id].show()
