"""Homes whose setup is under way, as the hub would tell them."""

from dataclasses import replace
from datetime import timedelta

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
    SIGNED,
)
from devices_told import CHARGER, FOUND, KNOCKING, METER
from homes_told import EMPTY, NO_PIN_QUIET, SHARED, SNAPSHOT, STALE_METER, WITHOUT_PINS, figure
from offers_told import DONE, NOW, PENDING
from sharing_told import LINKS, link

from homeapp.api import AccessView, Check, CheckLevel, Role
from homeapp.model.charger import ChargerView, InControl
from homeapp.model.live import LinkState, LiveCharger
from homeapp.model.pairing import Enrolment, PairedProvider
from homeapp.model.readings import EvceStatus, LimitControl

SETUP_DUE = replace(EMPTY, access=WITHOUT_PINS, commissioning=DUE)
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
    activity=SNAPSHOT.activity,
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
_PHASES = replace(SNAPSHOT, phase_w=(figure(2900), figure(-300), figure(5800)))
SETUP_METER_READS = replace(NO_PIN_QUIET, snapshot=_PHASES, devices=(METER,), commissioning=READS)
SETUP_METER_STALE = replace(
    STALE_METER, snapshot=replace(STALE_METER.snapshot, notices=()), access=WITHOUT_PINS, commissioning=READS
)
SETUP_DIRECTION = replace(NO_PIN_QUIET, snapshot=_PHASES, devices=(METER,), commissioning=DIRECTION)
SETUP_CHARGER = replace(NO_PIN_QUIET, devices=(METER,), commissioning=AT_CHARGER)
SETUP_KNOCKING = replace(SETUP_CHARGER, devices=(METER, _KNOCKS))
SETUP_CONNECTED = replace(
    SETUP_CHARGER,
    snapshot=replace(SNAPSHOT, chargers=(_UNPLUGGED,)),
    devices=(METER, _ADOPTED),
    commissioning=CONNECTED,
)
SETUP_LIMITING = replace(
    SETUP_CONNECTED,
    snapshot=replace(SNAPSHOT, granted_w=4140, chargers=(_PLUGGED,)),
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
    snapshot=replace(SNAPSHOT, providers=(link("grid_sp", "Grid operator", LinkState.UP, 90), *LINKS[1:])),
    access=WITHOUT_PINS,
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
