"""A clock that two hands move, secrets in memory, and access control on a real ledger."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from homeapp.access.access_control import AccessControl
from homeapp.audit import read_rows
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.pin_attempts import PinAttempts
from kit.clocks import HandClock
from kit.secret_store import MemorySecrets

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUICK = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}


class CountingHasher(PasswordHasher):
    """As quick as argon2 allows; counts at how many PINs it has looked."""

    def __init__(self) -> None:
        super().__init__(**QUICK)
        self.looks = 0

    def verify(self, *given: Any) -> Any:
        self.looks += 1
        return super().verify(*given)


@dataclass
class Home:
    """Access control and what stands around it; ``restart`` forgets all that is not kept."""

    directory: Path
    database: Database
    clock: HandClock
    secrets: MemorySecrets
    hasher: CountingHasher
    access: AccessControl

    async def restart(self) -> None:
        self.access = _access(self.database, self.clock, self.secrets, self.hasher)
        await self.access.load()

    @property
    def audit(self) -> list[tuple[str, str, str]]:
        return [(row.kind, row.subject, row.detail) for row in read_rows(self.directory)]

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _subject, _detail in self.audit]


def _access(database: Database, clock: HandClock, secrets: MemorySecrets, hasher: CountingHasher) -> AccessControl:
    return AccessControl(
        secrets=secrets,
        attempts=PinAttempts(database, clock),
        ledger=Ledger(database, clock),
        clock=clock,
        hasher=hasher,
    )


@asynccontextmanager
async def _home(directory: Path) -> AsyncIterator[Home]:
    clock, secrets, hasher = HandClock(NOON), MemorySecrets(), CountingHasher()
    async with Database(directory) as database:
        home = Home(directory, database, clock, secrets, hasher, _access(database, clock, secrets, hasher))
        await home.access.load()
        yield home


OpenHome = Callable[[Path], AbstractAsyncContextManager[Home]]


@pytest.fixture(scope="session")
def open_home() -> OpenHome:
    return _home
