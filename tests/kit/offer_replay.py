"""Fifty mixed requests against a whole home; ``PYTHONPATH=.:tests python -m kit.offer_replay --seed 7`` tells of it.

Hub, charger, broker, platform, grid operator and charging provider are those of the demo street; what the station was
told is what it has seen on the wire.
"""

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from homeapp import api
from homeapp.client import Client, connect
from homeapp.demo.charger.charging_profile import Purpose
from homeapp.demo.charger.watch import Observation
from homeapp.demo.owner import Owner
from homeapp.demo.street import Street, StreetPlan
from homeapp.errors import WrongState
from homeapp.model.offer import Choice, OfferCase, OfferKind, OfferState
from homeapp.model.plan import ChargingMode
from homeapp.model.standing_rule import RuleAction, StandingRule
from homeapp.offers.states import FINAL
from homeapp.store.connection import LEDGER_NAME
from kit.offer_replay_script import ANSWERED, ENDS, IMPOSED, TAKES_EFFECT, Act, Part, script

SPEED = 20.0
WAIT_S = 240.0
"""Real time, for anything."""
TOLERANCE_W = 20.0
SETTLES = timedelta(seconds=90)
"""After the end of a request a charger rises step by step, and a lease may run out."""
CLOCKS = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one request.

    Attributes:
        seen: when the station was first told what it asks for, or None.
        faults: what is not as it has to be.
    """

    part: Part
    state: OfferState | None
    decided_by: str
    seen: datetime | None
    faults: tuple[str, ...]


class Replay:
    """All of it; ``run`` once."""

    def __init__(self, street: Street, client: Client, owner: Owner, chance: random.Random) -> None:
        self._street = street
        self._client = client
        self._owner = owner
        self._parts = script(street.clock.now(), chance)
        self._chance = chance
        self._told: list[Observation] = []
        self._late: set[str] = set()
        self._refused: dict[str, str] = {}

    async def run(self) -> list[Line]:
        """What came of each."""
        await self._rules()
        silent = {part.offer_id for part in self._parts if part.act is Act.SILENT}
        async with self._watching(), _silent_about(self._street, silent):
            for part in self._parts:
                await self._send(part)
            for part in self._chance.sample(self._parts, len(self._parts)):
                await self._answer(part)
            async with asyncio.TaskGroup() as tasks:
                for part in self._parts:
                    tasks.create_task(self._later(part))
            await self._owner.wait(self._all_over, WAIT_S)
        return [self._line(part) for part in self._parts]

    async def _rules(self) -> None:
        by_contract = StandingRule(action=RuleAction.TAKE_PART, sp_id="evc_sp", kind=OfferKind.LOAD_SHED)
        too_little = StandingRule(action=RuleAction.DECLINE, least_per_event=Decimal("0.05"), currency="EUR")
        for rule in (by_contract, too_little):
            await self._client.call(api.KeepRule(rule=rule))

    async def _send(self, part: Part, revision: int = 1) -> None:
        providers = self._street.providers
        evc = providers.evc_sp
        if part.sp_id == "grid_sp":
            self._street.vtn.publish_offer(part.event(), part.offer_id)
        elif part.act is Act.FORGED:
            await evc.send_raw(self._forgery(part))
        else:
            await evc.send_offer(part.message(revision), part.expires_at)
        if part.act is Act.REJECTED:
            evc.offers.remove(part.offer_id)

    def _forgery(self, part: Part) -> str:
        """Five ways to deceive a hub."""
        evc, others = self._street.providers.evc_sp, self._street.providers.pev_sp
        envelope, now = evc.envelope(), self._street.clock.now()
        body = {"offer": {**part.message(), "expires_at": part.expires_at.isoformat()}}
        kind = [other.number for other in self._parts if other.act is Act.FORGED].index(part.number)
        match kind:
            case 0:
                return evc.seal(others.sign("offer+jws", envelope, body))
            case 1:
                return evc.seal(evc.sign("offer+jws", replace(envelope, audience="Cother-hub"), body))
            case 2:
                past = now - timedelta(hours=1)
                old = replace(envelope, issued_at=past, expires_at=past + timedelta(minutes=5))
                return evc.seal(evc.sign("offer+jws", old, body))
            case 3:
                return evc.sign("offer+jws", envelope, {"offer": {**body["offer"], "binding": "mandatory"}})
            case _:
                header, claims, signature = evc.sign("offer+jws", envelope, body).split(".")
                return evc.seal(f"{header}.{claims}.{signature[:-4]}AAAA")

    async def _answer(self, part: Part) -> None:
        if part.act in IMPOSED | {Act.FORGED, Act.RULED_OUT}:
            return
        case: OfferCase = await self._owner.wait(lambda: self._owner.case(part.key), WAIT_S)
        if case.state is not OfferState.PENDING:
            return
        match part.act:
            case Act.DECLINE | Act.OPTS_OUT:
                await self._decide(case, Choice.DECLINE)
            case Act.PARTLY:
                await self._decide(case, Choice.ACCEPT, committed_w=part.promised_w)
            case Act.INELIGIBLE | Act.CLASH:
                await self._refuses(part, case)
            case Act.CANCELLED:
                await self._take_back(part)
            case _ if part.act in ANSWERED | {Act.REJECTED}:
                await self._decide(case, Choice.ACCEPT)

    async def _later(self, part: Part) -> None:
        """What happens to it in the course of time."""
        match part.act:
            case Act.REVISED | Act.REVISED_LEFT | Act.FOLLOW_REVISED:
                revised = part.revised()
                self._parts[self._parts.index(part)] = revised
                await self._send(revised, revision=2)
                await self._owner.wait(lambda: self._shown(revised), WAIT_S)
                if part.act is Act.REVISED:
                    await self._decide(await self._owner.receives(part.key), Choice.ACCEPT)
            case Act.CANCELLED_ACTIVE | Act.FOLLOW_ENDED:
                await self._owner.wait(lambda: self._owner.case(part.key, OfferState.ACTIVE), WAIT_S)
                # The station has been told before it is taken back.
                await self._street.station.wait_for(lambda seen: _is_what(part, seen) or seen.at > part.end, WAIT_S)
                await self._take_back(part)
            case Act.LATE:
                case = await self._owner.wait(lambda: self._owner.case(part.key, OfferState.EXPIRED), WAIT_S)
                with suppress(WrongState):
                    await self._decide(case, Choice.ACCEPT)
                    self._late.add(part.key)
            case Act.CLASH:
                # Its time to be agreed to has come and gone beside the one that was.
                await self._owner.wait(lambda: self._owner.case(part.key, *FINAL), WAIT_S)

    def _shown(self, part: Part) -> bool:
        case = self._owner.case(part.key)
        if case is None:
            return False
        told = case.offer.intervals[0]
        return part.power_w in (told.max_w, -(told.setpoint_w or 0.0))

    async def _take_back(self, part: Part) -> None:
        if part.sp_id == "grid_sp":
            self._street.vtn.withdraw(part.offer_id)
        else:
            await self._street.providers.evc_sp.cancel_offer(part.offer_id)

    async def _refuses(self, part: Part, case: OfferCase) -> None:
        """The hub does not take a yes to it, once the one that stands in the way is agreed to."""
        if part.act is Act.CLASH:
            await self._answer(
                next(other for other in self._parts if other.act is Act.ACCEPT and other.start == part.start)
            )
        try:
            await self._decide(case, Choice.ACCEPT)
        except WrongState as refusal:
            self._refused[part.key] = str(refusal)

    async def _decide(self, case: OfferCase, choice: Choice, committed_w: float | None = None) -> None:
        await self._client.call(
            api.DecideOffer(key=case.offer.key, digest=case.digest, choice=choice, committed_w=committed_w)
        )

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Notes whatever the station is told."""

        def note(seen: Observation) -> bool:
            self._told.append(seen)
            return False

        watching = asyncio.create_task(self._street.station.wait_for(note, 3600))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    def _all_over(self) -> bool:
        known = [self._owner.case(part.key) for part in self._parts if part.act is not Act.FORGED]
        return all(case is not None and case.state in FINAL for case in known)

    def _line(self, part: Part) -> Line:
        case = self._owner.case(part.key)
        # The steps in which a charger rises may pass what a request asks for later; too early a fall is no such step.
        not_before = part.start - CLOCKS if part.act in TAKES_EFFECT else datetime.min.replace(tzinfo=UTC)
        seen = next((told.at for told in self._told if told.at >= not_before and _is_what(part, told)), None)
        state = None if case is None else case.state
        decided_by = "" if case is None or case.decision is None else case.decision.decided_by
        faults = [*self._faults_of_state(part, case), *self._faults_of_power(part, case, seen)]
        return Line(part, state, decided_by, seen, tuple(faults))

    def _faults_of_state(self, part: Part, case: OfferCase | None) -> list[str]:
        if part.act is Act.FORGED:
            return [] if case is None else ["it has become a request"]
        if case is None:
            return ["it is gone"]
        faults = [] if case.state in ENDS[part.act] else [f"it ends as {case.state}"]
        if part.key in self._late:
            faults.append("a late answer was taken")
        if part.act in (Act.CLASH, Act.INELIGIBLE) and part.key not in self._refused:
            faults.append("a yes was taken")
        if part.act is Act.LATE and "too late" not in (case.problem or ""):
            faults.append("nobody is told that the answer was late")
        rows = _trail(self._street, part.key)
        ends = {revision: sum(state in FINAL for state in states) for revision, states in rows.items()}
        if set(ends.values()) != {1}:
            faults.append(f"it ends {ends} times")
        return faults

    def _faults_of_power(self, part: Part, case: OfferCase | None, seen: datetime | None) -> list[str]:
        if part.act not in TAKES_EFFECT:
            return [] if seen is None else [f"the station was told of it at {seen:%H:%M:%S}"]
        if seen is None:
            return ["the station was never told of it"]
        faults = []
        decision = None if case is None else case.decision
        if part.act not in IMPOSED and (decision is None or seen < decision.decided_at):
            faults.append("the station was told of it before it was decided")
        return faults

    def unexplained(self) -> list[str]:
        """Powers that the station was told of which nothing that was agreed to or imposed is the reason."""
        found = []
        for told in self._told:
            about = [part for part in self._parts if part.act in TAKES_EFFECT and _holds(part, told.at)]
            if (told.setpoint_w or 0.0) < -TOLERANCE_W and not any(part.kind == "feed" for part in about):
                found.append(f"{told.at:%H:%M:%S}: {told.setpoint_w:.0f} W")
            least_w = min((0.0 if part.kind == "feed" else part.power_w for part in about), default=10_900.0)
            by_offer = told.limit_source is Purpose.TX and told.setpoint_w is None
            if by_offer and told.limit_w < least_w - TOLERANCE_W:
                found.append(f"{told.at:%H:%M:%S}: at most {told.limit_w:.0f} W")
        return found


