"""What has left for a CSMS is counted whole, over failures of the disk, and takes little room."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp.errors import StoreUnavailable
from homeapp.model.consent import DataClass, Disclosed
from homeapp.store.connection import Work
from homeapp.store.consents import Consents, added
from homeapp.store.database import Database
from homeapp.store.station_disclosures import StationDisclosures
from kit.clocks import StandingClock

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
KEY = ("evc_sp", DataClass.CHARGING)


def in_store(
    tmp_path: Path, body: Callable[[Database, StandingClock, StationDisclosures, Consents], Awaitable[None]]
) -> None:
    async def main() -> None:
        clock = StandingClock(NOON)
        async with Database(tmp_path) as database:
            await body(database, clock, StationDisclosures(database, clock, "evc_sp"), Consents(database, clock))

    asyncio.run(main())


async def _rows(database: Database) -> int:
    return int(
        await database.ledger.read(
            lambda connection: connection.execute("SELECT count(*) FROM disclosures").fetchone()[0]
        )
    )


def test_many_messages_of_a_minute_are_one_row(tmp_path: Path) -> None:
    async def body(
        database: Database, _clock: StandingClock, disclosures: StationDisclosures, consents: Consents
    ) -> None:
        disclosures.left(DataClass.CHARGING, "StatusNotification", {"status": "A", "evse": {"id": 1}}, 10)
        disclosures.left(DataClass.CHARGING, "StatusNotification", {"other": "A"}, 20)
        await disclosures.keep()
        await disclosures.keep()
        assert await _rows(database) == 1
        _, found = await consents.disclosed()
        assert found == {
            KEY: Disclosed(count=2, size_bytes=30, fields=("evse.id", "other", "status"), last_at=NOON),
        }

    in_store(tmp_path, body)


def test_nothing_is_forgotten_where_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(
        database: Database, _clock: StandingClock, disclosures: StationDisclosures, consents: Consents
    ) -> None:
        async def full(_work: Work[None]) -> None:
            raise StoreUnavailable("The disk is full.")

        disclosures.left(DataClass.CHARGING, "A", {"a": 1}, 10)
        with monkeypatch.context() as patched:
            patched.setattr(database.ledger, "write", full)
            with pytest.raises(StoreUnavailable):
                await disclosures.keep()
        disclosures.left(DataClass.CHARGING, "A", {"b": 1}, 5)
        await disclosures.keep()
        _, found = await consents.disclosed()
        assert found[KEY] == Disclosed(count=2, size_bytes=15, fields=("a", "b"), last_at=NOON)

    in_store(tmp_path, body)


def test_old_rows_are_summed_up_and_nobody_counts_them_twice(tmp_path: Path) -> None:
    async def body(
        database: Database, clock: StandingClock, disclosures: StationDisclosures, consents: Consents
    ) -> None:
        await database.ledger.write(_another_provider)
        last, counted = await consents.disclosed()
        for minute in range(1, 200):
            clock.at = NOON + timedelta(minutes=minute)
            disclosures.left(DataClass.CHARGING, "A", {"a": 1}, 1)
            await disclosures.keep()
            if minute == 150:
                last, news = await consents.disclosed(last)
                counted = added(counted, news)
        await disclosures.sum_up()
        assert await _rows(database) == 1 + 1 + 61
        _, news = await consents.disclosed(last)
        assert added(counted, news)[KEY].count == 199
        _, anew = await consents.disclosed()
        assert (anew[KEY].count, anew[KEY].size_bytes, anew[KEY].last_at) == (199, 199, clock.at)

    in_store(tmp_path, body)


def _another_provider(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO disclosures (at, sp_id, data_class, kind, record_id, size_bytes, fields) "
        "VALUES (1, 'pev_sp', 'charging', 'pev_state', 'r', 5, '[]')"
    )


def test_the_last_counts_are_kept_at_the_end(tmp_path: Path) -> None:
    async def body(
        database: Database, _clock: StandingClock, disclosures: StationDisclosures, _consents: Consents
    ) -> None:
        class Never(StandingClock):
            async def sleep(self, seconds: float) -> None:
                await asyncio.Event().wait()

        ending = StationDisclosures(database, Never(NOON), "evc_sp")
        ending.left(DataClass.CHARGING, "A", {}, 1)
        running = asyncio.create_task(ending.run())
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await _rows(database) == 1

    in_store(tmp_path, body)
