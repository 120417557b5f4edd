"""A keyboard on the screen, for walls that have none; comes up below the field that was touched."""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ui import fonts, icons
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint
from ui.widgets.scroll import Scroll

HARDWARE_S = 600.0
"""How long after a key of a real keyboard this one stays away."""
_KEY_HEIGHT, _GAP, _PAD, _WIDEST = 60, 6, 8, 1100
_REPEAT_AFTER_MS, _REPEAT_MS = 500, 80
_WORD_KEY, _ROW_KEYS = 1.6, 10


class Layer(StrEnum):
    """Which characters the keys have."""

    LETTERS = "letters"
    CAPITALS = "capitals"
    SIGNS = "signs"
    MORE = "more"
    ACCENTS = "accents"


_ROWS = {
    Layer.LETTERS: ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    Layer.CAPITALS: ("QWERTYUIOP", "ASDFGHJKL", "ZXCVBNM"),
    Layer.SIGNS: ("1234567890", "@#€&_-+()/", "*\"':;!?"),
    Layer.MORE: ("[]{}<>=%$£", "\\|~^`°§²±×", "¿¡«»„“”"),
    Layer.ACCENTS: ("äöüßéèêëàâ", "åæøçñíóúáï", "ÄÖÜÉÅÆØ"),
}


class Clock(Protocol):
    """Seconds that never go back."""

    def __call__(self) -> float: ...


