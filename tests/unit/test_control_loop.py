"""The control loop waits for nobody: not for the charger, not for the disk."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from homeapp.control_loop import CONTROL_CYCLE_S, NOTE_EVERY_S, ControlLoop, Controls
from homeapp.goal import goal_at
from homeapp.model.offer import Job
from homeapp.model.plan import ChargingMode
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus
from homeapp.model.site import Circuit, Site
from homeapp.settings import GoalSettings
from homeapp.snapshot import LiveState

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


class LeapingClock:
    """Time goes on by a cycle with every look at the wall clock's pause."""

    speed = 1.0

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOON).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Charger:
    device_id: str = "ocpp:a"
    commands: list[EvceCommand] = field(default_factory=list)

    @property
    def state(self) -> EvceState:
        return EvceState(device_id="ocpp:a", received_at=NOON, status=EvceStatus.PLUGGED, connected=True)

    async def apply(self, command: EvceCommand) -> None:
        self.commands.append(command)

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


class NoRequests:
    def commitments(self, _now: datetime) -> tuple[()]:
        return ()


@dataclass
class Home:
    clock: LeapingClock
    charger: Charger
    disk: Disk
    loop: ControlLoop
    installing: bool = False

    async def cycle(self, times: int) -> None:
        """As many cycles, each a while after the one before."""
        for _ in range(times):
            done = len(self.charger.commands)
            self.clock.at += timedelta(seconds=CONTROL_CYCLE_S)
            async with asyncio.timeout(10):
                while len(self.charger.commands) == done:
                    self.loop.act()
                    await asyncio.sleep(0)


def in_a_home(body: Callable[[Home], Awaitable[None]], *, disk_hangs: bool = False) -> None:
    async def main() -> None:
        clock, charger, disk, site = LeapingClock(), Charger(), Disk(hangs=disk_hangs), Site()
        live = LiveState(
            site=site, goal=goal_at(NOON, GoalSettings(), ChargingMode.CHEAPEST, "Europe/Amsterdam"), clock=clock
        )
        live.evce_changed(charger.state)
        desk: Any = NoRequests()
        ledger: Any = disk
        controls = Controls(
            site=site,
            lease_s=60.0,
            clock=clock,
            speed=1.0,
            live=live,
            desk=desk,
            ledger=ledger,
            circuits=lambda: (Circuit(device_id="ocpp:a"),),
            evce=lambda _: charger,
            installing=lambda _: home.installing,
        )
        home = Home(clock, charger, disk, ControlLoop(controls))
        running = asyncio.create_task(home.loop.run())
        await body(home)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(main())


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
