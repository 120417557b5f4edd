"""What the fault tests share: a street with some providers, requests that disturb nobody, and counts of effects."""

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homeapp import api
from homeapp.client import connect
from homeapp.clock import SharedClock
from homeapp.demo.operator.service_provider import HubCorrespondent
from homeapp.demo.owner import Owner
from homeapp.demo.street import Street, StreetPlan, street_clock
from homeapp.model.consent import DataClass
from homeapp.model.offer import OfferState
from homeapp.model.plan import ChargingMode
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.store.connection import LEDGER_NAME
from homeapp.store.database import Database
from homeapp.store.outbox import Outbox

WAIT_S = 60.0
SPEED = 10.0
AGREED = (OfferState.CONFIRMED, OfferState.SCHEDULED)
PROJECT = Path(__file__).parents[2]
FIRST_WINDOW = timedelta(hours=36)
Consents = Mapping[str, Collection[DataClass]]
EVC_ANSWERS: Consents = {"evc_sp": (DataClass.IDENTITY,)}


def on_the_street(
    directory: Path,
    body: Callable[[Street], Awaitable[None]],
    *,
    consents: Consents = EVC_ANSWERS,
    clock: SharedClock | None = None,
) -> None:
    """Run ``body`` on a street whose hub is paired with these providers and may tell them so much."""

    async def main() -> None:
        async with Street(StreetPlan(directory=directory, speed=SPEED), clock) as street:
            await street.home.start_hub()
            await commission(street, consents)
            async with at_the_screen(street) as owner:
                await gets_charger(street, owner)
            await body(street)

    asyncio.run(main())


async def commission(street: Street, consents: Consents) -> None:
    """Pair with the providers that are behind the system operator, enrol there, and agree to these kinds of data."""
    async with connect(street.home.socket) as client:
        installer = street.commissioning(client)
        await installer.introduce()
        for sp_id in consents:
            if sp_id in street.providers.customers:
                await installer.pair(sp_id)
                await installer.enrol(sp_id)
        for sp_id, data_classes in consents.items():
            await installer.agree(sp_id, data_classes)


@asynccontextmanager
async def at_the_screen(street: Street) -> AsyncIterator[Owner]:
    """The owner looks at the running hub."""
    async with connect(street.home.socket) as client:
        owner = Owner(client)
        await owner.look()
        yield owner


async def gets_charger(street: Street, owner: Owner) -> None:
    """A charger becomes part of the home: without one no request for power can be accepted."""
    await street.power_charger()
    await owner.finds(street.charger_id)
    await owner.adopts(street.charger_id, "Charger")


async def drive_home(street: Street, owner: Owner) -> None:
    """The meter is adopted and the car charges: the hub has something to tell."""
    await owner.finds(street.meter_id)
    await owner.adopts_meter(street.meter, street.meter_id)
    await sets_mode(street, ChargingMode.NOW)
    street.plug_in()
    await street.station.wait_for(lambda seen: seen.power_w > 3000, WAIT_S)


async def sets_mode(street: Street, mode: ChargingMode) -> None:
    """The owner chooses how to charge."""
    async with connect(street.home.socket) as client:
        await client.call(api.SetMode(mode=mode))


class LeapingClock(SharedClock):
    """A street clock that can be moved; a hub that is started afterwards has the new time."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead

    def __str__(self) -> str:
        return str(SharedClock(self.origin + self.ahead, self.epoch, self.speed))

    @classmethod
    def made(cls) -> "LeapingClock":
        """One that shows what a street's clock does."""
        clock = street_clock(SPEED)
        return cls(clock.origin, clock.epoch, clock.speed)

    def leap(self, by: timedelta) -> None:
        """From now on it shows so much more."""
        object.__setattr__(self, "ahead", self.ahead + by)


@dataclass
class Requests:
    """Requests of the EVC provider, each for a minute of its own, hours ahead."""

    street: Street
    ahead: timedelta = FIRST_WINDOW
    first: datetime = field(init=False)
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first = self.street.clock.now() + self.ahead

    async def make(self, name: str) -> str:
        """Have one delivered; its key."""
        start = self.first + timedelta(minutes=2 * len(self.ids))
        self.ids.append(name)
        await self.street.providers.evc_sp.offer_power_feed(
            start, start + timedelta(minutes=1), 6000.0, Decimal("0.10"), 50.0, start, f"Sell {name}", offer_id=name
        )
        return f"evc_sp/{name}"


def distinct_decisions(company: HubCorrespondent, offer_id: str) -> list[int]:
    """How often each decision about this request has arrived."""
    return [known.arrivals for known in company.decisions.values() if known.offer_id == offer_id]


