"""What pages of cards have in common: title, summary, cards in one or two columns, and words where there are none."""

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from ui.theme import Tone
from ui.view import View
from ui.widgets import paint
from ui.widgets.empty_state import EmptyState
from ui.widgets.scroll import Scroll
from ui.widgets.text import Text


class CardsPage(QWidget):
    """The frame; a page puts its cards into ``_grid``, of ``_columns`` columns.

    Args:
        title: of the page, translated; its accessible name too.
        empty: shown where there are no cards.
    """

    def __init__(self, title: str, empty: EmptyState) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self.empty = empty
        self._view: View | None = None
        self._columns = 2
        self._summary = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        content = QWidget()
        self._grid = QGridLayout(content)
        self._grid.setContentsMargins(0, 0, 8, 0)
        self._scroll = Scroll(content)
        self._head = QHBoxLayout()
        self._head.setSpacing(16)
        self._head.addWidget(Text(title, px=26, weight=600))
        self._head.addWidget(self._summary, 1)
        self._column = QVBoxLayout(self)
        self._column.addLayout(self._head)
        self._column.addWidget(self.empty, 1)
        self._column.addWidget(self._scroll, 1)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        margin = 12 if compact else 20
        self._column.setContentsMargins(margin, margin if compact else 22, margin, margin)
        self._column.setSpacing(12 if compact else 20)
        self._grid.setSpacing(12 if compact else 16)
        self._columns = 1 if compact else 2
        if self._view is not None:
            self.show_view(self._view)

    def show_view(self, view: View) -> None:
        """Show what the page is about, as it stands in ``view``."""
        self._view = view
