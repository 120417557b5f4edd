"""All that is not as it should be, in full and since when."""

from PySide6.QtWidgets import QWidget

from ui import formats
from ui.notices import Line
from ui.tr import tr
from ui.view import View
from ui.widgets.buttons import Look
from ui.widgets.icon_line import IconLine
from ui.widgets.sheet import Sheet


def open_notices(window: QWidget, lines: tuple[Line, ...], view: View) -> Sheet:
    """Show these, the most urgent first."""
    sheet = Sheet(window, tr("What you should know"))
    for line in lines:
        since = tr("Since {when}", when=formats.moment(line.since, view.now, view.zone))
        sheet.body.addWidget(IconLine("info-circle", f"{line.words}\n{since}", line.tone))
        sheet.body.addSpacing(6)
    sheet.body.addStretch(1)
    sheet.add_button(tr("Close"), "x", Look.TONAL)
    sheet.open_sheet()
    return sheet
