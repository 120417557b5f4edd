"""What charging stations have told while their provider's CSMS could not hear it, in the ledger until it has.

A row is written before the station is told that its message has arrived, so no crash loses it. Puts that come while one
is being written are written together, by one commit. Rows name the CSMS that they are for: another one never gets them.
"""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from homeapp.ports import Clock, StationMessage
from homeapp.store.database import Database
from homeapp.store.offer_rows import audit

MOST_WAITING = 50_000
"""Per station."""
CLOSED_LIFE = timedelta(days=7)
"""For so long a message that a station repeats is known to have been delivered."""
_MOST_TRANSACTIONS = 500


@dataclass(slots=True, eq=False)
class _Put:
    """One message on its way into the table; ``kept`` is the transaction kept with it once ``done``."""

    device_id: str
    message: StationMessage
    done: bool = False
    kept: int | None = None


class StoredStationOutbox:
    """Implements ``homeapp.ports.StationOutbox`` for one CSMS.

    Args:
        csms: its URL.
        notice: told (code, sentence) where messages had to be dropped.
        most_waiting: per station; beyond it the oldest periodic ones are dropped.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        csms: str,
        notice: Callable[[str, str], None] = lambda _code, _sentence: None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self.notice = notice
        self._file = database.ledger
        self._clock = clock
        self._csms = csms
        self._most_waiting = most_waiting
        self._puts: list[_Put] = []
        self._writing = asyncio.Lock()

    async def begin(self) -> None:
        await self._void("csms != ?", self._csms)

    async def put(self, device_id: str, message: StationMessage) -> int | None:
        mine = _Put(device_id, message)
        self._puts.append(mine)
        try:
            async with self._writing:
                if not mine.done:
                    await self._write_puts()
        finally:
            if mine in self._puts:
                self._puts.remove(mine)
        return mine.kept

    async def first_waiting(self, device_id: str) -> StationMessage | None:
        row = await self._file.read(
            lambda connection: connection.execute(
                "SELECT number, message_id, action, payload, periodic, hub_transaction FROM station_outbox "
                "WHERE csms = ? AND device_id = ? AND state = 'waiting' ORDER BY number LIMIT 1",
                (self._csms, device_id),
            ).fetchone()
        )
        if row is None:
            return None
        number, message_id, action, payload, periodic, transaction = row
        return StationMessage(
            message_id=message_id,
            action=action,
            payload=payload,
            periodic=bool(periodic),
            transaction=transaction,
            number=number,
        )

    async def delivered(self, device_id: str, message: StationMessage, csms_transaction: int | None = None) -> None:
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            _close(connection, message.number, "delivered")
            if csms_transaction is not None and message.transaction is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO station_transactions "
                    "(csms, device_id, hub_transaction, csms_transaction, at) VALUES (?, ?, ?, ?, ?)",
                    (self._csms, device_id, message.transaction, csms_transaction, now.timestamp()),
                )
            connection.execute(
                "DELETE FROM station_outbox WHERE state != 'waiting' AND at < ?", ((now - CLOSED_LIFE).timestamp(),)
            )

        await self._file.write(write)

    async def failed(self, device_id: str, message: StationMessage) -> int:
        def write(connection: sqlite3.Connection) -> int:
            connection.execute(
                "UPDATE station_outbox SET failures = failures + 1 WHERE number = ? AND device_id = ?",
                (message.number, device_id),
            )
            row = connection.execute(
                "SELECT failures FROM station_outbox WHERE number = ?", (message.number,)
            ).fetchone()
            return 0 if row is None else int(row[0])

        return await self._file.write(write)

    async def give_up(self, device_id: str, message: StationMessage) -> None:
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            _close(connection, message.number, "dead")
            audit(connection, now, "station_message_dead", device_id, {"action": message.action})

        await self._file.write(write)

    async def transactions(self, device_id: str) -> Mapping[int, int]:
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT hub_transaction, csms_transaction FROM station_transactions WHERE csms = ? AND device_id = ? "
                "ORDER BY at DESC LIMIT ?",
                (self._csms, device_id, _MOST_TRANSACTIONS),
            ).fetchall()
        )
        return dict(rows)

    async def keep_introduction(self, device_id: str, protocol: str, payload: bytes) -> None:
        await self._file.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO station_introductions (device_id, protocol, payload) VALUES (?, ?, ?)",
                (device_id, protocol, payload),
            )
        )

    async def introduction(self, device_id: str, protocol: str) -> bytes | None:
        row = await self._file.read(
            lambda connection: connection.execute(
                "SELECT payload FROM station_introductions WHERE device_id = ? AND protocol = ?", (device_id, protocol)
            ).fetchone()
        )
        return None if row is None else bytes(row[0])

    async def void(self) -> int:
        return await self._void("csms = csms")

    async def _void(self, condition: str, *values: str) -> int:
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> int:
            count = connection.execute(
                f"UPDATE station_outbox SET state = 'void', payload = x'' WHERE state = 'waiting' AND {condition}",  # noqa: S608 - fixed text
                values,
            ).rowcount
            if count:
                audit(connection, now, "station_messages_void", "evc_sp", {"count": count})
            return count

        return await self._file.write(write)

    async def _write_puts(self) -> None:
        puts = [put for put in self._puts if not put.done]
        now = self._clock.now().timestamp()

        def write(connection: sqlite3.Connection) -> list[int | None]:
            kept = [self._insert(connection, put, now) for put in puts]
            for device_id in sorted({put.device_id for put in puts}):
                dropped.extend([device_id] * self._drop_excess(connection, device_id))
            return kept

        dropped: list[str] = []
        for put, kept in zip(puts, await self._file.write(write), strict=True):
            put.done, put.kept = True, kept
        if dropped:
            self.notice(f"station_outbox_full.{dropped[0]}", _FULL)

    def _insert(self, connection: sqlite3.Connection, put: _Put, now: float) -> int | None:
        message = put.message
        key = (self._csms, put.device_id, message.message_id, _digest(message))
        connection.execute(
            "INSERT OR IGNORE INTO station_outbox "
            "(csms, device_id, message_id, digest, at, action, periodic, hub_transaction, state, payload) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?)",
            (*key, now, message.action, int(message.periodic), message.transaction, message.payload),
        )
        row = connection.execute(
            "SELECT hub_transaction FROM station_outbox "
            "WHERE csms = ? AND device_id = ? AND message_id = ? AND digest = ?",
            key,
        ).fetchone()
        return None if row is None else row[0]

    def _drop_excess(self, connection: sqlite3.Connection, device_id: str) -> int:
        mine = (self._csms, device_id)
        waiting = connection.execute(
            "SELECT count(*) FROM station_outbox WHERE csms = ? AND device_id = ? AND state = 'waiting'",
            mine,
        ).fetchone()[0]
        excess = waiting - self._most_waiting
        if excess <= 0:
            return 0
        return connection.execute(
            "DELETE FROM station_outbox WHERE number IN (SELECT number FROM station_outbox "
            "WHERE csms = ? AND device_id = ? AND state = 'waiting' AND periodic = 1 ORDER BY number LIMIT ?)",
            (*mine, excess),
        ).rowcount


_FULL = (
    "So much of the charger waits for the provider of charging that the oldest measurements are dropped. Beginnings "
    "and ends of charging are all kept. Check the internet connection."
)


def _close(connection: sqlite3.Connection, number: int, state: str) -> None:
    """It waits no longer, and its content is erased; that it was there is remembered for a while."""
    connection.execute(
        "UPDATE station_outbox SET state = ?, payload = x'' WHERE number = ? AND state = 'waiting'", (state, number)
    )


def _digest(message: StationMessage) -> bytes:
    return hashlib.sha256(message.action.encode() + b"\0" + message.payload).digest()
