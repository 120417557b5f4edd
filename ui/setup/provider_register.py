"""The providers that the home is paired with, and pairing with another: what is read first, then confirmed."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from homeapp import api
from homeapp.errors import HomeappError
from homeapp.model.pairing import DescriptorView, Enrolment, PairedProvider
from ui.setup import descriptor_files
from ui.setup.setup_desk import SetupDesk
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
        paired_with: the ``PairedProvider`` of the descriptor that was confirmed.

    Attributes:
        paired: None until heard of.
        read: the descriptor that waits to be compared, or None.
        refusal: why the chosen file was not even sent to the hub; else empty.
    """

    changed = Signal()
    paired_with = Signal(object)

    def __init__(self, desk: SetupDesk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.paired: tuple[PairedProvider, ...] | None = None
        self.read: DescriptorView | None = None
        self.refusal = ""
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

    def look_into(self, path: Path) -> None:
        """Have the hub read a file; nothing is kept."""
        self.drop()
        text = descriptor_files.tried(path)
        if isinstance(text, HomeappError):
            self.refusal = str(text)
            self.changed.emit()
            return
        self._text = text
        self._desk.run(READ, api.ReadDescriptor(text=text), "read", self._has_read)

    def confirm(self, fingerprint: str) -> None:
        """Pair, with the fingerprint as somebody has compared it; the hub compares it once more."""
        if self.read is not None:
            self._desk.run(PAIR, api.PairProvider(text=self._text, fingerprint=fingerprint), "pair", self._has_paired)

    def drop(self) -> None:
        """Put what was read away."""
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

    def _has_read(self, descriptor: DescriptorView) -> None:
        self.read = descriptor
        self.changed.emit()

    def _has_paired(self, provider: PairedProvider) -> None:
        self.drop()
        self._renewed(provider)
        self.paired_with.emit(provider)

    def _renewed(self, provider: PairedProvider) -> None:
        others = (known for known in self.paired or () if known.sp_id != provider.sp_id)
        self.paired = (*others, provider)
        self.changed.emit()


def must_enrol(provider: PairedProvider) -> bool:
    """The system operator does not let the hub in as this provider's customer."""
    return provider.enrolment is not Enrolment.VALID
