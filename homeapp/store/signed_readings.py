"""Readings that the meters of charging stations have signed, in the ledger as they were received.

A station cannot fill the disk with them: of each transaction the first ones and the last are kept, of each station the
newest.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from homeapp.model.signed_reading import SignedReading
from homeapp.ports import Clock
from homeapp.store.database import Database
from homeapp.store.periods import KEEP

MOST_PER_TRANSACTION = 64
MOST_PER_STATION = 32 * 1024 * 1024
"""Of ``size``, bytes."""
_LEAVE = 0.9
"""So much of it stays where it was too much, so that not each reading has to make room."""
_ROW = 1024
"""What a row counts at least: many small ones take time to look through."""


class SignedReadings:
    """Implements ``homeapp.ports.SignedReadingKeeper``.

    Args:
        most_per_station: see ``MOST_PER_STATION``.
    """

    def __init__(self, database: Database, clock: Clock, most_per_station: int = MOST_PER_STATION) -> None:
        self._file = database.ledger
        self._clock = clock
        self._most_per_station = most_per_station

    async def keep(self, device_id: str, transaction_id: str, readings: Sequence[SignedReading]) -> None:
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            for reading in readings:
                _insert(connection, (device_id, transaction_id), reading, now)
            _thin_out(connection, device_id, transaction_id)
            self._make_room(connection, device_id)
            connection.execute("DELETE FROM signed_readings WHERE received_at < ?", ((now - KEEP).timestamp(),))

        await self._file.write(write)

    async def of(self, device_id: str, transaction_id: str) -> tuple[SignedReading, ...]:
        """What is kept of a transaction, in the order it came.

        Raises:
            StoreUnavailable: see ``homeapp.store.connection``.
        """
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT data, encoding, method, public_key, context, measured_at FROM signed_readings "
                "WHERE device_id = ? AND transaction_id = ? ORDER BY number",
                (device_id, transaction_id),
            ).fetchall()
        )
        return tuple(
            SignedReading(
                data=data,
                encoding=encoding,
                method=method,
                public_key=public_key,
                context=context,
                stamp=None if measured_at is None else datetime.fromtimestamp(measured_at, UTC),
            )
            for data, encoding, method, public_key, context, measured_at in rows
        )

    def _make_room(self, connection: sqlite3.Connection, device_id: str) -> None:
        total = connection.execute("SELECT total(size) FROM signed_readings WHERE device_id = ?", (device_id,))
        if total.fetchone()[0] <= self._most_per_station:
            return
        connection.execute(
            "DELETE FROM signed_readings WHERE number IN (SELECT number FROM ("
            "SELECT number, sum(size) OVER (ORDER BY number DESC) AS newer FROM signed_readings WHERE device_id = ?) "
            "WHERE newer > ?)",
            (device_id, self._most_per_station * _LEAVE),
        )


def _insert(
    connection: sqlite3.Connection, transaction: tuple[str, str], reading: SignedReading, now: datetime
) -> None:
    data, key = reading.data.encode(), reading.public_key.encode()
    connection.execute(
        "INSERT OR IGNORE INTO signed_readings (device_id, transaction_id, digest, received_at, measured_at, context, "
        "encoding, method, public_key, size, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *transaction,
            hashlib.sha256(data + b"\0" + key).digest(),
            now.timestamp(),
            None if reading.stamp is None else reading.stamp.timestamp(),
            reading.context,
            reading.encoding,
            reading.method,
            reading.public_key,
            _ROW + len(data) + len(key),
            reading.data,
        ),
    )


def _thin_out(connection: sqlite3.Connection, device_id: str, transaction_id: str) -> None:
    """Those between the first ones and the last go."""
    of_it = "FROM signed_readings WHERE device_id = ? AND transaction_id = ?"
    connection.execute(
        f"DELETE FROM signed_readings WHERE number IN (SELECT number {of_it} ORDER BY number LIMIT -1 OFFSET ?) "  # noqa: S608 - fixed text
        f"AND number < (SELECT max(number) {of_it})",
        (device_id, transaction_id, MOST_PER_TRANSACTION - 1, device_id, transaction_id),
    )
