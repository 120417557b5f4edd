"""The test of the charger's floor: what counts as proof, and how soon the hub commands again where it is needed."""

import asyncio
from pathlib import Path

import pytest

from homeapp import api
from homeapp.commissioning.meter_checks import FRESH_S
from homeapp.load.claim import COARSE_LEASE_S
from homeapp.model.commissioning import CheckId, CheckState
from homeapp.model.readings import EvceCapabilities, LimitControl
from kit.commissioning_home import CHARGER, NOW, HandMadeHome
from kit.in_loop import in_loop

STATION = CHARGER.device_id.removeprefix("ocpp:")


@pytest.mark.usecase("D2", "W4")
@in_loop
async def test_the_floor_is_that_of_the_chargers_own_circuit(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        f'[site]\nsafe_current_a = 10.0\n[[ocpp.station]]\nid = "{STATION}"\nsafe_current_a = 6.0\n'
    )
    home = HandMadeHome(tmp_path, floor_a=10.0)
    async with home.running() as hub:
        await hub.settle_before(CheckId.CHARGER_FLOOR)
        for check in (CheckId.CHARGER_CONNECTED, CheckId.CHARGER_LIMIT):
            await hub.ask(api.SkipCheck(check=check, reason="not part of this"))
        found = await hub.check(CheckId.CHARGER_FLOOR)
        assert found.state is CheckState.FAILED
        assert found.seen.endswith("its floor is 6 A.")
        home.floor_a = 6.0
        assert (await hub.check(CheckId.CHARGER_FLOOR)).state is CheckState.PASSED


@pytest.mark.usecase("D2", "W4")
@pytest.mark.parametrize(
    ("control", "state"), [(LimitControl.COARSE, CheckState.PASSED), (LimitControl.FULL, CheckState.FAILED)]
)
@in_loop
async def test_a_charger_that_keeps_limits_in_its_flash_memory_is_waited_for(
    tmp_path: Path, control: LimitControl, state: CheckState
) -> None:
    capabilities = EvceCapabilities(protocol="ocpp1.6", phases=3, control=control)
    home = HandMadeHome(tmp_path, capabilities=capabilities, lapses_after_s=COARSE_LEASE_S)
    async with home.running() as hub:
        await hub.settle_before(CheckId.CHARGER_FLOOR)
        for check in (CheckId.CHARGER_CONNECTED, CheckId.CHARGER_LIMIT):
            await hub.ask(api.SkipCheck(check=check, reason="not part of this"))
        assert (await hub.check(CheckId.CHARGER_FLOOR)).state is state


@pytest.mark.usecase("D2", "W4", "W6")
@in_loop
async def test_a_meter_that_falls_silent_meanwhile_gives_the_charger_back_at_once(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path, floor_a=10.0, meter_until_s=1e6)
    async with home.running() as hub:
        await hub.settle_before(CheckId.CHARGER_FLOOR)
        for check in (CheckId.CHARGER_CONNECTED, CheckId.CHARGER_LIMIT):
            await hub.ask(api.SkipCheck(check=check, reason="not part of this"))
        running = asyncio.create_task(hub.check(CheckId.CHARGER_FLOOR))
        while home.hold.commandable(CHARGER, home.clock.now()) is not None:  # type: ignore[arg-type]
            await asyncio.sleep(0)
        home.meter_until_s = (home.clock.now() - NOW).total_seconds()
        found = await running
        assert found.state is CheckState.FAILED
        assert found.seen == "The meter was silent, so the test was broken off."
        assert (home.clock.now() - NOW).total_seconds() <= home.meter_until_s + FRESH_S + 2
