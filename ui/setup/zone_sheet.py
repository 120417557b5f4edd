"""Where the home is: first the region, then the city."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QGridLayout, QWidget

from ui.setup import time_zones
from ui.theme import Tone
from ui.tr import tr
from ui.widgets.buttons import Button, Look
from ui.widgets.scroll import Scroll
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.widgets.toggle import Toggle

_COLUMNS = 2


class ZoneSheet(Sheet):
    """Big buttons; the machine's own zone is proposed above them.

    Args:
        chosen: the zone that holds now.
        then: takes the new one.
    """

    def __init__(self, window: QWidget, chosen: str, then: Callable[[str], None]) -> None:
        super().__init__(window, tr("Time zone"))
        self._chosen, self._then = chosen, then
        self.area = ""
        self.lead = Text("", px=16, tone=Tone.TEXT2, lines=0)
        self.body.addWidget(self.lead)
        own = time_zones.own_zone()
        self.own = Button(tr("{city}, as this screen is set", city=time_zones.city_of(own)), "map-pin", Look.FILLED)
        self.own.clicked.connect(lambda: self._take(own))
        self.own.setVisible(bool(own))
        self._proposes = bool(own)
        self.body.addWidget(self.own)
        self._places = QGridLayout()
        self._places.setSpacing(12)
        self.body.addLayout(self._places)
        self.body.addStretch(1)
        self.rows: dict[str, Toggle] = {}
        self.add_button(tr("Cancel"), "x", Look.TONAL)
        self.regions = Button(tr("Regions"), "chevron-left")
        self.regions.clicked.connect(self.show_regions)
        self._buttons.addWidget(self.regions, 2)
        self.show_regions()

    def open_sheet(self) -> None:
        super().open_sheet()
        for area in self.findChildren(Scroll):
            area.settle()

    def show_regions(self) -> None:
        """All regions."""
        self.area = ""
        self.lead.say(tr("In which part of the world is this home?"))
        self.own.setVisible(self._proposes)
        self.regions.hide()
        self._show(tuple(time_zones.zones()), time_zones.area_of(self._chosen), lambda area: area, self.show_area)

    def show_area(self, area: str) -> None:
        """The cities of a region."""
        self.area = area
        self.lead.say(tr("{region}: the city whose clocks go as here.", region=area))
        self.own.hide()
        self.regions.show()
        self._show(time_zones.zones()[area], self._chosen, time_zones.city_of, self._take)

    def _show(
        self, values: Sequence[str], chosen: str, words: Callable[[str], str], act: Callable[[str], None]
    ) -> None:
        had_focus = any(row.hasFocus() for row in self.rows.values())
        for row in self.rows.values():
            self._places.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = {}
        for index, value in enumerate(sorted(values, key=words)):
            row = Toggle(words(value))
            row.setChecked(value == chosen)
            row.clicked.connect(lambda _checked=False, value=value: act(value))
            self.rows[value] = row
            self._places.addWidget(row, index // _COLUMNS, index % _COLUMNS)
            row.show()
        if self.isVisible():
            self._fit()
            for area in self.findChildren(Scroll):
                area.settle()
                area.verticalScrollBar().setValue(0)
        if had_focus and self.rows:
            self.rows.get(chosen, next(iter(self.rows.values()))).setFocus()

    def _take(self, zone: str) -> None:
        self.close_sheet()
        self._then(zone)


def open_zones(window: QWidget, chosen: str, then: Callable[[str], None]) -> ZoneSheet:
    """Ask for the zone."""
    sheet = ZoneSheet(window, chosen, then)
    sheet.open_sheet()
    return sheet
