"""The providers that the home is paired with, and pairing with another: what is read first, then confirmed."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from homeapp import api
from homeapp.errors import HomeappError
from homeapp.model.pairing import DescriptorView, Enrolment, PairedProvider
from ui.setup import descriptor_files
from ui.setup.descriptor_files import DescriptorFile, printable
from ui.setup.disk_reader import DiskReader
from ui.setup.setup_desk import SetupDesk
from ui.tr import tr
from ui.view import View

READ, PAIR = "setup:descriptor", "setup:pair"
_LIST = "setup:providers"


def enrol_key(sp_id: str) -> str:
    """Key of the enrolment with a provider's system operator."""
    return f"setup:enrol:{sp_id}"


class ProviderRegister(QObject):
    """Asks the hub again whenever what it shares with, or its being there, has changed.

    Signals:
        changed: something here is different.

    Attributes:
        paired: None until heard of.
        read: the descriptor that waits to be compared, or None.
        refusal: why the chosen file was not even sent to the hub; else empty.
        files: that may be descriptors, the newest first; None while they are looked for.
    """

    changed = Signal()

    def __init__(self, desk: SetupDesk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.paired: tuple[PairedProvider, ...] | None = None
        self.read: DescriptorView | None = None
        self.refusal = ""
        self.files: tuple[DescriptorFile, ...] | None = None
        self._reader, self._finder = DiskReader(self), DiskReader(self)
        self._text = ""
        self._asked_for: tuple[str, ...] | None = None

    def take(self, view: View) -> None:
        """The hub has told something."""
        if not view.alive:
            self._asked_for = None
            return
        shape = tuple(provider.sp_id for provider in view.sharing or ())
        if shape != self._asked_for and not view.action(_LIST).busy:
            self._asked_for = shape
            self.ask()

    def ask(self) -> None:
        """Ask for the list."""
        self._desk.run(_LIST, api.ListProviders(), "list", self._listed)

    def look_for_files(self) -> None:
        """Look where descriptors may lie."""
        self.files = None
        self._finder.run(descriptor_files.lying, self._found, lambda: self._found(()))

    @property
    def reading(self) -> bool:
        """A file is being read."""
        return self._reader.busy

    def look_into(self, path: Path) -> None:
        """Have the hub read a file; nothing is kept."""
        self.drop()
        silent = tr("{path} does not answer. Plug the stick in again, or choose another file.", path=printable(path))
        self._reader.run(lambda: descriptor_files.tried(path), self._has_text, lambda: self._refuse(silent))
        self.changed.emit()

    def confirm(self, fingerprint: str) -> None:
        """Pair, with the fingerprint as somebody has compared it; the hub compares it once more."""
        if self.read is not None:
            self._desk.run(PAIR, api.PairProvider(text=self._text, fingerprint=fingerprint), "pair", self._has_paired)

    def drop(self) -> None:
        """Put what was read, or is being read, away."""
        self._reader.forget()
        self.read, self._text, self.refusal = None, "", ""
        self._desk.forget_problem(READ)
        self._desk.forget_problem(PAIR)
        self.changed.emit()

    def enrol(self, sp_id: str, user: str, password: str) -> None:
        """Get a certificate from the system operator; user and password hold once."""
        call = api.EnrolProvider(sp_id=sp_id, user=user, password=password)
        self._desk.run(enrol_key(sp_id), call, "enrol", self._renewed)

    def _listed(self, paired: tuple[PairedProvider, ...]) -> None:
        self.paired = paired
        self.changed.emit()

    def _found(self, files: tuple[DescriptorFile, ...]) -> None:
        self.files = files
        self.changed.emit()

    def _has_text(self, text: str | HomeappError) -> None:
        if isinstance(text, HomeappError):
            self._refuse(str(text))
            return
        self._text = text
        self._desk.run(READ, api.ReadDescriptor(text=text), "read", self._has_read)

    def _refuse(self, sentence: str) -> None:
        self.refusal = sentence
        self.changed.emit()

    def _has_read(self, descriptor: DescriptorView) -> None:
        # Nobody wants it any more where its text was put away meanwhile.
        if self._text:
            self.read = descriptor
            self.changed.emit()

    def _has_paired(self, provider: PairedProvider) -> None:
        self.drop()
        self._renewed(provider)

    def _renewed(self, provider: PairedProvider) -> None:
        others = (known for known in self.paired or () if known.sp_id != provider.sp_id)
        self.paired = (*others, provider)
        self.changed.emit()


def must_enrol(provider: PairedProvider) -> bool:
    """The system operator does not let the hub in as this provider's customer."""
    return provider.enrolment is not Enrolment.VALID
