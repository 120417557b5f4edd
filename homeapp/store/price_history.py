"""What every quarter hour has cost, for a few weeks: prices that are not announced yet are expected from it."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from homeapp.model.past import PastPrice
from homeapp.model.tariff import Tariff
from homeapp.store.database import Database

KEEP = timedelta(weeks=8)
_AHEAD = timedelta(days=3)
"""A fixed price holds for ever; of it so much is kept at once."""
_QUARTER_S = 900

_Row = tuple[int, str, str, str | None]


class PriceStore:
    """Announced prices by quarter hour.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database) -> None:
        self._file = database.ledger

    async def keep(self, tariff: Tariff, now: datetime) -> None:
        """Add the announced prices of a tariff, in place of older ones; those of long ago are forgotten."""
        rows = list(_rows(tariff, now))

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO price_history (ts, currency, import_price, export_price) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (ts) DO UPDATE SET currency = excluded.currency, import_price = excluded.import_price, "
                "export_price = excluded.export_price",
                rows,
            )
            connection.execute("DELETE FROM price_history WHERE ts < ?", ((now - KEEP).timestamp(),))

        await self._file.write(write)

    async def past(self, now: datetime, currency: str) -> tuple[PastPrice, ...]:
        """All that is kept in this currency, ascending, without what is still ahead."""
        query = "SELECT ts, import_price, export_price FROM price_history WHERE ts < ? AND currency = ? ORDER BY ts"
        values = (now.timestamp(), currency)
        rows = await self._file.read(lambda connection: connection.execute(query, values).fetchall())
        return tuple(
            PastPrice(
                start=datetime.fromtimestamp(ts, UTC),
                import_price=Decimal(import_price),
                export_price=None if export_price is None else Decimal(export_price),
            )
            for ts, import_price, export_price in rows
        )


def _rows(tariff: Tariff, now: datetime) -> Iterator[_Row]:
    """The price at the begin of each quarter hour that begins within a slot."""
    for slot in tariff.slots:
        if slot.forecast:
            continue
        first = max(slot.start, now - KEEP).timestamp()
        last = min(slot.end, now + _AHEAD).timestamp()
        export_price = None if slot.export_price is None else str(slot.export_price)
        begin = int(-(-first // _QUARTER_S) * _QUARTER_S)
        for ts in range(begin, max(begin, int(last)), _QUARTER_S):
            yield ts, tariff.currency, str(slot.import_price), export_price