class TouchKeyboard(QWidget):
    """Lies over the foot of its window while a field is being filled; a key goes to that field.

    Attributes:
        field: what is filled now; None while it is away.
    """

    def __init__(self, window: QWidget, clock: Clock = time.monotonic) -> None:
        super().__init__(window)
        self._window, self._clock = window, clock
        self._hardware_at: float | None = None
        self._layer = Layer.LETTERS
        self._scroll: Scroll | None = None
        self.field: QLineEdit | None = None
        self.setAccessibleName(tr("Keyboard"))
        self.keys: list[Key] = []
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(_PAD, _PAD, _PAD, _PAD)
        self._rows.setSpacing(_GAP)
        self._places = [QHBoxLayout() for _row in range(4)]
        for place in self._places:
            place.setSpacing(_GAP)
            self._rows.addLayout(place)
        self.hide()
        window.installEventFilter(self)
        self._lay()

    def serve(self, field: QLineEdit) -> None:
        """Come up for this field, unless somebody types on a real keyboard."""
        recent = self._hardware_at is not None and self._clock() - self._hardware_at < HARDWARE_S
        if recent or field is self.field:
            return
        self._release()
        self.field = field
        self._change_layer(_first_layer(field))
        # A sheet that is open has put everything beside it out of use.
        self.setEnabled(True)
        self._fit()
        self.show()
        self.raise_()
        self._keep_visible()

    def leave(self, field: QLineEdit) -> None:
        """Go away, where it is there for this field."""
        if field is self.field:
            self.field = None
            self.hide()
            self._release()

    def real_key(self, field: QLineEdit) -> None:
        """Somebody has a real keyboard."""
        self._hardware_at = self._clock()
        self.leave(field)

    def key(self, name: str) -> "Key":
        """The key with this accessible name."""
        return next(key for key in self.keys if key.accessibleName() == name)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.field is not None:
            self._fit()
            self._keep_visible()
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Between the keys: neither closes a sheet nor takes the field's focus."""
        event.accept()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        with paint.painting(self) as painter:
            painter.fillRect(self.rect(), theme.color(Tone.SURFACE))
            painter.setPen(theme.color(Tone.LINE))
            painter.drawLine(self.rect().topLeft(), self.rect().topRight())

    def _insert(self, words: str) -> None:
        if self.field is not None:
            self.field.insert(words)
            self.field.textEdited.emit(self.field.text())
            if self._layer is Layer.CAPITALS:
                self._change_layer(Layer.LETTERS)

    def _delete(self) -> None:
        if self.field is not None:
            self.field.backspace()
            self.field.textEdited.emit(self.field.text())

    def _enter(self) -> None:
        if (field := self.field) is not None:
            self.leave(field)
            field.returnPressed.emit()

    def _close(self) -> None:
        if self.field is not None:
            self.leave(self.field)

    def _change_layer(self, layer: Layer) -> None:
        if layer is not self._layer:
            self._layer = layer
            self._lay()

    def _lay(self) -> None:
        """Put the keys of the layer in place."""
        for key in self.keys:
            key.hide()
            key.deleteLater()
        for place in self._places:
            while place.takeAt(0) is not None:
                continue
        self.keys = []
        first, second, third = _ROWS[self._layer]
        self._add(0, [self._character(sign) for sign in first])
        self._add(1, [self._character(sign) for sign in second])
        self._add(2, [self._left_key(), *(self._character(sign) for sign in third), self._delete_key()])
        self._add(3, self._foot())

    def _character(self, sign: str) -> "Key":
        return Key(sign, sign, lambda: self._insert(sign))

    def _left_key(self) -> "Key":
        words, name, icon, layer = {
            Layer.LETTERS: ("", tr("Capitals"), "arrow-big-up", Layer.CAPITALS),
            Layer.CAPITALS: ("", tr("Small letters"), "arrow-big-up", Layer.LETTERS),
            Layer.SIGNS: ("[ ]", tr("More signs"), "", Layer.MORE),
            Layer.MORE: ("äé", tr("Accents"), "", Layer.ACCENTS),
            Layer.ACCENTS: ("123", tr("Digits and signs"), "", Layer.SIGNS),
        }[self._layer]
        lit = self._layer is Layer.CAPITALS
        return Key(words, name, lambda: self._change_layer(layer), icon=icon, share=_WORD_KEY, lit=lit)

    def _delete_key(self) -> "Key":
        key = Key("", tr("Delete"), self._delete, icon="backspace", share=_WORD_KEY)
        key.setAutoRepeat(True)
        key.setAutoRepeatDelay(_REPEAT_AFTER_MS)
        key.setAutoRepeatInterval(_REPEAT_MS)
        return key

    def _foot(self) -> list["Key"]:
        letters = self._layer in (Layer.LETTERS, Layer.CAPITALS)
        if letters:
            other = Key("123", tr("Digits and signs"), lambda: self._change_layer(Layer.SIGNS), share=_WORD_KEY)
        else:
            other = Key("abc", tr("Letters"), lambda: self._change_layer(Layer.LETTERS), share=_WORD_KEY)
        return [
            Key("", tr("Close the keyboard"), self._close, icon="chevron-down", share=_WORD_KEY),
            other,
            self._character(","),
            Key("", tr("Space"), lambda: self._insert(" "), share=4.0),
            self._character("-"),
            self._character("."),
            Key("", tr("Done"), self._enter, icon="check", share=_WORD_KEY, lit=True),
        ]

    def _add(self, row: int, keys: Sequence["Key"]) -> None:
        indent = round(max(0.0, _ROW_KEYS - sum(key.share for key in keys)) * 5)
        self._places[row].addStretch(indent)
        for key in keys:
            self._places[row].addWidget(key, round(key.share * 10))
            self.keys.append(key)
            key.show()
        self._places[row].addStretch(indent)

    def _fit(self) -> None:
        space = self._window.size()
        height = 4 * _KEY_HEIGHT + 3 * _GAP + 2 * _PAD
        side = max(_PAD, (space.width() - _WIDEST) // 2)
        self._rows.setContentsMargins(side, _PAD, side, _PAD)
        self.setGeometry(QRect(0, space.height() - height, space.width(), height))

    def _keep_visible(self) -> None:
        """The page that the field is on ends above the keyboard meanwhile."""
        if self.field is None:
            return
        around = self.field.parentWidget()
        while around is not None and not isinstance(around, Scroll):
            around = around.parentWidget()
        self._scroll = around
        if around is not None and (content := around.widget()) is not None:
            end = around.mapTo(self._window, around.rect().bottomLeft()).y() + 1
            around.keep_free(max(0, end - self.y()))
            # Qt would be content with its cursor.
            for corner in (self.field.rect().bottomLeft(), self.field.rect().topLeft()):
                around.ensureVisible(0, self.field.mapTo(content, corner).y(), 0, _PAD)

    def _release(self) -> None:
        if self._scroll is not None:
            self._scroll.keep_free(0)
            self._scroll = None


class Key(QPushButton):
    """Does not take the focus from the field.

    Args:
        share: of the row's width; a letter has 1.
        lit: shown as the one in force, or as the way on.
    """

    def __init__(
        self, words: str, name: str, act: Callable[[], None], *, icon: str = "", share: float = 1.0, lit: bool = False
    ) -> None:
        super().__init__(words.replace("&", "&&"))
        self._shown, self._icon, self._lit = words, icon, lit
        self.share = share
        self.setAccessibleName(name)
        self.setFont(fonts.font(20, 600))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.clicked.connect(act)

    def sizeHint(self) -> QSize:
        return QSize(_KEY_HEIGHT, _KEY_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, rect = theme_of(self), QRectF(self.rect())
        fill = theme.color(Tone.GREEN if self._lit else Tone.RAISED)
        ink = theme.color(Tone.ON_GREEN if self._lit else Tone.TEXT)
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, 12, fill.darker(125) if self.isDown() else fill)
            if self._icon:
                icons.draw(painter, self._icon, QPointF(rect.center()), 24, ink)
            else:
                paint.text(painter, rect, self._shown, self.font(), ink)


def keyboard_of(window: QWidget) -> TouchKeyboard:
    """The one of this window."""
    found = window.findChild(TouchKeyboard)
    return found if isinstance(found, TouchKeyboard) else TouchKeyboard(window)


def _first_layer(field: QLineEdit) -> Layer:
    if field.inputMethodHints() & Qt.InputMethodHint.ImhPreferNumbers:
        return Layer.SIGNS
    begins = not field.text() and field.echoMode() is QLineEdit.EchoMode.Normal
    return Layer.CAPITALS if begins else Layer.LETTERS
