"""Wrong PINs in a row, per role: neither a restart nor a kill of the hub begins a new count."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from homeapp.ports import Clock
from homeapp.store import offer_rows
from homeapp.store.database import Database


class PinAttempts:
    """Every write is durable when the call returns.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._file = database.ledger
        self._clock = clock

    async def failures(self) -> dict[str, int]:
        """Wrong PINs in a row, by role; without those that have none."""
        return dict(
            await self._file.read(
                lambda connection: connection.execute("SELECT role, failures FROM pin_attempts").fetchall()
            )
        )

    async def count(self, role: str, failures: int, locked_until: datetime | None) -> None:
        """A PIN of ``role`` is about to be looked at; it counts as wrong until ``note`` says otherwise.

        Args:
            role: whose.
            failures: wrong ones in a row, this one included.
            locked_until: what people are told, for whoever reads the table.
        """
        until = None if locked_until is None else locked_until.timestamp()
        await self._file.write(
            lambda connection: connection.execute(
                "INSERT INTO pin_attempts (role, failures, locked_until) VALUES (?, ?, ?) ON CONFLICT (role) "
                "DO UPDATE SET failures = excluded.failures, locked_until = excluded.locked_until",
                (role, failures, until),
            )
        )

    async def note(self, kind: str, role: str, detail: Mapping[str, object], *, reset: bool = False) -> None:
        """One row of the audit log; with ``reset`` the count of ``role`` begins anew in the same transaction."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            if reset:
                connection.execute("DELETE FROM pin_attempts WHERE role = ?", (role,))
            offer_rows.audit(connection, now, kind, role, detail)

        await self._file.write(write)
