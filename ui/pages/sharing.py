"""Sharing: what each provider may get, what it got, and the way to stop it."""

from itertools import pairwise

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from ui import sharing_words
from ui.actions import Actions
from ui.pages.sharing_card import SharingCard
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.empty_state import EmptyState
from ui.widgets.scroll import Scroll
from ui.widgets.text import Text


class SharingPage(QWidget):
    """One card per provider, in one or two columns."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self.setAccessibleName(tr("Sharing"))
        self._actions = actions
        self._view: View | None = None
        self._columns = 2
        self._shape: tuple[int, tuple[str, ...]] = (0, ())
        self.cards: dict[str, SharingCard] = {}
        self._summary = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        self.empty = _no_providers()
        content = QWidget()
        self._grid = QGridLayout(content)
        self._grid.setContentsMargins(0, 0, 8, 0)
        self._scroll = Scroll(content)
        head = QHBoxLayout()
        head.addWidget(Text(tr("Sharing"), px=26, weight=600))
        head.addWidget(self._summary, 1)
        self._column = QVBoxLayout(self)
        self._column.addLayout(head)
        self._column.addWidget(self.empty, 1)
        self._column.addWidget(self._scroll, 1)
        self.arrange(compact=False)

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
        """Show these providers."""
        self._view = view
        providers = view.sharing or ()
        self._summary.say(sharing_words.total_words(view))
        self.empty.setVisible(view.sharing is not None and not providers)
        self._scroll.setVisible(bool(providers))
        is_new = self._rebuild(tuple(provider.sp_id for provider in providers))
        for provider in providers:
            self.cards[provider.sp_id].show_provider(provider, view)
        if is_new:
            for card, following in pairwise(self.cards.values()):
                self.setTabOrder(card.controls[-1], following.controls[0])
            self._scroll.settle()

    def _rebuild(self, wanted: tuple[str, ...]) -> bool:
        """Put the cards into their places; whether any of that had to be done."""
        if (self._columns, wanted) == self._shape:
            return False
        self._shape = (self._columns, wanted)
        while self._grid.takeAt(0) is not None:
            continue
        known, self.cards = self.cards, {}
        for index, sp_id in enumerate(wanted):
            card = known.pop(sp_id, None) or SharingCard(self._actions)
            self.cards[sp_id] = card
            self._grid.addWidget(card, index // self._columns, index % self._columns)
            card.show()
        for card in known.values():
            card.hide()
            card.deleteLater()
        last = (len(wanted) + self._columns - 1) // self._columns
        for row in range(max(self._grid.rowCount(), last) + 1):
            self._grid.setRowStretch(row, 1 if row == last else 0)
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if column < self._columns else 0)
        return True


def _no_providers() -> EmptyState:
    return EmptyState(
        "shield-lock",
        tr("Nothing leaves your home"),
        (
            tr("Your home is not paired with any provider yet. Your installer does that."),
            tr("Each provider then asks here for the kinds of data that it would like. All of them are off at first."),
            tr("You read what each means, switch on what you want, see what has left, and stop it at any time."),
        ),
    )
