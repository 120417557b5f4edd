"""A line of text to type, for fingers: as high as a button, and with a name of its own."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QHideEvent, QKeyEvent, QMouseEvent, QPaintEvent, QPalette
from PySide6.QtWidgets import QLineEdit, QSizePolicy

from ui import fonts
from ui.theme import Tone, theme_of
from ui.widgets import paint
from ui.widgets.touch_keyboard import TouchKeyboard, keyboard_of

_PASSING = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)


class TextField(QLineEdit):
    """One line; ``secret`` ones are never shown. A touch brings the keyboard of the screen up, at its ``digits`` first.

    What is typed on either keyboard is told by ``textEdited``.
    """

    def __init__(
        self, name: str, *, placeholder: str = "", secret: bool = False, digits: bool = False, longest: int = 200
    ) -> None:
        super().__init__()
        self._keyboard: TouchKeyboard | None = None
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder or name)
        self.setMaxLength(longest)
        self.setFrame(False)
        self.setFont(fonts.font(17, 500))
        self.setTextMargins(14, 0, 14, 0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # The box is painted here; the style would paint a corner-to-corner one over it.
        own = QPalette()
        own.setColor(QPalette.ColorRole.Base, QColor(0, 0, 0, 0))
        self.setPalette(own)
        if digits:
            self.setInputMethodHints(Qt.InputMethodHint.ImhPreferNumbers)
        if secret:
            self.setEchoMode(QLineEdit.EchoMode.Password)

    def sizeHint(self) -> QSize:
        return QSize(240, 60)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 60)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, rect = theme_of(self), QRectF(self.rect())
        with paint.painting(self) as painter:
            line = theme.color(Tone.GREEN if self.hasFocus() else Tone.BAR_IDLE)
            paint.rounded(painter, rect, 14, theme.color(Tone.RAISED), line)
        super().paintEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self._keyboard = keyboard_of(self.window())
        self._keyboard.serve(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keyboard_of(self.window()).real_key(self)
        super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self._keyboard is not None and event.reason() not in _PASSING:
            self._keyboard.leave(self)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._keyboard is not None:
            self._keyboard.leave(self)
