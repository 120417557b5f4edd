"""A question or a story over the page, in the same window: no second window for the kiosk to place."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from ui.theme import Tone
from ui.tr import tr
from ui.widgets import paint
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.scroll import Scroll
from ui.widgets.text import Text

_WIDEST, _WIDEST_LOW, _LOW = 620, 720, 600


class Sheet(QWidget):
    """Covers its window with a dim ground and a card; closed by its buttons, Escape or a tap beside it."""

    def __init__(self, window: QWidget, title: str) -> None:
        super().__init__(window)
        self._window = window
        self._before = QApplication.focusWidget()
        self._covered = [item for item in window.children() if isinstance(item, QWidget) and not _is_gone(item, self)]
        self._card = Card(title, title_lines=0)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(12)
        self._content = QWidget()
        self.body = QVBoxLayout(self._content)
        self.body.setContentsMargins(0, 4, 4, 8)
        self.body.setSpacing(8)
        self._card.body.addWidget(Scroll(self._content), 1)
        self._card.body.addLayout(self._buttons)
        around = QVBoxLayout(self)
        around.addWidget(self._card, 0, Qt.AlignmentFlag.AlignCenter)
        self.setAccessibleName(title)
        window.installEventFilter(self)

    def add_button(self, words: str, icon: str, look: Look, action: Callable[[], None] | None = None) -> Button:
        """A button at the foot; it closes the sheet and then acts."""
        button = Button(words, icon, look)

        def act() -> None:
            self.close_sheet()
            if action is not None:
                action()

        button.clicked.connect(act)
        self._buttons.addWidget(button, 3 if look is Look.FILLED else 2)
        return button

    def open_sheet(self) -> None:
        """Show it and take the keyboard."""
        self._fit()
        # What another sheet covers already is that one's to uncover.
        self._covered = [item for item in self._covered if item.isEnabledTo(self._window)]
        for item in self._covered:
            item.setEnabled(False)
        self.show()
        self.raise_()
        buttons = self.findChildren(Button)
        if buttons:
            buttons[0].setFocus()

    def close_sheet(self) -> None:
        """Give the keyboard back and go away."""
        self._window.removeEventFilter(self)
        for item in self._covered:
            item.setEnabled(True)
        self.hide()
        if self._before is not None:
            self._before.setFocus()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_sheet()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self._card.geometry().contains(event.position().toPoint()):
            self.close_sheet()

    def paintEvent(self, _event: QPaintEvent) -> None:
        with paint.painting(self) as painter:
            painter.fillRect(self.rect(), QColor(0, 0, 0, 150))

    def _fit(self) -> None:
        space = self._window.size()
        self.setGeometry(0, 0, space.width(), space.height())
        # Where there is little height, longer lines spare scrolling.
        width = min(_WIDEST_LOW if space.height() < _LOW else _WIDEST, space.width() - 32)
        wanted = self._content.heightForWidth(width - 56)
        if wanted < 0:
            wanted = self._content.sizeHint().height()
        self._card.setFixedSize(width, min(space.height() - 32, wanted + 170))


def _is_gone(item: QWidget, own: Sheet) -> bool:
    """A sheet that has just been closed, perhaps to open this one, will soon be deleted."""
    return item is own or (isinstance(item, Sheet) and item.isHidden())


def confirm(
    window: QWidget,
    title: str,
    question: str,
    verb: tuple[str, str],
    action: Callable[[], None],
    *,
    locked: bool = False,
) -> Sheet:
    """Ask before something that is not easily undone; ``locked`` where it leads to the PIN first."""
    sheet = Sheet(window, title)
    sheet.body.addWidget(Text(question, px=17, lines=0, tone=Tone.TEXT2))
    sheet.body.addStretch(1)
    sheet.add_button(tr("Keep"), "arrow-back-up", Look.TONAL)
    sheet.add_button(verb[0], verb[1], Look.DANGER, action).set_locked(locked=locked)
    sheet.open_sheet()
    return sheet
