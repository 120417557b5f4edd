"""The control loop waits for nobody: not for the charger, not for the disk."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homeapp.control_loop import CONTROL_CYCLE_S, NOTE_EVERY_S, ControlLoop, Controls
from homeapp.goal import goal_at
from homeapp.model.offer import Binding, Job, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.plan import ChargingMode, Plan, PlanSlot, Schedule, SlotReason
from homeapp.model.readings import EvceCapabilities, EvceCommand, EvceState, EvceStatus, MeterReading
from homeapp.model.site import Circuit, Site
from homeapp.snapshot import LiveState

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


class LeapingClock:
    """Time goes on by a cycle with every look at the wall clock's pause; no pause ends while it ``stands``."""

    speed = 1.0
    stands = False

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOON).total_seconds()

    async def sleep(self, seconds: float) -> None:
        if self.stands:
            await asyncio.Event().wait()
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Charger:
    device_id: str = "ocpp:a"
    commands: list[EvceCommand] = field(default_factory=list)
    wire: list[tuple[str, float]] = field(default_factory=list)

    @property
    def state(self) -> EvceState:
        return EvceState(device_id=self.device_id, received_at=NOON, status=EvceStatus.PLUGGED, connected=True)

    def charging(self, current_a: float, clock: "LeapingClock") -> EvceState:
        """Has accepted and draws this much."""
        return replace(
            self.state,
            status=EvceStatus.CHARGING,
            transaction_id="t",
            power_w=current_a * 690,
            phase_current_a=(current_a,) * 3,
            power_at=clock.now(),
            granted_w=current_a * 690,
            lease_until=clock.now() + timedelta(seconds=60),
        )

    async def apply(self, command: EvceCommand) -> None:
        self.commands.append(command)
        self.wire.append((self.device_id, command.limit_w))

    async def update_software(self, job: Job) -> None:
        raise AssertionError(job)


class Disk:
    """The audit log; ``hangs`` until told otherwise."""

    def __init__(self, *, hangs: bool) -> None:
        self.rows: list[str] = []
        self.free = asyncio.Event()
        if not hangs:
            self.free.set()

    async def commanded(self, _device_id: str, command: EvceCommand) -> None:
        self.rows.append(command.reason)
        await self.free.wait()


@dataclass
class Home:
    clock: LeapingClock
    charger: Charger
    disk: Disk
    loop: ControlLoop
    live: LiveState
    second: Charger
    installing: bool = False
    commitments: tuple[OfferCase, ...] = ()
    taken: list[tuple[str, float]] = field(default_factory=list)

    def meter(self, current_a: float) -> None:
        """The meter reports this on each phase."""
        watts = (230 * current_a,) * 3
        self.live.meter_read(
            MeterReading(device_id="m", received_at=self.clock.now(), power_w=sum(watts), phase_power_w=watts)
        )
        self.loop.meter_read()

    async def cycle(self, times: int) -> None:
        """As many cycles, each a while after the one before."""
        for _ in range(times):
            done = len(self.charger.commands)
            self.clock.at += timedelta(seconds=CONTROL_CYCLE_S)
            async with asyncio.timeout(10):
                while len(self.charger.commands) == done:
                    self.loop.act()
                    await asyncio.sleep(0)


def in_a_home(
    body: Callable[[Home], Awaitable[None]], *, disk_hangs: bool = False, ids: tuple[str, ...] = ("ocpp:a",)
) -> None:
    async def main() -> None:
        clock, charger, disk, site = LeapingClock(), Charger(), Disk(hangs=disk_hangs), Site()
        second = Charger("ocpp:b", wire=charger.wire)
        both = {"ocpp:a": charger, "ocpp:b": second}
        live = LiveState(
            site=site, goal=goal_at(NOON, Schedule(), ChargingMode.READY_BY, "Europe/Amsterdam", 60_000), clock=clock
        )
        live.evce_changed(charger.state)
        desk: Any = None
        ledger: Any = disk
        controls = Controls(
            site=site,
            lease_s=60.0,
            clock=clock,
            speed=1.0,
            live=live,
            desk=desk,
            ledger=ledger,
            commitments=lambda _now: home.commitments,
            taken=lambda device_id, command: home.taken.append((device_id, command.limit_w)),
            circuits=lambda: tuple(Circuit(device_id=device_id) for device_id in ids),
            evce=both.get,
            installing=lambda _: home.installing,
        )
        home = Home(clock, charger, disk, ControlLoop(controls), live, second)
        running = asyncio.create_task(home.loop.run())
        await body(home)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(main())


