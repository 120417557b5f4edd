"""Commissioning: its order, what is kept of it, and how it goes on after each end."""

import asyncio
from pathlib import Path

import pytest

from homeapp import api
from homeapp.commissioning.record import FILE_NAME, load_record
from homeapp.errors import EnvironmentProblem, WrongState
from homeapp.model.commissioning import CHECKS_OF, CheckId, CheckState, GridAnswer, Step
from homeapp.model.plan import ChargingMode
from kit.commissioning_home import PLACE, HandMadeHome
from kit.in_loop import in_loop

SKIPPED = "the customer wanted it so"
ALL = [check for checks in CHECKS_OF.values() for check in checks]


@in_loop
async def test_an_empty_home_is_due_and_one_with_devices_is_not(tmp_path: Path) -> None:
    async with HandMadeHome(tmp_path, devices=()).running() as hub:
        assert (await hub.ask(api.GetCommissioning())).due
        line = hub.commissioning.doctors_check()
        assert (line.level, line.finding) == (api.CheckLevel.WARNING, "due: nothing of it was done yet")
    async with HandMadeHome(tmp_path).running() as hub:
        assert not (await hub.ask(api.GetCommissioning())).due
        assert hub.commissioning.doctors_check().level is api.CheckLevel.OK


@in_loop
async def test_steps_are_taken_in_their_order(tmp_path: Path) -> None:
    async with HandMadeHome(tmp_path).running() as hub:
        with pytest.raises(WrongState, match="First the step place"):
            await hub.ask(api.RunCheck(check=CheckId.PINS))
        with pytest.raises(WrongState, match="First the step place"):
            await hub.ask(api.SkipCheck(check=CheckId.METER_FOUND, reason=SKIPPED))
        with pytest.raises(WrongState, match="The step place is not settled"):
            await hub.ask(api.FinishCommissioning())
        assert (await hub.ask(api.GetCommissioning())).current is Step.PLACE


@in_loop
async def test_one_check_runs_at_a_time_and_nothing_changes_meanwhile(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path, load_after_s=60.0)
    async with home.running() as hub:
        await hub.settle_before(CheckId.METER_DIRECTION)
        running = asyncio.create_task(hub.check(CheckId.METER_DIRECTION))
        await asyncio.sleep(0)
        for call in (
            api.RunCheck(check=CheckId.METER_FOUND),
            api.SkipCheck(check=CheckId.METER_FOUND, reason=SKIPPED),
            api.AnswerStep(step_answer=PLACE),
            api.FinishCommissioning(),
        ):
            with pytest.raises(WrongState, match="The check meter_direction runs"):
                await hub.ask(call)
        joined = await hub.check(CheckId.METER_DIRECTION)
        assert joined == await running
        assert joined.state is CheckState.PASSED


@in_loop
async def test_a_gap_needs_a_reason_and_is_told(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path)
    async with home.running() as hub:
        await hub.settle_before(CheckId.METER_FOUND)
        with pytest.raises(WrongState, match="Say why"):
            await hub.ask(api.SkipCheck(check=CheckId.METER_FOUND, reason=" "))
        view = await hub.ask(api.SkipCheck(check=CheckId.METER_FOUND, reason=SKIPPED))
        assert [gap.check for gap in view.gaps][-1] is CheckId.METER_FOUND
        assert not home.notices, "Home tells it once, where it can be pressed"
        assert (await hub.check(CheckId.METER_FOUND)).state is CheckState.PASSED, "it can still be made up for"
        with pytest.raises(WrongState, match="has passed"):
            await hub.ask(api.SkipCheck(check=CheckId.METER_FOUND, reason=SKIPPED))


