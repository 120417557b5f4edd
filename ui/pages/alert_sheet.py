"""The story behind the alerts about the car."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from homeapp.api import AlertSeen
from homeapp.model.health import HealthAlert
from ui import words
from ui.actions import Actions
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.alert_card import order_for, ranked
from ui.widgets.buttons import Look
from ui.widgets.chip import Badge
from ui.widgets.icon_line import IconLine
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text


def open_alerts(window: QWidget, alerts: tuple[HealthAlert, ...], view: View, actions: Actions) -> Sheet:
    """Show all of them with the parts that are on order for them; "Seen" marks them as read."""
    orders = view.snapshot.orders if view.snapshot else ()
    locked = view.needs_pin(AlertSeen.role)
    sheet = Sheet(window, tr("Health of your car"))
    for alert in ranked(alerts):
        severity, tone = words.severity_words(alert.severity)
        if alert.cleared_at is not None:
            severity, tone = tr("Mended"), Tone.GREEN
        sheet.body.addWidget(Badge(severity, tone), 0, Qt.AlignmentFlag.AlignLeft)
        sheet.body.addWidget(Text(alert.title, px=22, weight=600, lines=0))
        sheet.body.addWidget(Text(alert.advice, px=17, tone=Tone.TEXT2, lines=0))
        order = order_for(alert, orders)
        if order is not None:
            stands = f"{words.order_words(order, view)}: {order.part}"
            sheet.body.addWidget(IconLine("package", f"{stands}\n{order.note}" if order.note else stands))
        if alert.code:
            sheet.body.addWidget(Text(tr("Fault code {code}", code=alert.code), px=14, tone=Tone.TEXT2))
        sheet.body.addSpacing(12)
    sheet.body.addStretch(1)
    unseen = [alert for alert in alerts if not alert.seen_by_owner]

    def seen() -> None:
        for alert in unseen:
            actions.see_alert(alert.sp_id, alert.alert_id)

    if unseen:
        sheet.add_button(tr("Close"), "x", Look.TONAL)
        sheet.add_button(tr("Mark as seen"), "check", Look.FILLED, seen).set_locked(locked=locked)
    else:
        sheet.add_button(tr("Close"), "x", Look.TONAL)
    sheet.open_sheet()
    return sheet
