"""What is wrong with the car, in one line that opens the story."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from homeapp.model.health import CAR, HealthAlert, PartOrder, Severity
from ui import fonts, icons, words
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View
from ui.widgets import paint

_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


class AlertCard(QPushButton):
    """The worst alert; hidden without one."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._compact = False
        self._tone = Tone.AMBER
        self._title, self._line = "", ""
        self.hide()

    def arrange(self, *, compact: bool) -> None:
        """Lower where room is short."""
        self._compact = compact
        self.updateGeometry()

    def show_alerts(self, alerts: tuple[HealthAlert, ...], view: View) -> None:
        """Show the worst of these, how the part for it stands, and how many more there are."""
        self.setVisible(bool(alerts))
        if not alerts:
            return
        shown = ranked(alerts)
        worst = shown[0]
        order = order_for(worst, view.snapshot.orders if view.snapshot else ())
        severity, self._tone = words.severity_words(worst.severity)
        self._title = worst.title
        mended = tr("Mended") if worst.cleared_at is not None else severity
        more = [tr("{count} more", count=len(shown) - 1)] if len(shown) > 1 else []
        ordered = [words.order_words(order, view)] if order is not None else []
        first = worst.advice.split(". ")[0].rstrip(".")
        self._line = " · ".join([*more, *(ordered or [mended]), first])
        self.setAccessibleName(". ".join([self._title, mended, *ordered, worst.advice]))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 60 if self._compact else 84)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        rect = QRectF(self.rect())
        middle = rect.center().y()
        tone = theme.color(self._tone)
        radius = 18.0 if self._compact else 22.0
        with paint.painting(self) as painter:
            paint.rounded(painter, rect, 20, theme.color(Tone.ALERT_BG), theme.color(Tone.LINE))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.tint(self._tone, 0.18, Tone.ALERT_BG))
            painter.drawEllipse(QPointF(20 + radius, middle), radius, radius)
            icons.draw(painter, "alert-triangle", QPointF(20 + radius, middle), radius * 1.1, tone)
            left = 34 + 2 * radius
            wide = rect.width() - left - 46
            title, line = QRectF(left, middle - 25, wide, 26), QRectF(left, middle + 1, wide, 22)
            paint.text(painter, title, self._title, fonts.font(17, 600), theme.color(Tone.TEXT), paint.LEFT)
            paint.text(painter, line, self._line, fonts.font(15), theme.color(Tone.TEXT2), paint.LEFT)
            icons.draw(painter, "chevron-right", QPointF(rect.width() - 27, middle), 20, theme.color(Tone.TEXT2))
            paint.focus_ring(painter, self, rect, 20)


def ranked(alerts: tuple[HealthAlert, ...]) -> list[HealthAlert]:
    """The worst first, what is mended last; a defect that a provider tells of too is shown in its words alone."""
    shown = [alert for alert in alerts if not any(_tells_the_same(other, alert) for other in alerts)]
    return sorted(shown, key=lambda alert: (alert.cleared_at is not None, _RANK[alert.severity]))


def order_for(alert: HealthAlert, orders: tuple[PartOrder, ...]) -> PartOrder | None:
    """The newest order of a part for this alert, or None."""
    return next((order for order in orders if order.alert_id == alert.alert_id and order.sp_id == alert.sp_id), None)


def _tells_the_same(other: HealthAlert, alert: HealthAlert) -> bool:
    """A provider's word about what the car has told, and taken no less seriously."""
    code = alert.code.partition("-")[0]
    same = bool(code) and code == other.code.partition("-")[0]
    both_stand = (alert.cleared_at is None) == (other.cleared_at is None)
    less = _RANK[other.severity] <= _RANK[alert.severity]
    return alert.sp_id == CAR and other.sp_id != CAR and same and both_stand and less
