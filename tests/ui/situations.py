"""Situations of a home, as the hub would tell them."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from commissioning_told import (
    AT_CAR,
    AT_CHARGER,
    AT_GRID,
    AT_METER,
    AT_OWNER,
    AT_PINS,
    AT_PROVIDERS,
    AT_REPORT,
    AT_TEST_RUN,
    CONNECTED,
    DIRECTION,
    DUE,
    LIMITING,
    NOTHING_FOUND,
    ON_TRIAL,
    READS,
    SETTLED,
    SIGNED,
)
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

from homeapp.api import AccessView, Check, CheckLevel, Role
from homeapp.model.charger import ChargerView, InControl, OwnerControl
from homeapp.model.commissioning import CommissioningView
from homeapp.model.consent import DataClass, Disclosed, ProviderSharing, SharingEntry
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.health import HealthAlert, OrderStatus, PartOrder, Severity
from homeapp.model.live import Activity, Doing, Figure, LinkState, LiveCharger, Notice, ProviderLink, Snapshot, Today
from homeapp.model.offer import OfferCase
from homeapp.model.pairing import Enrolment, PairedProvider
from homeapp.model.plan import (
    BrokenPromise,
    ChargingMode,
    Plan,
    Promise,
    Schedule,
)
from homeapp.model.readings import EvceStatus, LimitControl, SoftwareStage, SoftwareUpdate
from homeapp.model.site import Site
from homeapp.model.standing_rule import (
    RuleView,
)
from homeapp.model.tariff import Tariff
from homeapp.model.uplink import BudgetUse, UplinkView
from homeapp.model.why import WhyEntry
from homeapp.sharing.consent_texts import data_classes, terms

SITE = Site(name="Anna")
OWNER = AccessView(role=Role.OWNER, until=None, open_role=Role.GUEST, pins=(Role.OWNER,))
UNUSED = UplinkView(metered=False, use=(), throttled=())


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


METER = DeviceView(
    device_id="homewizard:5c2faf010203",
    kind=DeviceKind.METER,
    driver="homewizard",
    name="Meter cupboard",
    product="HomeWizard P1 Meter",
    address="192.168.1.40:443",
    link=DeviceLink.ONLINE,
    adopted=True,
    seen_age_s=1.0,
)
CHARGER = DeviceView(
    device_id="ocpp:SN1005",
    kind=DeviceKind.EVCE,
    driver="ocpp",
    name="Driveway",
    product="Wallbox, OCPP 2.0.1",
    address="192.168.1.61:49822",
    link=DeviceLink.ONLINE,
    adopted=True,
    seen_age_s=3.0,
)
KNOCKING = replace(
    CHARGER,
    device_id="ocpp:SN2001",
    name="",
    product="Charger Duo 22",
    address="192.168.1.77:50110",
    link=DeviceLink.KNOCKING,
    adopted=False,
)
FOUND = replace(
    METER,
    device_id="homewizard:aabbcc",
    name="",
    product="kWh Meter 3-phase",
    address="192.168.1.52:443",
    link=DeviceLink.FOUND,
    adopted=False,
    seen_age_s=12.0,
)
OFFLINE = replace(CHARGER, link=DeviceLink.OFFLINE, seen_age_s=760.0)

ALERT = HealthAlert(
    alert_id="a1",
    sp_id="pev_sp",
    code="P0A1F",
    severity=Severity.WARNING,
    title="Coolant pump wearing out",
    advice="Safe to drive. The part is on order; your garage will call you.",
    raised_at=NOW - timedelta(hours=3),
)
CLEARED = replace(ALERT, alert_id="a0", title="Tyre pressure low", advice="Front left.", cleared_at=NOW)

_snapshot = Snapshot(
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


def shared(
    sp_id: str, name: str, *granted: DataClass, left: dict[DataClass, Disclosed] | None = None
) -> ProviderSharing:
    """A provider with the hub's own words."""
    entries = []
    for data_class in data_classes(sp_id):
        words = terms(sp_id, data_class)
        entries.append(
            SharingEntry(
                data_class=data_class,
                text=words.newest.text,
                text_version=words.newest.version,
                fields=words.fields,
                granted=data_class in granted,
                changed_at=NOW - timedelta(days=2) if data_class in {*granted, *(left or {})} else None,
                disclosed=(left or {}).get(data_class),
            )
        )
    return ProviderSharing(sp_id=sp_id, name=name, entries=tuple(entries))


