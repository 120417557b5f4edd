"""Commissioning: which step may be taken, one check at a time, and a record that is kept after each.

A check that runs when the hub ends has left nothing behind: it is open again, and so is nothing else.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import msgspec

from homeapp import api
from homeapp.commissioning import charger_checks, home_checks, meter_checks, report, site_checks
from homeapp.commissioning.answers import REOPENED, changes_of, step_of, tables_of
from homeapp.commissioning.charger_hold import ChargerHold
from homeapp.commissioning.check_run import CheckRun
from homeapp.commissioning.home import Finding, Home
from homeapp.commissioning.record import Record, keep_record, load_record
from homeapp.commissioning.safe_currents import refuse_answer, refuse_settings
from homeapp.commissioning.settings_writer import write_settings
from homeapp.errors import EnvironmentProblem, HomeappError, SettingsInvalid, WrongState
from homeapp.model.commissioning import (
    CHECKS_OF,
    Answer,
    CheckId,
    CheckState,
    CheckView,
    CommissioningView,
    PlaceAnswer,
    Step,
    StepView,
)
from homeapp.model.plan import ChargingMode
from homeapp.ports import Signer
from homeapp.server import Handler
from homeapp.settings import Settings, load
from homeapp.supervision import to_its_end

logger = logging.getLogger(__name__)

_LONGEST_SENTENCE = 600


class Commissioning:
    """``load`` first; then ``run`` carries out the checks that ``handlers`` are asked for, until cancelled."""

    def __init__(self, home: Home, hold: ChargerHold, signer: Signer) -> None:
        self._home = home
        self._hold = hold
        self._signer = signer
        self._record = Record()
        self._damage: EnvironmentProblem | None = None
        self._restart_due = self._was_due = False
        self._run = CheckRun(look=self._look, settle=self._settle, stopped=self._open_again, changed=self._tell_changed)
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Take up what was kept; a damaged record stops commissioning alone, and says so."""
        try:
            self._record = await asyncio.to_thread(load_record, self._home.data_dir)
        except EnvironmentProblem as error:
            self._damage = error
            self._home.notice("commissioning.damaged", str(error))
        self._was_due = self._view().due
        await self._compare_settings()

    @property
    def view(self) -> CommissioningView:
        """How it stands; with a damaged record little more than that."""
        return self._view()

    def devices_changed(self) -> None:
        """Devices were found, adopted or forgotten."""
        if self._view().due != self._was_due:
            self._tell_changed()

    def handlers(self) -> Mapping[type[api.Call[Any]], Handler]:
        """What the contract asks."""
        return {
            api.GetCommissioning: self._get,
            api.AnswerStep: self._answer,
            api.RunCheck: self._run_check,
            api.StopCheck: self._stop_check,
            api.SkipCheck: self._skip,
            api.FinishCommissioning: self._finish,
            api.ApplySettings: self._apply_settings,
        }

    def doctors_check(self) -> api.Check:
        """The doctor's line."""
        view, name = self._view(), home_checks.DOCTORS_LINE
        if self._damage is not None:
            finding, _, advice = str(self._damage).partition(". ")
            return api.Check(name=name, level=api.CheckLevel.WARNING, finding=finding, advice=advice)
        if view.finished_at is not None:
            left = f", left out: {', '.join(gap.check for gap in view.gaps)}" if view.gaps else ""
            finding = f"finished on {view.finished_at:%Y-%m-%d}{left}"
            return api.Check(name=name, level=api.CheckLevel.OK, finding=finding)
        finding = "due: nothing of it was done yet" if view.due else "not begun"
        if view.begun_at is not None:
            finding = f"under way, next: {view.current or 'the report'}"
        level = api.CheckLevel.OK if view.begun_at is None and not view.due else api.CheckLevel.WARNING
        advice = "" if level is api.CheckLevel.OK else "Go through its steps: homeapp setup --answers FILE"
        return api.Check(name=name, level=level, finding=finding, advice=advice)

    async def run(self) -> NoReturn:
        """Carry out one check after the other."""
        async with self._changing:
            await self._restore_mode()
        await self._run.run()

    async def _get(self, _call: api.GetCommissioning, _caller: api.Role) -> CommissioningView:
        self._refuse_damaged()
        await self._compare_settings()
        return self._view()

    async def _answer(self, call: api.AnswerStep, _caller: api.Role) -> CommissioningView:
        self._refuse_damaged()
        answer = call.step_answer
        async with self._changing:
            self._refuse_while_running()
            now = self._home.clock.now()
            off_s = _clock_off_s(answer, now) if isinstance(answer, PlaceAnswer) else self._record.clock_off_s
            refuse_answer(self._home, await asyncio.to_thread(load, self._home.data_dir), answer)
            await to_its_end(self._write(answer, off_s))
        return self._view()

    async def _write(self, answer: Answer, off_s: float | None) -> None:
        before, opened = self._record, self._record.without(*REOPENED[step_of(answer)])
        like = before.answer_like(answer)
        changes, tables = changes_of(answer, like), tables_of(answer, like)
        has_opened = opened.found != before.found
        if has_opened:
            # First: no check counts for settings that are written just before the hub ends.
            await self._keep(opened)
        try:
            await asyncio.to_thread(write_settings, self._home.data_dir, changes, *tables)
        except HomeappError:
            if has_opened:
                await self._keep(before)
            raise
        await self._compare_settings()
        await self._keep(opened.with_answer(answer, off_s))

    async def _run_check(self, call: api.RunCheck, _caller: api.Role) -> CommissioningView:
        self._refuse_damaged()
        async with self._changing:
            # One that runs already is waited for.
            if self._run.running is not call.check:
                self._refuse_while_running()
                self._refuse_out_of_turn(call.check)
                self._run.begin(call.check)
        await self._run.ended()
        return self._view()

    async def _stop_check(self, call: api.StopCheck, _caller: api.Role) -> CommissioningView:
        self._refuse_damaged()
        self._run.stop(call.check)
        await self._run.ended()
        return self._view()

    async def _skip(self, call: api.SkipCheck, _caller: api.Role) -> CommissioningView:
        self._refuse_damaged()
        async with self._changing:
            self._refuse_while_running()
            self._refuse_out_of_turn(call.check)
            before = self._record.found.get(call.check, CheckView(check=call.check))
            if before.state is CheckState.PASSED:
                raise WrongState("This check has passed; there is nothing to leave out.")
            if not call.reason.strip():
                raise WrongState("Say why it is left out: the report tells it to whoever reads it.")
            gap = replace(before, state=CheckState.SKIPPED, reason=call.reason[:_LONGEST_SENTENCE])
            await self._keep(self._record.with_found(gap))
        return self._view()

    async def _finish(self, call: api.FinishCommissioning, _caller: api.Role) -> CommissioningView:
        self._refuse_damaged()
        async with self._changing:
            self._refuse_while_running()
            if (current := self._view().current) is not None:
                raise WrongState(f"The step {current} is not settled yet: run its checks, or leave them out by name.")
            done = msgspec.structs.replace(self._record, finished_at=self._home.clock.now())
            content = report.content(
                self._home, self._view_of(done), installer=call.installer, key_id=self._signer.key_id
            )
            digest = await asyncio.to_thread(report.write, self._home.data_dir, content, self._signer)
            await self._keep(msgspec.structs.replace(done, report_digest=digest))
        return self._view()

    async def _apply_settings(self, _call: api.ApplySettings, _caller: api.Role) -> None:
        async with self._changing:
            self._refuse_while_running()
            refuse_settings(self._home, await asyncio.to_thread(load, self._home.data_dir))
            self._home.begin_anew()

    async def _look(self, check: CheckId) -> Finding:
        try:
            written = await asyncio.to_thread(load, self._home.data_dir)
            return await self._checks(written)[check]()
        except HomeappError as error:
            return Finding(good=False, tried="Ran the check.", seen=str(error), advice="Mend that and run it again.")

    def _checks(self, written: Settings) -> Mapping[CheckId, Callable[[], Awaitable[Finding]]]:
        home, record, hold = self._home, self._record, self._hold
        return {
            CheckId.CLOCK: lambda: site_checks.clock(home, record),
            CheckId.GRID_IN_FORCE: lambda: site_checks.grid_in_force(home, written),
            CheckId.METER_FOUND: lambda: meter_checks.meter_found(home),
            CheckId.METER_READING: lambda: meter_checks.meter_reading(home),
            CheckId.METER_DIRECTION: lambda: meter_checks.meter_direction(home),
            CheckId.CHARGER_CONNECTED: lambda: charger_checks.charger_connected(home),
            CheckId.CHARGER_LIMIT: lambda: self._charging_now(lambda: charger_checks.charger_limit(home, hold)),
            CheckId.CHARGER_FLOOR: lambda: self._charging_now(lambda: charger_checks.charger_floor(home, hold)),
            CheckId.CAR_KNOWN: lambda: home_checks.car_known(home, record, written),
            CheckId.TARIFF: lambda: home_checks.tariff(home, written),
            CheckId.PROVIDERS_LINKED: lambda: home_checks.providers_linked(home),
            CheckId.DRY_RUN: lambda: home_checks.dry_run(home, record),
            CheckId.WISHES: lambda: home_checks.wishes(home),
            CheckId.CONSENTS: lambda: home_checks.consents(home),
            CheckId.PINS: lambda: home_checks.pins(home),
            CheckId.TEST_RUN: lambda: home_checks.test_run(home),
        }

    async def _charging_now(self, test: Callable[[], Awaitable[Finding]]) -> Finding:
        """The test with a car that charges; afterwards it charges as before, or as somebody has chosen meanwhile.

        Where the hub ends meanwhile, its next start sees to that.
        """
        mode, kept = self._home.snapshot().mode, self._record.mode_before
        if kept is None or mode is not ChargingMode.NOW:
            # Else a test before could not give it back.
            await self._keep(msgspec.structs.replace(self._record, mode_before=mode))
        try:
            await self._home.ask(api.SetMode(mode=ChargingMode.NOW))
            finding = await test()
        except HomeappError:
            await self._restore_mode()
            raise
        await self._restore_mode()
        return finding

    async def _restore_mode(self) -> None:
        if (mode := self._record.mode_before) is not None:
            # Whoever has chosen another one meanwhile has meant it.
            if self._home.snapshot().mode is ChargingMode.NOW:
                await self._home.ask(api.SetMode(mode=mode))
            await self._keep(msgspec.structs.replace(self._record, mode_before=None))

    async def _settle(self, check: CheckId, finding: Finding) -> None:
        view = CheckView(
            check=check,
            state=CheckState.PASSED if finding.good else CheckState.FAILED,
            tried=finding.tried[:_LONGEST_SENTENCE],
            seen=finding.seen[:_LONGEST_SENTENCE],
            advice=finding.advice[:_LONGEST_SENTENCE],
            at=self._home.clock.now(),
        )
        logger.info("commissioning: %s %s: %s", check, view.state, view.seen)
        async with self._changing:
            await self._keep(self._record.with_found(view))

    async def _open_again(self, check: CheckId) -> None:
        logger.info("commissioning: %s was stopped", check)
        async with self._changing:
            await self._restore_mode()
            if check in self._record.found:
                await self._keep(self._record.without(check))

    async def _keep(self, record: Record) -> None:
        if record.begun_at is None:
            record = msgspec.structs.replace(record, begun_at=self._home.clock.now())
        await to_its_end(self._keep_whole(record))

    async def _keep_whole(self, record: Record) -> None:
        await asyncio.to_thread(keep_record, self._home.data_dir, record)
        self._record = record
        self._tell_changed()

    async def _compare_settings(self) -> None:
        before = self._restart_due
        with contextlib.suppress(SettingsInvalid):
            self._restart_due = await asyncio.to_thread(load, self._home.data_dir) != self._home.settings
        if self._restart_due is not before:
            self._tell_changed()

    def _tell_changed(self) -> None:
        self._was_due = self._view().due
        self._home.changed()

    def _refuse_damaged(self) -> None:
        if self._damage is not None:
            raise self._damage

    def _refuse_while_running(self) -> None:
        if self._run.running is not None:
            raise WrongState(f"The check {self._run.running} runs. Wait for it, or stop it.")

    def _refuse_out_of_turn(self, check: CheckId) -> None:
        for step in self._view().steps:
            if any(found.check is check for found in step.checks):
                return
            if not step.is_settled:
                raise WrongState(f"First the step {step.step}: run its checks, or leave them out by name.")

    def _view(self) -> CommissioningView:
        return self._view_of(self._record)

    def _view_of(self, record: Record) -> CommissioningView:
        steps = tuple(StepView(step=step, checks=tuple(map(self._found, checks))) for step, checks in CHECKS_OF.items())
        return CommissioningView(
            due=record.begun_at is None and not any(device.adopted for device in self._home.devices()),
            begun_at=record.begun_at,
            finished_at=record.finished_at,
            current=_current(steps),
            steps=steps,
            language=record.place.language if record.place is not None else "",
            charger_address=charger_checks.charger_address(self._home),
            report_digest=record.report_digest,
            answers=record.answers,
            restart_due=self._restart_due,
            problem=str(self._damage or ""),
        )

    def _found(self, check: CheckId) -> CheckView:
        if check is self._run.running:
            return CheckView(check=check, state=CheckState.RUNNING)
        return self._record.found.get(check, CheckView(check=check))


def _current(steps: tuple[StepView, ...]) -> Step | None:
    return next((step.step for step in steps if not step.is_settled), None)


def _clock_off_s(answer: PlaceAnswer, now: datetime) -> float | None:
    """By how much the hub's clock is ahead of the watch, s; None where nobody has looked at one."""
    if not answer.wall_time:
        return None
    try:
        read = datetime.fromisoformat(answer.wall_time).replace(tzinfo=ZoneInfo(answer.time_zone))
    except (ValueError, KeyError, OSError) as error:
        raise WrongState(f"{answer.wall_time} or {answer.time_zone} is no local time. Enter both anew.") from error
    # A watch without seconds is right within a minute: its middle is meant.
    return (now - read).total_seconds() - 30.0
