"""Sharing: what each provider may get, what it got, and the way to stop it."""

from itertools import pairwise

from ui import sharing_words
from ui.actions import Actions
from ui.pages.cards_page import CardsPage
from ui.pages.sharing_card import SharingCard
from ui.tr import tr
from ui.view import View
from ui.widgets.empty_state import EmptyState


class SharingPage(CardsPage):
    """One card per provider, in one or two columns."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(tr("Sharing"), _no_providers())
        self._actions = actions
        self._shape: tuple[int, tuple[str, ...]] = (0, ())
        self.cards: dict[str, SharingCard] = {}
        self.arrange(compact=False)

    def show_view(self, view: View) -> None:
        """Show these providers."""
        super().show_view(view)
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
