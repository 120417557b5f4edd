"""Inbox: what waits for an answer first, what runs, what is over."""

from itertools import pairwise

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from homeapp.model.offer import OfferCase
from ui import fonts, offer_words
from ui.actions import Actions
from ui.offer_previews import OfferPreviews
from ui.pages.offer_detail import OfferDetail
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View, waits_for_owner
from ui.widgets import paint, rows
from ui.widgets.buttons import Button
from ui.widgets.chip import BADGE_TINT
from ui.widgets.empty_state import EmptyState
from ui.widgets.scroll import Scroll
from ui.widgets.text import Text


class InboxPage(QWidget):
    """List at the left, the chosen request at the right; one after the other where room is short.

    Signals:
        rules: show the standing rules.
        ruling: a rule that is to be made.
    """

    rules = Signal()
    ruling = Signal(object)

    def __init__(self, actions: Actions, previews: OfferPreviews) -> None:
        super().__init__()
        self.setAccessibleName(tr("Inbox"))
        self._compact = False
        self._chosen: str | None = None
        self._view: View | None = None
        self._shape: tuple[tuple[str, ...], ...] = ()
        self.rows: dict[str, OfferRow] = {}
        self._title = Text(tr("Inbox"), px=26, weight=600)
        self._summary = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        self.empty = _empty()
        self.detail = OfferDetail(actions, previews)
        self.to_rules = Button(tr("Rules"), "list-check", height=60)
        self.to_rules.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.to_rules.clicked.connect(self.rules)
        self.detail.back.connect(self._back)
        self.detail.ruling.connect(self.ruling)
        content = QWidget()
        self._list = QVBoxLayout(content)
        self._list.setContentsMargins(0, 0, 8, 0)
        self._list.setSpacing(12)
        self._scroll = Scroll(content)
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addWidget(self._summary, 1)
        head.addSpacing(8)
        head.addWidget(self.to_rules)
        self._both = QHBoxLayout()
        self._both.addWidget(self._scroll, 42)
        self._both.addWidget(self.detail, 58)
        self._column = QVBoxLayout(self)
        self._column.addLayout(head)
        self._column.addWidget(self.empty, 1000)
        self._column.addLayout(self._both, 1)
        self.arrange(compact=False)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        self._compact = compact
        margin = 12 if compact else 20
        self._column.setContentsMargins(margin, margin if compact else 22, margin, margin)
        self._column.setSpacing(12 if compact else 20)
        self._both.setSpacing(8)
        self.detail.arrange(compact=compact)
        if self._view is not None:
            self.show_view(self._view)

    def show_view(self, view: View) -> None:
        """Show these requests."""
        self._view = view
        sections = (
            (tr("Decide"), view.undecided),
            (tr("Running and planned"), view.running),
            (tr("History"), view.history),
        )
        cases = {case.offer.key: case for _title, found in sections for case in found}
        self._summary.say(self._counts(view))
        self.empty.setVisible(not cases)
        if view.offers is None:
            self.empty.setVisible(False)
        self._rebuild(sections)
        if self._chosen not in cases:
            self._chosen = None if self._compact else next(iter(cases), None)
        for key, row in self.rows.items():
            row.show_case(cases[key], view, chosen=key == self._chosen and not self._compact)
        case = cases.get(self._chosen or "")
        self._scroll.setVisible(bool(cases) and (not self._compact or case is None))
        self.detail.setVisible(case is not None)
        alone = self._compact and case is not None
        self._title.setVisible(not alone)
        self._summary.setVisible(not alone)
        self.to_rules.setVisible(not alone)
        self.to_rules.rename(_rules_words(view), "list-check")
        if case is not None:
            self.detail.show_case(case, view)

    def open_case(self, key: str) -> None:
        """Show the request with this key."""
        self._chosen = key
        if self._view is not None:
            self.show_view(self._view)

    def _back(self) -> None:
        self._chosen = None
        if self._view is not None:
            self.show_view(self._view)

    def _counts(self, view: View) -> str:
        if view.offers is None:
            return tr("Connecting to the hub…")
        if view.undecided:
            return tr("{count} waiting for you", count=len(view.undecided))
        return tr("Nothing waits for you") if view.offers else ""

    def _rebuild(self, sections: tuple[tuple[str, tuple[OfferCase, ...]], ...]) -> None:
        shape = tuple(tuple(case.offer.key for case in found) for _title, found in sections)
        if shape == self._shape and self.rows:
            return
        self._shape = shape
        focused = next((key for key, row in self.rows.items() if row.hasFocus()), None)
        rows.empty(self._list)
        self.rows = {}
        for title, found in sections:
            if not found:
                continue
            self._list.addWidget(Text(title, px=15, weight=600, tone=Tone.TEXT2))
            for case in found:
                row = OfferRow()
                row.clicked.connect(lambda _checked=False, key=case.offer.key: self.open_case(key))
                self.rows[case.offer.key] = row
                self._list.addWidget(row)
        self._list.addStretch(1)
        buttons = self.detail.buttons
        for control, following in pairwise((*self.rows.values(), buttons.decline, buttons.approve, buttons.withdraw)):
            self.setTabOrder(control, following)
        if focused in self.rows:
            self.rows[focused].setFocus()


