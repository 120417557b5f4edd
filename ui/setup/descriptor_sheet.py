"""Where a provider's descriptor is: the files that lie ready, or a path that is typed."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from homeapp.api import ReadDescriptor
from ui import formats, icons
from ui.setup.descriptor_files import DescriptorFile, printable
from ui.setup.provider_register import READ, ProviderRegister
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.scroll import Scroll
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.widgets.text_field import TextField

_LONGEST_PATH = 1000


class DescriptorSheet(Sheet):
    """Closes by itself once the hub has read a descriptor.

    Signals:
        closed: by whatever way.
    """

    closed = Signal()

    def __init__(self, window: QWidget, register: ProviderRegister) -> None:
        super().__init__(window, tr("The provider's descriptor"))
        self._register = register
        self._view: View | None = None
        self._shown: tuple[DescriptorFile, ...] | None = None
        self._typing = False
        self.lead = Text("", px=16, tone=Tone.TEXT2, lines=0)
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.files: list[FileRow] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        self.path = TextField(tr("Path of the descriptor"), longest=_LONGEST_PATH)
        self.cancel = Button(tr("Cancel"), "x")
        self.other = Button("", "search")
        self.read = Button(tr("Read"), "check", Look.FILLED)
        self.cancel.clicked.connect(self.close_sheet)
        self.other.clicked.connect(self._turn)
        self.read.clicked.connect(self._read_path)
        self.path.returnPressed.connect(self._read_path)
        self.path.textChanged.connect(lambda _words: self._show())
        self.body.addWidget(self.lead)
        self.body.addWidget(self.problem)
        self.body.addWidget(self.path)
        self.body.addLayout(self._list)
        self.body.addStretch(1)
        for button, room in ((self.cancel, 2), (self.other, 3), (self.read, 2)):
            self._buttons.addWidget(button, room)
        register.changed.connect(self._show)
        register.look_for_files()

    def close_sheet(self) -> None:
        self._register.changed.disconnect(self._show)
        super().close_sheet()
        self.closed.emit()

    def show_view(self, view: View) -> None:
        """Show how far it has come."""
        self._view = view
        if self._register.read is not None:
            self.close_sheet()
            return
        self._show()

    def _show(self) -> None:
        view, register = self._view, self._register
        if view is None:
            return
        state = view.action(READ)
        busy = register.reading or state.busy
        usable = view.alive and not busy
        self._show_files(register.files, view.zone)
        problem = register.refusal or state.problem or ""
        if problem != self.problem.words.text():
            self.problem.say(problem)
            self._settle()
        self.lead.say(self._lead(busy=busy))
        for row in self.files:
            row.setEnabled(usable)
            row.setVisible(not self._typing)
        self.path.setVisible(self._typing)
        self.read.setVisible(self._typing)
        self.other.rename(*((tr("Show files"), "list-check") if self._typing else (tr("Type its path"), "search")))
        self.read.setEnabled(usable and bool(self.path.text().strip()))
        self.read.set_busy(tr("Reading…") if busy else "")
        self.read.set_locked(locked=view.needs_pin(ReadDescriptor.role))

    def _lead(self, *, busy: bool) -> str:
        if busy:
            return tr("Reading…")
        if self._typing:
            return tr("Where it lies, like /media/stick/descriptor.jws.")
        if self._register.files is None:
            return tr("Looking on sticks and in your folders…")
        if self._register.files:
            return tr("Tap the file that the provider has given you.")
        return tr("No such file (.jws, .json) was found. Plug in the stick with it and open this again.")

    def _show_files(self, files: tuple[DescriptorFile, ...] | None, zone: ZoneInfo) -> None:
        if files == self._shown:
            return
        self._shown = files
        for row in self.files:
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.files = [FileRow(file, zone) for file in files or ()]
        for row in self.files:
            row.clicked.connect(lambda _checked=False, path=row.file.path: self._register.look_into(path))
            self._list.addWidget(row)
            row.show()
        self._settle()

    def _turn(self) -> None:
        self._typing = not self._typing
        self._show()
        self._settle()
        if self._typing:
            self.path.setFocus()

    def _read_path(self) -> None:
        if self.read.isEnabled() and self.read.isVisible():
            self._register.look_into(Path(self.path.text().strip()))

    def _settle(self) -> None:
        if self.isVisible():
            self._fit()
            for area in self.findChildren(Scroll):
                area.settle()


class FileRow(QPushButton):
    """A file: its name, where it lies, and when it was written."""

    def __init__(self, file: DescriptorFile, zone: ZoneInfo) -> None:
        super().__init__()
        self.file = file
        name, where = printable(file.path.name), f"{printable(file.path.parent)} · {_written(file.written_at, zone)}"
        self.setAccessibleName(tr("Read {path}", path=name))
        self.setAccessibleDescription(where)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        words = QVBoxLayout(self)
        words.setContentsMargins(52, 10, 16, 10)
        words.setSpacing(2)
        words.addWidget(Text(name, px=17, weight=600, lines=0))
        words.addWidget(Text(where, px=14, tone=Tone.TEXT2, lines=0))

    def sizeHint(self) -> QSize:
        layout = self.layout()
        return layout.totalSizeHint() if layout is not None else QSize()

    def minimumSizeHint(self) -> QSize:
        layout = self.layout()
        return layout.totalMinimumSize().expandedTo(QSize(60, 60)) if layout is not None else QSize()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, rect = theme_of(self), QRectF(self.rect())
        fill = theme.color(Tone.RAISED)
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, 14, fill.darker(115) if self.isDown() else fill)
            icons.draw(painter, "download", QPointF(28, rect.center().y()), 22, theme.color(Tone.TEXT2))
            paint.focus_ring(painter, self, rect, 14)


def _written(at: datetime, zone: ZoneInfo) -> str:
    return f"{formats.day(at, zone)} {at.astimezone(zone).year}, {formats.clock(at, zone)}"
