"""Why: what the hub did in the last two days, and what it saw each time."""

from datetime import date

from PySide6.QtCore import QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QFontMetricsF, QHideEvent, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from homeapp.model.why import WhyEntry
from ui import fonts, formats, icons, why_words
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.why_feed import WhyFeed
from ui.widgets import paint, rows
from ui.widgets.buttons import Button
from ui.widgets.empty_state import EmptyState
from ui.widgets.scroll import Scroll
from ui.widgets.text import Text

_LEFT, _TIME = 100.0, 64.0


class WhyPage(QWidget):
    """A list by days, the newest first.

    Signals:
        back: to the plan.
    """

    back = Signal()

    def __init__(self, feed: WhyFeed) -> None:
        super().__init__()
        self.setAccessibleName(tr("Why?"))
        self._feed = feed
        feed.changed.connect(self._again)
        self._view: View | None = None
        self._shown: tuple[WhyEntry, ...] = ()
        self.to_plan = Button(tr("Plan"), "chevron-left", height=60)
        self.to_plan.clicked.connect(self.back)
        self.to_plan.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._summary = Text("", tone=Tone.TEXT2, align=paint.RIGHT)
        self.empty = _empty()
        content = QWidget()
        self._list = QVBoxLayout(content)
        self._list.setContentsMargins(0, 0, 8, 0)
        self._scroll = Scroll(content)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self.to_plan)
        head.addWidget(Text(tr("Why?"), px=26, weight=600))
        head.addWidget(self._summary, 1)
        self._column = QVBoxLayout(self)
        self._column.addLayout(head)
        self._column.addWidget(self.empty, 1)
        self._column.addWidget(self._scroll, 1)
        self.arrange(compact=False)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        margin = 12 if compact else 20
        self._column.setContentsMargins(margin, margin, margin, margin)
        self._column.setSpacing(12 if compact else 16)
        self._list.setSpacing(8)

    def show_view(self, view: View) -> None:
        """Show what has been fetched."""
        zone_changed = self._view is None or self._view.zone != view.zone
        self._view = view
        entries, told_at = self._feed.entries, self._feed.told_at
        self._summary.say(self._feed.problem or self._age(view), Tone.RED if self._feed.problem else Tone.TEXT2)
        self.empty.setVisible(entries == ())
        self._scroll.setVisible(bool(entries))
        if told_at is not None and entries is not None and (entries != self._shown or zone_changed):
            self._shown = entries
            self._rebuild(entries, view)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._feed.watch(on=True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._feed.watch(on=False)

    def _age(self, view: View) -> str:
        if self._feed.told_at is None:
            return tr("Connecting to the hub…")
        age_s = (view.now - self._feed.told_at).total_seconds()
        return tr("The last two days") if age_s < 60 else formats.age(age_s)

    def _rebuild(self, entries: tuple[WhyEntry, ...], view: View) -> None:
        rows.empty(self._list)
        day: date | None = None
        for entry in entries:
            local = entry.at.astimezone(view.zone)
            if local.date() != day:
                day = local.date()
                words = f"{formats.weekday(local)} {formats.day(entry.at, view.zone)}"
                self._list.addWidget(Text(words, weight=600, tone=Tone.TEXT2))
            self._list.addWidget(WhyRow(entry, view))
        self._list.addStretch(1)
        self._scroll.settle()

    def _again(self) -> None:
        if self._view is not None:
            self.show_view(self._view)


class WhyRow(QLabel):
    """Time, what happened, and below it what was seen."""

    def __init__(self, entry: WhyEntry, view: View) -> None:
        super().__init__()
        self._time = formats.clock(entry.at, view.zone)
        self._icon, self._tone = why_words.icon(entry)
        self._title, self._seen = why_words.title(entry, view), why_words.seen_words(entry)
        self.setAccessibleName(f"{self._time} {self._title}. {self._seen}")
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return round(20 + self._height(self._title, 16, width) + self._height(self._seen, 14, width))

    def sizeHint(self) -> QSize:
        return QSize(320, self.heightForWidth(max(320, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 48)

    def _height(self, words: str, px: int, width: int) -> float:
        font = fonts.font(px, 600 if px == 16 else 500)
        lines = paint.broken(words, font, width - _LEFT - 16, 0) if words else []
        return len(lines) * QFontMetricsF(font).lineSpacing()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, rect = theme_of(self), QRectF(self.rect())
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, 16, theme.color(Tone.SURFACE), theme.color(Tone.LINE))
            place = QRectF(16, 10, _TIME, 24)
            paint.text(painter, place, self._time, fonts.font(15, 600), theme.color(Tone.TEXT2), paint.LEFT)
            icons.draw(painter, self._icon, QPointF(_LEFT - 18, 22), 20, theme.color(self._tone))
            top = 10.0
            for words, px, tone in ((self._title, 16, Tone.TEXT), (self._seen, 14, Tone.TEXT2)):
                font = fonts.font(px, 600 if px == 16 else 500)
                step = QFontMetricsF(font).lineSpacing()
                for line in paint.broken(words, font, rect.width() - _LEFT - 16, 0) if words else []:
                    at = QRectF(_LEFT, top, rect.width() - _LEFT - 12, step)
                    paint.text(painter, at, line, font, theme.color(tone), paint.LEFT)
                    top += step


def _empty() -> EmptyState:
    return EmptyState(
        "history",
        tr("Nothing has been decided yet"),
        (
            tr("Here stands what your home did, when, and what it saw at that moment."),
            tr("It is kept in your home for 90 days and goes to nobody."),
        ),
    )
