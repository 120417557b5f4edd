"""The doctor's findings, and the advice that goes with them."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from homeapp.api import Check, CheckLevel, Role
from homeapp.clock import SystemClock
from homeapp.doctor import examine
from homeapp.model.plan import ChargingMode, Goal
from homeapp.model.site import Site
from homeapp.settings import SecretPlace
from homeapp.snapshot import LiveState


def found(
    data_dir: Path, name: str, *, pins: Collection[Role] = (), untimely: Collection[str] = (), open_port: int = 0
) -> Check | None:
    goal = Goal(
        mode=ChargingMode.READY_BY,
        target_pct=80,
        ready_by=datetime(2026, 12, 1, 7, tzinfo=UTC),
        floor_pct=50,
        capacity_wh=60_000,
    )
    live = LiveState(site=Site(), goal=goal, clock=SystemClock())
    checks = asyncio.run(
        examine(
            data_dir=data_dir,
            secrets=SecretPlace.KEYRING,
            snapshot=live.snapshot(meter_online=None, evce_online=None, pending_offers=0),
            devices=(),
            providers=(),
            untimely=untimely,
            pins=pins,
            clock=SystemClock(),
            unencrypted_port=open_port,
        )
    )
    return next((check for check in checks if check.name == name), None)


def pin_check(data_dir: Path, *pins: Role) -> Check:
    check = found(data_dir, "PIN", pins=pins)
    assert check is not None
    return check


def test_a_clock_that_providers_disagree_with_is_to_be_compared(tmp_path: Path) -> None:
    check = found(tmp_path, "Clock", untimely=("EVC provider",))
    assert check is not None
    assert check.level is CheckLevel.WARNING
    assert "the newest message of EVC provider is of another time" in check.finding
    assert check.advice.startswith("Compare it with a watch")
    well = found(tmp_path, "Clock")
    assert well is not None
    assert well.level is CheckLevel.OK


def test_a_home_without_a_pin_is_warned_and_told_what_to_do(tmp_path: Path) -> None:
    check = pin_check(tmp_path)
    assert check.level is CheckLevel.WARNING
    assert check.finding == "none is set: anybody at the screen may change everything"
    assert check.advice.endswith("homeapp pin set owner")


def test_a_home_with_pins_is_well(tmp_path: Path) -> None:
    check = pin_check(tmp_path, Role.HOUSEHOLD, Role.OWNER)
    assert (check.level, check.finding, check.advice) == (CheckLevel.OK, "set for: household, owner", "")


def test_a_port_without_encryption_is_a_warning_and_none_is_no_check(tmp_path: Path) -> None:
    check = found(tmp_path, "Charger's connection", open_port=8886)
    assert check is not None
    assert check.level is CheckLevel.WARNING
    assert "8886" in check.finding
    assert "ocpp.unencrypted_port" in check.advice
    assert found(tmp_path, "Charger's connection") is None
