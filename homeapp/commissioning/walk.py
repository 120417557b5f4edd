"""Goes through the steps for an installer who has written the answers down, over the contract, a line for each thing.

What is settled already is not done again, so a walk that was cut off goes on where it was. Secrets are asked for at the
moment when they are needed, and are kept nowhere.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from homeapp import api
from homeapp.commissioning.answers import step_of
from homeapp.commissioning.answers_file import Answers, DeviceChoice, MeterChoice, ProviderChoice
from homeapp.errors import HomeappError, NotAllowed, PairingPending, SettingsInvalid, WrongState
from homeapp.model.commissioning import (
    CHECKS_OF,
    CheckId,
    CheckState,
    CheckView,
    CommissioningView,
    Step,
)
from homeapp.model.device import DeviceKind, DeviceView
from homeapp.model.pairing import Enrolment

R = TypeVar("R")

_BEFORE = {
    CheckId.METER_DIRECTION: "Switch on a kettle or a hair dryer NOW, and leave it on for half a minute.",
    CheckId.CHARGER_LIMIT: "A car that is not full has to be plugged in now.",
}
_LOOKS, _LOOK_PAUSE_S = 30, 1.0
_BUTTON_TRIES = 30
_BUTTON_PAUSE_S = 2.0


class Caller(Protocol):
    """A connection to the hub."""

    async def call(self, call: api.Call[R]) -> R:
        """Carry out one call.

        Raises:
            HomeappError: what the hub answered.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The installer's side.

    Attributes:
        directory: of the file of answers.
        say: takes a line for the installer.
        ask_secret: asks for a secret by a question, unseen; blocks.
        reconnect: waits until the hub has begun anew, and connects to it.
    """

    directory: Path
    say: Callable[[str], None]
    ask_secret: Callable[[str], str]
    reconnect: Callable[[], Awaitable[Caller]]


class Walk:
    """One walk; ``run`` it once.

    Args:
        hub: the connection.
        answers: what is to be answered.
        desk: whom to tell and to ask.
    """

    def __init__(self, hub: Caller, answers: Answers, desk: Desk) -> None:
        self._hub = hub
        self._answers = answers
        self._desk = desk
        self._pin = ""

    async def run(self) -> CommissioningView:
        """All steps up to the first that is not settled; the report where there is none.

        Raises:
            HomeappError: an answer was refused; says what to do.
        """
        await self._enter()
        await self._answer_settings()
        for step in Step:
            if not await self._take(step):
                return await self._call(api.GetCommissioning())
        view = await self._call(api.GetCommissioning())
        if view.finished_at is None:
            view = await self._call(api.FinishCommissioning(installer=self._answers.installer))
        self._desk.say(f"report     signed, SHA-256 {view.report_digest}")
        return view

    async def _enter(self) -> None:
        """Come in as the installer; a home that has no PIN yet lets everybody in."""
        access = await self._hub.call(api.LogOut())
        if not access.open_role.covers(api.Role.INSTALLER):
            if api.Role.INSTALLER not in access.pins:
                await self._log_in(api.Role.OWNER)
                await self._set_pin(api.Role.INSTALLER)
            else:
                await self._log_in(api.Role.INSTALLER)

    async def _answer_settings(self) -> None:
        view = await self._call(api.GetCommissioning())
        given = (self._answers.place, self._answers.grid, self._answers.car, self._answers.tariff)
        for answer in given:
            # An answer opens its checks again: the same one is not given a second time.
            if answer is not None and answer not in view.answers:
                await self._call(api.AnswerStep(step_answer=answer))
                self._desk.say(f"answered   {step_of(answer)}")
        if (await self._call(api.GetCommissioning())).restart_due:
            await self._apply()

    async def _apply(self) -> None:
        """Have the settings hold; the hub that begins then knows nobody who had logged in."""
        await self._call(api.ApplySettings())
        self._hub = await self._desk.reconnect()
        await self._enter()
        self._desk.say("applied    settings")

    async def _take(self, step: Step) -> bool:
        """Whether the step is settled now."""
        view = await self._call(api.GetCommissioning())
        if next(item for item in view.steps if item.step is step).is_settled:
            self._desk.say(f"settled    {step}")
            return True
        try:
            await self._do(step)
        except HomeappError as error:
            self._desk.say(f"refused    {step}: {error}")
        for check in CHECKS_OF[step]:
            if not await self._check(check):
                return False
        return True

    async def _do(self, step: Step) -> None:
        """What the installer does besides answering and checking."""
        actions: dict[Step, Callable[[], Awaitable[None]]] = {
            Step.METER: lambda: self._adopt(DeviceKind.METER, self._answers.meter),
            Step.CHARGER: lambda: self._adopt(DeviceKind.EVCE, self._answers.charger),
            Step.PROVIDERS: self._pair,
            Step.OWNER: self._wish,
            Step.PINS: self._set_pins,
        }
        if (action := actions.get(step)) is not None:
            await action()

    async def _check(self, check: CheckId) -> bool:
        found = _found(await self._call(api.GetCommissioning()), check)
        if found.state.is_settled:
            return True
        if check in _BEFORE and check not in self._answers.skip:
            self._desk.say(f"please     {_BEFORE[check]}")
        try:
            found = await self._ran(check)
        except WrongState as error:
            self._desk.say(f"waits      {check}: {error}")
            return False
        self._desk.say(f"{found.state:9}  {check}: {found.seen}")
        if found.state is CheckState.FAILED:
            self._desk.say(f"           -> {found.advice}")
            return await self._leave_out(check)
        return found.state.is_settled

    async def _ran(self, check: CheckId) -> CheckView:
        while True:
            found = _found(await self._call(api.RunCheck(check=check)), check)
            if found.state is not CheckState.RUNNING:
                return found

    async def _leave_out(self, check: CheckId) -> bool:
        reason = self._answers.skip.get(check)
        if reason is None:
            return False
        await self._call(api.SkipCheck(check=check, reason=reason))
        self._desk.say(f"skipped    {check}: {reason}")
        return True

    async def _adopt(self, kind: DeviceKind, choice: DeviceChoice | None) -> None:
        if choice is None:
            return
        known = await self._call(api.ListDevices())
        if any(device.adopted for device in known if device.kind is kind):
            return
        device = _chosen(await self._seen(kind, choice), choice)
        for _ in range(_BUTTON_TRIES):
            try:
                await self._call(api.AdoptDevice(device_id=device.device_id, name=choice.name))
            except PairingPending as error:
                self._desk.say(f"please     {error}")
                await asyncio.sleep(_BUTTON_PAUSE_S)
            else:
                self._desk.say(f"adopted    {device.device_id} ({device.product})")
                return
        raise WrongState("Nobody has done that at the device in time.")

    async def _seen(self, kind: DeviceKind, choice: DeviceChoice) -> list[DeviceView]:
        if isinstance(choice, MeterChoice) and choice.address:
            return [await self._call(api.LookForMeter(address=choice.address))]
        for _ in range(_LOOKS):
            devices = [device for device in await self._call(api.ListDevices()) if device.kind is kind]
            if any(choice.id in ("", device.device_id) for device in devices):
                return devices
            await asyncio.sleep(_LOOK_PAUSE_S)
        return []

    async def _pair(self) -> None:
        paired = {item.fingerprint: item for item in await self._call(api.ListProviders())}
        for choice in self._answers.provider:
            known = paired.get(choice.fingerprint)
            if known is None:
                text = await asyncio.to_thread(_descriptor, self._desk.directory / choice.descriptor)
                known = await self._call(api.PairProvider(text=text, fingerprint=choice.fingerprint))
                self._desk.say(f"paired     {known.sp_id} ({known.name})")
            if known.enrolment is not Enrolment.VALID and choice.enrol_user:
                await self._enrol(known.sp_id, choice)
        # Without that there are neither links nor prices that could be looked at.
        for sp_id in self._answers.owner.share:
            await self._agree(sp_id)

    async def _enrol(self, sp_id: str, choice: ProviderChoice) -> None:
        password = await asyncio.to_thread(self._desk.ask_secret, f"Password of {choice.enrol_user} for {sp_id}")
        await self._call(api.EnrolProvider(sp_id=sp_id, user=choice.enrol_user, password=password))
        self._desk.say(f"enrolled   {sp_id}")

    async def _wish(self) -> None:
        wishes = self._answers.owner
        schedule = await self._call(api.GetSchedule())
        wanted = replace(
            schedule,
            floor_pct=schedule.floor_pct if wishes.floor_pct is None else wishes.floor_pct,
            target_pct=schedule.target_pct if wishes.target_pct is None else wishes.target_pct,
            ready_by=schedule.ready_by if wishes.ready_by is None else wishes.ready_by,
        )
        if wanted != schedule:
            await self._call(api.SetSchedule(schedule=wanted))

    async def _agree(self, sp_id: str) -> None:
        wanted = self._answers.owner.share.get(sp_id, ())
        for provider in await self._call(api.GetSharing()):
            for entry in provider.entries if provider.sp_id == sp_id else ():
                if entry.data_class in wanted and not entry.granted:
                    await self._call(
                        api.SetConsent(
                            sp_id=sp_id, data_class=entry.data_class, granted=True, text_version=entry.text_version
                        )
                    )
                    self._desk.say(f"agreed     {sp_id}: {entry.data_class}")

    async def _set_pins(self) -> None:
        if not self._answers.pins:
            return
        access = await self._hub.call(api.LogOut())
        for role in (api.Role.INSTALLER, api.Role.OWNER):
            if role not in access.pins:
                await self._set_pin(role)

    async def _set_pin(self, role: api.Role) -> None:
        pin = await asyncio.to_thread(self._desk.ask_secret, f"New PIN of the {role}")
        await self._call(api.SetPin(for_role=role, pin=pin))
        self._desk.say(f"PIN set    {role}")
        if role is api.Role.INSTALLER:
            self._pin = pin
            await self._hub.call(api.LogIn(as_role=role, pin=pin))

    async def _log_in(self, role: api.Role) -> None:
        pin = self._pin if role is api.Role.INSTALLER else ""
        pin = pin or await asyncio.to_thread(self._desk.ask_secret, f"PIN of the {role}")
        await self._hub.call(api.LogIn(as_role=role, pin=pin))
        if role is api.Role.INSTALLER:
            self._pin = pin

    async def _call(self, call: api.Call[R]) -> R:
        try:
            return await self._hub.call(call)
        except NotAllowed:
            if not self._pin:
                raise
        # The role has run out while a check took its time.
        await self._hub.call(api.LogIn(as_role=api.Role.INSTALLER, pin=self._pin))
        return await self._hub.call(call)


def _found(view: CommissioningView, check: CheckId) -> CheckView:
    return next(item for step in view.steps for item in step.checks if item.check is check)


def _chosen(devices: list[DeviceView], choice: DeviceChoice) -> DeviceView:
    fitting = [device for device in devices if choice.id in ("", device.device_id)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise WrongState("No such device is to be seen yet.")
    raise WrongState(f"Several are to be seen; name one: {', '.join(device.device_id for device in fitting)}")


def _descriptor(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"The descriptor {path} cannot be read. Put it beside the file of answers.") from error
