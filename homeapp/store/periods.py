"""Charging periods and power-feed cycles in the ledger, the open one with what is known of it so far."""

import sqlite3
from datetime import datetime, timedelta

from homeapp.model.period import Direction, Period
from homeapp.ports import Clock
from homeapp.store.database import Database
from homeapp.store.records import decode, encode

KEEP = timedelta(days=400)
"""Thirteen months: last year's bill can be compared."""


class Periods:
    """Every write is durable when the call returns.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._file = database.ledger
        self._clock = clock

    async def keep(self, period: Period) -> None:
        """Add a period, or replace what is known of it; those that ended long ago are forgotten."""
        oldest = (self._clock.now() - KEEP).timestamp()

        def write(connection: sqlite3.Connection) -> None:
            _keep(connection, period)
            connection.execute("DELETE FROM periods WHERE ended_at < ?", (oldest,))

        await self._file.write(write)

    async def unfinished(self) -> tuple[Period, ...]:
        """The periods that have not ended, oldest first."""
        return await self._read("SELECT body FROM periods WHERE ended_at IS NULL ORDER BY begun_at", ())

    async def newest(self, most: int) -> tuple[Period, ...]:
        """The periods that began last, newest first."""
        return await self._read("SELECT body FROM periods ORDER BY begun_at DESC LIMIT ?", (most,))

    async def fed_since(self, start: datetime) -> tuple[Period, ...]:
        """The power-feed cycles that have not ended before ``start``, oldest first."""
        query = (
            "SELECT body FROM periods WHERE (ended_at IS NULL OR ended_at > ?) AND body ->> '$.direction' = ? "
            "ORDER BY begun_at"
        )
        return await self._read(query, (start.timestamp(), Direction.FEED.value))

    async def _read(self, query: str, parameters: tuple[int | float | str, ...]) -> tuple[Period, ...]:
        rows = await self._file.read(lambda connection: connection.execute(query, parameters).fetchall())
        return tuple(decode(body, Period) for (body,) in rows)


def _keep(connection: sqlite3.Connection, period: Period) -> None:
    begun_at = period.begun_at.timestamp()
    ended_at = None if period.ended_at is None else period.ended_at.timestamp()
    cursor = connection.execute(
        "UPDATE periods SET ended_at = ?, body = ? WHERE begun_at = ? AND body ->> '$.period_id' = ?",
        (ended_at, encode(period), begun_at, period.period_id),
    )
    if cursor.rowcount == 0:
        connection.execute(
            "INSERT INTO periods (device_id, begun_at, ended_at, body) VALUES (?, ?, ?, ?)",
            (period.device_id, begun_at, ended_at, encode(period)),
        )
