"""The control loop: every cycle one verdict of ``homeapp.control`` for each charger, passed on without waiting.

A cycle is two passes over the rules: the first says what is wanted for each charger, from which the load guard makes
what each is allowed; the second makes the commands of that. A meter reading for which the fuse wants less than was
asked for is acted upon at once; everything else waits for the pause between two cycles.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

from homeapp.control import Patience, Situation, Verdict, decide, feed_floor_pct, power_per_ampere, total_cap_w
from homeapp.errors import DeviceError
from homeapp.export_limit import feed_limit_w, under_export_limit
from homeapp.feeder import Candidate, choose_feeder, others_doubt
from homeapp.load.claim import Held, Moment
from homeapp.load.load_guard import Allowance, LoadGuard, Taker
from homeapp.model.offer import OfferCase
from homeapp.model.plan import ChargingMode, SlotReason
from homeapp.model.readings import EvceCommand, EvceStatus
from homeapp.model.site import MIN_CURRENT_A, Circuit, Site
from homeapp.offers.desk import OfferDesk
from homeapp.planning.delayed_steps import DelayedSteps
from homeapp.planning.surplus import SurplusFollower
from homeapp.planning.watchdog import WatchedCar
from homeapp.ports import Clock, Evce
from homeapp.snapshot import METER_STALE_S, LiveState
from homeapp.store.ledger import Ledger

logger = logging.getLogger(__name__)

CONTROL_CYCLE_S = 2.0
NOTE_EVERY_S = 30.0
"""Between two rows of the audit log about commands of one charger: at its limit a fuse changes them every cycle."""
_FALLS_W = 20.0
_URGENT = (SlotReason.NEEDED, SlotReason.GUARANTEE, SlotReason.FLOOR, SlotReason.AFTER_DEADLINE)
_UNBOUND = Allowance(current_a=float("inf"), feed_a=float("inf"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What the loop looks at and acts upon.

    Attributes:
        lease_s: for how long a command holds.
        speed: of the clock.
        circuits: of the adopted chargers, the one adopted first first.
        commitments: agreed requests and imposed limits that are not over.
        evce: an adopted charger, or None while it has not come since the hub runs.
        installing: software goes into this charger, or into the car at it.
        card_needed: nothing charges before a card was shown at the charger.
        delay: by which this home puts off what its plan sets off at a full quarter of an hour.
        car: what the watch over the plan has found out about the car at the primary charger.
        taken: told each command that a charger has accepted, by device id; must not block.
    """

    site: Site
    lease_s: float
    clock: Clock
    speed: float
    live: LiveState
    desk: OfferDesk
    ledger: Ledger
    commitments: Callable[[datetime], tuple[OfferCase, ...]]
    circuits: Callable[[], tuple[Circuit, ...]]
    evce: Callable[[str], Evce | None]
    installing: Callable[[str], bool]
    card_needed: bool = False
    delay: Callable[[], timedelta] = timedelta
    car: Callable[[], WatchedCar] = WatchedCar
    taken: Callable[[str, EvceCommand], None] = lambda _device_id, _command: None


@dataclass(slots=True)
class _Wire:
    """What goes on with one charger.

    Attributes:
        asked: the newest command.
        asking: hands it over.
        taken: the one that the charger has taken last.
        noted: what that meant when it was written into the audit log last.
    """

    asked: EvceCommand | None = None
    asking: asyncio.Task[None] | None = None
    taken: EvceCommand | None = None
    noted: tuple[str, bool, bool] | None = None
    noting: asyncio.Task[None] | None = None
    note_at: float = field(default=float("-inf"))


