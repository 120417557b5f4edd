"""The part of a charger's card about what is set up once: the household's cards, and how the charger proves itself."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp import api
from homeapp.model.charger import ChargerView, TokenView
from homeapp.model.device import DeviceView
from ui import charger_words
from ui.actions import CARDS, Actions, security_key
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.sheet import Sheet, confirm
from ui.widgets.text import Text


class ChargerSetup(QWidget):
    """Hidden for everything but adopted chargers."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self._device: DeviceView | None = None
        self.cards = Button(tr("Cards"), "id-badge-2")
        self.secure = Button(tr("Raise security"), "shield-check")
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.cards.clicked.connect(actions.list_cards)
        self.secure.clicked.connect(self._ask_secure)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.cards, 1)
        row.addWidget(self.secure, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(12)
        column.addWidget(self.problem)
        column.addLayout(row)

    def show_device(self, device: DeviceView, view: View) -> None:
        """Show what can be set up of this device, if it is a charger."""
        self._device = device
        charger = device.charger
        self.setVisible(charger is not None and view.alive)
        if charger is not None:
            self._show_buttons(device, charger, view)

    def _show_buttons(self, device: DeviceView, charger: ChargerView, view: View) -> None:
        cards, security = view.action(CARDS), view.action(security_key(device.device_id))
        name = device.name or device.product
        self.problem.say(security.problem or cards.problem or "")
        self.cards.setAccessibleName(f"{self.cards.text()}: {name}")
        self.cards.setEnabled(not cards.busy)
        self.cards.set_locked(locked=view.needs_pin(api.ListTokens.role))
        self.cards.set_busy(tr("One moment…") if cards.busy else "")
        self.secure.setVisible(charger_words.can_be_raised(charger))
        self.secure.setAccessibleName(f"{self.secure.text()}: {name}")
        self.secure.setEnabled(not security.busy)
        self.secure.set_locked(locked=view.needs_pin(api.RaiseSecurity.role))
        self.secure.set_busy(tr("Changing over…") if security.busy else "")

    def _ask_secure(self) -> None:
        device = self._device
        if device is None:
            return
        question = tr(
            "The hub gives the charger a certificate of its own, and the charger restarts. From then on it is let in "
            "with this certificate only; its password holds no more. There is no way back but to forget the charger "
            "and adopt it again. If it does not come back with the certificate, everything stays as it is."
        )
        confirm(
            self.window(),
            tr("Raise the security of {name}?", name=device.name or device.product),
            question,
            (tr("Raise security"), "shield-check"),
            lambda: self._actions.raise_security(device),
            locked=self.secure.locked,
        )


def open_cards(window: QWidget, cards: tuple[TokenView, ...], actions: Actions, view: View) -> Sheet:
    """The household's cards, each with a way to take it out of use."""
    sheet = Sheet(window, tr("Cards that may charge"))
    sheet.body.setSpacing(12)
    if not cards:
        sheet.body.addWidget(Text(tr("No card of the household is known yet."), px=17, lines=0))
    for card in cards:
        row = QHBoxLayout()
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Text(card.name, px=17, weight=600))
        words.addWidget(Text(charger_words.added_words(card, view), px=14, tone=Tone.TEXT2))
        remove = Button(tr("Remove"), "trash")
        remove.setAccessibleName(tr("Remove: {name}", name=card.name))
        remove.set_locked(locked=view.needs_pin(api.RemoveToken.role))
        remove.clicked.connect(lambda _checked=False, card=card: _ask_remove(sheet, window, card, actions, view))
        row.addLayout(words, 1)
        row.addWidget(remove)
        sheet.body.addLayout(row)
    how = tr("To add one, hold it to the charger. It is refused at first, and can then be added here under Devices.")
    sheet.body.addWidget(Text(how, px=15, lines=0, tone=Tone.TEXT2))
    sheet.body.addStretch(1)
    sheet.add_button(tr("Close"), "x", Look.TONAL)
    sheet.open_sheet()
    return sheet


def _ask_remove(sheet: Sheet, window: QWidget, card: TokenView, actions: Actions, view: View) -> None:
    sheet.close_sheet()
    confirm(
        window,
        tr("Remove {name}?", name=card.name),
        tr("It starts no charge any more, at none of your chargers. A charge that runs goes on."),
        (tr("Remove"), "trash"),
        lambda: actions.remove_card(card),
        locked=view.needs_pin(api.RemoveToken.role),
    )
