"""The window: navigation, banner and pages; gathers what the hub says and redraws at most ten times a second."""

from dataclasses import replace
from datetime import datetime

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QHideEvent, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from homeapp import api
from homeapp.model.commissioning import CommissioningView
from homeapp.model.consent import ProviderSharing
from homeapp.model.device import DeviceView
from homeapp.model.live import Snapshot
from homeapp.model.offer import OfferCase
from homeapp.model.plan import Goal, Plan, Schedule
from homeapp.model.standing_rule import RuleView, StandingRule
from homeapp.model.tariff import Tariff
from homeapp.model.uplink import UplinkView
from ui import words
from ui.actions import Actions
from ui.hub_link import HubLink
from ui.offer_previews import OfferPreviews
from ui.pages.devices import DevicesPage
from ui.pages.home import HomePage
from ui.pages.inbox import InboxPage
from ui.pages.plan import PlanPage
from ui.pages.prices import PricesPage
from ui.pages.rules import RulesPage
from ui.pages.sharing import SharingPage
from ui.pages.why import WhyPage
from ui.plan_draft import PlanDraft
from ui.rule_draft import RuleDraft
from ui.screen_lock import AWAY_MS, PATIENT_MS, ScreenLock
from ui.setup.setup_desk import SetupDesk
from ui.setup.wizard import Wizard
from ui.theme import Tone, theme_of
from ui.throttle import Throttle
from ui.tr import tr
from ui.view import View
from ui.why_feed import WhyFeed
from ui.widgets import paint
from ui.widgets.banner import Banner
from ui.widgets.navigation import Navigation

WIDE_FROM = (1000, 720)
"""px; a screen that is smaller in either gets the compact layout: 1024x600 is a common wall tablet."""
PAGES = ("home", "plan", "prices", "inbox", "devices", "sharing", "why", "rules", "setup")
_UNDER = {"why": "plan", "rules": "inbox", "setup": "home"}
"""Pages without a place of their own in the navigation, and the page that they belong to."""
_REDRAW_MS, _TICK_MS = 100, 1000


