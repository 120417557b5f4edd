"""Why a meter may not be found: what to look at, the usual cause first, and what the hub has seen."""

from PySide6.QtWidgets import QWidget

from homeapp.model.commissioning import CheckView
from ui.setup import meter_words
from ui.theme import Tone
from ui.tr import tr
from ui.widgets.buttons import Look
from ui.widgets.icon_line import IconLine
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text


def open_meter_help(window: QWidget, check: CheckView) -> Sheet:
    """Show it."""
    sheet = Sheet(window, tr("Why is the meter not found?"))
    for icon, words in _causes():
        line = IconLine(icon, words, Tone.BLUE)
        sheet.body.addWidget(line)
    told = meter_words.check_words(check)
    sheet.body.addSpacing(8)
    sheet.body.addWidget(Text(tr("What the hub has seen"), px=15, weight=600))
    words = " ".join(told) or tr("The check “Meter online” has not run yet: it says what the hub can hear.")
    sheet.body.addWidget(Text(words, px=15, tone=Tone.TEXT2, lines=0))
    sheet.body.addStretch(1)
    sheet.add_button(tr("Close"), "x", Look.TONAL)
    sheet.open_sheet()
    return sheet


def _causes() -> tuple[tuple[str, str], ...]:
    return (
        ("adjustments", tr("Local API: switch it on in the meter maker's app. It is off when the meter is new.")),
        ("bolt", tr("Power: the meter's light is on, and the maker's app shows readings.")),
        ("home", tr("Same network: meter and hub hang on the same router, and not on its guest network.")),
        ("wifi-off", tr("Access point: its client isolation is off, and it lets multicast through.")),
        ("shield-lock", tr("Firewall: UDP port 5353 (mDNS) is open on the hub's machine.")),
        ("search", tr("Still nothing: read the meter's address in the router or the app, and enter it here.")),
    )