def table(lines: list[Line]) -> list[str]:
    """One line each, and the sum."""
    told = [f"{'request':<22}{'what happens':<40}{'ends as':<12}{'answered by':<18}{'station told':<14}fault"]
    for line in sorted(lines, key=lambda line: line.part.number):
        seen = "-" if line.seen is None else f"{line.seen:%H:%M:%S}"
        fault = "; ".join(line.faults) or "none"
        asked = f"{line.part.kind} {line.part.power_w:.0f} W"
        told.append(
            f"{line.part.key:<22}{f'{line.part.act} ({asked})':<40.39}{line.state or 'no case':<12.11}"
            f"{line.decided_by or '-':<18.17}{seen:<14}{fault}"
        )
    faulty = sum(bool(line.faults) for line in lines)
    return [*told, f"{len(lines)} requests, {faulty} with a fault"]


@asynccontextmanager
async def replayed(directory: Path, chance: random.Random) -> AsyncIterator[Replay]:
    """The street, its home furnished, the car charging as fast as it can."""
    async with Street(StreetPlan(directory=directory, speed=SPEED)) as street:
        await street.home.start_hub()
        await street.power_charger()
        await street.settle()
        async with connect(street.home.socket) as client:
            owner = Owner(client)
            await owner.look()
            await owner.finds(street.meter_id)
            await owner.adopts_meter(street.meter, street.meter_id)
            await owner.finds(street.charger_id)
            await owner.adopts(street.charger_id, "Charger")
            await client.call(api.SetMode(mode=ChargingMode.NOW))
            street.plug_in()
            await street.station.wait_for(lambda seen: seen.power_w > 10_500, WAIT_S)
            await owner.wait(lambda: owner.snapshot.price is not None, WAIT_S)
            yield Replay(street, client, owner, chance)