class Window(QWidget):
    """The pages over one hub.

    Signals:
        first_frame: the first picture is on the screen.
    """

    first_frame = Signal()

    def __init__(self, link: HubLink, *, animated: bool = True) -> None:
        super().__init__()
        self.setWindowTitle(tr("Home energy"))
        self.setMinimumSize(640, 400)
        self._link = link
        self._view = View(now=link.now(), alive=False)
        self._painted = False
        self._compact: bool | None = None
        self.desk = Actions(link, self)
        self.home, self.prices = HomePage(self.desk), PricesPage()
        self.inbox = InboxPage(self.desk, OfferPreviews(link, self))
        self.rules = RulesPage(self.desk, RuleDraft(link, self))
        self.inbox.rules.connect(lambda: self.go("rules"))
        self.inbox.ruling.connect(self._make_rule)
        self.rules.back.connect(lambda: self.go("inbox"))
        self.plan = PlanPage(self.desk, PlanDraft(link, self.desk, self))
        self.why = WhyPage(WhyFeed(link, self))
        self.plan.why.connect(lambda: self.go("why"))
        self.why.back.connect(lambda: self.go("plan"))
        self.home.flow.animated = animated
        self.devices, self.sharing = DevicesPage(self.desk), SharingPage(self.desk)
        self.setup_desk = SetupDesk(link, self)
        self.wizard = Wizard(link, self.setup_desk, self.desk)
        self.wizard.left.connect(lambda: self.go("home"))
        self._setup_offered = False
        self.navigation = Navigation(
            [
                ("home", tr("Home")),
                ("calendar-time", tr("Plan")),
                ("chart-bar", tr("Prices")),
                ("inbox", tr("Inbox")),
                ("devices", tr("Devices")),
                ("shield-lock", tr("Sharing")),
            ],
        )
        self.lock = ScreenLock(self, link, self.desk, self.navigation.lock)
        self.lock.left.connect(lambda: self.go("home"))
        self.lock.stays = lambda: self.wizard.isVisible() and self.wizard.flow.at_work
        for way in (self.home.setup_notice, self.devices.setup):
            way.clicked.connect(self.ask_set_up)
        self.setup_desk.pin_needed.connect(self.lock.ask)
        self.setup_desk.pin_choice.connect(lambda role, then: self.lock.set_pin(role, then, stay=True))
        self.home.pin_notice.clicked.connect(self.lock.set_first_pin)
        self.banner, self.banner_place = Banner("wifi-off", Tone.AMBER), QWidget(self)
        self._refusal = ""
        self.pages = QStackedWidget()
        self._all = (
            self.home,
            self.plan,
            self.prices,
            self.inbox,
            self.devices,
            self.sharing,
            self.why,
            self.rules,
            self.wizard,
        )
        for page in self._all:
            self.pages.addWidget(page)
        self._build()
        self._redraw = Throttle(self._draw, _REDRAW_MS, self)
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._redraw.request)
        self._connect(link)
        self.go("home")

    @property
    def view(self) -> View:
        """What is drawn now."""
        return self._view

    @property
    def complete(self) -> bool:
        """All topics have come."""
        view = self._view
        known = (view.snapshot, view.devices, view.offers, view.sharing)
        return all(topic is not None for topic in known)

    def go(self, page: str) -> None:
        """Show one of ``PAGES``."""
        index = PAGES.index(page)
        self.pages.setCurrentIndex(index)
        self.navigation.show_page(PAGES.index(_UNDER.get(page, page)))
        self.navigation.setVisible(page != "setup")
        self.lock.idle.wait(PATIENT_MS if page == "setup" else AWAY_MS)
        self._draw()

    def set_up(self) -> None:
        """Show commissioning: the step that was shown last, or else where it has come to."""
        self.wizard.resume()
        self.go("setup")

    def ask_set_up(self) -> None:
        """The same, for whoever may do that."""
        if self._now().needs_pin(api.Role.INSTALLER):
            self.lock.ask(api.Role.INSTALLER, self.set_up)
        else:
            self.set_up()

    def load_chart(self) -> None:
        """Bring the price charts in."""
        self.home.load_chart()
        self.plan.load_chart()
        self.prices.load_chart()

    def _build(self) -> None:
        self._banner_row = QVBoxLayout(self.banner_place)
        self._banner_row.addWidget(self.banner)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.banner_place)
        right.addWidget(self.pages, 1)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(self.navigation)
        self._row.addLayout(right, 1)
        self.navigation.chosen.connect(lambda index: self.go(PAGES[index]))

    def _connect(self, link: HubLink) -> None:
        link.connected.connect(self._connected)
        link.lost.connect(self._lost)
        link.refused.connect(self._refused)
        link.snapshot.connect(self._take_snapshot)
        link.devices.connect(self._take_devices)
        link.offers.connect(self._take_offers)
        link.tariff.connect(self._take_tariff)
        link.plan.connect(self._take_plan)
        link.schedule.connect(self._take_schedule)
        link.rules.connect(self._take_rules)
        link.sharing.connect(self._take_sharing)
        link.uplink.connect(self._take_uplink)
        link.access.connect(self._take_access)
        link.commissioning.connect(self._take_commissioning)
        self.setup_desk.changed.connect(self._redraw.request)
        self.setup_desk.commissioned.connect(self._take_commissioning)
        self.desk.changed.connect(self._redraw.request)
        self.desk.case_answered.connect(self._take_answer)
        self.desk.mode_set.connect(self._take_goal)
        self.desk.schedule_set.connect(self._take_schedule)
        self.desk.consent_set.connect(self._take_consent)

    def _connected(self, hello: api.Hello) -> None:
        self._refusal = ""
        self._put(replace(self._view, now=self._link.now(), alive=True, site=hello.site))

    def _lost(self) -> None:
        # Another hub may come than went: what it has begun with is not known before it says so.
        self._put(replace(self._view, now=self._link.now(), alive=False, commissioning=None))

    def _refused(self, sentence: str) -> None:
        self._refusal = sentence
        self._redraw.request()

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        self._put(replace(self._view, snapshot=snapshot))

    def _take_devices(self, devices: tuple[DeviceView, ...]) -> None:
        self._put(replace(self._view, devices=devices, devices_at=self._link.now()))

    def _take_offers(self, offers: tuple[OfferCase, ...]) -> None:
        self._put(replace(self._view, offers=offers))

    def _take_tariff(self, tariff: Tariff | None) -> None:
        self._put(replace(self._view, tariff=tariff))

    def _take_plan(self, plan: Plan | None) -> None:
        self._put(replace(self._view, plan=plan))

    def _make_rule(self, rule: StandingRule) -> None:
        self.go("rules")
        self.rules.open_rule(rule)

    def _take_schedule(self, schedule: Schedule) -> None:
        self._put(replace(self._view, schedule=schedule))

    def _take_rules(self, rules: tuple[RuleView, ...]) -> None:
        self._put(replace(self._view, rules=rules))

    def _take_access(self, access: api.AccessView) -> None:
        self._put(replace(self._view, access=access))
        self._offer_setup()

    def _take_commissioning(self, commissioning: CommissioningView) -> None:
        self._put(replace(self._view, commissioning=commissioning))
        self._offer_setup()

    def _offer_setup(self) -> None:
        """Once, by itself, to whoever may set the home up without a PIN."""
        view, known = self._view, self._view.commissioning
        if self._setup_offered or known is None or view.access is None:
            return
        self._setup_offered = True
        unfinished = known.due or (known.begun_at is not None and known.finished_at is None)
        if unfinished and not view.needs_pin(api.Role.INSTALLER):
            self.set_up()

    def _take_answer(self, answered: OfferCase) -> None:
        others = self._view.offers or ()
        offers = tuple(answered if case.offer.key == answered.offer.key else case for case in others)
        self._put(replace(self._view, offers=offers))

    def _take_goal(self, goal: Goal) -> None:
        if self._view.snapshot is not None:
            self._put(replace(self._view, snapshot=replace(self._view.snapshot, mode=goal.mode)))

    def _take_sharing(self, sharing: tuple[ProviderSharing, ...]) -> None:
        self._put(replace(self._view, sharing=sharing))

    def _take_uplink(self, uplink: UplinkView) -> None:
        self._put(replace(self._view, uplink=uplink, uplink_at=self._link.now()))

    def _take_consent(self, changed: ProviderSharing) -> None:
        others = self._view.sharing or ()
        sharing = tuple(changed if provider.sp_id == changed.sp_id else provider for provider in others)
        self._put(replace(self._view, sharing=sharing))

    def _put(self, view: View) -> None:
        self._view = view
        self._redraw.request()

    def _draw(self) -> None:
        self._view = view = self._now()
        if not self.isVisible():
            return
        never = view.snapshot is None
        lost = tr("Looking for the hub…") if never else words.hub_lost()
        self.banner.say(self._refusal or ("" if view.alive else lost))
        self.banner_place.setVisible(bool(self.banner.words.text()))
        self.navigation.buttons[PAGES.index("inbox")].set_count(len(view.undecided))
        self._all[self.pages.currentIndex()].show_view(view)

    def _now(self) -> View:
        now: datetime = self._link.now()
        return replace(
            self._view, now=now, alive=self._link.alive, actions={**self.desk.states, **self.setup_desk.states}
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        compact = self.width() < WIDE_FROM[0] or self.height() < WIDE_FROM[1]
        if compact is not self._compact:
            self._compact = compact
            self._arrange(compact=compact)

    def _arrange(self, *, compact: bool) -> None:
        direction = QBoxLayout.Direction.BottomToTop if compact else QBoxLayout.Direction.LeftToRight
        self._row.setDirection(direction)
        self.navigation.arrange(compact=compact)
        margin = 12 if compact else 20
        self._banner_row.setContentsMargins(margin, margin - 4, margin, 0)
        self.banner_place.setVisible(bool(self.banner.words.text()))
        for page in self._all:
            page.arrange(compact=compact)
        self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._tick.start()
        self._redraw.request()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._tick.stop()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            if self.isMinimized():
                self._tick.stop()
            elif self.isVisible():
                self._tick.start()

    def paintEvent(self, _event: QPaintEvent) -> None:
        with paint.painting(self) as painter:
            painter.fillRect(self.rect(), theme_of(self).color(Tone.BG))
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self, self.first_frame.emit)