class OfferRow(QPushButton):
    """One request of the list; opens it."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._badge: tuple[str, Tone] = ("", Tone.TEXT2)
        self._state: tuple[str, Tone] = ("", Tone.TEXT2)
        self._title = self._line = ""
        self._chosen = False

    def show_case(self, case: OfferCase, view: View, *, chosen: bool) -> None:
        """Show this request."""
        offer = case.offer
        self._badge = offer_words.badge(offer)
        self._state = offer_words.state_words(case, view)
        if waits_for_owner(case):
            self._state = (offer_words.deadline(offer, view.now), Tone.AMBER)
        self._title = offer.title
        money = offer_words.reward(offer) if offer.reward is not None else ""
        self._line = " · ".join(part for part in (money, offer_words.when(offer, view), offer.sp_name) if part)
        self._chosen = chosen
        self.setAccessibleName(f"{self._badge[0]}: {self._title}. {self._state[0]}")
        self.setAccessibleDescription(self._line)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, 98)

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 98)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        words, tone = self._badge
        font = fonts.font(13, 700)
        width = QFontMetricsF(font).horizontalAdvance(words) + 20
        with paint.painting(self) as painter:
            line = theme.color(Tone.BLUE if self._chosen else Tone.LINE)
            paint.rounded(painter, rect, 18, theme.color(Tone.SURFACE), line)
            pill = QRectF(16, 12, width, 24)
            paint.rounded(painter, pill, 12, theme.tint(tone, BADGE_TINT))
            paint.text(painter, pill, words, font, theme.color(tone))
            state = QRectF(pill.right() + 10, 12, rect.width() - pill.right() - 26, 24)
            paint.text(painter, state, self._state[0], fonts.font(14, 600), theme.color(self._state[1]), paint.RIGHT)
            title, below = QRectF(16, 40, rect.width() - 32, 26), QRectF(16, 66, rect.width() - 32, 22)
            paint.text(painter, title, self._title, fonts.font(17, 600), theme.color(Tone.TEXT), paint.LEFT)
            paint.text(painter, below, self._line, fonts.font(14), theme.color(Tone.TEXT2), paint.LEFT)
            paint.focus_ring(painter, self, rect, 18)


def _rules_words(view: View) -> str:
    return tr("Rules ({count})", count=len(view.rules)) if view.rules else tr("Rules")


def _empty() -> EmptyState:
    return EmptyState(
        "inbox",
        tr("No requests yet"),
        (
            tr("Your energy providers can ask here: to charge less for a while, or to buy power from your car."),
            tr("Each request says what you earn and what your car keeps. Nothing happens unless you approve it."),
            tr("Only a limit by the grid operator must be followed. It is shown here too, and it ends by itself."),
        ),
    )