@asynccontextmanager
async def _silent_about(street: Street, offer_ids: set[str]) -> AsyncIterator[None]:
    """The charging provider gets answers about these and says nothing."""
    evc = street.providers.evc_sp
    heard = evc._take_decision
    evc._take_decision = lambda told: None if told.offer_id in offer_ids else heard(told)  # type: ignore[method-assign]
    try:
        yield
    finally:
        evc._take_decision = heard  # type: ignore[method-assign]


def _is_what(part: Part, told: Observation) -> bool:
    """The station is told just what this request asks for, or what was promised of it."""
    if part.kind == "feed":
        return told.setpoint_w is not None and abs(told.setpoint_w + part.promised_w) < TOLERANCE_W
    by_offer = told.limit_source is Purpose.TX and told.setpoint_w is None
    return by_offer and abs(told.limit_w - part.power_w) < TOLERANCE_W


def _holds(part: Part, at: datetime) -> bool:
    return part.start - CLOCKS <= at <= part.end + SETTLES


def _trail(street: Street, key: str) -> dict[int, list[OfferState]]:
    """Every state that the home's ledger has noted, by revision."""
    with closing(sqlite3.connect(street.home.data_dir / LEDGER_NAME, timeout=30)) as connection:
        rows = connection.execute(
            "SELECT detail ->> '$.revision', detail ->> '$.state' FROM audit WHERE kind = 'offer' AND subject = ? "
            "ORDER BY seq",
            (key,),
        ).fetchall()
    found: dict[int, list[OfferState]] = {}
    for revision, state in rows:
        found.setdefault(revision, []).append(OfferState(state))
    return found


def main() -> int:
    """Run it, print the table, and end with 1 where anything is not as it has to be."""
    parser = argparse.ArgumentParser(description="Fifty mixed requests against a whole home.")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()

    async def run(directory: Path) -> tuple[list[Line], list[str]]:
        async with replayed(directory, random.Random(chosen.seed)) as replay:
            return await replay.run(), replay.unexplained()

    with tempfile.TemporaryDirectory() as directory:
        lines, unexplained = asyncio.run(run(Path(directory)))
    told = [f"seed {chosen.seed}", *table(lines), f"unexplained: {', '.join(unexplained[:10]) or 'none'}"]
    sys.stdout.write("".join(f"{line}\n" for line in told))
    return 1 if unexplained or any(line.faults for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
