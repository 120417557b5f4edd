"""The owner's standing rules in the ledger; every change of one is in the audit trail."""

import sqlite3

from homeapp.model.standing_rule import StandingRule
from homeapp.ports import Clock
from homeapp.store.database import Database
from homeapp.store.offer_rows import audit
from homeapp.store.records import decode, encode


class StandingRules:
    """Every write is durable when the call returns.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._file = database.ledger
        self._clock = clock

    async def all(self) -> tuple[StandingRule, ...]:
        """The oldest first."""
        rows = await self._file.read(
            lambda connection: connection.execute("SELECT body FROM standing_rules ORDER BY number").fetchall()
        )
        return tuple(decode(body, StandingRule) for (body,) in rows)

    async def keep(self, rule: StandingRule) -> None:
        """Add a rule, or replace the one with the same id, which keeps its place."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO standing_rules (rule_id, body) VALUES (?, ?) "
                "ON CONFLICT (rule_id) DO UPDATE SET body = excluded.body",
                (rule.rule_id, encode(rule)),
            )
            audit(connection, now, "rule_kept", rule.rule_id, rule)

        await self._file.write(write)

    async def remove(self, rule_id: str) -> None:
        """Unknown ones are fine."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            if connection.execute("DELETE FROM standing_rules WHERE rule_id = ?", (rule_id,)).rowcount:
                audit(connection, now, "rule_removed", rule_id, {})

        await self._file.write(write)
