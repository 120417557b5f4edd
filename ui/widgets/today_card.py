"""Totals since midnight at home."""

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from homeapp.model.live import Today
from ui import fonts, formats, icons
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.card import Card


class TodayCard(Card):
    """Charged, cost, fed back, earned."""

    def __init__(self) -> None:
        super().__init__(tr("Today"))
        self.body.setSpacing(0)
        self._charged, self._cost, self._fed, self._earned = (
            _Row("leaf", tr("Charged"), ruled=False),
            _Row("coin-euro", tr("Cost")),
            _Row("bolt", tr("Fed back")),
            _Row("pig-money", tr("Earned")),
        )
        for row in (self._charged, self._cost, self._fed, self._earned):
            self.body.addWidget(row, 1)

    def show_view(self, view: View) -> None:
        """Show the totals, dashes where they are not known; grey with their age once the hub is gone."""
        today = view.snapshot.today if view.snapshot else None
        stale = today is not None and not view.alive
        self.caption.say(formats.age(view.since_snapshot_s) if stale else "")
        self._show_today(today, Tone.TEXT3 if stale else Tone.TEXT, Tone.TEXT3 if stale else Tone.GREEN)

    def _show_today(self, today: Today | None, tone: Tone, gain: Tone) -> None:
        charged = today.charged_wh if today else None
        self._charged.say(formats.kilowatt_hours(charged), tone)
        currency = today.currency if today else "EUR"
        self._cost.say(formats.money(today.cost if today else None, currency), tone)
        self._cost.set_icon("coin-euro" if currency == "EUR" else "coin")
        self._fed.setVisible(today is not None and today.fed_wh > 0)
        self._fed.say(formats.kilowatt_hours(today.fed_wh if today else None), tone)
        earned = today.earned if today else None
        self._earned.say(formats.money(earned, currency), gain if earned else tone)


class _Row(QLabel):
    def __init__(self, icon: str, caption: str, *, ruled: bool = True) -> None:
        super().__init__()
        self._ruled = ruled
        self._icon, self._caption, self._value, self._tone = icon, caption, "", Tone.TEXT
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_icon(self, icon: str) -> None:
        self._icon = icon

    def say(self, value: str, tone: Tone) -> None:
        self._value, self._tone = value, tone
        self.setAccessibleName(f"{self._caption}: {value}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(220, 26)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 26)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        with paint.painting(self) as painter:
            if self._ruled:
                painter.setPen(theme.color(Tone.LINE))
                painter.drawLine(0, 0, self.width(), 0)
            icons.draw(painter, self._icon, QPointF(11, rect.center().y()), 20, theme.color(Tone.TEXT2))
            caption = rect.adjusted(34, 0, -110, 0)
            paint.text(painter, caption, self._caption, fonts.font(15), theme.color(Tone.TEXT2), paint.LEFT)
            value = rect.adjusted(rect.width() - 140, 0, 0, 0)
            paint.text(painter, value, self._value, fonts.font(18, 600), theme.color(self._tone), paint.RIGHT)
