"""Pairing with a provider: its descriptor is read, its fingerprint compared, and only then is it believed."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import PairProvider
from homeapp.model.pairing import DescriptorView
from ui.setup import provider_words
from ui.setup.provider_register import PAIR, ProviderRegister
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.text import Text
from ui.widgets.text_field import TextField


class PairingCard(Card):
    """What the descriptor says that was read; shown while there is one."""

    def __init__(self, register: ProviderRegister) -> None:
        super().__init__(tr("Add a provider"))
        self._register = register
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.reading = _Comparison(register)
        self.reading.cancel.clicked.connect(register.drop)
        for part in (self.reading, self.problem):
            self.body.addWidget(part)

    def show_view(self, view: View) -> None:
        """Show how far it has come."""
        pair = view.action(PAIR)
        self.problem.say(pair.problem or "")
        if self._register.read is not None:
            self.reading.show_descriptor(self._register.read, usable=view.alive and not pair.busy, busy=pair.busy)
            self.reading.same.set_locked(locked=view.needs_pin(PairProvider.role))


class _Comparison(QWidget):
    """The fingerprint, big, beside what the descriptor says."""

    def __init__(self, register: ProviderRegister) -> None:
        super().__init__()
        self._register = register
        self._shown: DescriptorView | None = None
        self.name = Text("", px=22, weight=600, lines=0)
        self.facts = [IconLine(icon) for icon in ("shield-lock", "send", "id-badge-2")]
        self.lead = Text(tr("Fingerprint: compare every letter of it with the provider's print."), px=15, lines=0)
        self.fingerprint = Text("", px=30, weight=600, lines=0)
        self.typed = TextField(tr("Or type it from the print"), longest=80)
        self.cancel = Button(tr("It differs"), "x")
        self.same = Button(tr("It is the same as on the print"), "check", Look.FILLED)
        self.same.clicked.connect(self._confirm)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(self.cancel, 2)
        foot.addWidget(self.same, 3)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for part in (self.name, self.lead, self.fingerprint, self.typed, *self.facts):
            column.addWidget(part)
        column.addLayout(foot)

    def show_descriptor(self, descriptor: DescriptorView, *, usable: bool, busy: bool) -> None:
        """Show what it says."""
        if descriptor is not self._shown:
            self._shown = descriptor
            self.typed.clear()
        self.name.say(descriptor.name)
        for line, words in zip(self.facts, provider_words.descriptor_facts(descriptor), strict=True):
            line.words.say(words)
        self.fingerprint.say(provider_words.fingerprint_lines(descriptor.fingerprint))
        self.fingerprint.setAccessibleName(tr("Fingerprint: {groups}", groups=descriptor.fingerprint))
        self.cancel.setEnabled(not busy)
        self.same.setEnabled(usable)
        self.same.set_busy(tr("Pairing…") if busy else "")

    def _confirm(self) -> None:
        if self._shown is not None:
            self._register.confirm(self.typed.text().strip() or self._shown.fingerprint)
