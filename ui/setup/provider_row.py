"""One provider in commissioning: enrolment, and the owner's switch for the link to it."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import EnrolProvider
from homeapp.model.consent import DataClass, ProviderSharing, SharingEntry
from homeapp.model.pairing import PairedProvider
from ui.actions import Actions, consent_key
from ui.pages.consent_sheet import ask_to_stop, open_consent
from ui.pages.sharing_card import SharingRow
from ui.setup import provider_words
from ui.setup.provider_register import ProviderRegister, enrol_key, must_enrol
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button
from ui.widgets.chip import Badge
from ui.widgets.provider_line import ProviderLine
from ui.widgets.text import Text
from ui.widgets.text_field import TextField


class ProviderRow(QWidget):
    """A provider without a pairing has come by the settings and needs no enrolment."""

    def __init__(self, register: ProviderRegister, actions: Actions) -> None:
        super().__init__()
        self._register, self._actions = register, actions
        self._paired: PairedProvider | None = None
        self._sharing: ProviderSharing | None = None
        self._entry: SharingEntry | None = None
        self._view: View | None = None
        self._name = Text("", px=18, weight=600, lines=0)
        self._badge = Badge()
        self.story = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.line = ProviderLine()
        self.enrolment = QWidget()
        self.user = TextField(tr("User"), longest=200)
        self.password = TextField(tr("Password"), secret=True, longest=200)
        self.enrol = Button(tr("Enrol"), "id-badge-2", height=60)
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.identity = SharingRow()
        self.identity.clicked.connect(self._read)
        self.identity.switch.clicked.connect(self._switch)
        self.enrol.clicked.connect(self._enrol)
        self.password.returnPressed.connect(self._enrol)
        for field in (self.user, self.password):
            field.textChanged.connect(self._typed)
        self._usable = False
        self._build()

    def show_provider(self, paired: PairedProvider | None, sharing: ProviderSharing | None, view: View) -> None:
        """Show it; one of the two is known."""
        self._paired, self._sharing, self._view = paired, sharing, view
        name = paired.name if paired is not None else sharing.name if sharing is not None else ""
        self._name.say(name)
        self.setAccessibleName(name)
        self._badge.setVisible(paired is not None)
        self.story.setVisible(paired is not None)
        self.enrolment.setVisible(paired is not None and must_enrol(paired))
        problems = []
        if paired is not None:
            self._badge.say(*provider_words.enrolment_words(paired.enrolment))
            self.story.say(provider_words.enrolment_story(paired, view))
            problems.append(self._show_enrolment(paired, view))
        self._entry = self._identity(sharing)
        self.identity.setVisible(self._entry is not None)
        self.line.setVisible(sharing is not None)
        if sharing is not None:
            self.line.show_provider(sharing, view)
        if sharing is not None and self._entry is not None:
            self.identity.show_entry(sharing, self._entry, view)
            problems.append(view.action(consent_key(sharing.sp_id, DataClass.IDENTITY)).problem or "")
        self.problem.say(next(filter(None, problems), ""))

    def _show_enrolment(self, paired: PairedProvider, view: View) -> str:
        state = view.action(enrol_key(paired.sp_id))
        self._usable = view.alive and not state.busy
        self.enrol.set_busy(tr("Enrolling…") if state.busy else "")
        self.enrol.set_locked(locked=view.needs_pin(EnrolProvider.role))
        self.enrol.setAccessibleName(tr("Enrol: {name}", name=paired.name))
        self.user.setAccessibleName(tr("User for {name}", name=paired.name))
        self.password.setAccessibleName(tr("Password for {name}", name=paired.name))
        self._typed()
        return state.problem or ""

    def _typed(self) -> None:
        self.enrol.setEnabled(self._usable and bool(self.user.text().strip() and self.password.text()))

    def _enrol(self) -> None:
        if self._paired is not None and self.enrol.isEnabled():
            self._register.enrol(self._paired.sp_id, self.user.text().strip(), self.password.text())
            self.password.clear()

    def _read(self) -> None:
        if self._sharing is not None and self._entry is not None and self._view is not None:
            open_consent(self.window(), self._sharing, self._entry, self._view, self._actions)

    def _switch(self) -> None:
        if self._sharing is None or self._entry is None or self._view is None:
            return
        if self._entry.granted:
            ask_to_stop(self.window(), self._sharing, self._entry, self._view, self._actions)
        else:
            self._read()

    @staticmethod
    def _identity(sharing: ProviderSharing | None) -> SharingEntry | None:
        entries = sharing.entries if sharing is not None else ()
        return next((entry for entry in entries if entry.data_class is DataClass.IDENTITY), None)

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self._name, 1)
        head.addWidget(self._badge)
        fields = QHBoxLayout(self.enrolment)
        fields.setContentsMargins(0, 0, 0, 0)
        fields.setSpacing(12)
        for part in (self.user, self.password, self.enrol):
            fields.addWidget(part, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 6)
        column.setSpacing(8)
        column.addLayout(head)
        for widget in (self.line, self.story, self.enrolment, self.problem, self.identity):
            column.addWidget(widget)
