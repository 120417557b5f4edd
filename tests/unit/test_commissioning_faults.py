"""What goes wrong in a commissioning ends in a sentence that says what to do, and goes on once it is mended.

``pytest -s`` prints a row for each: the fault, what was seen, what to do.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homeapp import api
from homeapp.commissioning.network import Network, look_at_network
from homeapp.errors import EnvironmentProblem, SettingsInvalid
from homeapp.model.commissioning import CheckId, CheckState, GridAnswer, PlaceAnswer, Step
from homeapp.model.device import DeviceLink
from homeapp.model.live import GridLimit
from homeapp.settings import load
from kit.commissioning_home import CHARGER, METER, NOW, PLACE, HandMadeHome
from kit.in_loop import in_loop

FOUND = replace(METER, adopted=False, link=DeviceLink.FOUND)
UNOPENED = replace(FOUND, properties={"api_enabled": "0"})
LATE = api.Check(name="Clock", level=api.CheckLevel.ERROR, finding="The clock says 1970-01-01.", advice="Set the time.")
DEAF = Network(addresses=("192.0.2.1",), deaf={"192.0.2.1": "No such device"})
REFUSES = replace(CHARGER, link=DeviceLink.CONNECTING, problem="The charger refuses the hub's limits. Have it checked.")
LIMITED = GridLimit(value_w=11_000.0, since=NOW, until=None, source="Grid")

FAULTS: tuple[tuple[str, CheckId, Mapping[str, Any], str], ...] = (
    ("no meter", CheckId.METER_FOUND, {"devices": (CHARGER,)}, "no guest WLAN"),
    ("no multicast", CheckId.METER_FOUND, {"devices": (), "network": DEAF}, "allow UDP port 5353"),
    ("no network", CheckId.METER_FOUND, {"devices": (), "network": Network(addresses=(), deaf={})}, "by cable or WLAN"),
    ("local API off", CheckId.METER_FOUND, {"devices": (UNOPENED,)}, "Its local API is off"),
    ("meter not adopted", CheckId.METER_FOUND, {"devices": (FOUND,)}, "homeapp devices adopt homewizard:1"),
    ("meter's clock differs", CheckId.METER_READING, {"meter_off_s": 3600.0}, "with a watch"),
    ("meter backwards", CheckId.METER_DIRECTION, {"load_w": -2000.0}, "counts backwards"),
    ("no load switched on", CheckId.METER_DIRECTION, {"load_w": 50.0}, "kettle"),
    ("wrong clock", CheckId.CLOCK, {"doctor_clock": LATE}, "Set the time."),
    ("no charger", CheckId.CHARGER_CONNECTED, {"devices": (METER,)}, "Enter wss://192.0.2.1:8887/ocpp"),
    ("station refuses", CheckId.CHARGER_CONNECTED, {"devices": (METER, REFUSES)}, "refuses the hub's limits"),
    ("station ignores limits", CheckId.CHARGER_LIMIT, {"charger_a": 16.0}, "does not keep the hub's limits"),
    ("station stays at 7 A", CheckId.CHARGER_LIMIT, {"charger_a": 7.2}, "could not go up"),
    ("no car", CheckId.CHARGER_LIMIT, {"has_car": False}, "Plug in a car"),
    ("full car", CheckId.CHARGER_LIMIT, {"charger_a": 0.2}, "Plug in a car that is not full"),
    ("no fall-back", CheckId.CHARGER_FLOOR, {"floor_a": 10.0}, "does not fall back by itself"),
    ("hardly above the floor", CheckId.CHARGER_FLOOR, {"charger_a": 7.2}, "a car charge that takes more"),
    ("feeding car", CheckId.CHARGER_FLOOR, {"charger_a": 10.0, "is_feeding": True}, "see that it charges"),
    ("no meter beside it", CheckId.CHARGER_FLOOR, {"floor_a": 10.0, "meter_until_s": 20.0}, "its link under Devices"),
    ("grid limit", CheckId.CHARGER_FLOOR, {"floor_a": 10.0, "grid_limit": LIMITED}, "once that limit is over"),
    ("fuse full", CheckId.CHARGER_FLOOR, {"load_w": 6000.0}, "Switch off large loads"),
    ("no PIN", CheckId.PINS, {"has_pins": ()}, "homeapp pin set owner"),
    ("the hub finds an error", CheckId.TEST_RUN, {"doctor_clock": LATE}, "Clock: The clock says 1970"),
)


@pytest.mark.parametrize(("name", "check", "wrong", "advice"), FAULTS, ids=[fault[0] for fault in FAULTS])
@in_loop
async def test_a_fault_says_what_to_do_and_the_check_passes_once_it_is_mended(
    tmp_path: Path, name: str, check: CheckId, wrong: Mapping[str, Any], advice: str
) -> None:
    home = HandMadeHome(tmp_path, **wrong)
    async with home.running() as hub:
        await hub.settle_before(check)
        found = await hub.check(check)
        print(f"{name:24} | {found.seen} | {found.advice}")
        assert found.state is CheckState.FAILED
        assert found.tried
        assert found.seen.endswith(".")
        assert advice in found.advice
        assert home.hold.commitments(home.clock.now()) == ()
    # The hub starts again, as after a power cut, and the fault is mended.
    well = HandMadeHome(tmp_path)
    async with well.running() as hub:
        view = await hub.ask(api.GetCommissioning())
        assert hub.found(view, check) == found
        assert (await hub.check(check)).state is CheckState.PASSED


@in_loop
async def test_a_fuse_that_nobody_makes_is_not_written(tmp_path: Path) -> None:
    async with HandMadeHome(tmp_path).running() as hub:
        for wrong, words in (
            (GridAnswer(phases=3, fuse_a=26.0), "the nearest are 25 A and 32 A"),
            (GridAnswer(phases=3, fuse_a=16.0, max_current_a=32.0), "one of them is wrong"),
            (GridAnswer(phases=3, fuse_a=6.0, max_current_a=6.0), "safe_current_a must be at most"),
        ):
            with pytest.raises(SettingsInvalid, match=words) as refused:
                await hub.ask(api.AnswerStep(step_answer=wrong))
            print(f"{'wrong fuse':24} | {refused.value}")
        assert not (tmp_path / "settings.toml").exists()
        view = await hub.ask(api.AnswerStep(step_answer=GridAnswer(phases=3, fuse_a=25.0)))
        assert view.current is Step.PLACE
    assert load(tmp_path).site.fuse_a == 25.0


@in_loop
async def test_a_watch_that_differs_is_told_and_a_new_answer_mends_it(tmp_path: Path) -> None:
    async with HandMadeHome(tmp_path).running() as hub:
        await hub.ask(api.AnswerStep(step_answer=replace_time("2026-12-01T12:00")))
        found = await hub.check(CheckId.CLOCK)
        print(f"{'watch differs':24} | {found.seen} | {found.advice}")
        assert found.seen == "The hub's clock is 60 min ahead of the watch."
        await hub.ask(api.AnswerStep(step_answer=replace_time("2026-12-01T13:00")))
        assert (await hub.check(CheckId.CLOCK)).state is CheckState.PASSED


@in_loop
async def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    async with HandMadeHome(tmp_path).running() as hub:
        await hub.ask(api.AnswerStep(step_answer=PLACE))
        with monkeypatch.context() as disk:
            disk.setattr("homeapp.identity.files.os.fsync", full)
            with pytest.raises(EnvironmentProblem, match=r"No space left on device\. Make room") as refused:
                await hub.check(CheckId.CLOCK)
            print(f"{'disk full':24} | {refused.value}")
            with pytest.raises(EnvironmentProblem, match="No space left"):
                await hub.ask(api.SkipCheck(check=CheckId.CLOCK, reason="no room"))
            view = await hub.ask(api.GetCommissioning())
            assert hub.found(view, CheckId.CLOCK).state is CheckState.OPEN
            assert view.answers == (PLACE,)
        assert (await hub.check(CheckId.CLOCK)).state is CheckState.PASSED


def test_an_interface_that_is_not_there_is_deaf() -> None:
    found = look_at_network(("192.0.2.1",))
    assert found.addresses == ("192.0.2.1",)
    assert list(found.deaf) == ["192.0.2.1"]
    assert look_at_network(("127.0.0.1",)).deaf == {}


def replace_time(wall_time: str) -> PlaceAnswer:
    """The home's place, with what a watch says there."""
    return PlaceAnswer(time_zone="Europe/Amsterdam", wall_time=wall_time)
