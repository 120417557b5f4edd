"""What each provider has used of the way out, by month and kind of data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from homeapp.store.database import Database

INBOUND = "inbound"
"""In the place of a kind of data: what comes in."""


class UseKey(NamedTuple):
    """What is counted; ``month`` as ``2026-11``, UTC."""

    month: str
    sp_id: str
    data_class: str


@dataclass(frozen=True, slots=True)
class Used:
    """How much it was."""

    messages: int = 0
    size_bytes: int = 0

    def plus(self, more: "Used") -> "Used":
        """Both together."""
        return Used(self.messages + more.messages, self.size_bytes + more.size_bytes)


class UplinkUse:
    """Kept counts.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database) -> None:
        self._file = database.ledger

    async def of_month(self, month: str) -> Mapping[UseKey, Used]:
        """All counts of one month."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT sp_id, data_class, messages, size_bytes FROM uplink_use WHERE month = ?", (month,)
            ).fetchall()
        )
        return {UseKey(month, row[0], row[1]): Used(row[2], row[3]) for row in rows}

    async def add(self, counts: Mapping[UseKey, Used]) -> None:
        """Add to what is kept, in one transaction."""
        if not counts:
            return
        rows = [(*key, used.messages, used.size_bytes) for key, used in counts.items()]
        await self._file.write(
            lambda connection: connection.executemany(
                "INSERT INTO uplink_use (month, sp_id, data_class, messages, size_bytes) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (month, sp_id, data_class) DO UPDATE SET messages = messages + excluded.messages, "
                "size_bytes = size_bytes + excluded.size_bytes",
                rows,
            )
        )
