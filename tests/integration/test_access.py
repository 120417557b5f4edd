"""Roles and PINs over the real socket, with the real argon2, ledger and sealed secrets."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homeapp import api
from homeapp.access.access_control import AccessControl
from homeapp.audit import examine, read_rows
from homeapp.client import Client, connect
from homeapp.connection import MOST_FAILED_LOGINS
from homeapp.errors import HubNotRunning, NotAllowed, NotFound, WrongPin, WrongState
from homeapp.model.commissioning import CheckId, PlaceAnswer
from homeapp.model.consent import DataClass
from homeapp.model.offer import Choice
from homeapp.model.plan import ChargingMode, Goal, Schedule
from homeapp.model.site import Site
from homeapp.model.standing_rule import RuleAction, StandingRule
from homeapp.secrets import open_secret_store
from homeapp.server import Server, socket_path
from homeapp.settings import SecretPlace
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.pin_attempts import PinAttempts
from kit.clocks import HandClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PINS = {api.Role.HOUSEHOLD: "6283", api.Role.OWNER: "471108", api.Role.INSTALLER: "902517"}
GOAL = Goal(mode=ChargingMode.NOW, target_pct=80, floor_pct=50, ready_by=NOON, capacity_wh=60000)
WAIT_S = 10

ACTIONS: tuple[api.Call[Any], ...] = (
    api.SetMode(mode=ChargingMode.NOW),
    api.SetSchedule(schedule=Schedule()),
    api.AlertSeen(sp_id="pev_sp", alert_id="1"),
    api.AdoptDevice(device_id="a"),
    api.ForgetDevice(device_id="a"),
    api.RaiseSecurity(device_id="a"),
    api.TakeControl(device_id="a"),
    api.GiveControlBack(device_id="a"),
    api.ListTokens(),
    api.AddToken(),
    api.RemoveToken(name="a"),
    api.DecideOffer(key="evc_sp/1", digest="", choice=Choice.ACCEPT),
    api.SetConsent(sp_id="evc_sp", data_class=DataClass.METERING, granted=True, text_version=1),
    api.ReadDescriptor(text=""),
    api.PairProvider(text="", fingerprint=""),
    api.UnpairProvider(sp_id="evc_sp"),
    api.EnrolProvider(sp_id="evc_sp", user="u", password="p"),
    api.GetCertificateRequest(sp_id="evc_sp"),
    api.ImportCertificate(sp_id="evc_sp", pem=""),
    api.SetMode(mode=ChargingMode.POWER_FEED),
    api.SetSchedule(schedule=Schedule(), feed=True),
    api.KeepRule(rule=StandingRule(action=RuleAction.ASK)),
    api.RemoveRule(rule_id="a"),
    api.ImportPrices(format=api.PriceFormat.CSV_RETAIL, content=""),
    api.ForgetPrices(),
    api.FindVtns(),
    api.GetCommissioning(),
    api.AnswerStep(step_answer=PlaceAnswer(time_zone="Europe/Amsterdam")),
    api.RunCheck(check=CheckId.CLOCK),
    api.StopCheck(check=CheckId.CLOCK),
    api.ApplySettings(),
    api.LookForMeter(address="192.168.1.20"),
    api.SkipCheck(check=CheckId.CLOCK, reason="later"),
    api.FinishCommissioning(installer="a"),
)


class Home:
    """A server in front of handlers that only note who has called."""

    def __init__(self, data_dir: Path) -> None:
        self.path = socket_path(data_dir)
        self.data_dir = data_dir
        self.clock = HandClock(NOON)
        self.done: list[tuple[type[api.Call[Any]], api.Role]] = []
        self.entered = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def connected(self, stack: AsyncExitStack) -> Client:
        client = await stack.enter_async_context(connect(self.path))
        await client.watch(api.Topic.ACCESS)
        await sees(client, lambda view: view is not None)
        return client

    def audit(self, *kinds: str) -> list[tuple[str, str]]:
        return [(row.kind, row.subject) for row in read_rows(self.data_dir) if row.kind in kinds]

    def server(self, access: AccessControl) -> Server:
        handlers = dict.fromkeys(api.CALLS.values(), self._handler)
        return Server(self.path, handlers, lambda _topic: None, self._hello, access)

    async def _handler(self, call: api.Call[Any], caller: api.Role) -> object:
        self.entered += 1
        await self.gate.wait()
        self.done.append((type(call), caller))
        return GOAL if isinstance(call, api.SetMode) else None

    def _hello(self, role: api.Role) -> api.Hello:
        return api.Hello(version="1", protocol=1, now=self.clock.now(), clock_speed=1.0, role=role, site=Site())


def at_home(tmp_path: Path, body: Callable[[Home, AsyncExitStack], Awaitable[None]], *, pins: bool = True) -> None:
    async def main() -> None:
        home, started = Home(tmp_path), asyncio.Event()
        async with Database(tmp_path) as database:
            access = AccessControl(
                secrets=open_secret_store(tmp_path, SecretPlace.MACHINE_FILE),
                attempts=PinAttempts(database, home.clock),
                ledger=Ledger(database, home.clock),
                clock=home.clock,
            )
            await access.load()
            serving = asyncio.create_task(home.server(access).run(started.set))
            await started.wait()
            try:
                async with asyncio.timeout(60), AsyncExitStack() as stack:
                    if pins:
                        await set_pins(home)
                    await body(home, stack)
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(main())


async def set_pins(home: Home) -> None:
    async with connect(home.path) as client:
        await client.call(api.SetPin(for_role=api.Role.INSTALLER, pin=PINS[api.Role.INSTALLER]))
        await log_in(client, api.Role.INSTALLER)
        for role in (api.Role.OWNER, api.Role.HOUSEHOLD):
            await client.call(api.SetPin(for_role=role, pin=PINS[role]))


async def log_in(client: Client, role: api.Role) -> api.AccessView:
    return await client.call(api.LogIn(as_role=role, pin=PINS[role]))


async def sees(client: Client, wanted: Callable[[Any], object]) -> api.AccessView:
    """Wait until a pushed value is as wanted."""
    await client.wait_until(lambda: wanted(client.latest.get(api.Topic.ACCESS)), WAIT_S)
    view = client.latest[api.Topic.ACCESS]
    assert isinstance(view, api.AccessView)
    return view


def test_the_actions_below_are_all_that_need_a_role() -> None:
    about_access = {api.SetPin, api.SetOpenRole}
    assert {type(call) for call in ACTIONS} | about_access == {
        call for call in api.CALLS.values() if call.role is not api.Role.GUEST
    }


@pytest.mark.usecase("W4")
def test_a_home_without_a_pin_is_open_to_whoever_sets_it_up(tmp_path: Path) -> None:
    async def body(home: Home, stack: AsyncExitStack) -> None:
        client = await home.connected(stack)
        assert (await client.call(api.SayHello())).role is api.Role.INSTALLER
        for call in ACTIONS:
            await try_out(client, call)
        assert home.done == [(type(call), api.Role.INSTALLER) for call in ACTIONS]
        with pytest.raises(NotFound, match="owner has no PIN"):
            await log_in(client, api.Role.OWNER)

    at_home(tmp_path, body, pins=False)


async def try_out(client: Client, call: api.Call[Any]) -> None:
    """The handlers here answer with nothing, which most calls do not allow: that it came back is enough."""
    try:
        await client.call(call)
    except api.BadLine:
        return


@pytest.mark.usecase("W4", "W8")
def test_view_only_by_default(tmp_path: Path) -> None:
    async def body(home: Home, stack: AsyncExitStack) -> None:
        client = await home.connected(stack)
        assert (await client.call(api.SayHello())).role is api.Role.GUEST
        for call in (*ACTIONS, api.SetPin(for_role=api.Role.OWNER, pin="318042"), api.SetOpenRole(open_role="owner")):
            with pytest.raises(NotAllowed, match=f"As guest you may not do this. Log in as {call.needs()}"):
                await client.call(call)
        assert home.done == []
        await client.watch(*[topic for topic in api.Topic if topic in (api.Topic.TARIFF, api.Topic.PLAN)])
        await client.call(api.GetPlan())
        assert home.done == [(api.GetPlan, api.Role.GUEST)]

    at_home(tmp_path, body)


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("role", list(PINS))
def test_each_role_may_do_its_own_and_nothing_above(tmp_path: Path, role: api.Role) -> None:
    async def body(home: Home, stack: AsyncExitStack) -> None:
        client, other = await home.connected(stack), await home.connected(stack)
        view = await log_in(client, role)
        assert (view.role, view.open_role, view.pins) == (role, api.Role.GUEST, tuple(PINS))
        assert view.until == home.clock.now() + timedelta(seconds=120)
        allowed = [call for call in ACTIONS if role.covers(call.needs())]
        for call in ACTIONS:
            if call in allowed:
                await try_out(client, call)
            else:
                with pytest.raises(NotAllowed):
                    await client.call(call)
        assert home.done == [(type(call), role) for call in allowed]
        for call in ACTIONS:
            with pytest.raises(NotAllowed):
                await other.call(call)

    at_home(tmp_path, body)


def test_a_role_falls_back_after_two_minutes_and_the_screen_is_told(tmp_path: Path) -> None:
    async def body(home: Home, stack: AsyncExitStack) -> None:
        client = await home.connected(stack)
        await log_in(client, api.Role.OWNER)
        first = await sees(client, lambda view: view.role is api.Role.OWNER)
        await home.clock.move(100)
        await client.call(api.SetMode(mode=ChargingMode.NOW))
        later = await sees(client, lambda view: view.until != first.until)
        assert later.until is not None
        assert first.until is not None
        assert later.until - first.until == timedelta(seconds=100)
        await home.clock.move(100)
        await client.call(api.SayHello())
        await client.call(api.GetPlan())
        await client.watch(api.Topic.ACCESS)
        await home.clock.move(20)
        fallen = await sees(client, lambda view: view.role is api.Role.GUEST)
        assert fallen.until is None
        with pytest.raises(NotAllowed):
            await client.call(api.SetMode(mode=ChargingMode.NOW))

    at_home(tmp_path, body)


def test_the_role_at_the_moment_of_the_call_counts(tmp_path: Path) -> None:
    """A call that stood in line behind slow ones while the time ran out is refused."""

    async def body(home: Home, stack: AsyncExitStack) -> None:
        client = await home.connected(stack)
        await log_in(client, api.Role.OWNER)
        home.gate.clear()
        slow = [asyncio.create_task(client.call(api.GetPlan())) for _ in range(16)]
        late = asyncio.create_task(client.call(api.SetMode(mode=ChargingMode.NOW)))
        while home.entered < len(slow):
            await asyncio.sleep(0)
        await home.clock.move(121)
        home.gate.set()
        await asyncio.gather(*slow)
        with pytest.raises(NotAllowed):
            await late

    at_home(tmp_path, body)


def test_logging_out_and_what_needs_no_pin(tmp_path: Path) -> None:
    async def body(home: Home, stack: AsyncExitStack) -> None:
        owner, other = await home.connected(stack), await home.connected(stack)
        await log_in(owner, api.Role.OWNER)
        with pytest.raises(WrongState):
            await owner.call(api.SetOpenRole(open_role=api.Role.OWNER))
        await owner.call(api.SetOpenRole(open_role=api.Role.HOUSEHOLD))
        assert (await sees(other, lambda view: view.open_role is api.Role.HOUSEHOLD)).role is api.Role.HOUSEHOLD
        await other.call(api.SetMode(mode=ChargingMode.NOW))
        assert (await owner.call(api.LogOut())).role is api.Role.HOUSEHOLD
        with pytest.raises(NotAllowed, match="As household you may not"):
            await owner.call(api.ForgetDevice(device_id="a"))

    at_home(tmp_path, body)


def test_a_new_pin_is_told_to_all_and_ends_what_the_old_one_opened(tmp_path: Path) -> None:
    async def body(home: Home, stack: AsyncExitStack) -> None:
        here, there = await home.connected(stack), await home.connected(stack)
        for client in (here, there):
            await log_in(client, api.Role.OWNER)
            await sees(client, lambda view: view.role is api.Role.OWNER)
        assert (await here.call(api.SetPin(for_role=api.Role.OWNER, pin="318042"))).role is api.Role.OWNER
        await sees(there, lambda view: view.role is api.Role.GUEST)
        with pytest.raises(WrongPin):
            await log_in(there, api.Role.OWNER)
        with pytest.raises(NotAllowed, match="Only the installer"):
            await here.call(api.SetPin(for_role=api.Role.INSTALLER, pin="318043"))
        await here.call(api.SetPin(for_role=api.Role.HOUSEHOLD, pin=""))
        await sees(there, lambda view: api.Role.HOUSEHOLD not in view.pins)

    at_home(tmp_path, body)


@pytest.mark.usecase("W4", "W7")
def test_twenty_guesses_are_refused_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of the table of attacks: twenty PINs in a row, over as many connections as it takes."""

    async def body(home: Home, stack: AsyncExitStack) -> None:
        watcher = await home.connected(stack)
        refused: list[str] = []
        client = await home.connected(stack)
        for number in range(20):
            try:
                await client.call(api.LogIn(as_role=api.Role.OWNER, pin=f"5550{number:02}"))
            except WrongPin as error:
                refused.append(str(error))
            if len(refused) % MOST_FAILED_LOGINS == 0:
                with pytest.raises(HubNotRunning):
                    await client.wait_until(lambda: False, WAIT_S)
                client = await home.connected(stack)
        assert len(refused) == 20
        assert sum("more tr" in sentence for sentence in refused) == 4
        assert sum("next try is possible in" in sentence for sentence in refused) == 16
        locked = await sees(watcher, lambda view: api.Role.OWNER in view.locked)
        assert locked.locked == {api.Role.OWNER: home.clock.now() + timedelta(seconds=60)}
        with pytest.raises(WrongPin, match="in 60 seconds"):
            await log_in(client, api.Role.OWNER)
        assert (await log_in(client, api.Role.HOUSEHOLD)).role is api.Role.HOUSEHOLD
        assert home.audit("login_failed", "pin_locked") == [
            *[("login_failed", "owner")] * 5,
            ("pin_locked", "owner"),
            *[("login_failed", "owner")] * 16,
        ]
        assert examine(tmp_path).problem == ""
        assert caplog.text.count("a wrong PIN of the owner") == 5
        assert not any("55501" in text for text in (caplog.text, *_details(tmp_path)))
        await home.clock.move(60)
        assert (await log_in(client, api.Role.OWNER)).role is api.Role.OWNER

    caplog.set_level("DEBUG", logger="homeapp")
    at_home(tmp_path, body)


def _details(data_dir: Path) -> list[str]:
    return [row.detail for row in read_rows(data_dir)]


def test_a_login_that_is_no_login_is_refused(tmp_path: Path) -> None:
    async def body(home: Home, stack: AsyncExitStack) -> None:
        client = await home.connected(stack)
        for as_role in (api.Role.GUEST, api.Role.OWNER):
            with pytest.raises((NotFound, WrongPin)):
                await client.call(api.LogIn(as_role=as_role, pin=""))
        reader, writer = await asyncio.open_unix_connection(home.path)
        params = ({"as_role": "king", "pin": "471108"}, {"as_role": "owner"}, {"as_role": "owner", "pin": 471108})
        for number, wrong in enumerate(params):
            line = {"jsonrpc": "2.0", "id": number, "method": "access.log_in", "params": wrong}
            writer.write(json.dumps(line).encode() + b"\n")
            answer = json.loads(await reader.readline())
            assert answer["error"]["code"] == api.INVALID_PARAMS
            assert "471108" not in answer["error"]["message"]
        writer.close()
        await writer.wait_closed()

    at_home(tmp_path, body)
