"""The smart meter: found, adopted, read."""

from PySide6.QtWidgets import QHBoxLayout

from homeapp.model.commissioning import CheckId, CheckState, Step
from homeapp.model.device import DeviceKind, DeviceView
from ui import words
from ui.actions import Actions
from ui.setup import device_words, meter_words
from ui.setup.device_row import DeviceRows
from ui.setup.live_figure import LiveFigure
from ui.setup.meter_address import MeterAddress
from ui.setup.meter_help import open_meter_help
from ui.setup.self_check import SelfCheck
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.theme import Tone
from ui.tr import tr
from ui.view import Seen, View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button
from ui.widgets.card import Card
from ui.widgets.chip import Badge
from ui.widgets.icon_line import IconLine
from ui.widgets.text import Text

_UNKNOWN = Seen(None, None, stale=True)


class MeterStep(StepPage):
    """Meters that were found, and the live reading of the adopted one."""

    def __init__(self, flow: SetupFlow, actions: Actions) -> None:
        super().__init__(Step.METER, flow)
        self._rise = meter_words.Rise()
        self._itself = SelfCheck(Step.METER, flow)
        self.reading, self.found = Card(tr("Grid connection now")), Card(tr("Found on the home network"))
        self.badge = Badge()
        self.power = LiveFigure(tr("Power at the grid connection"))
        self.change = LiveFigure(tr("Change since the check began"))
        self.phases = Text("", px=17, weight=600, lines=0)
        self.adopted = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.trouble = Banner("alert-triangle", Tone.AMBER, lines=0)
        self.waiting = IconLine("search", "", Tone.BLUE)
        self.list = DeviceRows(actions)
        self.why = Button(tr("Why is it not found?"), "info-circle", height=60)
        self.enter = Button(tr("Enter its address"), "search", height=60)
        self.address = MeterAddress(flow.desk)
        self._entering = False
        self.why.clicked.connect(self._open_help)
        self.enter.clicked.connect(self._open_address)
        self._build()

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        super().arrange(compact=compact)
        for card in (self.reading, self.found):
            card.set_padding(14 if compact else 20)

    def show_view(self, view: View) -> None:
        """Show what was found and what it reads."""
        super().show_view(view)
        known = device_words.candidates(view, DeviceKind.METER)
        self.reading.setVisible(known.adopted is not None)
        if known.adopted is not None:
            self._show_reading(known.adopted, view, online=known.online)
        self.found.setVisible(known.adopted is None or bool(known.others))
        self.waiting.setVisible(not known.others)
        self.waiting.say(
            "search" if view.alive else "wifi-off",
            tr("No meter has announced itself yet. The hub goes on looking; a found one appears here by itself."),
            Tone.BLUE,
        )
        self.list.show_devices(known.others, view, further=known.adopted is not None)
        self.asks_first = known.adopted is None and bool(known.others)
        for button in (self.why, self.enter):
            button.setVisible(known.adopted is None)
        self.address.setVisible(self._entering and known.adopted is None)
        self.address.show_view(view)
        self._itself.take(known.adopted.device_id if known.adopted is not None and known.online else "", view)

    def _show_reading(self, meter: DeviceView, view: View, *, online: bool) -> None:
        seen = view.seen(view.snapshot.grid_w) if view.snapshot is not None else _UNKNOWN
        link, tone = words.link_words(meter.link) if view.alive else (tr("Unknown"), Tone.TEXT2)
        self.badge.say(link, tone)
        self.adopted.say(f"{device_words.name(meter)} · {device_words.particulars(meter)}")
        advice = "" if online or not view.alive else meter.problem or words.link_advice(meter)
        self.trouble.say(advice)
        said = meter_words.watts(seen.value)
        self.power.show_seen(seen, said, meter_words.direction_words(seen), tone=meter_words.direction_tone(seen))
        phases = tuple(view.seen(phase) for phase in view.snapshot.phase_w) if view.snapshot is not None else ()
        self.phases.say(meter_words.phase_words(phases), Tone.TEXT3 if seen.stale else Tone.TEXT)
        self.phases.setVisible(bool(self.phases.text()))
        running = self._direction is CheckState.RUNNING
        self._rise.take(seen, running=running)
        self.change.setVisible(running)
        size, meaning, colour = meter_words.change_words(self._rise.change_w)
        since = Seen(self._rise.change_w, seen.age_s, stale=seen.stale)
        self.change.show_seen(since, size, meaning, tone=colour)

    @property
    def _direction(self) -> CheckState:
        checks = self.flow.step(Step.METER).checks
        return next(check.state for check in checks if check.check is CheckId.METER_DIRECTION)

    def _open_help(self) -> None:
        checks = self.flow.step(Step.METER).checks
        open_meter_help(self.window(), next(check for check in checks if check.check is CheckId.METER_FOUND))

    def _open_address(self) -> None:
        self._entering = True
        self.address.show()
        self.address.address.setFocus()

    def _build(self) -> None:
        figures = QHBoxLayout()
        figures.setSpacing(20)
        figures.addWidget(self.power, 1)
        figures.addWidget(self.change, 1)
        self.reading.body.addLayout(figures)
        self.reading.body.addWidget(self.phases)
        self.reading.body.addWidget(self.trouble)
        whose = QHBoxLayout()
        whose.setSpacing(12)
        whose.addWidget(self.adopted, 1)
        whose.addWidget(self.badge)
        self.reading.body.addLayout(whose)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(self.why, 1)
        foot.addWidget(self.enter, 1)
        self.found.body.addWidget(self.waiting)
        self.found.body.addLayout(self.list)
        self.found.body.addLayout(foot)
        self.found.body.addWidget(self.address)
        self.entries.addWidget(self.reading)
        self.entries.addWidget(self.found)
