"""The way between pages: a rail at the left, or a bar at the bottom where width is short."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QBoxLayout, QPushButton, QSizePolicy, QSpacerItem, QWidget

from homeapp.api import AccessView
from ui import fonts, icons
from ui.theme import Theme, Tone, theme_of
from ui.tr import tr
from ui.widgets import paint
from ui.words import role_words

RAIL_WIDTH, BAR_HEIGHT = 96, 68


class Navigation(QWidget):
    """One button per page, and the lock.

    Signals:
        chosen: index of the page.
    """

    chosen = Signal(int)

    def __init__(self, pages: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setAccessibleName(tr("Pages"))
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._row.setSpacing(12)
        self.buttons: list[NavigationButton] = []
        for index, (icon, words) in enumerate(pages):
            button = NavigationButton(icon, words)
            button.clicked.connect(lambda _checked=False, index=index: self.chosen.emit(index))
            self._row.addWidget(button)
            self.buttons.append(button)
        self._rest = QSpacerItem(0, 0)
        self._row.addItem(self._rest)
        self.lock = LockButton()
        self._row.addWidget(self.lock)

    def arrange(self, *, compact: bool) -> None:
        """A bar where compact, else a rail."""
        direction = QBoxLayout.Direction.LeftToRight if compact else QBoxLayout.Direction.TopToBottom
        self._row.setDirection(direction)
        expanding = QSizePolicy.Policy.Ignored if compact else QSizePolicy.Policy.Expanding
        self._rest.changeSize(0, 0, QSizePolicy.Policy.Fixed, expanding)
        self._row.invalidate()
        self._row.setContentsMargins(*((24, 0, 24, 0) if compact else (10, 16, 10, 16)))
        if compact:
            self.setMinimumSize(0, BAR_HEIGHT)
            self.setMaximumSize(16777215, BAR_HEIGHT)
        else:
            self.setMinimumSize(RAIL_WIDTH, 0)
            self.setMaximumSize(RAIL_WIDTH, 16777215)
        for button in (*self.buttons, self.lock):
            button.set_compact(compact=compact)

    def show_page(self, index: int) -> None:
        """Mark the page that is shown."""
        for own, button in enumerate(self.buttons):
            button.setChecked(own == index)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        with paint.painting(self) as painter:
            painter.fillRect(self.rect(), theme.color(Tone.SURFACE))
            painter.setPen(theme.color(Tone.LINE))
            if self.width() > self.height():
                painter.drawLine(0, 0, self.width(), 0)
            else:
                painter.drawLine(self.width() - 1, 0, self.width() - 1, self.height())


class NavigationButton(QPushButton):
    """A page's icon and name, with a red count of what waits there."""

    def __init__(self, icon: str, words: str) -> None:
        super().__init__(words)
        self._icon = icon
        self._count = 0
        self._compact = False
        self.setCheckable(True)
        self.setFont(fonts.font(15, 500))
        self.setAccessibleName(words)

    def set_compact(self, *, compact: bool) -> None:
        """Lower, and as wide as there is room."""
        self._compact = compact
        horizontal = QSizePolicy.Policy.Expanding if compact else QSizePolicy.Policy.Fixed
        self.setSizePolicy(horizontal, QSizePolicy.Policy.Fixed)
        self.updateGeometry()

    def set_count(self, count: int) -> None:
        """How many things wait there."""
        if count != self._count:
            self._count = count
            self.setAccessibleDescription(tr("{count} waiting for you", count=count) if count else "")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, BAR_HEIGHT - 2) if self._compact else QSize(76, 80)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        center = self.width() / 2
        top = 20.0 if self._compact else 25.0
        ink = theme.color(Tone.GREEN if self.isChecked() else Tone.TEXT2)
        pill = QRectF(center - 30, top - 16, 60, 32)
        with paint.painting(self) as painter:
            if self.isChecked():
                paint.rounded(painter, pill, 16, theme.tint(Tone.GREEN, 0.16))
            icons.draw(painter, self._icon, QPointF(center, top), 24, ink)
            place = QRectF(0, top + 17, self.width(), 24)
            words = theme.color(Tone.TEXT if self.isChecked() else Tone.TEXT2)
            paint.text(painter, place, self.text(), fonts.font(15, 600 if self.isChecked() else 500), words)
            if self._count:
                self._paint_count(painter, QPointF(center + 15, top - 9), theme)
            paint.focus_ring(painter, self, QRectF(self.rect()), 16)

    def rename(self, icon: str, words: str) -> None:
        """Another icon and name."""
        if words != self.text():
            self._icon = icon
            self.setText(words)
            self.setAccessibleName(words)

    def _paint_count(self, painter: QPainter, center: QPointF, theme: Theme) -> None:
        words = str(min(self._count, 99))
        width = 18.0 if len(words) == 1 else 26.0
        dot = QRectF(center.x() - width / 2, center.y() - 9, width, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        paint.rounded(painter, dot, 9, theme.color(Tone.RED))
        paint.text(painter, dot, words, fonts.font(13, 700), theme.color(Tone.SURFACE))


class LockButton(NavigationButton):
    """Says whether this screen is locked; hidden until that is known."""

    def __init__(self) -> None:
        super().__init__("lock", tr("Locked"))
        self.setCheckable(False)
        self.hide()

    def show_access(self, access: AccessView) -> None:
        """Show what may be done here."""
        if not access.pins:
            self.rename("lock-open", tr("No PIN"))
        elif access.role is access.open_role:
            self.rename("lock", tr("Locked"))
        else:
            self.rename("lock-open", tr("Unlocked"))
        self.setAccessibleDescription(tr("As {role}", role=role_words(access.role)))
        self.show()
