"""One device: what it is, how it stands, and what can be done with it."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from homeapp.api import AdoptDevice
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from ui import formats, words
from ui.actions import Actions, device_key
from ui.pages.charger_facts import ChargerFacts
from ui.pages.charger_setup import ChargerSetup
from ui.theme import Tone
from ui.tr import tr
from ui.view import ActionState, View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.chip import Badge
from ui.widgets.empty_state import RoundIcon
from ui.widgets.sheet import confirm
from ui.widgets.text import Text

_ICONS = {DeviceKind.METER: "gauge", DeviceKind.EVCE: "charging-pile"}
_QUIET = (DeviceLink.ONLINE,)


class DeviceCard(Card):
    """Adopt or Forget, with the steps that the device asks for."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self._device: DeviceView | None = None
        self._icon = RoundIcon()
        self._name = Text("", px=18, weight=600)
        self._product = Text("", px=14, tone=Tone.TEXT2)
        self._badge = Badge()
        self._address = Text("", px=14, tone=Tone.TEXT2)
        self._advice = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.instruction = Banner("info-circle", Tone.AMBER, lines=0)
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.charger = ChargerFacts(actions)
        self.setup = ChargerSetup(actions)
        self.adopt = Button(tr("Adopt"), "plus", Look.FILLED)
        self.forget = Button(tr("Forget"), "trash")
        self.adopt.clicked.connect(self._adopt)
        self.forget.clicked.connect(self._ask_forget)
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addWidget(self._name)
        names.addWidget(self._product)
        names.addWidget(self._address)
        top = QHBoxLayout()
        top.setSpacing(14)
        top.addWidget(self._icon)
        top.addLayout(names, 1)
        top.addWidget(self._badge)
        foot = QHBoxLayout()
        foot.setSpacing(14)
        foot.addWidget(self._advice, 3)
        foot.addWidget(self.forget, 1)
        foot.addWidget(self.adopt, 2)
        self.body.addLayout(top)
        self.body.addWidget(self.instruction)
        self.body.addWidget(self.problem)
        self.body.addWidget(self.charger)
        self.body.addWidget(self.setup)
        self.body.addStretch(1)
        self.body.addLayout(foot)

    def show_device(self, device: DeviceView, view: View) -> None:
        """Show this device."""
        self._device = device
        state = view.action(device_key(device.device_id))
        name = device.name or device.product or words.kind_words(device.kind)
        self._name.say(name)
        kind = words.kind_words(device.kind)
        self._product.say(kind if device.product in ("", name) else f"{kind} · {device.product}")
        self._address.say(_where(device, view))
        link, tone = words.link_words(device.link) if view.alive else (tr("Unknown"), Tone.TEXT2)
        self._badge.say(link, tone)
        self._icon.show_icon(_ICONS[device.kind], tone)
        advice = (device.problem or words.link_advice(device)) if view.alive else ""
        self._advice.say(advice, Tone.TEXT2)
        self._show_action(device, state, view)
        self.charger.show_device(device, view)
        self.setup.show_device(device, view)
        self.setAccessibleName(f"{name}, {link}")
        self.setAccessibleDescription(advice)

    def _show_action(self, device: DeviceView, state: ActionState, view: View) -> None:
        self.instruction.say(state.instruction or "")
        self.problem.say(state.problem or "")
        self.adopt.setVisible(not device.adopted)
        self.forget.setVisible(device.adopted)
        for button in (self.adopt, self.forget):
            button.setEnabled(view.alive and not state.busy)
            button.set_locked(locked=view.needs_pin(AdoptDevice.role))
        again = state.instruction is not None or state.problem is not None
        name = device.name or device.product
        self.adopt.rename(tr("Try again") if again else tr("Adopt"), "refresh" if again else "plus")
        self.adopt.setAccessibleName(f"{self.adopt.text()}: {name}")
        self.forget.setAccessibleName(f"{self.forget.text()}: {name}")
        self.adopt.set_busy(tr("Adopting…") if state.busy else "")
        self.forget.set_busy(tr("Forgetting…") if state.busy else "")

    def _adopt(self) -> None:
        if self._device is not None:
            self._actions.adopt(self._device)

    def _ask_forget(self) -> None:
        device = self._device
        if device is None:
            return
        name = device.name or device.product
        question = tr("The hub disconnects it and deletes its key. To use it again it has to be adopted again.")
        title = tr("Forget {name}?", name=name)
        confirm(
            self.window(),
            title,
            question,
            (tr("Forget"), "trash"),
            lambda: self._actions.forget(device),
            locked=self.forget.locked,
        )


def _where(device: DeviceView, view: View) -> str:
    parts = [device.address] if device.address else []
    if device.seen_age_s is not None and (device.link not in _QUIET or not view.alive):
        parts.append(tr("heard {age}", age=formats.ago(device.seen_age_s + view.since_devices_s)))
    return " · ".join(parts)
