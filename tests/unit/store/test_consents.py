"""Consents and what has left, in the ledger."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp import audit
from homeapp.model.consent import Consent, DataClass
from homeapp.store.consents import KEEP_DISCLOSURES, Consents, added
from homeapp.store.database import Database
from kit.clocks import LeapingClock

pytestmark = pytest.mark.usecase("W8")

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CHARGING, METERING, IDENTITY = DataClass.CHARGING, DataClass.METERING, DataClass.IDENTITY


def with_store(directory: Path, body: Callable[[Consents, Database, LeapingClock], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            clock = LeapingClock(NOW)
            await body(Consents(database, clock), database, clock)

    asyncio.run(main())


def consent(data_class: DataClass, *, granted: bool, sp_id: str = "evc_sp") -> Consent:
    return Consent(sp_id=sp_id, data_class=data_class, granted=granted, text_version=1, at=NOW, by="owner")


async def disclose(database: Database, at: datetime, data_class: DataClass, size: int, *fields: str) -> None:
    """As the outbox does it."""
    row = (at.timestamp(), "evc_sp", data_class, "charging", f"r-{at}-{size}", size, json.dumps(sorted(fields)))
    await database.ledger.write(
        lambda connection: connection.execute(
            "INSERT INTO disclosures (at, sp_id, data_class, kind, record_id, size_bytes, fields) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    )


def test_a_no_before_any_yes_leaves_nothing_to_be_erased(tmp_path: Path) -> None:
    async def body(store: Consents, _database: Database, _clock: LeapingClock) -> None:
        await store.refuse(consent(IDENTITY, granted=False))
        assert [(kept.data_class, kept.granted) for kept in await store.all()] == [(IDENTITY, False)]
        assert not await store.due_erasures(), "no way to a provider is opened that was never agreed to"

    with_store(tmp_path, body)


def test_a_consent_its_audit_row_and_the_due_erasure_are_one_transaction(tmp_path: Path) -> None:
    async def body(store: Consents, _database: Database, _clock: LeapingClock) -> None:
        await store.keep(consent(IDENTITY, granted=True), consent(CHARGING, granted=True))
        assert not await store.due_erasures()
        await store.keep(consent(CHARGING, granted=False))
        await store.keep(consent(METERING, granted=False, sp_id="grid_sp"))
        assert await store.due_erasures() == {"evc_sp": {CHARGING}, "grid_sp": {METERING}}
        assert {(kept.data_class, kept.granted) for kept in await store.all() if kept.sp_id == "evc_sp"} == {
            (IDENTITY, True),
            (CHARGING, False),
        }

    with_store(tmp_path, body)
    rows = [row for row in audit.read_rows(tmp_path) if row.kind == "consent"]
    assert [(row.subject, json.loads(row.detail)["granted"]) for row in rows] == [
        ("evc_sp/identity", True),
        ("evc_sp/charging", True),
        ("evc_sp/charging", False),
        ("grid_sp/metering", False),
    ]
    assert not audit.examine(tmp_path).problem


def test_due_erasures_outlive_a_restart_until_done_or_agreed_again(tmp_path: Path) -> None:
    async def take_back(store: Consents, _database: Database, _clock: LeapingClock) -> None:
        await store.keep(consent(CHARGING, granted=False), consent(METERING, granted=False))

    async def look(store: Consents, _database: Database, _clock: LeapingClock) -> None:
        assert await store.due_erasures() == {"evc_sp": {CHARGING, METERING}}
        await store.keep(consent(METERING, granted=True))
        assert await store.due_erasures() == {"evc_sp": {CHARGING}}
        await store.erased("evc_sp", [CHARGING], "Deleted.")
        assert await store.due_erasures() == {}

    with_store(tmp_path, take_back)
    with_store(tmp_path, look)


def test_forgetting_a_provider_leaves_nothing_but_the_trail(tmp_path: Path) -> None:
    async def body(store: Consents, _database: Database, _clock: LeapingClock) -> None:
        await store.keep(consent(CHARGING, granted=False), consent(METERING, granted=True, sp_id="grid_sp"))
        await store.forget("evc_sp")
        await store.forget("stranger")
        assert [kept.sp_id for kept in await store.all()] == ["grid_sp"]
        assert await store.due_erasures() == {}

    with_store(tmp_path, body)


def test_what_has_left_is_summed_and_read_on(tmp_path: Path) -> None:
    async def body(store: Consents, database: Database, _clock: LeapingClock) -> None:
        assert await store.disclosed() == (0, {})
        await disclose(database, NOW, CHARGING, 400, "pev", "soc_pct")
        await disclose(database, NOW + timedelta(minutes=1), CHARGING, 500, "pev", "phase")
        await disclose(database, NOW, METERING, 300, "import_wh")
        last, found = await store.disclosed()
        charging = found["evc_sp", CHARGING]
        assert (last, charging.count, charging.size_bytes) == (3, 2, 900)
        assert charging.fields == ("pev", "phase", "soc_pct")
        assert charging.last_at == NOW + timedelta(minutes=1)
        assert await store.disclosed(last) == (3, {})
        await disclose(database, NOW, METERING, 200, "export_wh")
        last, news = await store.disclosed(last)
        assert (last, news["evc_sp", METERING].size_bytes) == (4, 200)
        assert added(found, news) == (await store.disclosed())[1]

    with_store(tmp_path, body)


def test_rows_older_than_thirteen_months_go_and_their_totals_stay(tmp_path: Path) -> None:
    async def body(store: Consents, database: Database, clock: LeapingClock) -> None:
        assert await store.purge() == 0
        await disclose(database, NOW, CHARGING, 400, "pev")
        await disclose(database, NOW + timedelta(days=30), CHARGING, 500, "soc_pct")
        before = (await store.disclosed())[1]
        clock.at = NOW + KEEP_DISCLOSURES
        assert await store.purge() == 0
        for step, purged in ((timedelta(seconds=1), 1), (timedelta(days=1), 0), (timedelta(days=40), 1)):
            clock.at += step
            assert await store.purge() == purged
            assert (await store.disclosed())[1] == before
        last, found = await store.disclosed()
        assert await store.disclosed(last) == (last, {})
        await disclose(database, clock.at, CHARGING, 100, "pev")
        assert (await store.disclosed())[1]["evc_sp", CHARGING].size_bytes == 1000
        assert found["evc_sp", CHARGING].fields == ("pev", "soc_pct")

    with_store(tmp_path, body)
