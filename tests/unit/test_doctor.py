"""The doctor's findings, and the advice that goes with them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from homeapp.api import Check, CheckLevel, Role
from homeapp.clock import SystemClock
from homeapp.doctor import examine
from homeapp.model.plan import ChargingMode, Goal
from homeapp.model.site import Site
from homeapp.settings import SecretPlace
from homeapp.snapshot import LiveState


def pin_check(data_dir: Path, *pins: Role) -> Check:
    goal = Goal(
        mode=ChargingMode.CHEAPEST,
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
            pins=pins,
            clock=SystemClock(),
        )
    )
    return next(check for check in checks if check.name == "PIN")


def test_a_home_without_a_pin_is_warned_and_told_what_to_do(tmp_path: Path) -> None:
    check = pin_check(tmp_path)
    assert check.level is CheckLevel.WARNING
    assert check.finding == "none is set: anybody at the screen may change everything"
    assert check.advice.endswith("homeapp pin set owner")


def test_a_home_with_pins_is_well(tmp_path: Path) -> None:
    check = pin_check(tmp_path, Role.HOUSEHOLD, Role.OWNER)
    assert (check.level, check.finding, check.advice) == (CheckLevel.OK, "set for: household, owner", "")
