"""The control loop: every cycle one verdict of ``homeapp.control``, passed on without waiting for anybody."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from homeapp.control import Patience, Situation, Verdict, decide, power_per_ampere
from homeapp.errors import DeviceError
from homeapp.fuse_guard import FuseGuard
from homeapp.model.readings import EvceCommand
from homeapp.model.site import Site
from homeapp.offers.desk import OfferDesk
from homeapp.ports import Clock, Evce
from homeapp.snapshot import LiveState
from homeapp.store.ledger import Ledger

logger = logging.getLogger(__name__)

CONTROL_CYCLE_S = 2.0
NOTE_EVERY_S = 30.0
"""Between two rows of the audit log about commands: at its limit a fuse changes them every cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What the loop looks at and acts upon.

    Attributes:
        lease_s: for how long a command holds.
        speed: of the clock.
        evce: the adopted charger, or None.
        installing: software goes into car or charger.
        card_needed: nothing charges before a card was shown at the charger.
    """

    site: Site
    lease_s: float
    clock: Clock
    speed: float
    live: LiveState
    desk: OfferDesk
    ledger: Ledger
    evce: Callable[[], Evce | None]
    installing: Callable[[], bool]
    card_needed: bool = False


class ControlLoop:
    """``run`` until cancelled; ``act`` ends the pause between two cycles."""

    def __init__(self, controls: Controls) -> None:
        self._of = controls
        self._guard = FuseGuard(controls.site)
        self._patience = Patience()
        self._act = asyncio.Event()
        self._asked: EvceCommand | None = None
        self._asking: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._taken: tuple[str, EvceCommand] | None = None
        self._noted: tuple[str, str, bool, bool] | None = None
        self._noting: asyncio.Task[None] | None = None
        self._note_at = float("-inf")

    def act(self) -> None:
        """Something has changed that the next cycle should not wait for."""
        self._act.set()

    async def run(self) -> NoReturn:
        """Control until cancelled."""
        # What a cycle sets off belongs to this loop: a fault in it restarts the loop and not the hub.
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._act.clear()
                await self._once(tasks)
                try:
                    async with asyncio.timeout(CONTROL_CYCLE_S / self._of.speed):
                        await self._act.wait()
                    await self._of.clock.sleep(CONTROL_CYCLE_S / 4)
                except TimeoutError:
                    continue

    async def _once(self, tasks: asyncio.TaskGroup) -> None:
        monotonic = self._of.clock.monotonic()
        verdict = decide(self._situation(monotonic), self._of.lease_s)
        self._of.live.activity = verdict.activity
        if verdict.command is not None:
            self._command(verdict.command, monotonic, tasks)
        self._end(verdict, monotonic, tasks)
        self._note(monotonic, tasks)
        # Lets a command that is already due leave before the next cycle.
        await asyncio.sleep(0)

    def _situation(self, monotonic: float) -> Situation:
        live = self._of.live
        allowance = self._guard.allow(
            meter=live.meter.reading if live.meter else None,
            meter_age_s=live.meter_age_s,
            evce=live.evce,
            monotonic=monotonic,
        )
        now = self._of.clock.now()
        return Situation(
            now=now,
            site=self._of.site,
            evce=live.evce,
            allowance=allowance,
            plan=live.plan,
            goal=live.goal,
            commitments=self._of.desk.commitments(now),
            critical_health=live.critical_health,
            soc_pct=live.fresh_soc_pct,
            installing=self._of.installing(),
            card_needed=self._of.card_needed,
        )

    def _command(self, command: EvceCommand, monotonic: float, tasks: asyncio.TaskGroup) -> None:
        """Pass the wish on without waiting: a silent charger must not stop the cycle."""
        evce = self._of.evce()
        if evce is None:
            return
        per_ampere = power_per_ampere(self._of.live.evce, self._of.site)
        self._guard.granted((command.limit_w - command.feed_w) / per_ampere, monotonic)
        if self._asking is not None and not self._asking.done() and command == self._asked:
            return
        self._asked = command
        self._asking = tasks.create_task(self._ask(evce, command))

    async def _ask(self, evce: Evce, command: EvceCommand) -> None:
        try:
            await evce.apply(command)
        except DeviceError as error:
            logger.debug("%s: %s", evce.device_id, error)
        else:
            self._taken = evce.device_id, command

    def _end(self, verdict: Verdict, monotonic: float, tasks: asyncio.TaskGroup) -> None:
        """End requests without waiting: a slow disk must not stop the cycle."""
        ending = verdict.abort + self._patience.spent(verdict.doubts, monotonic)
        if ending and (self._ending is None or self._ending.done()):
            self._ending = tasks.create_task(self._abort(ending))

    async def _abort(self, ending: tuple[tuple[str, str], ...]) -> None:
        for key, reason in ending:
            await self._of.desk.abort(key, reason)

    def _note(self, monotonic: float, tasks: asyncio.TaskGroup) -> None:
        """What the charger has taken last, where it means something else than before; neither does this wait."""
        if self._taken is None or monotonic < self._note_at or (self._noting and not self._noting.done()):
            return
        device_id, command = self._taken
        meaning = (device_id, command.reason, command.limit_w > 0, command.feed_w > 0)
        if meaning != self._noted:
            self._noted, self._note_at = meaning, monotonic + NOTE_EVERY_S
            self._noting = tasks.create_task(self._of.ledger.commanded(device_id, command))
