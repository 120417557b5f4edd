"""The live state of the home: the newest of everything, and how old it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from homeapp.model.health import HealthAlert, OrderStatus, PartOrder, Severity
from homeapp.model.live import (
    Activity,
    Doing,
    Figure,
    GridLimit,
    LinkState,
    LiveCharger,
    Notice,
    ProviderLink,
    Snapshot,
    Today,
)
from homeapp.model.plan import Goal, Plan
from homeapp.model.readings import EvceState, EvceStatus, MeterReading
from homeapp.model.site import Site
from homeapp.model.tariff import Tariff
from homeapp.ports import Clock
from homeapp.tariffs.home_prices import HomePrices

METER_STALE_S = 15.0
EVCE_STALE_S = 60.0
SOC_STALE_S = 900.0
PRIMARY_AWAY_S = 120.0
"""A charger that only lost its connection, or has not come yet after a start of the hub, keeps its place so long."""
_AWAY = (EvceStatus.OFFLINE, EvceStatus.STARTING)
MOST_NOTICES = 20
NOTICE_LIFE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stamped:
    """The newest meter reading and when it came by the monotonic clock."""

    reading: MeterReading
    monotonic: float


class LiveState:
    """Holds the newest of everything in memory; ``snapshot`` puts it together.

    Attributes:
        meter, plan, today, alerts, orders: the newest, or None / empty.
        evces: the newest state of each charger that has come, by device id.
        activities: what each adopted charger does and why, by device id.
        prices: all that is known of them.
        feeder_id: the charger that carries out the power feed that is due, or None while none is.
    """

    def __init__(self, *, site: Site, goal: Goal, clock: Clock, prices: HomePrices | None = None) -> None:
        self.site = site
        self.goal = goal
        self.meter: Stamped | None = None
        self.plan: Plan | None = None
        self.prices = prices or HomePrices()
        self.evces: dict[str, EvceState] = {}
        self.activities: dict[str, Activity] = {}
        self.feeder_id: str | None = None
        self.today = Today(charged_wh=0.0, fed_wh=0.0, cost=Decimal(0), earned=Decimal(0), currency="")
        self.alerts: tuple[HealthAlert, ...] = ()
        self.orders: tuple[PartOrder, ...] = ()
        self._clock = clock
        self._chargers: dict[str, str] = {}
        self._primary_id: str | None = None
        self._away_since: float | None = None
        self._known_since: dict[str, dict[datetime, float]] = {}
        self._links: dict[str, ProviderLink] = {}
        self._notices: dict[str, Notice] = {}
        self._unkept: dict[str, Notice] = {}

    @property
    def primary_id(self) -> str | None:
        """The charger that the plan and the goal are about: see ``chargers_are``."""
        return self._primary_id

    @property
    def names(self) -> Mapping[str, str]:
        """The adopted chargers, device id to name, the one adopted first first."""
        return self._chargers

    @property
    def evce(self) -> EvceState | None:
        """The primary charger's newest state."""
        return self.evces.get(self._primary_id or "")

    @property
    def activity(self) -> Activity:
        """What the primary charger does."""
        return self.activities.get(self._primary_id or "", Activity(doing=Doing.NO_CHARGER))

    def chargers_are(self, names: Mapping[str, str]) -> None:
        """The adopted chargers, device id to name, the one adopted first first; all others are forgotten.

        The primary one is the first one with a car, else the first one. It stays so until its car has left, so that
        another car that comes changes nothing; one that is away loses its place after a while.
        """
        self._chargers = dict(names)
        for kept in (self.evces, self.activities, self._known_since):
            for device_id in kept.keys() - names.keys():
                del kept[device_id]
        if self._primary_id not in names or self._has_left():
            self._primary_id = next((key for key in names if self._has_car(key)), self._primary_id)
        if self._primary_id not in names:
            self._primary_id = next(iter(names), None)

    def evce_changed(self, state: EvceState) -> None:
        """A charger's newest state."""
        stamps = (state.received_at, state.power_at, state.soc_at)
        now, monotonic = self._clock.now(), self._clock.monotonic()
        known = self._known_since.get(state.device_id, {})
        self.evces[state.device_id] = state
        # From here on by the monotonic clock: a step of the civil time must not make old values young.
        self._known_since[state.device_id] = {
            stamp: known.get(stamp, monotonic - max(0.0, (now - stamp).total_seconds()))
            for stamp in stamps
            if stamp is not None
        }
        self.chargers_are({**self._chargers, state.device_id: self._chargers.get(state.device_id, "")})

    def _has_car(self, device_id: str) -> bool:
        state = self.evces.get(device_id)
        return state is not None and state.status.car_present

    def _has_left(self) -> bool:
        """The primary charger's car is gone, or the charger has been away for long."""
        state = self.evce
        if state is not None and state.status not in _AWAY:
            self._away_since = None
            return not state.status.car_present
        monotonic = self._clock.monotonic()
        self._away_since = monotonic if self._away_since is None else self._away_since
        return monotonic - self._away_since >= PRIMARY_AWAY_S

    @property
    def tariff(self) -> Tariff | None:
        """Prices, known and expected, as the owner pays them."""
        return self.prices.tariff(self._clock.now())

    @property
    def meter_age_s(self) -> float:
        """Seconds since the newest meter reading; infinite without one."""
        return float("inf") if self.meter is None else max(0.0, self._clock.monotonic() - self.meter.monotonic)

    @property
    def critical_health(self) -> bool:
        """A critical defect of the car stands."""
        return any(alert.severity is Severity.CRITICAL and alert.cleared_at is None for alert in self.alerts)

    @property
    def fresh_soc_pct(self) -> float | None:
        """The primary car's state of charge, or None where it is not known or too old to rely on."""
        return self.fresh_soc_of(self._primary_id or "")

    def fresh_soc_of(self, device_id: str) -> float | None:
        """The same of the car at this charger."""
        figure = self._soc(device_id)
        return None if figure.stale else figure.value

    def charger_w(self, device_id: str) -> Figure:
        """What is measured at this charger, W."""
        state = self.evces.get(device_id)
        if state is None:
            return Figure()
        if state.connected and state.transaction_id is None:
            return Figure(0.0, self._age(state, state.received_at), stale=False)
        return self._aged(state, state.power_w, state.power_at, EVCE_STALE_S)

    def meter_read(self, reading: MeterReading) -> None:
        """A new reading."""
        self.meter = Stamped(reading, self._clock.monotonic())

    def tariff_received(self, sp_id: str, tariff: Tariff) -> None:
        """New prices of a provider."""
        self.prices.received(sp_id, tariff)

    @property
    def connected(self) -> tuple[str, ...]:
        """Device ids of the chargers that can be talked to."""
        return tuple(state.device_id for state in self.evces.values() if state.connected)

    @property
    def links(self) -> Mapping[str, ProviderLink]:
        """The ways to the providers, by sp_id."""
        return self._links

    def link_changed(self, sp_id: str, name: str, state: LinkState, problem: str | None) -> None:
        """The way to a provider has changed."""
        old = self._links.get(sp_id)
        since = old.since if old is not None and old.state is state else self._clock.now()
        self._links[sp_id] = ProviderLink(
            sp_id=sp_id, name=name, state=state, since=since, problem=problem, waiting=old.waiting if old else 0
        )

    def waiting_changed(self, waiting: dict[str, int]) -> None:
        """How many answers wait in the outbox, per provider."""
        for sp_id, link in self._links.items():
            self._links[sp_id] = replace(link, waiting=waiting.get(sp_id, 0))

    def notice(self, code: str, sentence: str) -> None:
        """Something to tell the owner; the same again only counts up."""
        old = self._notices.pop(code, None)
        count = old.count + 1 if old else 1
        self._notices[code] = Notice(code=code, sentence=sentence, at=self._clock.now(), count=count)
        self._unkept[code] = self._notices[code]
        while len(self._notices) > MOST_NOTICES:
            del self._notices[next(iter(self._notices))]

    def notices_restored(self, notices: Iterable[Notice]) -> None:
        """Those that an earlier run of the hub has kept, newest first."""
        self._notices = {notice.code: notice for notice in reversed(tuple(notices)[:MOST_NOTICES])} | self._notices

    def unkept_notices(self) -> tuple[Notice, ...]:
        """What has come since this was asked last, to be kept."""
        unkept, self._unkept = tuple(self._unkept.values()), {}
        return unkept

    def alert_raised(self, alerts: Iterable[HealthAlert]) -> None:
        """The car's alerts, mended ones left out."""
        standing = (alert for alert in alerts if alert.cleared_at is None)
        self.alerts = tuple(sorted(standing, key=lambda alert: list(Severity).index(alert.severity), reverse=True))

    def orders_changed(self, orders: Iterable[PartOrder]) -> None:
        """Part orders, the newest first; those that are over are left out."""
        over = (OrderStatus.DELIVERED, OrderStatus.CANCELLED)
        self.orders = tuple(order for order in orders if order.status not in over)

    def snapshot(
        self,
        *,
        meter_online: bool | None,
        evce_online: bool | None,
        pending_offers: int,
        grid_limit: GridLimit | None = None,
    ) -> Snapshot:
        """Everything Home shows, with ages as of now."""
        now = self._clock.now()
        tariff = self.tariff
        price = tariff.at(now) if tariff else None
        grid, charger = self._grid(), self._charger()
        return Snapshot(
            at=now,
            grid_w=grid,
            home_w=_home(grid, charger, evce_present=evce_online is not None),
            evce_w=charger,
            soc_pct=self._soc(self._primary_id or ""),
            session_wh=self._session(),
            price=price.import_price if price else None,
            export_price=price.export_price if price else None,
            currency=tariff.currency if tariff else "",
            meter_online=meter_online,
            evce_online=evce_online,
            evce_status=self.evce.status if self.evce else None,
            activity=self.activity,
            mode=self.goal.mode,
            target_pct=self.goal.target_pct,
            floor_pct=self.goal.floor_pct,
            ready_by=self.goal.ready_by,
            reaches_pct=self.plan.reaches_pct if self.plan else None,
            granted_w=self.evce.granted_w if self.evce else None,
            fuse_a=self.site.fuse_a,
            today=self.today,
            alerts=self.alerts,
            orders=self.orders,
            providers=tuple(self._links.values()),
            notices=tuple(notice for notice in reversed(self._notices.values()) if now - notice.at < NOTICE_LIFE),
            pending_offers=pending_offers,
            chargers=self._views(),
            grid_limit=grid_limit,
            phase_w=self._phases(),
        )

    def _grid(self) -> Figure:
        if self.meter is None:
            return Figure()
        age = self.meter_age_s
        return Figure(self.meter.reading.power_w, age, age > METER_STALE_S)

    def _phases(self) -> tuple[Figure, ...]:
        if self.meter is None:
            return ()
        age = self.meter_age_s
        return tuple(Figure(power, age, age > METER_STALE_S) for power in self.meter.reading.phase_power_w or ())

    def _charger(self) -> Figure:
        """The sum over all chargers that have told: as old as the oldest."""
        figures = [figure for key in self.evces if (figure := self.charger_w(key)).value is not None]
        if not figures:
            return Figure()
        return Figure(
            sum(figure.value or 0.0 for figure in figures),
            max(figure.age_s or 0.0 for figure in figures),
            any(figure.stale for figure in figures),
        )

    def _views(self) -> tuple[LiveCharger, ...]:
        return tuple(
            LiveCharger(
                device_id=device_id,
                name=name,
                status=self.evces[device_id].status if device_id in self.evces else EvceStatus.OFFLINE,
                power_w=self.charger_w(device_id),
                activity=self.activities.get(device_id, Activity(doing=Doing.CHARGER_OFFLINE)),
                primary=device_id == self._primary_id,
                current_a=self._current(device_id),
                limit_a=self._limit_a(device_id),
            )
            for device_id, name in self._chargers.items()
        )

    def _current(self, device_id: str) -> Figure:
        power, state = self.charger_w(device_id), self.evces.get(device_id)
        if state is None or not power.value:
            return power
        return replace(power, value=state.current_a(self.site.voltage_v))

    def _limit_a(self, device_id: str) -> float | None:
        state = self.evces.get(device_id)
        if state is None or state.granted_w is None or state.capabilities is None:
            return None
        return state.granted_w / (self.site.voltage_v * state.capabilities.phases)

    def _soc(self, device_id: str) -> Figure:
        state = self.evces.get(device_id)
        return Figure() if state is None else self._aged(state, state.soc_pct, state.soc_at, SOC_STALE_S)

    def _session(self) -> Figure:
        if self.evce is None:
            return Figure()
        return self._aged(self.evce, self.evce.session_wh, self.evce.power_at, EVCE_STALE_S)

    def _aged(self, state: EvceState, value: float | None, at: datetime | None, limit_s: float) -> Figure:
        if value is None or at is None:
            return Figure()
        age = self._age(state, at)
        return Figure(value, age, age > limit_s)

    def _age(self, state: EvceState, at: datetime) -> float:
        return self._clock.monotonic() - self._known_since[state.device_id][at]


def _home(grid: Figure, charger: Figure, *, evce_present: bool) -> Figure:
    """What the home uses besides the car: never newer than the older of the two it is made of."""
    if grid.value is None or grid.age_s is None:
        return Figure()
    if charger.value is None or charger.age_s is None:
        return Figure() if evce_present else grid
    power = max(0.0, grid.value - charger.value)
    return Figure(power, max(grid.age_s, charger.age_s), grid.stale or charger.stale)