@pytest.mark.parametrize(("reason", "urgent"), [(SlotReason.GUARANTEE, True), (SlotReason.CHEAP, False)])
def test_what_a_provider_has_promised_goes_before_what_can_wait(reason: SlotReason, urgent: bool) -> None:
    async def body(home: Home) -> None:
        slot = PlanSlot(start=NOON, end=NOON + timedelta(hours=3), power_w=7000.0, reason=reason)
        home.live.chargers_are({"ocpp:a": "Charger"})
        home.live.plan = Plan(made_at=NOON, slots=(slot,), reaches_pct=80.0, shortfall_wh=0.0)
        situation = home.loop._situation(Circuit(device_id="ocpp:a"), home.loop._moment(), "")
        assert home.loop._taker(situation).urgent is urgent

    in_a_home(body)


def test_a_disk_that_hangs_over_the_audit_log_keeps_no_lease_from_being_renewed() -> None:
    async def body(home: Home) -> None:
        await home.cycle(20)
        assert len(home.disk.rows) == 1
        assert len(home.charger.commands) >= 20

    in_a_home(body, disk_hangs=True)


def test_what_flickers_does_not_fill_the_audit_log_and_what_stays_is_in_it() -> None:
    async def body(home: Home) -> None:
        begun = home.clock.monotonic()
        for number in range(60):
            home.installing = number % 2 == 1
            await home.cycle(1)
        passed = home.clock.monotonic() - begun
        assert len(home.disk.rows) <= 2 + passed / NOTE_EVERY_S
        home.clock.at += timedelta(seconds=NOTE_EVERY_S)
        await home.cycle(3)
        assert home.disk.rows[-1] == home.charger.commands[-1].reason

    in_a_home(body)


async def charging(home: Home, *chargers: Charger, home_a: float = 1.0, full: tuple[Charger, ...] = ()) -> None:
    """Charge until the current of each has settled; a full car takes nothing."""
    current_a = dict.fromkeys((charger.device_id for charger in chargers), 6.0)
    for _ in range(120):
        for charger in chargers:
            if charger.commands:
                current_a[charger.device_id] = charger.commands[-1].limit_w / 690
            state = charger.charging(current_a[charger.device_id], home.clock)
            if charger in full:
                current_a[charger.device_id] = 0.0
                state = replace(state, status=EvceStatus.SUSPENDED_EV, power_w=0.0, phase_current_a=(0.0,) * 3)
            home.live.evce_changed(state)
        home.meter(home_a + sum(current_a.values()))
        await home.cycle(1)


def test_what_the_fuse_wants_less_goes_out_with_the_meters_reading_and_the_rest_after_the_pause() -> None:
    async def body(home: Home) -> None:
        await charging(home, home.charger)
        assert home.charger.commands[-1].limit_w == 16 * 690
        sent, at = len(home.charger.commands), home.clock.monotonic()
        home.live.evce_changed(home.charger.charging(16, home.clock))
        home.meter(26)
        async with asyncio.timeout(10):
            while len(home.charger.commands) == sent:
                await asyncio.sleep(0)
        assert home.clock.monotonic() == at, "before the pause"
        assert home.charger.commands[sent].limit_w < 13 * 690

    in_a_home(body)


def imposed(now: datetime, max_w: float) -> OfferCase:
    end = now + timedelta(hours=1)
    offer = Offer(
        offer_id="limit",
        revision=1,
        sp_id="grid_sp",
        sp_name="Grid",
        kind=OfferKind.CAPACITY_LIMIT,
        binding=Binding.MANDATORY,
        issued_at=now,
        expires_at=end,
        intervals=(OfferInterval(start=now, end=end, max_w=max_w),),
        title="Limit",
    )
    return OfferCase(offer=offer, digest="", state=OfferState.ACTIVE, updated_at=now)


@pytest.mark.usecase("T1")
def test_an_imposed_limit_goes_out_at_once_and_what_the_charger_has_accepted_is_told() -> None:
    async def body(home: Home) -> None:
        await charging(home, home.charger)
        home.live.evce_changed(home.charger.charging(16, home.clock))
        home.clock.stands = True
        for _ in range(10):
            # Until what was begun before is done, and the loop waits for its next cycle.
            await asyncio.sleep(0)
        sent = len(home.charger.commands)
        home.commitments = (imposed(home.clock.now(), 5000.0),)
        home.loop.limited()
        async with asyncio.timeout(10):
            while len(home.charger.commands) == sent:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (home.charger.commands[sent].limit_w, home.charger.commands[sent].reason) == (5000.0, "reduced_by_grid")
        assert home.taken[-1] == ("ocpp:a", 5000.0)

    in_a_home(body)


