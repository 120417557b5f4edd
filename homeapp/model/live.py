"""The live picture of the home, each number with its age."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from homeapp.model.health import HealthAlert, PartOrder
from homeapp.model.plan import ChargingMode
from homeapp.model.readings import EvceStatus


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its age at the moment the snapshot was taken.

    Attributes:
        value: None while it is not known; never the last one in disguise.
        age_s: seconds since it was measured, or None with no value.
        stale: older than it may be; shown grey with its age.
    """

    value: float | None = None
    age_s: float | None = None
    stale: bool = False


class Doing(StrEnum):
    """What the charger is doing and why, as a code; the screen makes the sentence."""

    NO_CHARGER = "no_charger"
    CHARGER_OFFLINE = "charger_offline"
    NO_CAR = "no_car"
    CHARGING_CHEAP = "charging_cheap"
    CHARGING_NEEDED = "charging_needed"
    CHARGING_NOW = "charging_now"
    CHARGING_FLOOR = "charging_floor"
    """the hub lacks fresh data, so the charger runs at its safe limit"""
    CHARGING_SOLAR = "charging_solar"
    CHARGING_RESERVE = "charging_reserve"
    """the car stands below the owner's floor"""
    CHARGING_LATE = "charging_late"
    """the departure was missed"""
    CHARGING_PROMISED = "charging_promised"
    """the car will be as full as a provider has promised"""
    WAITING_CHEAPER = "waiting_cheaper"
    WAITING_SOLAR = "waiting_solar"
    REDUCED_BY_OFFER = "reduced_by_offer"
    REDUCED_BY_GRID = "reduced_by_grid"
    """a mandatory limit"""
    REDUCED_BY_PROVIDER = "reduced_by_provider"
    """the charging provider permits no more at this charger"""
    REDUCED_BY_FUSE = "reduced_by_fuse"
    FEEDING = "feeding"
    FEEDING_PLAN = "feeding_plan"
    """by the owner's own plan, not for a request"""
    FEED_WAITING = "feed_waiting"
    """a power feed is due, but it cannot run at the moment"""
    PAUSED_BY_OWNER = "paused_by_owner"
    CAR_FULL = "car_full"
    CAR_NOT_TAKING = "car_not_taking"
    CARD_NEEDED = "card_needed"
    """the car waits until a known card is shown at the charger"""
    FAULTED = "faulted"
    INSTALLING = "installing"
    """software goes into the car"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """State, reason and until when.

    Attributes:
        until: when the next change is planned, or None.
        power_w: the power meant, W, charging +, feeding -.
    """

    doing: Doing
    until: datetime | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCharger:
    """One adopted charger.

    Attributes:
        power_w: measured at it, charging +, feeding -.
        activity: what it does and why.
        primary: the plan is about the car at this one.
        current_a: measured on its busiest phase, A >= 0, as old as ``power_w``.
        limit_a: the charging limit that it has accepted last, A per phase; None while nothing was accepted.
    """

    device_id: str
    name: str
    status: EvceStatus
    power_w: Figure
    activity: Activity
    primary: bool = False
    current_a: Figure = Figure()
    limit_a: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """Totals since local midnight.

    Attributes:
        charged_wh, fed_wh: both >= 0.
        cost: of what the car charged; None while prices were missing.
        earned: rewards of completed offers.
    """

    charged_wh: float
    fed_wh: float
    cost: Decimal | None
    earned: Decimal
    currency: str


class LinkState(StrEnum):
    """State of the way to a provider."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLink:
    """How the way to a provider stands.

    Attributes:
        waiting: answers to it that still wait in the outbox.
        problem: a sentence, or None.
    """

    sp_id: str
    name: str
    state: LinkState
    since: datetime
    waiting: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the owner should know that is neither an offer nor car health: a refused forgery, a full disk.

    Attributes:
        code: stable word for tests and translation, for instance ``message_rejected.signature``.
        sentence: what happened and what to do, plain text.
        count: how often it happened; the same notice is shown once.
    """

    code: str
    sentence: str
    at: datetime
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GridLimit:
    """The tightest limit that is imposed on charging now; it must be followed.

    Attributes:
        value_w: the most that all chargers together may draw, W.
        until: None where it has no end.
        source: who has imposed it, a name for people.
        failsafe: the operator is out of reach; the hub keeps to the value agreed for that.
    """

    value_w: float
    since: datetime
    until: datetime | None
    source: str
    failsafe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything Home shows.

    Attributes:
        at: hub time of the snapshot, UTC.
        grid_w: at the meter, import +.
        home_w: what the home uses besides the car, >= 0.
        evce_w: at all chargers together, charging +, feeding -.
        soc_pct, session_wh, evce_status, activity, granted_w: of the primary charger and the car at it.
        price: import price now, per kWh, or None.
        export_price: per kWh, or None.
        meter_online, evce_online: None where there is no such device adopted; with several chargers, all are online.
        fuse_a: the main fuse, A per phase.
        orders: parts that are on their way, the newest first.
        chargers: all adopted ones, the one adopted first first.
        grid_limit: None while nothing is imposed.
        phase_w: ``grid_w`` by phase, L1 first; empty where the meter does not tell.
    """

    at: datetime
    grid_w: Figure
    home_w: Figure
    evce_w: Figure
    soc_pct: Figure
    session_wh: Figure
    price: Decimal | None
    export_price: Decimal | None
    currency: str
    meter_online: bool | None
    evce_online: bool | None
    evce_status: EvceStatus | None
    activity: Activity
    mode: ChargingMode
    target_pct: float
    floor_pct: float
    ready_by: datetime
    reaches_pct: float | None
    granted_w: float | None
    fuse_a: float
    today: Today
    alerts: tuple[HealthAlert, ...] = ()
    providers: tuple[ProviderLink, ...] = ()
    notices: tuple[Notice, ...] = ()
    pending_offers: int = 0
    orders: tuple[PartOrder, ...] = ()
    chargers: tuple[LiveCharger, ...] = ()
    grid_limit: GridLimit | None = None
    phase_w: tuple[Figure, ...] = ()

    @property
    def car_w(self) -> Figure:
        """At the primary charger, charging +, feeding -."""
        return next((charger.power_w for charger in self.chargers if charger.primary), self.evce_w)
