"""What an answer changes is kept as a whole: settings that the home's chargers cannot have are refused."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from homeapp import api
from homeapp.commissioning import commissioning
from homeapp.commissioning.record import load_record
from homeapp.errors import SettingsInvalid
from homeapp.model.commissioning import CheckId, CheckState, GridAnswer, PlaceAnswer
from homeapp.settings import load
from kit.commissioning_home import CHARGER, GRID, METER, PLACE, HandMadeHome
from kit.in_loop import in_loop

SECOND = replace(CHARGER, device_id="ocpp:BOX2", name="Second charger")
TOO_MUCH = GridAnswer(phases=3, fuse_a=16.0, safe_current_a=10.0)


@pytest.mark.usecase("D2", "W4")
@in_loop
async def test_safe_currents_that_the_fuse_cannot_carry_for_all_chargers_are_neither_written_nor_applied(
    tmp_path: Path,
) -> None:
    home = HandMadeHome(tmp_path, devices=(METER, CHARGER, SECOND))
    async with home.running() as hub:
        await hub.ask(api.AnswerStep(step_answer=GRID))
        with pytest.raises(SettingsInvalid, match=r"make 20 A on L1, but the main fuse carries 14\.4 A"):
            await hub.ask(api.AnswerStep(step_answer=TOO_MUCH))
        assert load(tmp_path).site.fuse_a == 25.0
        (tmp_path / "settings.toml").write_text("[site]\nfuse_a = 16.0\nsafe_current_a = 10.0\n")
        with pytest.raises(SettingsInvalid, match="make 20 A on L1"):
            await hub.ask(api.ApplySettings())
        assert home.begun_anew == 0
        home.devices = (METER, CHARGER, replace(SECOND, adopted=False))
        await hub.ask(api.AnswerStep(step_answer=TOO_MUCH))
        await hub.ask(api.ApplySettings())
        assert home.begun_anew == 1


@pytest.mark.usecase("W4", "W6")
@pytest.mark.parametrize("cut", ["before", "after"])
@in_loop
async def test_no_check_counts_for_settings_that_were_written_just_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    home = HandMadeHome(tmp_path)
    written = commissioning.write_settings

    def cut_off(*arguments: object) -> None:
        if cut == "after":
            written(*arguments)  # type: ignore[arg-type]
        raise PowerCut

    async with home.running() as hub:
        await hub.settle_before(CheckId.GRID_IN_FORCE)
        assert (await hub.check(CheckId.GRID_IN_FORCE)).state is CheckState.PASSED
        monkeypatch.setattr(commissioning, "write_settings", cut_off)
        with pytest.raises(PowerCut):
            await hub.ask(api.AnswerStep(step_answer=GridAnswer(phases=3, fuse_a=35.0)))
    assert load(tmp_path).site.fuse_a == (25.0 if cut == "before" else 35.0)
    assert CheckId.GRID_IN_FORCE not in load_record(tmp_path).found


@in_loop
async def test_an_answer_that_is_refused_leaves_the_checks_as_they_were(tmp_path: Path) -> None:
    async with HandMadeHome(tmp_path).running() as hub:
        await hub.ask(api.AnswerStep(step_answer=PLACE))
        await hub.check(CheckId.CLOCK)
        before = load_record(tmp_path)
        with pytest.raises(SettingsInvalid):
            await hub.ask(api.AnswerStep(step_answer=replace_zone("Nowhere/Nothing")))
        assert load_record(tmp_path) == before


@in_loop
async def test_a_caller_who_goes_away_leaves_no_half_of_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = HandMadeHome(tmp_path)
    written, began = commissioning.write_settings, asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(*arguments: object) -> object:
        loop.call_soon_threadsafe(began.set)
        return written(*arguments)  # type: ignore[arg-type]

    async with home.running() as hub:
        await hub.ask(api.AnswerStep(step_answer=PLACE))
        monkeypatch.setattr(commissioning, "write_settings", slowly)
        asking = asyncio.create_task(hub.ask(api.AnswerStep(step_answer=GRID)))
        await began.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert load_record(tmp_path).answers == (PLACE, GRID)
        assert load(tmp_path).site.fuse_a == 25.0


class PowerCut(Exception):
    """The end of the process."""


def replace_zone(time_zone: str) -> PlaceAnswer:
    """The home's place, elsewhere."""
    return PlaceAnswer(time_zone=time_zone)
