"""How commissioning stands, as a hub would tell it."""

from dataclasses import replace
from datetime import timedelta

from offers_told import NOW

from homeapp.model.commissioning import (
    CHECKS_OF,
    CarAnswer,
    CheckId,
    CheckState,
    CheckView,
    CommissioningView,
    GridAnswer,
    PlaceAnswer,
    Step,
    StepView,
    TariffAnswer,
)


def stands(found: dict[CheckId, CheckView], **changes: object) -> CommissioningView:
    """With these checks settled or failed, and all others open."""
    steps = tuple(
        StepView(step=step, checks=tuple(found.get(check, CheckView(check=check)) for check in checks))
        for step, checks in CHECKS_OF.items()
    )
    view = CommissioningView(
        due=not found,
        begun_at=NOW - timedelta(hours=1) if found else None,
        finished_at=None,
        current=next((step.step for step in steps if not step.is_settled), None),
        steps=steps,
        language="en",
        charger_address="wss://192.0.2.20:8887/ocpp",
        report_digest="",
    )
    return replace(view, **changes)  # type: ignore[arg-type]


def passed(check: CheckId, seen: str = "As it should be.") -> CheckView:
    """One that has passed."""
    return CheckView(check=check, state=CheckState.PASSED, tried="Looked at it.", seen=seen, at=NOW)


def until(step: Step, **more: CheckView) -> dict[CheckId, CheckView]:
    """All checks of the steps before have passed."""
    found: dict[CheckId, CheckView] = {}
    for before in list(Step)[: list(Step).index(step)]:
        found |= {check: passed(check) for check in CHECKS_OF[before]}
    return found | {CheckId(name): view for name, view in more.items()}


DUE = stands({})
ALL = {check: passed(check) for checks in CHECKS_OF.values() for check in checks}
SETTLED = stands(ALL, finished_at=NOW - timedelta(days=30), report_digest="9f" * 32)
FAILED = CheckView(
    check=CheckId.METER_FOUND,
    state=CheckState.FAILED,
    tried="Listened for 30 s for meters that announce themselves on the home network (mDNS).",
    seen="Found, but not adopted: HomeWizard P1 at 192.0.2.11.",
    advice="Adopt it, under Devices or with: homeapp devices adopt homewizard:1",
    at=NOW,
)
AT_METER = stands(until(Step.METER, meter_found=FAILED))
PLACE = PlaceAnswer(time_zone="Europe/Berlin", language="en", name="Anna", wall_time="2026-11-23T17:24")
GRID = GridAnswer(phases=3, fuse_a=35, max_current_a=16, safe_current_a=6, dso_floor_w=4200)
CAR = CarAnswer(capacity_kwh=77, source="registration certificate")
AT_GRID = stands(until(Step.GRID), answers=(PLACE,))
AT_CAR = stands(until(Step.CAR), answers=(PLACE, GRID))
AT_PINS = stands(until(Step.PINS), answers=(PLACE, GRID, CAR))
LEFT_OUT = CheckView(check=CheckId.DRY_RUN, state=CheckState.SKIPPED, reason="No provider yet.", at=NOW)
AT_TEST_RUN = stands(until(Step.TEST_RUN), answers=(PLACE, GRID, CAR))
AT_REPORT = stands(ALL | {CheckId.DRY_RUN: LEFT_OUT}, answers=(PLACE, GRID, CAR))
SIGNED = replace(AT_REPORT, finished_at=NOW, report_digest="9f3c" * 16)


def running(check: CheckId) -> CheckView:
    """One that runs."""
    return CheckView(check=check, state=CheckState.RUNNING)


def failed(check: CheckId, seen: str, advice: str) -> CheckView:
    """One that has failed."""
    return CheckView(check=check, state=CheckState.FAILED, tried="Looked at it.", seen=seen, advice=advice, at=NOW)


NOTHING_FOUND = stands(
    until(
        Step.METER,
        meter_found=failed(
            CheckId.METER_FOUND,
            "No meter announced itself. The hub listens on: 192.0.2.20.",
            'Switch on "Local API" in the meter maker\'s app; put meter and hub on the same network (no guest WLAN, no '
            "client isolation, multicast let through by the access point); check that the meter has power. Then run "
            "this check again.",
        ),
    )
)
READS = stands(until(Step.METER, meter_found=passed(CheckId.METER_FOUND), meter_reading=passed(CheckId.METER_READING)))
DIRECTION = stands(
    until(
        Step.METER,
        meter_found=passed(CheckId.METER_FOUND),
        meter_reading=passed(CheckId.METER_READING),
        meter_direction=running(CheckId.METER_DIRECTION),
    )
)
AT_CHARGER = stands(until(Step.CHARGER))
CONNECTED = stands(until(Step.CHARGER, charger_connected=passed(CheckId.CHARGER_CONNECTED)))
LIMITING = stands(
    until(
        Step.CHARGER,
        charger_connected=passed(CheckId.CHARGER_CONNECTED),
        charger_limit=running(CheckId.CHARGER_LIMIT),
    )
)
CONTRACT = TariffAnswer(kind="fixed", currency="EUR", energy="0.2140", vat_pct="21")
AT_PROVIDERS = stands(until(Step.PROVIDERS))
ON_TRIAL = stands(
    until(
        Step.PROVIDERS,
        tariff=passed(CheckId.TARIFF),
        providers_linked=passed(CheckId.PROVIDERS_LINKED),
        dry_run=running(CheckId.DRY_RUN),
    ),
    answers=(CONTRACT,),
)
AT_OWNER = stands(until(Step.OWNER))
