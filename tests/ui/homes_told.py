"""Homes from day to day, as the hub would tell them."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from commissioning_told import SETTLED
from devices_told import CHARGER, FOUND, KNOCKING, METER, OFFLINE
from offers_told import (
    ACTIVE,
    CHECK,
    CHECKED,
    DONE,
    EXPIRED,
    FAILED,
    LIMIT,
    NOW,
    PART,
    PENDING,
    PENDING_BEYOND,
    PENDING_SHED,
    PENDING_TERMS,
    REJECTED,
    RELAYED,
    SOFTWARE,
)
from plans_told import RULES, SCHEDULE, WHY, full_plan, plan, taken_apart, tariff
from sharing_told import LINKS, LONG_NAMES, SHARING, UNUSED, UPLINK, link, shared

from homeapp.api import AccessView, Check, Role
from homeapp.model.charger import ChargerView, InControl, OwnerControl
from homeapp.model.commissioning import CommissioningView
from homeapp.model.consent import ProviderSharing
from homeapp.model.device import DeviceLink, DeviceView
from homeapp.model.health import HealthAlert, OrderStatus, PartOrder, Severity
from homeapp.model.live import Activity, Doing, Figure, LinkState, LiveCharger, Notice, ProviderLink, Snapshot, Today
from homeapp.model.offer import OfferCase
from homeapp.model.pairing import PairedProvider
from homeapp.model.plan import BrokenPromise, ChargingMode, Plan, Promise, Schedule
from homeapp.model.readings import EvceStatus, LimitControl, SoftwareStage, SoftwareUpdate
from homeapp.model.site import Site
from homeapp.model.standing_rule import RuleView
from homeapp.model.tariff import Tariff
from homeapp.model.uplink import UplinkView
from homeapp.model.why import WhyEntry
from homeapp.sharing.consent_texts import data_classes

SITE = Site(name="Anna")
OWNER = AccessView(role=Role.OWNER, until=None, open_role=Role.GUEST, pins=(Role.OWNER,))


@dataclass(frozen=True)
class Situation:
    snapshot: Snapshot
    devices: tuple[DeviceView, ...]
    offers: tuple[OfferCase, ...]
    tariff: Tariff | None
    plan: Plan | None
    now: datetime = NOW
    site: Site = SITE
    sharing: tuple[ProviderSharing, ...] = ()
    uplink: UplinkView = UNUSED
    access: AccessView = OWNER
    schedule: Schedule = field(default_factory=Schedule)
    rules: tuple[RuleView, ...] = ()
    why: tuple[WhyEntry, ...] = ()
    commissioning: CommissioningView = SETTLED
    providers: tuple[PairedProvider, ...] = ()
    doctor: tuple[Check, ...] = ()


def figure(value: float, age_s: float = 2.0, *, stale: bool = False) -> Figure:
    return Figure(value, age_s, stale)


ALERT = HealthAlert(
    alert_id="a1",
    sp_id="pev_sp",
    code="P0A1F",
    severity=Severity.WARNING,
    title="Coolant pump wearing out",
    advice="Safe to drive. The part is on order; your garage will call you.",
    raised_at=NOW - timedelta(hours=3),
)
SNAPSHOT = Snapshot(
    at=NOW,
    grid_w=figure(8400),
    home_w=figure(1200),
    evce_w=figure(7200),
    soc_pct=figure(64, 20),
    session_wh=figure(4200),
    price=Decimal("0.214"),
    export_price=Decimal("0.080"),
    currency="EUR",
    meter_online=True,
    evce_online=True,
    evce_status=EvceStatus.CHARGING,
    activity=Activity(doing=Doing.CHARGING_CHEAP, until=datetime(2026, 11, 24, 3, 15, tzinfo=UTC), power_w=7200),
    mode=ChargingMode.READY_BY,
    target_pct=80,
    floor_pct=50,
    ready_by=datetime(2026, 11, 24, 5, 10, tzinfo=UTC),
    reaches_pct=80,
    granted_w=7400,
    fuse_a=25,
    today=Today(charged_wh=18400, fed_wh=0, cost=Decimal("2.81"), earned=Decimal("1.37"), currency="EUR"),
    providers=(ProviderLink(sp_id="evc_sp", name="EVC provider", state=LinkState.UP, since=NOW),),
    pending_offers=1,
)
_prices = tariff()
CHARGING = Situation(SNAPSHOT, (METER, CHARGER), (LIMIT, DONE), _prices, plan(_prices))
SEVERAL = replace(
    CHARGING,
    snapshot=replace(
        SNAPSHOT,
        grid_w=figure(12_300),
        evce_w=figure(11_100),
        chargers=(
            LiveCharger(
                device_id="ocpp:SN1005",
                name="Driveway",
                status=EvceStatus.CHARGING,
                power_w=figure(7200),
                activity=SNAPSHOT.activity,
                primary=True,
            ),
            LiveCharger(
                device_id="ocpp:SN2001",
                name="Garage on the left",
                status=EvceStatus.CHARGING,
                power_w=figure(3900),
                activity=Activity(doing=Doing.REDUCED_BY_FUSE, power_w=3900),
            ),
            LiveCharger(
                device_id="ocpp:SN2002",
                name="Garage on the right",
                status=EvceStatus.AVAILABLE,
                power_w=figure(0),
                activity=Activity(doing=Doing.NO_CAR),
            ),
        ),
    ),
)
PRICED = replace(CHARGING, tariff=taken_apart(tariff(hours=48, minutes=15)))
PLANNED = replace(
    PRICED,
    plan=full_plan(PRICED.tariff),
    schedule=SCHEDULE,
    why=WHY,
    snapshot=replace(SNAPSHOT, mode=ChargingMode.POWER_FEED, ready_by=datetime(2026, 11, 24, 6, tzinfo=UTC)),
)
ASKED = replace(
    PLANNED, offers=(PENDING_TERMS, PENDING_BEYOND, PENDING_SHED, LIMIT, DONE, REJECTED, EXPIRED), rules=RULES
)
BROKEN = replace(
    PLANNED,
    plan=replace(
        PLANNED.plan,
        reaches_pct=71,
        shortfall_wh=5400,
        broken=(
            BrokenPromise(
                kind=Promise.DEPARTURE,
                at=datetime(2026, 11, 24, 6, tzinfo=UTC),
                by_wh=5400,
                sentence="At 07:00 the car will have 71 % instead of 80 %: 5.4 kWh are missing. Choose Now, or "
                "leave at 07:45.",
            ),
        ),
    ),
)
CHARGING_QUIET = replace(CHARGING, offers=(DONE,))
OFFERED = replace(
    CHARGING,
    snapshot=replace(SNAPSHOT, alerts=(ALERT,)),
    offers=(PENDING, PENDING_SHED, RELAYED, LIMIT, DONE, REJECTED, EXPIRED),
    devices=(METER, CHARGER, KNOCKING, FOUND),
)
SHARED = replace(CHARGING, snapshot=replace(SNAPSHOT, providers=LINKS), sharing=SHARING, uplink=UPLINK)
OUTDATED = replace(
    CHARGING,
    snapshot=replace(
        SNAPSHOT, providers=tuple(link(sp_id, name, LinkState.DOWN, 300, waiting=12) for sp_id, name in LONG_NAMES)
    ),
    sharing=tuple(
        replace(given, entries=tuple(replace(entry, granted=False, outdated=entry.granted) for entry in given.entries))
        if given.sp_id == "evc_sp"
        else given
        for given in (shared(sp_id, name, *data_classes(sp_id)) for sp_id, name in LONG_NAMES)
    ),
    access=AccessView(role=Role.GUEST, until=None, open_role=Role.GUEST, pins=(Role.OWNER,)),
)
WITHOUT_PINS = AccessView(role=Role.INSTALLER, until=None, open_role=Role.INSTALLER, pins=())
NO_PIN = replace(OFFERED, access=WITHOUT_PINS)
NO_PIN_QUIET = replace(CHARGING_QUIET, access=WITHOUT_PINS)
FEEDING = replace(
    CHARGING,
    snapshot=replace(
        SNAPSHOT,
        grid_w=figure(-4800),
        evce_w=figure(-6000),
        evce_status=EvceStatus.FEEDING,
        activity=Activity(doing=Doing.FEEDING, until=datetime(2026, 11, 23, 17, tzinfo=UTC), power_w=-6000),
        export_price=Decimal("0.32"),
        today=Today(charged_wh=18400, fed_wh=2400, cost=Decimal("2.81"), earned=Decimal("1.37"), currency="EUR"),
    ),
    offers=(ACTIVE, DONE),
)
STALE_METER = replace(
    CHARGING,
    snapshot=replace(
        SNAPSHOT,
        grid_w=figure(3100, 190, stale=True),
        home_w=Figure(),
        meter_online=False,
        price=None,
        activity=Activity(doing=Doing.CHARGING_FLOOR, power_w=4100),
        evce_w=figure(4100),
        notices=(
            Notice(
                code="message_rejected.signature",
                sentence="A message for EVC provider was turned away: its signature is wrong.",
                at=NOW,
                count=3,
            ),
        ),
    ),
    devices=(replace(METER, link=DeviceLink.OFFLINE, seen_age_s=190), CHARGER),
    offers=(),
)
OFFLINE_CHARGER = replace(
    CHARGING,
    snapshot=replace(
        SNAPSHOT,
        grid_w=figure(900),
        home_w=figure(900),
        evce_w=figure(7200, 760, stale=True),
        soc_pct=figure(64, 760, stale=True),
        evce_online=False,
        evce_status=EvceStatus.OFFLINE,
        activity=Activity(doing=Doing.CHARGER_OFFLINE),
        reaches_pct=66,
    ),
    devices=(METER, OFFLINE),
    offers=(),
)
EMPTY = Situation(
    replace(
        SNAPSHOT,
        grid_w=Figure(),
        home_w=Figure(),
        evce_w=Figure(),
        soc_pct=Figure(),
        session_wh=Figure(),
        price=None,
        export_price=None,
        meter_online=None,
        evce_online=None,
        evce_status=None,
        activity=Activity(doing=Doing.NO_CHARGER),
        reaches_pct=None,
        granted_w=None,
        today=Today(charged_wh=0, fed_wh=0, cost=None, earned=Decimal(0), currency="EUR"),
        providers=(),
        pending_offers=0,
    ),
    (),
    (),
    None,
    None,
)
ORDER = PartOrder(
    order_id="o1",
    sp_id="pev_sp",
    alert_id="a1",
    part="Coolant pump",
    status=OrderStatus.ORDERED,
    updated_at=datetime(2026, 11, 23, 9, tzinfo=UTC),
    note="Expected within five days.",
)
OWN_ALERT = replace(
    ALERT,
    alert_id="0123456789abcdef-P0A1F",
    sp_id="car",
    title="Battery control reports a fault",
    advice="Have it looked at by a garage soon.",
)
JOBS = replace(
    CHARGING,
    snapshot=replace(SNAPSHOT, alerts=(OWN_ALERT, ALERT), orders=(ORDER,), pending_offers=2),
    offers=(CHECK, SOFTWARE, PART, FAILED, CHECKED),
)
LOCKED = replace(
    OFFERED, access=AccessView(role=Role.GUEST, until=None, open_role=Role.GUEST, pins=(Role.HOUSEHOLD, Role.OWNER))
)
LIMITED_CHARGER = ChargerView(
    in_control=InControl.PROVIDER,
    limits=LimitControl.COARSE,
    has_provider=True,
    provider_limit_w=5000.0,
    feed_refusal="It cannot feed power: the charger speaks OCPP 2.0.1, which has no way to ask for it.",
    software=SoftwareUpdate(version="1.4", stage=SoftwareStage.DOWNLOADING, at=NOW),
    unknown_card_at=NOW - timedelta(minutes=2),
    security_profile=2,
)
LIMITED = replace(
    CHARGING,
    snapshot=replace(SNAPSHOT, activity=Activity(doing=Doing.REDUCED_BY_PROVIDER, power_w=5000)),
    devices=(METER, replace(CHARGER, charger=LIMITED_CHARGER)),
)
OWNER_HOLDS = replace(
    CHARGING,
    devices=(
        METER,
        replace(
            CHARGER,
            charger=ChargerView(
                in_control=InControl.OWNER,
                limits=LimitControl.FULL,
                has_provider=True,
                provider_limit_w=0.0,
                owner_control=OwnerControl(
                    since=NOW - timedelta(minutes=5), until=NOW + timedelta(minutes=55), by="household"
                ),
            ),
        ),
    ),
)