def disclosed(count: int, size_bytes: int, minutes: float, *fields: str) -> Disclosed:
    return Disclosed(count=count, size_bytes=size_bytes, fields=fields, last_at=NOW - timedelta(minutes=minutes))


_UNREACHED = "The system operator cannot be reached. The hub tries again by itself."
_ANSWERS = disclosed(7, 3210, 190, "choice", "decided_at", "id", "offer_id")
SHARING = (
    shared("grid_sp", "Grid operator", DataClass.IDENTITY, left={DataClass.IDENTITY: _ANSWERS}),
    shared(
        "evc_sp",
        "EVC provider",
        DataClass.IDENTITY,
        DataClass.CHARGING,
        left={
            DataClass.IDENTITY: _ANSWERS,
            DataClass.CHARGING: disclosed(1204, 598_712, 4, "at", "id", "pev", "plugged", "soc_pct"),
            DataClass.METERING: disclosed(1, 640, 60 * 24 * 9, "end", "import_wh", "start"),
        },
    ),
    shared("pev_sp", "PEV provider"),
    shared("fleet", "Fleet control centre"),
)
_prices = tariff()
CHARGING = Situation(_snapshot, (METER, CHARGER), (LIMIT, DONE), _prices, plan(_prices))
SEVERAL = replace(
    CHARGING,
    snapshot=replace(
        _snapshot,
        grid_w=figure(12_300),
        evce_w=figure(11_100),
        chargers=(
            LiveCharger(
                device_id="ocpp:SN1005",
                name="Driveway",
                status=EvceStatus.CHARGING,
                power_w=figure(7200),
                activity=_snapshot.activity,
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
    snapshot=replace(_snapshot, mode=ChargingMode.POWER_FEED, ready_by=datetime(2026, 11, 24, 6, tzinfo=UTC)),
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
    snapshot=replace(_snapshot, alerts=(ALERT,)),
    offers=(PENDING, PENDING_SHED, RELAYED, LIMIT, DONE, REJECTED, EXPIRED),
    devices=(METER, CHARGER, KNOCKING, FOUND),
)
UPLINK = UplinkView(
    metered=True,
    use=(
        BudgetUse(sp_id="evc_sp", data_class=None, messages=31, size_bytes=18_204, budget_bytes=None),
        BudgetUse(sp_id="evc_sp", data_class=DataClass.CHARGING, messages=1204, size_bytes=598_712, budget_bytes=None),
        BudgetUse(sp_id="evc_sp", data_class=DataClass.METERING, messages=1, size_bytes=640, budget_bytes=600),
        BudgetUse(sp_id="grid_sp", data_class=DataClass.IDENTITY, messages=7, size_bytes=3210, budget_bytes=None),
    ),
    throttled=("evc_sp",),
)


def link(sp_id: str, name: str, state: LinkState, minutes: float, **changes: object) -> ProviderLink:
    return ProviderLink(sp_id=sp_id, name=name, state=state, since=NOW - timedelta(minutes=minutes), **changes)


_links = (
    link("grid_sp", "Grid operator", LinkState.DOWN, 60 * 26, problem=_UNREACHED, waiting=2),
    link("evc_sp", "EVC provider", LinkState.UP, 200),
    link("pev_sp", "PEV provider", LinkState.DOWN, 3),
)
SHARED = replace(CHARGING, snapshot=replace(_snapshot, providers=_links), sharing=SHARING, uplink=UPLINK)
_LONG = (
    ("grid_sp", "Municipal electricity network operator of the northern district"),
    ("evc_sp", "Charging and power feed services of the regional energy community"),
    ("pev_sp", "Remote diagnostics and spare parts service of the car's manufacturer"),
    ("fleet", "Fleet control centre of the car sharing association at the old harbour"),
)
OUTDATED = replace(
    CHARGING,
    snapshot=replace(
        _snapshot, providers=tuple(link(sp_id, name, LinkState.DOWN, 300, waiting=12) for sp_id, name in _LONG)
    ),
    sharing=tuple(
        replace(given, entries=tuple(replace(entry, granted=False, outdated=entry.granted) for entry in given.entries))
        if given.sp_id == "evc_sp"
        else given
        for given in (shared(sp_id, name, *data_classes(sp_id)) for sp_id, name in _LONG)
    ),
    access=AccessView(role=Role.GUEST, until=None, open_role=Role.GUEST, pins=(Role.OWNER,)),
)
_NO_PIN = AccessView(role=Role.INSTALLER, until=None, open_role=Role.INSTALLER, pins=())
NO_PIN = replace(OFFERED, access=_NO_PIN)
NO_PIN_QUIET = replace(CHARGING_QUIET, access=_NO_PIN)
FEEDING = replace(
    CHARGING,
    snapshot=replace(
        _snapshot,
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
        _snapshot,
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
        _snapshot,
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
        _snapshot,
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
    snapshot=replace(_snapshot, alerts=(OWN_ALERT, ALERT), orders=(ORDER,), pending_offers=2),
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
    snapshot=replace(_snapshot, activity=Activity(doing=Doing.REDUCED_BY_PROVIDER, power_w=5000)),
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
SETUP_DUE = replace(EMPTY, access=_NO_PIN, commissioning=DUE)
SETUP_GRID = replace(SETUP_DUE, commissioning=AT_GRID)
SETUP_CAR = replace(NO_PIN_QUIET, commissioning=AT_CAR)
SETUP_PINS = replace(NO_PIN_QUIET, commissioning=AT_PINS)
SETUP_TEST_RUN = replace(
    NO_PIN_QUIET,
    access=AccessView(role=Role.INSTALLER, until=None, open_role=Role.GUEST, pins=(Role.OWNER, Role.INSTALLER)),
    commissioning=AT_TEST_RUN,
    doctor=(
        Check(name="Clock", level=CheckLevel.OK, finding="2026-11-23 16:24 UTC"),
        Check(name="Meter", level=CheckLevel.ERROR, finding="It does not answer.", advice="Look at its power supply."),
        Check(name="Prices", level=CheckLevel.WARNING, finding="Known until 23:00.", advice="Wait for tomorrow's."),
        Check(name="Disk", level=CheckLevel.OK, finding="12.4 GB free"),
    ),
)
SETUP_REPORT = replace(
    NO_PIN_QUIET,
    access=AccessView(role=Role.INSTALLER, until=None, open_role=Role.GUEST, pins=(Role.OWNER, Role.INSTALLER)),
    commissioning=AT_REPORT,
)
SETUP_SIGNED = replace(SETUP_REPORT, commissioning=SIGNED)
SETUP_METER = replace(NO_PIN_QUIET, devices=(FOUND, KNOCKING), commissioning=AT_METER)
_ANNOUNCED = replace(
    FOUND, properties={"serial": "aabbccddeeff", "product_type": "HWE-KWH3"}, product="HomeWizard kWh Meter 3-phase"
)
_KNOCKS = replace(
    KNOCKING,
    properties={"vendor": "Wallbox", "model": "Duo 22", "serial": "ACE0000001", "protocol": "ocpp2.0.1"},
)
_PLUGGED = LiveCharger(
    device_id=CHARGER.device_id,
    name=CHARGER.name,
    status=EvceStatus.CHARGING,
    power_w=figure(4140, 3),
    activity=_snapshot.activity,
    primary=True,
    current_a=figure(6, 3),
    limit_a=6.0,
)
_UNPLUGGED = replace(_PLUGGED, status=EvceStatus.AVAILABLE, power_w=figure(0), current_a=figure(0), limit_a=10.0)
_OWN = ChargerView(in_control=InControl.HUB, limits=LimitControl.FULL, security_profile=2)
_ADOPTED = replace(
    CHARGER,
    charger=_OWN,
    properties={"vendor": "Wallbox", "model": "Duo 22", "serial": "ACE1", "protocol": "ocpp2.0.1"},
)
SETUP_METER_NONE = replace(SETUP_DUE, commissioning=NOTHING_FOUND)
SETUP_METER_FOUND = replace(SETUP_METER, devices=(_ANNOUNCED, KNOCKING))
_PHASES = replace(_snapshot, phase_w=(figure(2900), figure(-300), figure(5800)))
SETUP_METER_READS = replace(NO_PIN_QUIET, snapshot=_PHASES, devices=(METER,), commissioning=READS)
SETUP_METER_STALE = replace(
    STALE_METER, snapshot=replace(STALE_METER.snapshot, notices=()), access=_NO_PIN, commissioning=READS
)
SETUP_DIRECTION = replace(NO_PIN_QUIET, snapshot=_PHASES, devices=(METER,), commissioning=DIRECTION)
SETUP_CHARGER = replace(NO_PIN_QUIET, devices=(METER,), commissioning=AT_CHARGER)
SETUP_KNOCKING = replace(SETUP_CHARGER, devices=(METER, _KNOCKS))
SETUP_CONNECTED = replace(
    SETUP_CHARGER,
    snapshot=replace(_snapshot, chargers=(_UNPLUGGED,)),
    devices=(METER, _ADOPTED),
    commissioning=CONNECTED,
)
SETUP_LIMITING = replace(
    SETUP_CONNECTED,
    snapshot=replace(_snapshot, granted_w=4140, chargers=(_PLUGGED,)),
    commissioning=LIMITING,
)


def paired(sp_id: str, name: str, enrolment: Enrolment) -> PairedProvider:
    valid = enrolment is Enrolment.VALID
    return PairedProvider(
        sp_id=sp_id,
        name=name,
        ae_id=f"C-{sp_id}",
        hub_ae_id=f"S-{sp_id}",
        fingerprint="MZXW-6YTB-OI23-JHB2-QWER-TYAA-KLMN-OPQR",
        paired_at=NOW - timedelta(minutes=9),
        enrolment=enrolment,
        not_after=NOW + timedelta(days=300) if valid else None,
        key_ids=("k",),
    )


SETUP_PROVIDERS = replace(
    SHARED,
    snapshot=replace(_snapshot, providers=(link("grid_sp", "Grid operator", LinkState.UP, 90), *_links[1:])),
    access=_NO_PIN,
    devices=(METER, _ADOPTED),
    offers=(),
    commissioning=AT_PROVIDERS,
    providers=(
        paired("evc_sp", "EVC provider", Enrolment.VALID),
        paired("pev_sp", "PEV provider", Enrolment.NEEDED),
    ),
)
SETUP_ALONE = replace(SETUP_CHARGER, commissioning=AT_PROVIDERS)
SETUP_DRY_RUN = replace(SETUP_PROVIDERS, offers=(PENDING, DONE), commissioning=ON_TRIAL)
SETUP_OWNER = replace(SETUP_PROVIDERS, commissioning=AT_OWNER)

ALL = {
    "charging": CHARGING,
    "charging_quiet": CHARGING_QUIET,
    "priced": PRICED,
    "planned": PLANNED,
    "broken": BROKEN,
    "asked": ASKED,
    "several": SEVERAL,
    "offered": OFFERED,
    "locked": LOCKED,
    "feeding": FEEDING,
    "stale_meter": STALE_METER,
    "offline_charger": OFFLINE_CHARGER,
    "empty": EMPTY,
    "jobs": JOBS,
    "shared": SHARED,
    "outdated": OUTDATED,
    "no_pin": NO_PIN,
    "no_pin_quiet": NO_PIN_QUIET,
    "limited": LIMITED,
}
SETUPS = {
    "setup_due": SETUP_DUE,
    "setup_grid": SETUP_GRID,
    "setup_car": SETUP_CAR,
    "setup_pins": SETUP_PINS,
    "setup_test_run": SETUP_TEST_RUN,
    "setup_report": SETUP_REPORT,
    "setup_signed": SETUP_SIGNED,
    "setup_meter": SETUP_METER,
    "setup_meter_none": SETUP_METER_NONE,
    "setup_meter_found": SETUP_METER_FOUND,
    "setup_meter_reads": SETUP_METER_READS,
    "setup_meter_stale": SETUP_METER_STALE,
    "setup_direction": SETUP_DIRECTION,
    "setup_charger": SETUP_CHARGER,
    "setup_knocking": SETUP_KNOCKING,
    "setup_connected": SETUP_CONNECTED,
    "setup_limiting": SETUP_LIMITING,
    "setup_providers": SETUP_PROVIDERS,
    "setup_alone": SETUP_ALONE,
    "setup_dry_run": SETUP_DRY_RUN,
    "setup_owner": SETUP_OWNER,
}
"""Homes whose setup is under way: the window opens on it."""
