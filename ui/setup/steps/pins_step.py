"""The PINs of installer and owner."""

from PySide6.QtWidgets import QHBoxLayout, QWidget

from homeapp.api import Role
from homeapp.model.commissioning import Step
from ui import words
from ui.setup.entry_row import EntryRow
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.chip import Badge
from ui.widgets.term_list import TermList

ROLES = (Role.INSTALLER, Role.OWNER)
"""In this order nobody has to log in between."""


class PinsStep(StepPage):
    """A row for each, and what each is good for."""

    def __init__(self, flow: SetupFlow) -> None:
        super().__init__(Step.PINS, flow)
        self._check_due = False
        hints = {
            Role.INSTALLER: tr("For this setup and for devices. You go on with it right away."),
            Role.OWNER: tr("Hand the screen to the owner: nobody else should know it."),
        }
        self.pins = {role: PinRow(role) for role in ROLES}
        pins, uses = Card(tr("PINs")), Card(tr("From then on"))
        for role, row in self.pins.items():
            row.button.clicked.connect(lambda _checked=False, role=role: flow.desk.choose_pin(role, self._has_set))
            pins.body.addWidget(EntryRow(words.pin_title(role), hints[role], row, width=300))
        self.uses = TermList()
        self.uses.show_lines(
            [
                ("home", tr("Without a PIN everybody can look."), Tone.TEXT2),
                ("inbox", tr("With the owner's PIN requests are answered, and consents given."), Tone.TEXT2),
                ("devices", tr("With the installer's PIN devices and this setup are changed."), Tone.TEXT2),
                ("lock", tr("A screen that nobody touches locks itself."), Tone.TEXT2),
            ]
        )
        uses.body.addWidget(self.uses)
        self._cards = (pins, uses)
        for card in self._cards:
            self.entries.addWidget(card)

    def arrange(self, *, compact: bool) -> None:
        super().arrange(compact=compact)
        for card in self._cards:
            card.set_padding(14 if compact else 20)

    def show_view(self, view: View) -> None:
        super().show_view(view)
        pins = view.access.pins if view.access is not None else ()
        following = next((role for role in ROLES if role not in pins), None)
        self.asks_first = following is not None
        for role, row in self.pins.items():
            usable = view.alive and view.access is not None
            needed = Role.INSTALLER if role is Role.INSTALLER and role in pins else Role.OWNER
            row.show_pin(known=role in pins, turn=role is following, usable=usable)
            row.button.set_locked(locked=view.needs_pin(needed))
        if self._check_due and following is None:
            self._check_due = False
            self.flow.check(self.step)

    def _has_set(self) -> None:
        self._check_due = True


class PinRow(QWidget):
    """Whether there is one, and the way to it."""

    def __init__(self, role: Role) -> None:
        super().__init__()
        self._role = role
        self.badge = Badge()
        self.button = Button("", "lock")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.badge)
        row.addWidget(self.button, 1)

    def show_pin(self, *, known: bool, turn: bool, usable: bool) -> None:
        """Show it; ``turn`` where it is the next one to be set."""
        self.badge.say(tr("Set") if known else tr("Not set"), Tone.GREEN if known else Tone.AMBER)
        verb = tr("Change") if known else tr("Set a PIN")
        self.button.rename(verb, "lock", Look.FILLED if turn else Look.TONAL)
        self.button.setAccessibleName(f"{words.pin_title(self._role)}: {verb}")
        self.button.setEnabled(usable)
