"""The timeline of decisions, in the telemetry file: a power cut may take its last seconds, not its past."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from homeapp.model.why import WhyEntry
from homeapp.store.database import Database
from homeapp.store.records import decode, encode

KEEP = timedelta(days=90)
MOST = 500
"""Entries in one answer."""


class WhyEntries:
    """Adds entries and finds them again.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database) -> None:
        self._file = database.telemetry

    async def add(self, entries: Sequence[WhyEntry]) -> None:
        """Keep entries; those older than 90 days before the newest are forgotten."""
        rows = [(entry.at.timestamp(), encode(entry)) for entry in entries]
        oldest = max(at for at, _ in rows) - KEEP.total_seconds()

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT INTO why (at, body) VALUES (?, ?)", rows)
            connection.execute("DELETE FROM why WHERE at < ?", (oldest,))

        await self._file.write(write)

    async def between(self, since: datetime, until: datetime) -> tuple[WhyEntry, ...]:
        """The entries in [since, until), the newest first, at most ``MOST``."""
        found = await self._file.read(
            lambda connection: connection.execute(
                "SELECT body FROM why WHERE at >= ? AND at < ? ORDER BY at DESC, rowid DESC LIMIT ?",
                (since.timestamp(), until.timestamp(), MOST),
            ).fetchall()
        )
        return tuple(decode(body, WhyEntry) for (body,) in found)
