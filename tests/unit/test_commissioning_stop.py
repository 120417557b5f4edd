"""A check that is stopped leaves nothing behind, settings are applied while none runs, and watchers are told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from homeapp import api
from homeapp.commissioning.record import FILE_NAME, load_record
from homeapp.errors import EnvironmentProblem, SettingsInvalid, WrongState
from homeapp.model.commissioning import CheckId, CheckState, CheckView, GridAnswer, Step
from homeapp.model.plan import ChargingMode
from kit.commissioning_home import METER, PLACE, HandMadeHome, Hub
from kit.in_loop import in_loop


async def comes(done: Callable[[], object]) -> None:
    """Let everything else run until ``done``."""
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0)


@asynccontextmanager
async def in_a_test_of_the_charger(
    home: HandMadeHome, check: CheckId
) -> AsyncIterator[tuple[Hub, "asyncio.Task[CheckView]"]]:
    """In the middle of a test of the charger, and who waits for it."""
    async with home.running() as hub:
        await hub.settle_before(check)
        for earlier in (CheckId.CHARGER_CONNECTED, CheckId.CHARGER_LIMIT):
            if earlier is not check:
                await hub.ask(api.SkipCheck(check=earlier, reason="not part of this"))
        running = asyncio.create_task(hub.check(check))
        await comes(lambda: home.hold.commitments(home.clock.now()))
        assert home.mode is ChargingMode.NOW
        yield hub, running


@pytest.mark.usecase("D2", "W4")
@pytest.mark.parametrize("check", [CheckId.CHARGER_LIMIT, CheckId.CHARGER_FLOOR])
@in_loop
async def test_a_stopped_test_of_the_charger_releases_it_and_gives_the_mode_back(
    tmp_path: Path, check: CheckId
) -> None:
    home = HandMadeHome(tmp_path, charger_a=16.0)
    async with in_a_test_of_the_charger(home, check) as (hub, running):
        view = await hub.ask(api.StopCheck(check=check))
        assert hub.found(view, check) == CheckView(check=check) == await running
        assert home.hold.commitments(home.clock.now()) == ()
        assert home.hold.commandable("evce", home.clock.now()) == "evce"  # type: ignore[arg-type]
        assert home.mode is ChargingMode.READY_BY
        assert load_record(tmp_path).mode_before is None
        home.charger_a = None
        assert (await hub.check(check)).state is CheckState.PASSED, "it can be run again"


@pytest.mark.usecase("D2", "W4")
@pytest.mark.parametrize("check", [CheckId.CHARGER_LIMIT, CheckId.CHARGER_FLOOR])
@in_loop
async def test_who_pauses_the_car_during_a_test_has_it_paused_afterwards(tmp_path: Path, check: CheckId) -> None:
    home = HandMadeHome(tmp_path, charger_a=16.0)
    async with in_a_test_of_the_charger(home, check) as (hub, running):
        home.mode = ChargingMode.PAUSE
        await hub.ask(api.StopCheck(check=check))
        await running
        assert home.mode is ChargingMode.PAUSE
        assert load_record(tmp_path).mode_before is None


@pytest.mark.usecase("D2", "W4")
@in_loop
async def test_who_pauses_the_car_while_the_charger_is_left_alone_is_heard_at_once(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path, floor_a=10.0)
    async with home.running() as hub:
        await hub.settle_before(CheckId.CHARGER_FLOOR)
        for earlier in (CheckId.CHARGER_CONNECTED, CheckId.CHARGER_LIMIT):
            await hub.ask(api.SkipCheck(check=earlier, reason="not part of this"))
        running = asyncio.create_task(hub.check(CheckId.CHARGER_FLOOR))
        await comes(lambda: home.hold.commandable("evce", home.clock.now()) is None)  # type: ignore[arg-type]
        home.mode, paused_at = ChargingMode.PAUSE, home.clock.now()
        await comes(lambda: home.hold.commandable("evce", home.clock.now()) == "evce")  # type: ignore[arg-type]
        assert (home.clock.now() - paused_at).total_seconds() <= 2
        assert "another mode" in (await running).seen
        assert home.mode is ChargingMode.PAUSE


@pytest.mark.usecase("W6")
@in_loop
async def test_a_mode_that_could_not_be_given_back_is_not_forgotten_by_the_next_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_call: object) -> None:
        raise EnvironmentProblem("No space left on device.")

    home = HandMadeHome(tmp_path, charger_a=16.0)
    async with in_a_test_of_the_charger(home, CheckId.CHARGER_LIMIT) as (hub, running):
        with monkeypatch.context() as disk:
            disk.setattr(home, "_ask", refused)
            with pytest.raises(EnvironmentProblem):
                await hub.ask(api.StopCheck(check=CheckId.CHARGER_LIMIT))
            with pytest.raises(EnvironmentProblem):
                await running
        assert home.mode is ChargingMode.NOW
        home.charger_a = None
        assert (await hub.check(CheckId.CHARGER_LIMIT)).state is CheckState.PASSED
        assert home.mode is ChargingMode.READY_BY


@in_loop
async def test_only_the_check_that_runs_can_be_stopped(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path, charger_a=16.0)
    async with in_a_test_of_the_charger(home, CheckId.CHARGER_LIMIT) as (hub, running):
        with pytest.raises(WrongState, match="meter_found does not run"):
            await hub.ask(api.StopCheck(check=CheckId.METER_FOUND))
        await hub.ask(api.StopCheck(check=CheckId.CHARGER_LIMIT))
        with pytest.raises(WrongState, match="charger_limit does not run"):
            await hub.ask(api.StopCheck(check=CheckId.CHARGER_LIMIT))
        await running


@in_loop
async def test_a_check_is_stopped_in_the_moment_in_which_it_begins(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path, load_after_s=1e6)
    async with home.running() as hub:
        await hub.settle_before(CheckId.METER_DIRECTION)
        commissioning = hub.commissioning
        running = asyncio.create_task(hub.check(CheckId.METER_DIRECTION))
        await comes(
            lambda: CheckState.RUNNING in {item.state for step in commissioning.view.steps for item in step.checks}
        )
        view = await hub.ask(api.StopCheck(check=CheckId.METER_DIRECTION))
        assert hub.found(view, CheckId.METER_DIRECTION).state is CheckState.OPEN
        assert (await running).state is CheckState.OPEN
        assert home.clock.naps == [], "it never looked"


@in_loop
async def test_what_was_found_before_does_not_count_for_a_check_that_is_stopped(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path)
    async with home.running() as hub:
        await hub.settle_before(CheckId.CHARGER_LIMIT)
        await hub.ask(api.SkipCheck(check=CheckId.CHARGER_CONNECTED, reason="not part of this"))
        assert (await hub.check(CheckId.CHARGER_LIMIT)).state is CheckState.PASSED
        home.charger_a = 16.0
        running = asyncio.create_task(hub.check(CheckId.CHARGER_LIMIT))
        await comes(lambda: home.hold.commitments(home.clock.now()))
        assert CheckId.CHARGER_LIMIT in load_record(tmp_path).found
        await hub.ask(api.StopCheck(check=CheckId.CHARGER_LIMIT))
        assert (await running).state is CheckState.OPEN
    assert CheckId.CHARGER_LIMIT not in load_record(tmp_path).found


@pytest.mark.usecase("W6")
@in_loop
async def test_a_stop_on_a_full_disk_releases_the_charger_and_the_next_start_restores_the_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    home = HandMadeHome(tmp_path, charger_a=16.0)
    async with in_a_test_of_the_charger(home, CheckId.CHARGER_LIMIT) as (hub, running):
        with monkeypatch.context() as disk:
            disk.setattr("homeapp.identity.files.os.fsync", full)
            for asking in (hub.ask(api.StopCheck(check=CheckId.CHARGER_LIMIT)), running):
                with pytest.raises(EnvironmentProblem, match="No space left"):
                    await asking
        assert home.hold.commitments(home.clock.now()) == ()
        assert load_record(tmp_path).mode_before is ChargingMode.READY_BY
    async with home.running() as hub:
        await hub.check(CheckId.CHARGER_CONNECTED)
        assert home.mode is ChargingMode.READY_BY
        assert load_record(tmp_path).mode_before is None


@in_loop
async def test_settings_are_applied_while_no_check_runs(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path, charger_a=16.0)
    async with in_a_test_of_the_charger(home, CheckId.CHARGER_LIMIT) as (hub, running):
        with pytest.raises(WrongState, match=r"charger_limit runs\. Wait for it, or stop it"):
            await hub.ask(api.ApplySettings())
        assert home.begun_anew == 0
        await hub.ask(api.StopCheck(check=CheckId.CHARGER_LIMIT))
        await running
        (tmp_path / "settings.toml").write_text("[site]\nfuse_a = \n")
        with pytest.raises(SettingsInvalid, match=r"settings\.toml"):
            await hub.ask(api.ApplySettings())
        assert home.begun_anew == 0
        (tmp_path / "settings.toml").write_text("[site]\nfuse_a = 25.0\n")
        await hub.ask(api.ApplySettings())
        assert home.begun_anew == 1


@in_loop
async def test_written_settings_are_due_until_a_hub_begins_with_them(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path)
    async with home.running() as hub:
        assert not (await hub.ask(api.GetCommissioning())).restart_due
        view = await hub.ask(api.AnswerStep(step_answer=GridAnswer(phases=3, fuse_a=35.0)))
        assert view.restart_due
        assert hub.commissioning.view.restart_due
        (tmp_path / "settings.toml").write_text("[site]\nfuse_a = \n")
        assert (await hub.ask(api.GetCommissioning())).restart_due, "what cannot be read is not in force either"
        (tmp_path / "settings.toml").unlink()
        assert not (await hub.ask(api.GetCommissioning())).restart_due
        await hub.ask(api.AnswerStep(step_answer=GridAnswer(phases=3, fuse_a=35.0)))
    async with home.running() as hub:
        assert not hub.commissioning.view.restart_due


@in_loop
async def test_whoever_watches_is_told_of_every_change(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path)

    async def tells(call: api.Call[object], wanted: Callable[[], object]) -> None:
        before = home.changes
        await hub.ask(call)
        assert home.changes > before, call
        assert wanted(), call

    async with home.running() as hub:
        now = hub.commissioning
        await tells(api.AnswerStep(step_answer=PLACE), lambda: now.view.answers == (PLACE,))
        await tells(api.RunCheck(check=CheckId.CLOCK), lambda: now.view.current is Step.GRID)
        await tells(api.SkipCheck(check=CheckId.GRID_IN_FORCE, reason="later"), lambda: len(now.view.gaps) == 1)
        before = home.changes
        now.devices_changed()
        assert home.changes == before, "only what makes it due or not counts"


@in_loop
async def test_devices_that_come_and_go_make_an_empty_home_due_or_not(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path, devices=())
    async with home.running() as hub:
        assert hub.commissioning.view.due
        for devices, due in (((METER,), False), ((), True)):
            before, home.devices = home.changes, devices
            hub.commissioning.devices_changed()
            assert (hub.commissioning.view.due, home.changes) == (due, before + 1)


@in_loop
async def test_a_damaged_record_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"version": 1, "found": 7}')
    async with HandMadeHome(tmp_path).running() as hub:
        view = hub.commissioning.view
        assert "is damaged. Move it away" in view.problem
        assert (view.begun_at, view.current) == (None, Step.PLACE)
        pushed = api.decode_incoming(api.encode_notification(api.Topic.COMMISSIONING, view))
        assert pushed == api.Pushed(api.Topic.COMMISSIONING, view)
        with pytest.raises(EnvironmentProblem):
            await hub.ask(api.StopCheck(check=CheckId.CLOCK))
        await hub.ask(api.ApplySettings())