@pytest.mark.parametrize("settled", range(len(ALL) + 1))
@in_loop
async def test_a_hub_that_is_killed_after_any_check_goes_on_there(tmp_path: Path, settled: int) -> None:
    home = HandMadeHome(tmp_path)
    async with home.running() as hub:
        await hub.ask(api.AnswerStep(step_answer=PLACE))
        for check in ALL[:settled]:
            await hub.ask(api.SkipCheck(check=check, reason=SKIPPED))
    (tmp_path / "commissioning.part").write_text("half of a rec")
    async with HandMadeHome(tmp_path).running() as hub:
        view = await hub.ask(api.GetCommissioning())
        states = [check.state for step in view.steps for check in step.checks]
        assert states == [CheckState.SKIPPED] * settled + [CheckState.OPEN] * (len(ALL) - settled)
        for check in ALL[settled:]:
            await hub.ask(api.SkipCheck(check=check, reason=SKIPPED))
        done = await hub.ask(api.FinishCommissioning(installer="Demo"))
        assert done.finished_at is not None
        assert len(done.report_digest) == 64


@in_loop
async def test_a_hub_that_is_killed_in_a_test_of_the_charger_gives_the_owner_his_mode_back(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path)
    async with home.running() as hub:
        await hub.settle_before(CheckId.CHARGER_LIMIT)
        record = load_record(tmp_path)
    killed = tmp_path / FILE_NAME
    killed.write_text(killed.read_text().replace('"mode_before": null', '"mode_before": "cheapest"'))
    home.mode = ChargingMode.NOW
    async with home.running() as hub:
        assert (await hub.check(CheckId.CHARGER_CONNECTED)).state is CheckState.PASSED
        assert home.mode is ChargingMode.CHEAPEST
    assert load_record(tmp_path).mode_before is None
    assert record.mode_before is None


@in_loop
async def test_the_charger_is_tested_and_then_left_as_the_owner_wants_it(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path)
    async with home.running() as hub:
        await hub.settle_before(CheckId.CHARGER_LIMIT)
        for check in CHECKS_OF[Step.CHARGER]:
            assert (await hub.check(check)).state is CheckState.PASSED
        view = await hub.ask(api.GetCommissioning())
        assert "It drew 6.0 A and then 10.0 A" in hub.found(view, CheckId.CHARGER_LIMIT).seen
        assert "without the hub 6.0 A" in hub.found(view, CheckId.CHARGER_FLOOR).seen
    assert home.mode is ChargingMode.READY_BY
    assert home.hold.commitments(home.clock.now()) == ()
    assert home.hold.commandable("evce", home.clock.now()) == "evce"  # type: ignore[arg-type]


@in_loop
async def test_an_answer_opens_what_depends_on_it_and_takes_the_report_back(tmp_path: Path) -> None:
    home = HandMadeHome(tmp_path)
    async with home.running() as hub:
        await hub.settle_before(CheckId.TEST_RUN)
        await hub.ask(api.SkipCheck(check=CheckId.TEST_RUN, reason=SKIPPED))
        assert (await hub.ask(api.FinishCommissioning())).finished_at is not None
        view = await hub.ask(api.AnswerStep(step_answer=GridAnswer(phases=3, fuse_a=35.0)))
        assert (view.finished_at, view.report_digest, view.current) == (None, "", Step.GRID)
        assert hub.found(view, CheckId.METER_FOUND).state is CheckState.SKIPPED
        assert "not in force yet" in (await hub.check(CheckId.GRID_IN_FORCE)).seen
    async with home.running() as hub:
        assert (await hub.check(CheckId.GRID_IN_FORCE)).state is CheckState.PASSED


@in_loop
async def test_a_damaged_record_stops_commissioning_alone(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"version": 1, "found": 7}')
    home = HandMadeHome(tmp_path)
    async with home.running() as hub:
        with pytest.raises(EnvironmentProblem, match=r"is damaged\. Move it away"):
            await hub.ask(api.GetCommissioning())
        assert hub.commissioning.doctors_check().level is api.CheckLevel.WARNING
    assert "commissioning.damaged" in home.notices
