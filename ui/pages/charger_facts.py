"""The part of a charger's card about control: who has it, what limits it, and taking it back."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from homeapp import api
from homeapp.model.charger import ChargerView, ControlSpan
from homeapp.model.device import DeviceView
from homeapp.model.readings import SoftwareStage
from ui import charger_words
from ui.actions import Actions, card_key, control_key
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.icon_line import IconLine
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text


class ChargerFacts(QWidget):
    """Hidden for everything but adopted chargers."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self._device: DeviceView | None = None
        self._view: View | None = None
        self.control = IconLine()
        self.limits = IconLine("info-circle")
        self.feed = IconLine("bolt")
        self.software = IconLine("download")
        self.stranger = Banner("id-badge-2", Tone.AMBER, lines=0)
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.add_card = Button(tr("Add this card"), "plus")
        self.take = Button(tr("Take back control"), "hand-stop")
        self.add_card.clicked.connect(self._add_card)
        self.take.clicked.connect(self._take_or_give)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 4)
        column.setSpacing(12)
        lines = QVBoxLayout()
        lines.setSpacing(6)
        for line in (self.control, self.limits, self.feed, self.software):
            lines.addWidget(line)
        column.addLayout(lines)
        for part in (self.stranger, self.add_card, self.problem, self.take):
            column.addWidget(part)

    def show_device(self, device: DeviceView, view: View) -> None:
        """Show what is told of this device, if it is a charger."""
        self._device, self._view = device, view
        charger = device.charger
        self.setVisible(charger is not None and view.alive)
        if charger is None:
            return
        self.control.say(*charger_words.control_words(charger, view))
        _say_or_hide(self.limits, charger_words.limits_words(charger.limits))
        _say_or_hide(self.feed, charger.feed_refusal or "")
        _say_or_hide(self.software, _software(charger))
        self.stranger.say(charger_words.stranger_words(charger, view))
        self._show_buttons(device, charger, view)

    def _show_buttons(self, device: DeviceView, charger: ChargerView, view: View) -> None:
        control, card = view.action(control_key(device.device_id)), view.action(card_key(device.device_id))
        self.problem.say(control.problem or card.problem or "")
        name = device.name or device.product
        held = charger.owner_control is not None
        self.take.setVisible(held or charger.has_provider)
        self.take.rename(tr("Give control back") if held else tr("Take back control"), _ICONS[held])
        self.take.setAccessibleName(f"{self.take.text()}: {name}")
        self.take.setEnabled(not control.busy)
        self.take.set_locked(locked=view.needs_pin(api.TakeControl.role))
        self.take.set_busy(tr("One moment…") if control.busy else "")
        self.add_card.setVisible(charger.unknown_card_at is not None)
        self.add_card.setAccessibleName(f"{self.add_card.text()}: {name}")
        self.add_card.setEnabled(not card.busy)
        self.add_card.set_locked(locked=view.needs_pin(api.AddToken.role))
        self.add_card.set_busy(tr("Adding…") if card.busy else "")

    def _add_card(self) -> None:
        if self._device is not None:
            self._actions.add_card(self._device)

    def _take_or_give(self) -> None:
        device, view = self._device, self._view
        if device is None or device.charger is None or view is None:
            return
        if device.charger.owner_control is not None:
            self._actions.give_control_back(device)
            return
        self._ask_span(device, view)

    def _ask_span(self, device: DeviceView, view: View) -> None:
        sheet = Sheet(self.window(), tr("Take back control"))
        question = tr(
            "Your charging provider's limits and commands wait meanwhile. The main fuse, the grid operator's limits "
            "and what you have agreed to hold as before."
        )
        sheet.body.setSpacing(12)
        sheet.body.addWidget(Text(question, px=17, lines=0, tone=Tone.TEXT2))
        for span in ControlSpan:
            button = Button(charger_words.span_words(span, view), "clock")
            button.set_locked(locked=self.take.locked)
            button.clicked.connect(lambda _checked=False, span=span: self._take(sheet, device, span))
            sheet.body.addWidget(button)
        sheet.body.addStretch(1)
        sheet.add_button(tr("Leave it"), "x", Look.TONAL)
        sheet.open_sheet()

    def _take(self, sheet: Sheet, device: DeviceView, span: ControlSpan) -> None:
        sheet.close_sheet()
        self._actions.take_control(device, span)


_ICONS = {True: "arrow-back-up", False: "hand-stop"}


def _say_or_hide(line: IconLine, words: str) -> None:
    line.words.say(words)
    line.setVisible(bool(words))


def _software(charger: ChargerView) -> str:
    update = charger.software
    # That the newest software is in place is nothing to look at every day.
    if update is None or update.stage is SoftwareStage.INSTALLED:
        return ""
    return charger_words.software_words(update)