def test_the_one_that_has_to_give_something_up_is_told_first_and_the_other_waits_for_it() -> None:
    async def body(home: Home) -> None:
        await charging(home, home.charger)
        # The second car comes: what the first one has is not granted twice.
        home.live.evce_changed(home.second.state)
        home.live.evce_changed(home.charger.charging(16, home.clock))
        begun = len(home.charger.wire)
        await home.cycle(1)
        first = home.charger.wire[begun:]
        assert first[0][0] == "ocpp:a"
        assert first[0][1] < 16 * 690
        assert dict(first).get("ocpp:b", 0.0) == 0
        await charging(home, home.charger, home.second)
        newest = dict(home.charger.wire)
        assert newest["ocpp:a"] == newest["ocpp:b"]
        assert newest["ocpp:a"] + newest["ocpp:b"] <= 21.5 * 690 + 1
        assert newest["ocpp:b"] > 10 * 690

    in_a_home(body, ids=("ocpp:a", "ocpp:b"))


def test_a_full_car_keeps_from_the_others_no_more_than_it_needs_to_go_on() -> None:
    async def body(home: Home) -> None:
        await charging(home, home.charger, home.second, full=(home.charger,))
        assert home.charger.commands[-1].limit_w == 6 * 690
        assert home.second.commands[-1].limit_w == 15.5 * 690

    in_a_home(body, ids=("ocpp:a", "ocpp:b"))


def test_in_solar_the_charger_follows_what_the_meter_says_is_left_over() -> None:
    async def body(home: Home) -> None:
        home.live.goal = replace(home.live.goal, mode=ChargingMode.SOLAR)
        home.meter(-8.0)
        await home.cycle(1)
        assert home.charger.commands[-1].limit_w == 0
        for _ in range(90):
            current_a = home.charger.commands[-1].limit_w / 690
            home.live.evce_changed(home.charger.charging(current_a, home.clock))
            # The car's own power is part of what the meter sees.
            home.meter(-8.0 + current_a)
            await home.cycle(1)
        assert home.charger.commands[-1].limit_w == pytest.approx(8.0 * 690, rel=0.01)

    in_a_home(body)


def test_in_solar_a_meter_that_has_fallen_silent_leaves_nothing_to_go_by() -> None:
    async def body(home: Home) -> None:
        home.live.goal = replace(home.live.goal, mode=ChargingMode.SOLAR)
        for _ in range(40):
            home.meter(-8.0)
            await home.cycle(1)
        assert home.charger.commands[-1].limit_w > 0
        home.clock.at += timedelta(seconds=60)
        await home.cycle(1)
        assert home.charger.commands[-1].limit_w == 0

    in_a_home(body)


def agreed_feed(now: datetime, power_w: float) -> OfferCase:
    case = imposed(now, 0.0)
    interval = OfferInterval(start=now, end=now + timedelta(days=1), setpoint_w=-power_w)
    offer = replace(
        case.offer,
        offer_id="feed",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        intervals=(interval,),
    )
    return replace(case, offer=offer)


def export_limit(now: datetime, power_w: float) -> OfferCase:
    case = imposed(now, 0.0)
    interval = OfferInterval(start=now, end=now + timedelta(days=1), max_feed_w=power_w)
    return replace(case, offer=replace(case.offer, intervals=(interval,)))


async def feeding(home: Home) -> float:
    """The power that is fed once everything has settled, W."""
    can = EvceCapabilities(protocol="ocpp2.1", can_feed=True, max_feed_w=11_000.0)
    for _ in range(60):
        at = home.clock.now()
        state = home.charger.charging(0.0, home.clock)
        state = replace(state, status=EvceStatus.FEEDING, soc_pct=90.0, soc_at=at, capabilities=can)
        home.live.evce_changed(state)
        home.meter(1.0)
        await home.cycle(1)
    return home.charger.commands[-1].feed_w


@pytest.mark.usecase("T1", "T2")
@pytest.mark.parametrize(("limit_w", "fed_w"), [(None, 5000.0), (2000.0, 2000.0), (9000.0, 5000.0), (0.0, 0.0)])
def test_no_more_is_fed_than_the_grid_operator_permits(limit_w: float | None, fed_w: float) -> None:
    async def body(home: Home) -> None:
        now = home.clock.now()
        limits = () if limit_w is None else (export_limit(now, limit_w),)
        home.commitments = (agreed_feed(now, 5000.0), *limits)
        assert await feeding(home) == pytest.approx(fed_w, abs=1.0)

    in_a_home(body)