async def each_has_one_decision(street: Street, owner: Owner, ids: Collection[str]) -> None:
    """Wait until each request is confirmed at home; then the provider has exactly one decision about each."""
    for offer_id in ids:
        await owner.wait(lambda offer_id=offer_id: owner.case(f"evc_sp/{offer_id}", *AGREED), WAIT_S)  # type: ignore[misc]
    evc = street.providers.evc_sp
    wrong = {offer_id: arrived for offer_id in ids if len(arrived := distinct_decisions(evc, offer_id)) != 1}
    assert wrong == {}
    assert all(known.confirmed and known.choice == "accept" for known in evc.decisions.values())


def ledger(street: Street, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What the ledger of the home says, whether its hub runs or not."""
    with closing(sqlite3.connect(street.home.data_dir / LEDGER_NAME, timeout=30)) as connection:
        return connection.execute(query, values).fetchall()


async def stock(street: Street, count: int, begin: str, over: timedelta = timedelta(0)) -> dict[str, datetime]:
    """Put records for the EVC provider into the outbox of the home, whose hub does not run; their times by id.

    ``over``: so long ago the first of them was made.
    """
    now = street.clock.now()
    records = [
        DataRecord(
            record_id=f"{begin}-{number}",
            sp_id="evc_sp",
            data_class=DataClass.METERING,
            kind=RecordKind.METERING,
            priority=Priority.METERING,
            created_at=now - over * (1 - number / count),
            not_after=now + timedelta(days=35),
            body={"period_id": f"{begin}-{number}", "direction": "charge", "energy_wh": number, "quality": "OK"},
        )
        for number in range(count)
    ]
    async with Database(street.home.data_dir) as database:
        await Outbox(database, street.clock).put(*records)
    return {record.record_id: record.created_at for record in records}


@contextmanager
def deaf(company: HubCorrespondent) -> Iterator[None]:
    """Nothing of what the system operator tells this company gets to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "_arrived", lambda _instance: None)
        yield


async def home_has_told(street: Street, begin: str, count: int) -> None:
    """Wait until so many of these records have been taken by the system operator, as the home's ledger says."""
    query = "SELECT count(*) FROM outbox WHERE record_id LIKE ? AND state = 'delivered'"
    await until(lambda: ledger(street, query, f"{begin}-%")[0][0] >= count)


async def nothing_waits(street: Street) -> None:
    """Wait until all that was put in has been handed over."""
    await until(lambda: ledger(street, "SELECT count(*) FROM outbox WHERE state = 'waiting'") == [(0,)])


async def until(done: Callable[[], bool]) -> None:
    """Ask again and again, of what tells nobody when it changes."""
    async with asyncio.timeout(WAIT_S):
        while not done():
            await asyncio.sleep(0.05)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the home has told a company, by the home's own books and by the company's."""

    arrived: Counter[str]
    repeated: int
    waiting: int

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.arrived.items()))
        total = self.arrived.total()
        return (
            f"records {total} of {total + self.waiting} ({kinds}), {self.waiting} still at home, "
            f"repeated arrivals {self.repeated}, lost 0, doubled 0"
        )


def told(street: Street, company: HubCorrespondent) -> Told:
    """Compare both books, record by record, when the hub does not run: all that is not at home has arrived, once."""
    rows = ledger(
        street,
        "SELECT record_id, kind, state FROM outbox WHERE sp_id = ? AND kind != 'decision'",
        company.sp_id,
    )
    assert {state for _, _, state in rows} <= {"delivered", "waiting"}
    waiting = {record_id for record_id, _, state in rows if state == "waiting"}
    arrived = Counter((record.record_id, record.kind) for record in company.records)
    assert set(arrived) >= {(record_id, kind) for record_id, kind, state in rows if state == "delivered"}
    assert set(arrived) <= {(record_id, kind) for record_id, kind, _ in rows}
    assert set(arrived.values()) <= {1}
    return Told(
        arrived=Counter(kind for _, kind in arrived),
        repeated=sum(record.arrivals - 1 for record in company.records),
        waiting=len(waiting - {record.record_id for record in company.records}),
    )


def audit_verdict(street: Street) -> str:
    """What ``homeapp audit verify`` prints, after it has found the chain unbroken."""
    command = [sys.executable, "-m", "homeapp", "audit", "verify", "--data-dir", str(street.home.data_dir)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def seeded() -> random.Random:
    """Chance that can be had again: ``HOMEAPP_SEED``."""
    seed = int(os.environ.get("HOMEAPP_SEED") or time.time_ns() % 1_000_000)
    say(f"HOMEAPP_SEED={seed}")
    return random.Random(seed)


def say(line: str) -> None:
    """For the report: ``-s`` or a failure shows it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
