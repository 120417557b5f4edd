"""Devices: what belongs to the home and what was found on its network."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy

from homeapp.api import Role
from homeapp.model.charger import TokenView
from homeapp.model.device import DeviceView
from ui.actions import Actions
from ui.pages.cards_page import CardsPage
from ui.pages.charger_setup import open_cards
from ui.pages.device_card import DeviceCard
from ui.setup import setup_words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.buttons import Button
from ui.widgets.empty_state import EmptyState
from ui.widgets.text import Text


class DevicesPage(CardsPage):
    """Cards in one or two columns: adopted first, then knocking, then found."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(tr("Devices"), _nothing_found())
        self._actions = actions
        self._shape: tuple[tuple[str, ...], ...] = ()
        self.cards: dict[str, DeviceCard] = {}
        self.setup = Button(tr("Setup"), "wand", height=60)
        self.setup.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._head.addWidget(self.setup)
        actions.cards_listed.connect(self._show_cards)
        self.arrange(compact=False)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        self._shape = ()
        for card in self.cards.values():
            card.set_padding(16 if compact else 20)
        super().arrange(compact=compact)

    def show_view(self, view: View) -> None:
        """Show these devices."""
        super().show_view(view)
        devices = view.devices or ()
        adopted = tuple(device for device in devices if device.adopted)
        nearby = tuple(device for device in devices if not device.adopted)
        remains = bool(setup_words.remaining(view.commissioning))
        self.setup.rename(tr("Setup: go on") if remains else tr("Setup"), "wand")
        self.setup.set_locked(locked=view.needs_pin(Role.INSTALLER))
        self._summary.say(_counts(view, len(nearby)))
        self.empty.setVisible(view.devices is not None and not devices)
        self._scroll.setVisible(bool(devices))
        self._rebuild(((tr("In your home"), adopted), (tr("Found nearby"), nearby)))
        for device in devices:
            self.cards[device.device_id].show_device(device, view)

    def _show_cards(self, cards: tuple[TokenView, ...]) -> None:
        if self._view is not None:
            open_cards(self.window(), cards, self._actions, self._view)

    def _rebuild(self, sections: tuple[tuple[str, tuple[DeviceView, ...]], ...]) -> None:
        shape = tuple(tuple(device.device_id for device in found) for _title, found in sections)
        if shape == self._shape:
            return
        self._grid.setColumnStretch(1, 0)
        self._shape = shape
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None and widget not in self.cards.values():
                widget.deleteLater()
        known, self.cards = self.cards, {}
        row = 0
        for title, found in sections:
            if not found:
                continue
            self._grid.addWidget(Text(title, px=15, weight=600, tone=Tone.TEXT2), row, 0, 1, self._columns)
            for index, device in enumerate(found):
                card = known.pop(device.device_id, None) or DeviceCard(self._actions)
                self.cards[device.device_id] = card
                place = row + 1 + index // self._columns, index % self._columns
                # A charger has more to say than a meter; its neighbour is not to be stretched.
                self._grid.addWidget(card, *place, Qt.AlignmentFlag.AlignTop)
            row += 2 + (len(found) - 1) // self._columns
        for card in known.values():
            card.hide()
            card.deleteLater()
        for index in range(self._grid.rowCount() + 1):
            self._grid.setRowStretch(index, 1 if index == row else 0)
        for index in range(self._columns):
            self._grid.setColumnStretch(index, 1)


def _counts(view: View, nearby: int) -> str:
    if view.devices is None:
        return tr("Connecting to the hub…")
    return tr("{count} can be adopted", count=nearby) if nearby else tr("The hub keeps looking")


def _nothing_found() -> EmptyState:
    return EmptyState(
        "search",
        tr("Nothing found yet"),
        (
            tr("The hub looks for smart meters and chargers on your network all the time. They appear by themselves."),
            tr("1. Is the device switched on, and on the same network as the hub?"),
            tr("2. Smart meter reader: switch on its local API in the maker's app."),
            tr("3. Charger: enter the hub's address as OCPP server in its settings. It then knocks here."),
            tr("4. A guest network keeps devices apart. Use the main network."),
        ),
    )