class ControlLoop:
    """``run`` until cancelled; ``act`` ends the pause between two cycles."""

    def __init__(self, controls: Controls) -> None:
        self._of = controls
        self._guard = LoadGuard(controls.site)
        self._patience = Patience()
        self._act = asyncio.Event()
        self._sampled = asyncio.Event()
        self._steps = DelayedSteps(controls.delay)
        self._surplus = SurplusFollower(controls.clock.monotonic)
        self._wires: dict[str, _Wire] = {}
        self._ending: asyncio.Task[None] | None = None

    def act(self) -> None:
        """Something has changed that the next cycle should not wait for."""
        self._act.set()

    def meter_read(self) -> None:
        """The meter has reported."""
        self._sampled.set()
        self._act.set()

    def limited(self) -> None:
        """A limit was imposed: what it makes less is passed on at once, all else in the next cycle."""
        self._sampled.set()
        self._act.set()

    async def run(self) -> NoReturn:
        """Control until cancelled."""
        # What a cycle sets off belongs to this loop: a fault in it restarts the loop and not the hub.
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_meter(tasks))
            while True:
                self._act.clear()
                await self._once(tasks)
                try:
                    async with asyncio.timeout(CONTROL_CYCLE_S / self._of.speed):
                        await self._act.wait()
                    await self._of.clock.sleep(CONTROL_CYCLE_S / 4)
                except TimeoutError:
                    continue

    async def _follow_meter(self, tasks: asyncio.TaskGroup) -> NoReturn:
        """Pass on at once what a meter reading or a limit makes less; all else of it waits for the next cycle."""
        while True:
            await self._sampled.wait()
            self._sampled.clear()
            at = self._moment()
            for device_id, verdict in self._verdicts(at).items():
                command, asked = verdict.command, self._wire(device_id).asked
                if command is not None and asked is not None and _falls(asked, command):
                    self._command(device_id, command, at, tasks)

    async def _once(self, tasks: asyncio.TaskGroup) -> None:
        at = self._moment()
        verdicts = self._verdicts(at)
        live, feeder = self._of.live, verdicts.get(self._of.live.feeder_id or "")
        live.activities = {device_id: verdict.activity for device_id, verdict in verdicts.items()}
        commands = {
            device_id: verdict.command for device_id, verdict in verdicts.items() if verdict.command is not None
        }
        # Whoever has to give something up is told first.
        for device_id in sorted(commands, key=lambda key: not _falls(self._wire(key).asked, commands[key])):
            self._command(device_id, commands[device_id], at, tasks)
        self._end(feeder, at.monotonic, tasks)
        for device_id in verdicts:
            self._note(device_id, at.monotonic, tasks)
        # Lets a command that is already due leave before the next cycle.
        await asyncio.sleep(0)

    def _verdicts(self, at: Moment) -> dict[str, Verdict]:
        """By device id, one for each adopted charger."""
        live, circuits = self._of.live, self._of.circuits()
        self._guard.chargers_are(circuits)
        self._wires = {circuit.device_id: self._wire(circuit.device_id) for circuit in circuits}
        doubt = self._choose_feeder(circuits, at)
        situations = {circuit.device_id: self._situation(circuit, at, doubt) for circuit in circuits}
        takers = {device_id: self._taker(situation) for device_id, situation in situations.items()}
        commitments = self._of.commitments(at.civil)
        allowances = self._guard.allow(
            meter=live.meter.reading if live.meter else None,
            meter_age_s=live.meter_age_s,
            takers=takers,
            cap_w=total_cap_w(commitments, at.civil),
            at=at,
        )
        allowed_w = {
            circuit.device_id: self._allowed_w(circuit, takers[circuit.device_id], allowances.get(circuit.device_id))
            for circuit in circuits
        }
        verdicts, feed_w = {}, feed_limit_w(commitments, at.civil)
        for device_id, situation in situations.items():
            others_w = sum(allowed_w.values()) - allowed_w[device_id]
            allowance = allowances.get(device_id, situation.allowance)
            allowance = under_export_limit(allowance, feed_w, power_per_ampere(situation.evce, situation.site))
            verdicts[device_id] = decide(replace(situation, allowance=allowance, others_w=others_w), self._of.lease_s)
        return verdicts

    def _choose_feeder(self, circuits: Sequence[Circuit], at: Moment) -> str:
        """Who carries out the power feed that is due; returns why no other charger can."""
        live = self._of.live
        floor_pct = feed_floor_pct(self._of.commitments(at.civil), live.goal, at.civil)
        if floor_pct is None:
            live.feeder_id = None
            return ""
        candidates = [
            Candidate(
                device_id=key, name=live.names.get(key, key), evce=live.evces.get(key), soc_pct=live.fresh_soc_of(key)
            )
            for key in (circuit.device_id for circuit in circuits)
        ]
        live.feeder_id = choose_feeder(
            candidates,
            primary_id=live.primary_id,
            present_id=live.feeder_id,
            floor_pct=floor_pct,
            now=at.civil,
        )
        return others_doubt(candidates, live.feeder_id, floor_pct)

    def _situation(self, circuit: Circuit, at: Moment, others_doubt: str) -> Situation:
        """Of one charger, before the fuse has had its say."""
        live, device_id, site = self._of.live, circuit.device_id, self._of.site
        primary = device_id == live.primary_id
        car = self._of.car() if primary else WatchedCar()
        return Situation(
            now=at.civil,
            site=replace(site, max_current_a=circuit.max_current_a, safe_current_a=circuit.safe_current_a),
            evce=live.evces.get(device_id),
            allowance=_UNBOUND,
            plan=live.plan if primary else None,
            goal=live.goal,
            commitments=self._of.commitments(at.civil),
            critical_health=live.critical_health,
            soc_pct=live.fresh_soc_of(device_id),
            installing=self._of.installing(device_id),
            card_needed=self._of.card_needed,
            primary=primary,
            surplus_w=self._surplus_w(device_id, site) if primary and live.goal.mode is ChargingMode.SOLAR else 0.0,
            acting=self._steps.of(live.plan, at.civil) if primary else None,
            car_most_w=car.most_w,
            withdrawn=car.withdrawn,
            feeder=device_id == live.feeder_id,
            others_doubt=others_doubt,
        )

    def _surplus_w(self, device_id: str, site: Site) -> float:
        """What to charge with of what the home leaves over, W."""
        live = self._of.live
        least_w = MIN_CURRENT_A * power_per_ampere(live.evces.get(device_id), site)
        charger = live.charger_w(device_id)
        known = live.meter is not None and live.meter_age_s <= METER_STALE_S and not charger.stale
        left_w = None if live.meter is None or not known else (charger.value or 0.0) - live.meter.reading.power_w
        return self._surplus.allowed_w(left_w, least_w)

    def _taker(self, situation: Situation) -> Taker:
        command = decide(situation, self._of.lease_s).command
        if command is None:
            return Taker(evce=situation.evce)
        wish_a = command.limit_w / power_per_ampere(situation.evce, situation.site)
        if len(self._wires) > 1 and situation.evce and situation.evce.status is EvceStatus.SUSPENDED_EV:
            # A car that takes nothing keeps no more from the others than it needs to go on.
            wish_a = min(wish_a, MIN_CURRENT_A)
        slot = situation.plan.at(situation.now) if situation.plan else None
        return Taker(
            evce=situation.evce,
            wish_a=wish_a,
            feed_a=command.feed_w / power_per_ampere(situation.evce, situation.site),
            urgent=slot is not None and slot.reason in _URGENT,
        )

    def _allowed_w(self, circuit: Circuit, taker: Taker, allowance: Allowance | None) -> float:
        """What this charger leaves the others less of a limit in watts."""
        if allowance is None:
            return self._guard.claimed_w(circuit.device_id)
        if taker.evce is None or not taker.evce.status.car_present:
            return 0.0
        current_a = min(allowance.current_a, taker.wish_a)
        return current_a * self._of.site.voltage_v * (allowance.phases or circuit.phases)

    def _command(self, device_id: str, command: EvceCommand, at: Moment, tasks: asyncio.TaskGroup) -> None:
        """Pass the wish on without waiting: a silent charger must not stop the cycle."""
        evce, wire = self._of.evce(device_id), self._wire(device_id)
        if evce is None:
            return
        phases = command.phases or self._guard.phases_of(device_id)
        current_a = (command.limit_w - command.feed_w) / (self._of.site.voltage_v * phases)
        self._guard.asked(device_id, Held(current_a=current_a, phases=phases), at, command.lease_s)
        if wire.asking is not None and not wire.asking.done() and command == wire.asked:
            return
        wire.asked = command
        wire.asking = tasks.create_task(self._ask(evce, command, wire))

    async def _ask(self, evce: Evce, command: EvceCommand, wire: _Wire) -> None:
        try:
            await evce.apply(command)
        except DeviceError as error:
            logger.debug("%s: %s", evce.device_id, error)
        else:
            wire.taken = command
            self._of.taken(evce.device_id, command)

    def _end(self, feeder: Verdict | None, monotonic: float, tasks: asyncio.TaskGroup) -> None:
        """End requests without waiting: a slow disk must not stop the cycle."""
        abort, doubts = (feeder.abort, feeder.doubts) if feeder is not None else ((), ())
        ending = abort + self._patience.spent(doubts, monotonic)
        if ending and (self._ending is None or self._ending.done()):
            self._ending = tasks.create_task(self._abort(ending))

    async def _abort(self, ending: tuple[tuple[str, str], ...]) -> None:
        for key, reason in ending:
            await self._of.desk.abort(key, reason)

    def _note(self, device_id: str, monotonic: float, tasks: asyncio.TaskGroup) -> None:
        """What a charger has taken last, where it means something else than before; neither does this wait."""
        wire = self._wire(device_id)
        command = wire.taken
        if command is None or monotonic < wire.note_at or (wire.noting and not wire.noting.done()):
            return
        meaning = (command.reason, command.limit_w > 0, command.feed_w > 0)
        if meaning != wire.noted:
            wire.noted, wire.note_at = meaning, monotonic + NOTE_EVERY_S
            wire.noting = tasks.create_task(self._of.ledger.commanded(device_id, command))

    def _wire(self, device_id: str) -> _Wire:
        return self._wires.get(device_id) or _Wire()

    def _moment(self) -> Moment:
        return Moment(monotonic=self._of.clock.monotonic(), civil=self._of.clock.now())


def _falls(asked: EvceCommand | None, command: EvceCommand) -> bool:
    """It asks for noticeably less, charging or feeding, than what was asked for last."""
    if asked is None:
        return False
    return command.limit_w < asked.limit_w - _FALLS_W or command.feed_w < asked.feed_w - _FALLS_W
