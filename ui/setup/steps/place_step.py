"""Where the home is: its name, its language, its time zone, and whether the clock is right."""

from datetime import timedelta

import msgspec

from homeapp.model.commissioning import Answer, PlaceAnswer, Step
from ui.languages import language_name, spoken
from ui.setup import place_draft, time_zones
from ui.setup.draft import Draft, emptied
from ui.setup.entry_row import EntryRow
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.setup.watch_card import WatchCard
from ui.setup.zone_sheet import open_zones
from ui.tr import tr
from ui.view import View
from ui.widgets.buttons import Button
from ui.widgets.card import Card
from ui.widgets.segmented import Segmented
from ui.widgets.text import Text
from ui.widgets.text_field import TextField

_LONGEST_NAME = 64


class PlaceStep(StepPage):
    """The home at the left, its clock below."""

    def __init__(self, flow: SetupFlow) -> None:
        super().__init__(Step.PLACE, flow)
        self._draft: Draft[PlaceAnswer] = Draft()
        self._view: View | None = None
        self._ahead: timedelta | None = None
        self.name = TextField(tr("The home's name"), placeholder=tr("None"), longest=_LONGEST_NAME)
        self.name.textEdited.connect(self._rename)
        self.zone = Button("", "map-pin")
        self.zone.clicked.connect(self._ask_zone)
        codes = spoken()
        self.languages = Segmented(tr("Language"), [(code, language_name(code)) for code in codes])
        self.languages.asked.connect(lambda code: self._change(language=code))
        self.watch = WatchCard()
        self.watch.told.connect(self._hear_watch)
        home = Card(tr("The home"))
        only = tr("The screen speaks English only so far.") if len(codes) == 1 else tr("Of the screen.")
        home.body.addWidget(EntryRow(tr("Name"), tr("Greets people on Home. May stay empty."), self.name))
        if len(codes) == 1:
            home.body.addWidget(EntryRow(tr("Language"), only, Text(language_name(codes[0]), px=17, weight=600)))
        else:
            home.body.addWidget(EntryRow(tr("Language"), only, self.languages))
        self._zone_row = EntryRow(tr("Time zone"), "", self.zone)
        home.body.addWidget(self._zone_row)
        self._cards = (home, self.watch)
        self.entries.addWidget(home)
        self.aside.addWidget(self.watch)

    def answer(self) -> Answer | None:
        """What is entered now."""
        return self._draft.value

    def save(self) -> None:
        """Have the hub keep it.

        It compares a watch with its clock at this moment: what the watch said is told as of now, and what one said
        long ago, when another answer was kept, is not told again.
        """
        if self._view is not None and (entered := self._draft.value) is not None:
            said = ""
            if self._ahead is not None:
                said = place_draft.wall_time(self._view.now, entered.time_zone, self._ahead)
            self._draft.change(msgspec.structs.replace(entered, wall_time=said))
        super().save()

    def arrange(self, *, compact: bool) -> None:
        super().arrange(compact=compact)
        for card in self._cards:
            card.set_padding(14 if compact else 20)

    def show_view(self, view: View) -> None:
        super().show_view(view)
        self._view = view
        language = self.flow.known.language if self.flow.known is not None else ""
        kept = self.kept(PlaceAnswer)
        self._draft.follow(kept or place_draft.from_site(view.site, language))
        if self._draft.value == kept:
            self._ahead = None
        self._show()

    def _show(self) -> None:
        entered, view = self._draft.value, self._view
        if entered is None or view is None:
            return
        if self.name.text().strip() != (entered.name or ""):
            self.name.setText(entered.name or "")
        self.languages.choose(entered.language)
        self.zone.rename(time_zones.city_of(entered.time_zone), "map-pin")
        self.zone.setAccessibleName(f"{tr('Time zone')}: {entered.time_zone}")
        own = time_zones.own_zone()
        another = own if own != entered.time_zone else ""
        told = tr("This screen is set to {city}.", city=time_zones.city_of(another)) if another else entered.time_zone
        self._zone_row.hint.say(told.replace("_", " "))
        self.watch.show_clock(view.now, entered.time_zone, entered.wall_time)

    def _change(self, **changes: object) -> None:
        if self._draft.value is not None:
            self._draft.change(msgspec.structs.replace(self._draft.value, **changes))
            self._show()

    def _rename(self, words: str) -> None:
        known = self._draft.known
        self._change(name=emptied(words.strip(), known.name if known is not None else None))

    def _ask_zone(self) -> None:
        if self._draft.value is not None:
            open_zones(self.window(), self._draft.value.time_zone, self._take_zone)

    def _take_zone(self, zone: str) -> None:
        if self._draft.value is not None:
            if zone != self._draft.value.time_zone:
                self._ahead = None
            self._draft.change(place_draft.in_zone(self._draft.value, zone))
            self._show()

    def _hear_watch(self, ahead: timedelta) -> None:
        entered, view = self._draft.value, self._view
        if entered is not None and view is not None:
            self._ahead = ahead
            self._change(wall_time=place_draft.wall_time(view.now, entered.time_zone, ahead))
