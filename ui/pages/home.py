"""Home: energy now, the car, the request that matters, prices, health of the car, today."""

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import Role
from homeapp.model.health import HealthAlert
from homeapp.model.offer import OfferCase, OfferState
from ui import formats, notices, words
from ui.actions import Actions
from ui.pages.alert_sheet import open_alerts
from ui.pages.notice_sheet import open_notices
from ui.setup import setup_words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.alert_card import AlertCard
from ui.widgets.car_card import CarCard, ModeSwitch
from ui.widgets.card import Card
from ui.widgets.chip import Chip
from ui.widgets.energy_flow import EnergyFlow
from ui.widgets.notice_strip import NoticeStrip
from ui.widgets.offer_card import OfferCard, OfferStrip
from ui.widgets.plan_card import PlanCard
from ui.widgets.price_card import PriceCard
from ui.widgets.text import Text
from ui.widgets.today_card import TodayCard
from ui.widgets.verb_notice import VerbNotice


class HomePage(QWidget):
    """The page a family looks at; everything on it has its age."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self.setAccessibleName(tr("Home"))
        self._actions = actions
        self._alerts: tuple[HealthAlert, ...] = ()
        self._lines: tuple[notices.Line, ...] = ()
        self._compact = False
        self._view: View | None = None
        self._header = _Header()
        self.strip = NoticeStrip()
        self.strip.clicked.connect(self._open_notices)
        anybody = tr("Anybody at this screen may change everything.")
        self.pin_notice = VerbNotice("lock-open", tr("Set a PIN"), anybody)
        self.setup_notice = VerbNotice("wand", tr("Setup: go on"))
        self._energy = Card(tr("Energy now"))
        self.flow = EnergyFlow()
        self._energy.body.addWidget(self.flow, 1)
        self.car = CarCard(actions)
        self.offer = OfferCard(actions)
        self.offer_strip = OfferStrip(actions)
        self.plan = PlanCard()
        self.mode_strip = _ModeStrip(actions)
        self.prices = PriceCard()
        self.alert = AlertCard()
        self.alert.clicked.connect(self._open_alerts)
        self.today = TodayCard()
        both = (self._energy, self.car, self.offer, self.offer_strip, self.plan, self.mode_strip)
        for widget in (self.strip, self.pin_notice, self.setup_notice, *both, self.prices, self.alert, self.today):
            widget.setParent(self)
        self._column = QVBoxLayout(self)
        self._grid = QGridLayout()
        self._right = QVBoxLayout()
        self._top, self._attention = QHBoxLayout(), QHBoxLayout()
        self._column.addWidget(self._header)
        self._column.addLayout(self._top)
        self._column.addLayout(self._grid, 1)
        self._column.addLayout(self._attention)
        self.arrange(compact=False)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        self._compact = compact
        margin, gap = (12, 12) if compact else (20, 16)
        self._column.setContentsMargins(margin, margin if compact else 16, margin, margin if compact else 20)
        self._column.setSpacing(gap)
        for layout in (self._grid, self._right, self._top, self._attention):
            layout.setSpacing(gap)
            while layout.takeAt(0) is not None:
                continue
        self._grid.setRowMinimumHeight(0, 0)
        self._header.setVisible(not compact)
        for wide_only in (self.prices, self.today):
            wide_only.setVisible(not compact)
        self._energy.set_padding(14 if compact else 20)
        self.car.arrange(compact=compact)
        self.alert.arrange(compact=compact)
        self._place(compact=compact)

    def load_chart(self) -> None:
        """Bring the price chart in, after the first frame."""
        self.prices.load_chart()

    def show_view(self, view: View) -> None:
        """Show this state."""
        self._view = view
        snapshot = view.snapshot
        self._header.show_view(view)
        self.car.show_view(view)
        self.prices.show_view(view)
        self.today.show_view(view)
        self._show_request(view)
        if snapshot is None:
            return
        self.flow.show_view(snapshot, view)
        self._energy.caption.say(words.buying(snapshot, view.seen(snapshot.grid_w)))
        self._alerts = tuple(alert for alert in snapshot.alerts if alert.cleared_at is None or not alert.seen_by_owner)
        self.alert.show_alerts(self._alerts if view.alive or not self._compact else (), view)
        self._lines = notices.lines(snapshot, view, foremost(view)) if view.alive else ()
        self._show_to_do(view)

    def _show_to_do(self, view: View) -> None:
        """Where room is short, what cannot wait goes first. Who sets the home up sets its PINs as well."""
        crowded = self._compact and bool(self._lines) and self.alert.isVisibleTo(self)
        remaining = setup_words.remaining(view.commissioning)
        if crowded and remaining and view.commissioning is not None:
            since = view.commissioning.finished_at or view.commissioning.begun_at or view.now
            self._lines = (*self._lines, notices.Line(words=remaining, tone=Tone.AMBER, since=since))
        self.strip.show_lines(self._lines)
        self.setup_notice.say(remaining, locked=view.needs_pin(Role.INSTALLER))
        self.setup_notice.setVisible(view.alive and bool(remaining) and not crowded)
        self.pin_notice.setVisible(view.alive and view.without_pin and not remaining and not crowded)

    def _open_notices(self) -> None:
        if self._view is not None:
            open_notices(self.window(), self._lines, self._view)

    def _open_alerts(self) -> None:
        if self._view is not None:
            open_alerts(self.window(), self._alerts, self._view, self._actions)

    def _place(self, *, compact: bool) -> None:
        grid = self._grid
        grid.addWidget(self._energy, 0, 0)
        grid.addWidget(self.car, 0, 1)
        if compact:
            grid.addWidget(self.offer_strip, 1, 0, 1, 2)
            grid.addWidget(self.mode_strip, 1, 0, 1, 2)
            self._attention.addWidget(self.strip, 1)
            self._attention.addWidget(self.alert, 1)
            for notice in (self.pin_notice, self.setup_notice):
                self._attention.addWidget(notice, 1)
            _stretch(grid, columns=(46, 31, 0), rows=(1, 0))
            return
        self._top.addWidget(self.strip, 3)
        for notice in (self.pin_notice, self.setup_notice):
            self._top.addWidget(notice, 2)
        grid.addWidget(self.offer, 0, 2)
        grid.addWidget(self.plan, 0, 2)
        grid.addWidget(self.prices, 1, 0, 1, 2)
        self._right.addWidget(self.alert)
        self._right.addWidget(self.today, 1)
        grid.addLayout(self._right, 1, 2)
        _stretch(grid, columns=(46, 29, 36), rows=(57, 43))

    def _show_request(self, view: View) -> None:
        case = foremost(view)
        self.offer.setVisible(case is not None and not self._compact)
        self.offer_strip.setVisible(case is not None and self._compact)
        self.plan.setVisible(case is None and not self._compact)
        self.mode_strip.setVisible(case is None and self._compact)
        if case is not None:
            (self.offer_strip if self._compact else self.offer).show_case(case, view)
            needed = self.offer.heightForWidth(self.offer.width())
            # The grid itself would squeeze text that needs more lines than its shortest form.
            self._grid.setRowMinimumHeight(0, 0 if self._compact else needed)
        elif self._compact:
            self.mode_strip.show_view(view)
        else:
            self.plan.show_view(view)


def foremost(view: View) -> OfferCase | None:
    """The request to show on Home: one to decide, else one that runs or is to come."""
    if view.undecided:
        return view.undecided[0]
    active = [case for case in view.running if case.state is OfferState.ACTIVE]
    return next(iter([*active, *view.running]), None)


def _stretch(grid: QGridLayout, columns: tuple[int, int, int], rows: tuple[int, int]) -> None:
    for index, share in enumerate(columns):
        grid.setColumnStretch(index, share)
    for index, share in enumerate(rows):
        grid.setRowStretch(index, share)


class _Header(QWidget):
    """Greeting, devices, price now, time."""

    def __init__(self) -> None:
        super().__init__()
        self._greeting = Text("", px=26, weight=600)
        self._meter, self._charger, self._price = Chip(), Chip(), Chip()
        self._clock = Text("", px=26, weight=600, align=paint.RIGHT)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 4, 0)
        row.setSpacing(10)
        row.addWidget(self._greeting, 1)
        for chip in (self._meter, self._charger, self._price):
            row.addWidget(chip)
        row.addSpacing(8)
        row.addWidget(self._clock)

    def show_view(self, view: View) -> None:
        self._greeting.say(words.greeting(view.now, view))
        self._clock.say(formats.clock(view.now, view.zone))
        snapshot = view.snapshot
        for chip in (self._meter, self._charger, self._price):
            chip.setVisible(snapshot is not None)
        if snapshot is None:
            return
        _device_chip(self._meter, tr("Meter"), online=snapshot.meter_online, alive=view.alive)
        _device_chip(self._charger, tr("Charger"), online=snapshot.evce_online, alive=view.alive)
        known = snapshot.price is not None and view.alive
        now = formats.price(snapshot.price, snapshot.currency)
        self._price.say(tr("{price} now", price=now) if known else tr("Price unknown"))


def _device_chip(chip: Chip, name: str, *, online: bool | None, alive: bool) -> None:
    if online is None:
        chip.say(tr("No {device}", device=name.lower()), Tone.BAR_IDLE)
    elif not alive:
        chip.say(tr("{device} unknown", device=name), Tone.BAR_IDLE)
    else:
        chip.say(name if online else tr("{device} offline", device=name), Tone.GREEN if online else Tone.RED)


class _ModeStrip(Card):
    """Where room is short and nothing is to decide: the price now and how to charge."""

    def __init__(self, actions: Actions) -> None:
        super().__init__(pad=14)
        self._price = Text("", px=18, weight=600)
        self._hint = Text("", px=14, tone=Tone.TEXT2)
        self._modes = ModeSwitch(actions)
        self._modes.setFixedWidth(360)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addStretch(1)
        column.addWidget(self._price)
        column.addWidget(self._hint)
        column.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addLayout(column, 1)
        row.addWidget(self._modes)
        self.body.addLayout(row)
        self.setAccessibleName(tr("How to charge"))

    def show_view(self, view: View) -> None:
        self._modes.show_view(view)
        snapshot = view.snapshot
        if snapshot is None:
            return
        price = formats.price(snapshot.price, snapshot.currency)
        known = snapshot.price is not None and view.alive
        self._price.say(tr("{price} per kWh now", price=price) if known else tr("Price unknown"))
        cost = formats.money(snapshot.today.cost, snapshot.today.currency)
        charged = formats.kilowatt_hours(snapshot.today.charged_wh)
        said = tr("Today {charged} · {cost}", charged=charged, cost=cost)
        age = formats.age(view.since_snapshot_s)
        self._hint.say(said if view.alive else f"{said} · {age}", Tone.TEXT2 if view.alive else Tone.TEXT3)
