"""One provider: each kind of data that it asks for with a switch, and what has left."""

from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout

from homeapp.api import SetConsent
from homeapp.model.consent import DataClass, ProviderSharing, SharingEntry
from ui import icons, sharing_words
from ui.actions import Actions, consent_key
from ui.pages.consent_sheet import ask_to_stop, needs_identity, open_consent
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.provider_line import ProviderLine
from ui.widgets.switch import Switch
from ui.widgets.text import Text


class SharingCard(Card):
    """Rows, what went wrong, and "Stop everything"."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(" ", title_lines=0)
        self._actions = actions
        self._provider: ProviderSharing | None = None
        self._view: View | None = None
        self.rows: dict[DataClass, SharingRow] = {}
        self.line = ProviderLine()
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.stop = Button(tr("Stop everything"), "hand-stop", Look.DANGER, height=60)
        self.stop.clicked.connect(self._ask_to_stop_everything)
        self._list = QVBoxLayout()
        self._list.setSpacing(4)
        self.body.addWidget(self.line)
        self.body.addLayout(self._list)
        self.body.addStretch(1)
        self.body.addWidget(self.problem)
        self.body.addWidget(self.stop)

    def show_provider(self, provider: ProviderSharing, view: View) -> None:
        """Show this provider."""
        self._provider, self._view = provider, view
        self.entitle(provider.name)
        allowed = any(entry.granted for entry in provider.entries)
        self.caption.say(sharing_words.allowed_words(provider), Tone.TEXT if allowed else Tone.TEXT2)
        self.line.show_provider(provider, view)
        self._rebuild(provider)
        problems = []
        for entry in provider.entries:
            self.rows[entry.data_class].show_entry(provider, entry, view)
            problems.append(view.action(consent_key(provider.sp_id, entry.data_class)).problem or "")
        self.problem.say(next(filter(None, problems), ""))
        busy = view.action(consent_key(provider.sp_id, DataClass.IDENTITY)).busy
        self.stop.setVisible(allowed or any(entry.outdated for entry in provider.entries))
        self.stop.set_locked(locked=view.needs_pin(SetConsent.role))
        self.stop.setEnabled(view.alive and not busy)
        self.stop.setAccessibleName(tr("Stop everything: {name}", name=provider.name))

    @property
    def controls(self) -> list[QPushButton]:
        """All of them, from the top down."""
        return [control for row in self.rows.values() for control in (row, row.switch)] + [self.stop]

    def _rebuild(self, provider: ProviderSharing) -> None:
        wanted = [entry.data_class for entry in provider.entries]
        if list(self.rows) == wanted:
            return
        for row in self.rows.values():
            row.hide()
            row.deleteLater()
        self.rows = {}
        for data_class in wanted:
            row = SharingRow()
            row.clicked.connect(lambda _checked=False, kind=data_class: self._open(kind))
            row.switch.clicked.connect(lambda _checked=False, kind=data_class: self._ask(kind))
            self.rows[data_class] = row
            self._list.addWidget(row)
            row.show()
        for control, following in pairwise(self.controls):
            self.setTabOrder(control, following)

    def _open(self, data_class: DataClass) -> None:
        if self._provider is not None and self._view is not None:
            open_consent(self.window(), self._provider, self._entry(data_class), self._view, self._actions)

    def _ask(self, data_class: DataClass) -> None:
        if self._provider is None or self._view is None:
            return
        entry = self._entry(data_class)
        if entry.granted:
            ask_to_stop(self.window(), self._provider, entry, self._view, self._actions)
        else:
            self._open(data_class)

    def _ask_to_stop_everything(self) -> None:
        if self._provider is not None and self._view is not None:
            identity = self._entry(DataClass.IDENTITY)
            ask_to_stop(self.window(), self._provider, identity, self._view, self._actions)

    def _entry(self, data_class: DataClass) -> SharingEntry:
        entries = self._provider.entries if self._provider is not None else ()
        return next(entry for entry in entries if entry.data_class is data_class)


class SharingRow(QPushButton):
    """One kind of data; a tap opens its words, the switch asks."""

    def __init__(self) -> None:
        super().__init__()
        self._icon = "shield-lock"
        self._tone = Tone.TEXT2
        self._name = Text("", px=17, weight=600)
        self._summary = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self._left = Text("", px=14, tone=Tone.TEXT2, lines=0)
        self._note = Text(sharing_words.outdated_words(), px=14, weight=600, tone=Tone.AMBER, lines=0)
        self.switch = Switch()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        words = QVBoxLayout()
        words.setSpacing(2)
        for text in (self._name, self._summary, self._note, self._left):
            words.addWidget(text)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(40, 8, 0, 8)
        row.setSpacing(12)
        row.addLayout(words, 1)
        row.addWidget(self.switch, 0, Qt.AlignmentFlag.AlignTop)

    def show_entry(self, provider: ProviderSharing, entry: SharingEntry, view: View) -> None:
        """Show this kind of data."""
        state = view.action(consent_key(provider.sp_id, entry.data_class))
        name = sharing_words.class_words(entry.data_class)
        left, blocked = sharing_words.disclosed_words(entry, view), needs_identity(provider, entry)
        if blocked and entry.disclosed is None:
            left = tr("First allow: {kind}", kind=sharing_words.class_words(DataClass.IDENTITY))
        self._name.say(name)
        self._summary.say(sharing_words.summary(entry))
        fresh = Tone.BLUE if entry.disclosed is not None else Tone.TEXT2
        self._left.say(left, fresh if view.alive else Tone.TEXT3)
        self._note.setVisible(entry.outdated)
        self._icon = sharing_words.ICONS[entry.data_class]
        self._tone = Tone.GREEN if entry.granted else Tone.TEXT2
        locked = view.needs_pin(SetConsent.role) and not blocked
        self.switch.show_state(on=entry.granted is not state.busy, busy=state.busy, locked=locked)
        self.switch.setEnabled(view.alive and not state.busy and not blocked)
        full = tr("{kind} for {name}", kind=name, name=provider.name)
        self.switch.setAccessibleName(full)
        allowed = tr("allowed") if entry.granted else tr("not allowed")
        self.setAccessibleName(f"{full}: {allowed}")
        note = f"{sharing_words.outdated_words()} " if entry.outdated else ""
        self.setAccessibleDescription(f"{sharing_words.summary(entry)} {note}{left}")
        self.update()

    def sizeHint(self) -> QSize:
        layout = self.layout()
        return layout.totalSizeHint() if layout is not None else QSize()

    def minimumSizeHint(self) -> QSize:
        layout = self.layout()
        return layout.totalMinimumSize() if layout is not None else QSize()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        with paint.painting(self) as painter:
            painter.setPen(theme.color(Tone.LINE))
            painter.drawLine(QPointF(0, 0.5), QPointF(rect.width(), 0.5))
            icons.draw(painter, self._icon, QPointF(14, 20), 24, theme.color(self._tone))
            paint.focus_ring(painter, self, rect, 14)
