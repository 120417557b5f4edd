"""A line of text to type, for fingers: as high as a button, and with a name of its own."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QLineEdit, QSizePolicy

from ui import fonts
from ui.theme import Tone, theme_of
from ui.widgets import paint


class TextField(QLineEdit):
    """One line; ``secret`` ones are never shown."""

    def __init__(self, name: str, *, placeholder: str = "", secret: bool = False, longest: int = 200) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder or name)
        self.setMaxLength(longest)
        self.setFrame(False)
        self.setFont(fonts.font(17, 500))
        self.setTextMargins(14, 0, 14, 0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if secret:
            self.setEchoMode(QLineEdit.EchoMode.Password)

    def sizeHint(self) -> QSize:
        return QSize(240, 60)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 60)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, rect = theme_of(self), QRectF(self.rect())
        with paint.painting(self) as painter:
            line = theme.color(Tone.GREEN if self.hasFocus() else Tone.LINE)
            paint.rounded(painter, rect, 14, theme.color(Tone.RAISED), line)
        super().paintEvent(event)
