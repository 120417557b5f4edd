"""Pairing with a provider: its descriptor is read, its fingerprint compared, and only then is it believed."""

from pathlib import Path

from PySide6.QtCore import QUrl, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import PairProvider
from homeapp.model.pairing import DescriptorView
from ui.setup import descriptor_files, provider_words
from ui.setup.provider_register import PAIR, READ, ProviderRegister
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.text import Text
from ui.widgets.text_field import TextField

_LONGEST_NAME = 32


class PairingCard(Card):
    """First where the descriptor is, then what it says.

    Signals:
        closed: nobody wants to pair any more.
    """

    closed = Signal()

    def __init__(self, register: ProviderRegister) -> None:
        super().__init__(tr("Add a provider"))
        self._register = register
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.source, self.reading = _Source(register), _Comparison(register)
        self.source.cancel.clicked.connect(self._close)
        self.reading.cancel.clicked.connect(register.drop)
        register.paired_with.connect(lambda _provider: self._close())
        for part in (self.source, self.reading, self.problem):
            self.body.addWidget(part)

    def open_card(self) -> None:
        """Look where descriptors may lie."""
        self._register.drop()
        self.source.look()

    def show_view(self, view: View) -> None:
        """Show how far it has come."""
        read, pair = view.action(READ), view.action(PAIR)
        self.problem.say(self._register.refusal or read.problem or pair.problem or "")
        self.source.setVisible(self._register.read is None)
        self.reading.setVisible(self._register.read is not None)
        self.source.show_state(usable=view.alive and not read.busy, busy=read.busy)
        if self._register.read is not None:
            self.reading.show_descriptor(self._register.read, usable=view.alive and not pair.busy, busy=pair.busy)
            self.reading.same.set_locked(locked=view.needs_pin(PairProvider.role))

    def _close(self) -> None:
        self._register.drop()
        self.closed.emit()


class _Source(QWidget):
    """Files that lie ready, the whole of the disk, or a path."""

    def __init__(self, register: ProviderRegister) -> None:
        super().__init__()
        self._register = register
        self.lead = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.files: list[Button] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(10)
        self.choose = Button(tr("Choose a file"), "package", height=60)
        self.path = TextField(tr("Path of the descriptor"), longest=1000)
        self.read = Button(tr("Read"), "check", height=60)
        self.cancel = Button(tr("Cancel"), "x", height=60)
        self.choose.clicked.connect(self._choose)
        self.read.clicked.connect(self._read_path)
        self.path.returnPressed.connect(self._read_path)
        typed, foot = QHBoxLayout(), QHBoxLayout()
        for row in (typed, foot):
            row.setSpacing(12)
        typed.addWidget(self.path, 3)
        typed.addWidget(self.read, 1)
        foot.addWidget(self.cancel, 1)
        foot.addWidget(self.choose, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self.lead)
        for part in (self._list, typed, foot):
            column.addLayout(part)

    def look(self) -> None:
        """Show the files that lie ready."""
        for button in self.files:
            button.hide()
            button.deleteLater()
        self.files = []
        for file in descriptor_files.found(descriptor_files.places()):
            button = Button(_short(file.name), "download", height=60)
            button.setAccessibleName(tr("Read {path}", path=file))
            button.clicked.connect(lambda _checked=False, file=file: self._register.look_into(file))
            self.files.append(button)
            self._list.addWidget(button)
        lies = tr("Plug in the stick with the provider's descriptor, or choose the file.")
        self.lead.say(tr("Choose the provider's descriptor.") if self.files else lies)

    def show_state(self, *, usable: bool, busy: bool) -> None:
        """Whether a file can be read now."""
        for button in (*self.files, self.choose, self.read):
            button.setEnabled(usable)
        self.read.set_busy(tr("Reading…") if busy else "")

    def _read_path(self) -> None:
        if self.read.isEnabled() and (path := self.path.text().strip()):
            self._register.look_into(Path(path).expanduser())

    def _choose(self) -> None:
        dialog = QFileDialog(self.window(), tr("The provider's descriptor"))
        # The desktop's own dialog is a window of another process, which a kiosk has no place for.
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(f"{tr('Descriptors')} ({' '.join(descriptor_files.PATTERNS)})")
        dialog.setSidebarUrls([QUrl.fromLocalFile(str(place)) for place in descriptor_files.places()])
        dialog.fileSelected.connect(lambda path: self._register.look_into(Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


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


def _short(name: str) -> str:
    """As much of a file's name as a button has room for: its ends tell most."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:12]}…{name[-12:]}"
