"""The PINs of installer, owner and, where it is wanted, household."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from homeapp.api import AccessView, Role
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
_SHOWN = (*ROLES, Role.HOUSEHOLD)
_BUTTON = 208


class PinsStep(StepPage):
    """A row for each, and what each is good for; that of the household may be left out."""

    def __init__(self, flow: SetupFlow) -> None:
        super().__init__(Step.PINS, flow)
        self._check_due = False
        hints = {
            Role.INSTALLER: tr("For this setup and for devices. You go on with it right away."),
            Role.OWNER: tr("Hand the screen to the owner: nobody else should know it."),
        }
        self.pins = {role: PinRow(role, optional=role not in ROLES) for role in _SHOWN}
        self.entry_rows: dict[Role, EntryRow] = {}
        pins, uses = Card(tr("PINs")), Card(tr("From then on"))
        for role, row in self.pins.items():
            row.button.clicked.connect(lambda _checked=False, role=role: flow.desk.choose_pin(role, self._has_set))
            self.entry_rows[role] = EntryRow(words.pin_title(role), hints.get(role, ""), row, width=300)
            pins.body.addWidget(self.entry_rows[role])
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
            # The first PIN of a home is never the household's.
            usable = view.alive and view.access is not None and (role is not Role.HOUSEHOLD or bool(pins))
            needed = Role.INSTALLER if role is Role.INSTALLER and role in pins else Role.OWNER
            row.show_pin(known=role in pins, turn=role is following, usable=usable)
            row.button.set_locked(locked=view.needs_pin(needed))
        self.entry_rows[Role.HOUSEHOLD].hint.say(_household_words(view.access))
        if self._check_due and following is None:
            self._check_due = False
            self.flow.check(self.step)

    def _has_set(self) -> None:
        self._check_due = True


def _household_words(access: AccessView | None) -> str:
    """What this PIN is good for, and how it is without one."""
    if access is not None and access.open_role is Role.HOUSEHOLD:
        return tr("Optional. The owner has said that charging and the schedule need none.")
    if access is not None and Role.HOUSEHOLD in access.pins:
        return tr("Whoever knows it may change charging and the schedule, and nothing else.")
    return tr("Optional, for charging and the schedule. Without one everybody in the home may look, and no more.")


class PinRow(QWidget):
    """Whether there is one, and the way to it."""

    def __init__(self, role: Role, *, optional: bool = False) -> None:
        super().__init__()
        self._role, self._optional = role, optional
        self.badge = Badge()
        self.button = Button("", "lock")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self.button.setFixedWidth(_BUTTON)
        row.addWidget(self.badge, 1, Qt.AlignmentFlag.AlignRight)
        row.addWidget(self.button)

    def show_pin(self, *, known: bool, turn: bool, usable: bool) -> None:
        """Show it; ``turn`` where it is the next one to be set."""
        missing = (tr("Optional"), Tone.TEXT2) if self._optional else (tr("Not set"), Tone.AMBER)
        self.badge.say(*((tr("Set"), Tone.GREEN) if known else missing))
        verb = tr("Change") if known else tr("Set a PIN")
        self.button.rename(verb, "lock", Look.FILLED if turn else Look.TONAL)
        self.button.setAccessibleName(f"{words.pin_title(self._role)}: {verb}")
        self.button.setEnabled(usable)
