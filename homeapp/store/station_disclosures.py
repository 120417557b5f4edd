"""What has left the home for the CSMS, for the owner's ledger: a row per minute and action, not per message.

Rows of minutes that are over are summed up by day: a charger that talks for a year must not fill the disk.
"""

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from homeapp.errors import StoreUnavailable
from homeapp.model.consent import DataClass
from homeapp.ports import Clock
from homeapp.store.database import Database
from homeapp.store.offer_rows import field_names
from homeapp.store.records import encode

logger = logging.getLogger(__name__)

KEEP_EVERY_S = 60.0
SUM_UP_EVERY_S = 3600.0
_DAY_S = 86_400
_MOST_FIELDS = 400

Key = tuple[DataClass, str]


@dataclass(slots=True)
class _Sum:
    messages: int = 0
    size_bytes: int = 0
    fields: set[str] = field(default_factory=set)

    def add(self, other: "_Sum") -> None:
        self.messages += other.messages
        self.size_bytes += other.size_bytes
        self.fields |= other.fields


class StationDisclosures:
    """Sums up what is told to ``left`` and keeps it in ``disclosures``; ``run`` until cancelled.

    Args:
        sp_id: whom it is disclosed to.
    """

    def __init__(self, database: Database, clock: Clock, sp_id: str) -> None:
        self._file = database.ledger
        self._clock = clock
        self._sp_id = sp_id
        self._sums: dict[Key, _Sum] = {}

    def left(self, data_class: DataClass, action: str, payload: Mapping[str, Any], size_bytes: int) -> None:
        """One message is leaving."""
        # Names that vendors have made up are told too, but not without end.
        names = set(field_names(payload)[:_MOST_FIELDS])
        self._add((data_class, action), _Sum(1, size_bytes, names))

    async def run(self) -> NoReturn:
        """Keep the sums every minute and at the end.

        Raises:
            StoreUnavailable: they cannot be kept; nothing of them is lost by that.
        """
        summed_up_s = float("-inf")
        try:
            while True:
                await self._clock.sleep(KEEP_EVERY_S)
                await self.keep()
                if self._clock.monotonic() - summed_up_s >= SUM_UP_EVERY_S:
                    await self.sum_up()
                    summed_up_s = self._clock.monotonic()
        except asyncio.CancelledError:
            try:
                await self.keep()
            except StoreUnavailable as error:
                logger.warning("what has left the home last is not noted: %s", error)
            raise

    async def keep(self) -> None:
        """Keep what has been summed up.

        Raises:
            StoreUnavailable: it cannot be kept; it is not lost by that.
        """
        sums, self._sums = self._sums, {}
        if not sums:
            return
        now = self._clock.now().timestamp()

        def write(connection: sqlite3.Connection) -> None:
            for (data_class, action), total in sorted(sums.items()):
                connection.execute(
                    "INSERT INTO disclosures "
                    "(at, sp_id, data_class, kind, record_id, size_bytes, fields, messages) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        now,
                        self._sp_id,
                        data_class,
                        f"ocpp.{action}",
                        str(uuid.uuid4()),
                        total.size_bytes,
                        encode(sorted(total.fields)),
                        total.messages,
                    ),
                )

        try:
            # What is cancelled halfway would be lost, or noted twice.
            await asyncio.shield(self._file.write(write))
        except StoreUnavailable:
            for key, total in sums.items():
                self._add(key, total)
            raise

    async def sum_up(self) -> None:
        """Make one row of all of a day that tell of the same fields, but for those of the last hour.

        Each keeps the place of its first one, so that nobody who has counted them counts them again.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        before = self._clock.now().timestamp() - SUM_UP_EVERY_S
        alike = "sp_id = ? AND data_class = ? AND kind = ? AND fields = ? AND CAST(at / ? AS INTEGER) = ? AND at < ?"

        def write(connection: sqlite3.Connection) -> None:
            groups = connection.execute(
                "SELECT sp_id, data_class, kind, fields, CAST(at / ? AS INTEGER) AS day, min(number), max(at), "
                "sum(size_bytes), sum(messages) FROM disclosures WHERE sp_id = ? AND kind GLOB 'ocpp.*' AND at < ? "
                "GROUP BY data_class, kind, fields, day HAVING count(*) > 1",
                (_DAY_S, self._sp_id, before),
            ).fetchall()
            for sp_id, data_class, kind, fields, day, first, last_at, size_bytes, messages in groups:
                connection.execute(
                    f"DELETE FROM disclosures WHERE {alike} AND number != ?",  # noqa: S608 - fixed text
                    (sp_id, data_class, kind, fields, _DAY_S, day, before, first),
                )
                connection.execute(
                    "UPDATE disclosures SET at = ?, size_bytes = ?, messages = ? WHERE number = ?",
                    (last_at, size_bytes, messages, first),
                )

        await self._file.write(write)

    def _add(self, key: Key, more: _Sum) -> None:
        self._sums.setdefault(key, _Sum()).add(more)
