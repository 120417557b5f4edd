"""Wrong PINs in a row as rows of the ledger."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from homeapp.audit import examine, read_rows
from homeapp.clock import SharedClock
from homeapp.store.database import Database
from homeapp.store.pin_attempts import PinAttempts

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _with_attempts(directory: Path, body: Callable[[PinAttempts, Database], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            clock = SharedClock(NOON, datetime.now(UTC).timestamp(), 1.0)
            await body(PinAttempts(database, clock), database)

    asyncio.run(main())


def test_counts_are_kept_per_role_and_end_with_the_row_that_says_so(tmp_path: Path) -> None:
    async def count(attempts: PinAttempts, database: Database) -> None:
        assert await attempts.failures() == {}
        await attempts.count("owner", 4, None)
        await attempts.count("owner", 5, NOON + timedelta(seconds=60))
        await attempts.count("household", 1, None)
        rows = await database.ledger.read(
            lambda connection: connection.execute("SELECT * FROM pin_attempts ORDER BY role").fetchall()
        )
        assert rows == [("household", 1, None), ("owner", 5, NOON.timestamp() + 60)]

    async def end(attempts: PinAttempts, _database: Database) -> None:
        assert await attempts.failures() == {"owner": 5, "household": 1}
        await attempts.note("login_failed", "owner", {"reason": "wrong"})
        assert (await attempts.failures())["owner"] == 5
        await attempts.note("login", "owner", {}, reset=True)
        assert await attempts.failures() == {"household": 1}

    _with_attempts(tmp_path, count)
    _with_attempts(tmp_path, end)
    assert [(row.kind, row.subject) for row in read_rows(tmp_path)] == [("login_failed", "owner"), ("login", "owner")]
    assert examine(tmp_path).problem == ""
