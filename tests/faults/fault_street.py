"""What the fault tests share: a street with some providers, requests that get in nobody's way, and counts of effects."""

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homeapp.client import connect
from homeapp.demo.operator.service_provider import HubCorrespondent
from homeapp.demo.owner import Owner
from homeapp.demo.street import Street, StreetPlan
from homeapp.model.consent import DataClass
from homeapp.model.offer import OfferState
from homeapp.store.connection import LEDGER_NAME

WAIT_S = 60.0
SPEED = 10.0
AGREED = (OfferState.CONFIRMED, OfferState.SCHEDULED)
PROJECT = Path(__file__).parents[2]
FIRST_WINDOW = timedelta(hours=12)
Consents = Mapping[str, Collection[DataClass]]
EVC_ANSWERS: Consents = {"evc_sp": (DataClass.IDENTITY,)}


def on_the_street(
    directory: Path,
    body: Callable[[Street], Awaitable[None]],
    *,
    consents: Consents = EVC_ANSWERS,
    speed: float = SPEED,
) -> None:
    """Run ``body`` on a street whose hub is paired with these providers and may tell them so much."""

    async def main() -> None:
        async with Street(StreetPlan(directory=directory, speed=speed)) as street:
            await street.home.start_hub()
            await commission(street, consents)
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


@dataclass
class Requests:
    """Requests of the EVC provider, each for a minute of its own, hours ahead."""

    street: Street
    first: datetime = field(init=False)
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first = self.street.clock.now() + FIRST_WINDOW

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
    """What the ledger of a home whose hub does not run says."""
    with closing(sqlite3.connect(street.home.data_dir / LEDGER_NAME, timeout=30)) as connection:
        return connection.execute(query, values).fetchall()


def told_and_arrived(street: Street, company: HubCorrespondent) -> tuple[Counter[str], Counter[str]]:
    """The home's records for a company, by kind: those that it has made, and those that have arrived, each once."""
    made = ledger(
        street,
        "SELECT kind, record_id FROM outbox WHERE sp_id = ? AND kind != 'decision' AND state IN ('waiting', 'delivered')",
        company.sp_id,
    )
    arrived = Counter(record.kind for record in company.records)
    return Counter(kind for kind, _ in made), arrived


def audit_verdict(street: Street) -> str:
    """What ``homeapp audit verify`` prints, after it has found the chain unbroken."""
    command = [sys.executable, "-m", "homeapp", "audit", "verify", "--data-dir", str(street.home.data_dir)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def seeded() -> random.Random:
    """Chance that can be had again: ``HOMEAPP_SEED``."""
    seed = int(os.environ.get("HOMEAPP_SEED") or random.randrange(1_000_000))
    say(f"HOMEAPP_SEED={seed}")
    return random.Random(seed)


def say(line: str) -> None:
    """For the report: ``-s`` or a failure shows it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


needs_the_street = [pytest.mark.street, pytest.mark.timeout(300)]
