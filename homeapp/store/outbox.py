"""What waits to leave the home: the owner's decisions and records for providers, in the ledger until it is handed over.

One table for both, because their order among each other matters and because a decision is put in within the same
transaction as the step that it belongs to (``homeapp.store.offer_rows``).
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from homeapp.model.consent import DataClass
from homeapp.model.record import DataRecord, Priority
from homeapp.ports import Clock, DecisionMessage
from homeapp.store.database import Database
from homeapp.store.offer_rows import (
    DECISION,
    Failure,
    Undelivered,
    audit,
    close_delivered,
    close_outbox_row,
    decision_fields,
    field_names,
)
from homeapp.store.records import decode, encode

logger = logging.getLogger(__name__)

MOST_WAITING = 20_000
"""Records per provider."""
TIDY_EVERY_S = 60.0
CLOSED_LIFE = timedelta(days=7)
KEPT_FOR = timedelta(hours=1)
"""How long what was delivered could be delivered again; a decision, until its provider has confirmed it."""
_LEFT_TO_THE_RELAY = timedelta(hours=1)
"""For so long it gives late answers up itself, where it has a way to their provider: one may be under way just now."""
CLOCKS_DIFFER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How much waits for one provider."""

    decisions: int
    records: int


@dataclass(frozen=True, slots=True)
class News:
    """Wakes who hands over to one provider.

    Attributes:
        anything: set whenever something has been put in.
        urgent: set with it where it is a decision or about safety: it does not wait for the end of a pause.
    """

    anything: asyncio.Event
    urgent: asyncio.Event


class Outbox:
    """Every write is durable when the call returns; the bodies of what waits no longer are erased.

    That is done at once, but for what was delivered: it is kept for an hour, in case the provider's platform loses it.

    Attributes (of the constructor):
        notice: told (code, sentence) where records had to be dropped.
        name_of: a provider's name for people.
        most_waiting: records per provider; beyond it the oldest of the lowest priority are dropped.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        notice: Callable[[str, str], None] = lambda _code, _sentence: None,
        name_of: Callable[[str], str] = str,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._file = database.ledger
        self._clock = clock
        self._notice = notice
        self._name_of = name_of
        self._most_waiting = most_waiting
        self._news: dict[str, News] = {}

    def news(self, sp_id: str) -> News:
        """The events of one provider; whoever waits for them clears them before looking."""
        return self._news.setdefault(sp_id, News(asyncio.Event(), asyncio.Event()))

    def wake(self, sp_id: str) -> None:
        """Have it tried at once: a decision was put in, or the way to the provider is open again."""
        news = self.news(sp_id)
        news.anything.set()
        news.urgent.set()

    async def run(self) -> NoReturn:
        """Drop what is of no use any more and forget what is long closed, now and then, until cancelled."""
        while True:
            late = await self._drop_late()
            if late:
                logger.info("outbox: %d messages are of no use any more and were dropped", late)
            await self._purge()
            await self.send_anew()
            await self._erase_kept()
            await self._clock.sleep(TIDY_EVERY_S)

    async def put(self, *records: DataRecord) -> None:
        """Put records in, all or none; one whose ``record_id`` is known changes nothing."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> dict[str, int]:
            for record in records:
                _insert(connection, record, now)
            return {sp_id: self._drop_excess(connection, sp_id, now) for sp_id in sorted({r.sp_id for r in records})}

        dropped = await self._file.write(write)
        for record in records:
            self.news(record.sp_id).anything.set()
            if record.priority <= Priority.DECISION:
                self.wake(record.sp_id)
        for sp_id, count in dropped.items():
            if count:
                logger.warning("%s: %d records were dropped, too many wait", sp_id, count)
                self._notice(f"outbox_full.{sp_id}", _full(self._name_of(sp_id), self._most_waiting))

    async def next_waiting(
        self, sp_id: str, without: Collection[DataClass] = ()
    ) -> DecisionMessage | DataRecord | None:
        """The first by priority and age; of the kinds in ``without`` only what is about safety."""
        row = await self._file.read(
            lambda connection: connection.execute(
                "SELECT kind, message FROM outbox WHERE sp_id = ? AND state = 'waiting' AND "
                "(priority <= ? OR data_class NOT IN (SELECT value FROM json_each(?))) "
                "ORDER BY priority, number LIMIT 1",
                (sp_id, Priority.DECISION, encode(sorted(without))),
            ).fetchone()
        )
        if row is None:
            return None
        kind, message = row
        return decode(message, DecisionMessage) if kind == DECISION else decode(message, DataRecord)

    async def delivered(self, message: DecisionMessage | DataRecord, size_bytes: int) -> None:
        """It was handed over; what has left the home is noted with it, once."""
        now = self._clock.now()
        if isinstance(message, DataRecord):
            record_id, fields = message.record_id, field_names(message.body)
        else:
            record_id, fields = message.decision.decision_id, decision_fields(message.decision)
        await self._file.write(lambda connection: close_delivered(connection, record_id, fields, size_bytes, now))

    async def deliver_again(self, sp_id: str) -> int:
        """The provider's platform has lost what lay there: what it got lately waits once more; returns how much.

        With the same ids, so that what the provider has read already has no second effect. Decisions that it has
        confirmed are left alone.
        """
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> int:
            count = connection.execute(
                "UPDATE outbox SET state = 'waiting', closed_at = NULL WHERE sp_id = ? AND state = 'delivered' AND "
                "message != '' AND (closed_at >= ? OR kind = ?) AND not_after > ?",
                (sp_id, (now - KEPT_FOR).timestamp(), DECISION, now.timestamp()),
            ).rowcount
            if count:
                audit(connection, now, "delivered_again", sp_id, {"count": count})
            return count

        count = await self._file.write(write)
        if count:
            logger.warning("%s: its platform has lost what lay there; %d messages are delivered again", sp_id, count)
            self.wake(sp_id)
        return count

    async def send_anew(self) -> int:
        """What was handed over at a time that is yet to come waits once more; returns how much.

        The hub's clock was ahead then, and receivers refuse what is dated in the future. With the same ids, so that
        what was not refused has no second effect.
        """
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> list[tuple[str]]:
            found: list[tuple[str]] = connection.execute(
                "UPDATE outbox SET state = 'waiting', closed_at = NULL, "
                "message = json_set(message, '$.again', ifnull(json_extract(message, '$.again'), 0) + 1) "
                "WHERE state = 'delivered' AND message != '' AND closed_at > ? AND not_after > ? RETURNING sp_id",
                ((now + CLOCKS_DIFFER).timestamp(), now.timestamp()),
            ).fetchall()
            for (sp_id,) in sorted(set(found)):
                audit(connection, now, "sent_anew", sp_id, {"count": found.count((sp_id,))})
            return found

        found = await self._file.write(write)
        for (sp_id,) in set(found):
            logger.warning("%s: the clock was ahead; %d messages are sent anew", sp_id, found.count((sp_id,)))
            self.wake(sp_id)
        return len(found)

    async def undeliverable(self, record_id: str, failure: Failure, sentence: str) -> None:
        """It will never be handed over; ``sentence`` is for the owner."""
        await self._close(record_id, failure, sentence)

    async def withhold(self, record_id: str, sentence: str) -> None:
        """A record that must not leave."""
        await self._close(record_id, "void", sentence)

    async def void(self, sp_id: str, data_classes: Collection[DataClass]) -> int:
        """What waits of these kinds is not to leave any more; returns how much that was.

        Without IDENTITY the owner's answers cannot leave either; their requests show it.
        """
        now, kinds = self._clock.now(), encode(sorted(data_classes))
        condition = "sp_id = ? AND state = 'waiting' AND data_class IN (SELECT value FROM json_each(?))"

        def write(connection: sqlite3.Connection) -> int:
            answers = connection.execute(
                f"SELECT record_id FROM outbox WHERE {condition} AND kind = ?",  # noqa: S608 - fixed text
                (sp_id, kinds, DECISION),
            ).fetchall()
            for (record_id,) in answers:
                close_outbox_row(connection, record_id, Failure.REFUSED, _NOT_SHARED, now)
            connection.execute(
                "UPDATE outbox SET message = '' WHERE sp_id = ? AND state = 'delivered' AND message != '' AND "
                "data_class IN (SELECT value FROM json_each(?))",
                (sp_id, kinds),
            )
            records = connection.execute(
                f"UPDATE outbox SET state = 'void', message = '', told = 1 WHERE {condition}",  # noqa: S608 - fixed text
                (sp_id, kinds),
            ).rowcount
            if records:
                detail = {"data_classes": sorted(data_classes), "count": records}
                audit(connection, now, "records_void", sp_id, detail)
            return len(answers) + records

        return await self._file.write(write)

    async def waiting(self) -> dict[str, Waiting]:
        """How much waits, per provider."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT sp_id, sum(kind = ?), sum(kind != ?) FROM outbox WHERE state = 'waiting' GROUP BY sp_id",
                (DECISION, DECISION),
            ).fetchall()
        )
        return {sp_id: Waiting(decisions=decisions, records=records) for sp_id, decisions, records in rows}

    async def untold_failures(self) -> tuple[Undelivered, ...]:
        """Decisions that will never be handed over and that no ``CaseChange.told`` has named yet."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT record_id, state, failure FROM outbox WHERE state IN ('late', 'refused') AND told = 0 "
                "ORDER BY number"
            ).fetchall()
        )
        return tuple(Undelivered(decision_id=row[0], failure=Failure(row[1]), sentence=row[2]) for row in rows)

    async def told(self, decision_id: str) -> None:
        """A failed delivery that changes no request."""
        await self._file.write(
            lambda connection: connection.execute("UPDATE outbox SET told = 1 WHERE record_id = ?", (decision_id,))
        )

    async def _close(self, record_id: str, state: str, sentence: str) -> None:
        now = self._clock.now()
        await self._file.write(lambda connection: close_outbox_row(connection, record_id, state, sentence, now))

    async def _drop_late(self) -> int:
        # Also those that are held back, and those of providers that are gone or that the owner shares nothing with.
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> int:
            answers = connection.execute(
                "SELECT record_id, message FROM outbox WHERE state = 'waiting' AND kind = ? AND not_after <= ?",
                (DECISION, (now - _LEFT_TO_THE_RELAY).timestamp()),
            ).fetchall()
            for record_id, message in answers:
                sentence = too_late(decode(message, DecisionMessage))
                close_outbox_row(connection, record_id, Failure.LATE, sentence, now)
            late = connection.execute(
                "UPDATE outbox SET state = 'late', message = '', told = 1 "
                "WHERE state = 'waiting' AND kind != ? AND not_after <= ? RETURNING sp_id",
                (DECISION, now.timestamp()),
            ).fetchall()
            for (sp_id,) in sorted(set(late)):
                audit(connection, now, "records_late", sp_id, {"count": late.count((sp_id,))})
            return len(answers) + len(late)

        return await self._file.write(write)

    async def _erase_kept(self) -> None:
        now = self._clock.now()
        await self._file.write(
            lambda connection: connection.execute(
                "UPDATE outbox SET message = '' WHERE state = 'delivered' AND message != '' AND closed_at < ? AND "
                "(kind != ? OR not_after <= ?)",
                ((now - KEPT_FOR).timestamp(), DECISION, now.timestamp()),
            )
        )

    async def _purge(self) -> int:
        # Until then a second put of the same record changes nothing, and later ones are late anyway.
        before = (self._clock.now() - CLOSED_LIFE).timestamp()
        return await self._file.write(
            lambda connection: (
                connection.execute(
                    "DELETE FROM outbox WHERE kind != ? AND state != 'waiting' AND not_after < ?", (DECISION, before)
                ).rowcount
            )
        )

    def _drop_excess(self, connection: sqlite3.Connection, sp_id: str, now: datetime) -> int:
        waiting = connection.execute(
            "SELECT count(*) FROM outbox WHERE sp_id = ? AND state = 'waiting' AND kind != ?", (sp_id, DECISION)
        ).fetchone()[0]
        excess: int = max(0, waiting - self._most_waiting)
        if excess:
            connection.execute(
                "UPDATE outbox SET state = 'void', message = '', told = 1 WHERE number IN (SELECT number FROM outbox "
                "WHERE sp_id = ? AND state = 'waiting' AND kind != ? ORDER BY priority DESC, number LIMIT ?)",
                (sp_id, DECISION, excess),
            )
            audit(connection, now, "records_dropped", sp_id, {"count": excess})
        return excess


def too_late(message: DecisionMessage | DataRecord) -> str:
    """What to tell the owner about a message that could not be handed over in time."""
    if isinstance(message, DataRecord):
        return "It could not be handed over in time and is of no use any more."
    return f"Your answer could not be handed to {message.offer.sp_name} in time, so it does not count."


_NOT_SHARED = "You no longer share anything with this provider, so your answer was not sent."


def _full(name: str, most: int) -> str:
    return (
        f"More than {most} records wait for {name}, because it cannot be reached; the oldest are dropped. "
        "Check the internet connection, or stop sharing with this provider."
    )


def _insert(connection: sqlite3.Connection, record: DataRecord, now: datetime) -> None:
    cursor = connection.execute(
        "INSERT OR IGNORE INTO outbox (record_id, sp_id, kind, data_class, priority, not_after, state, message) "
        "VALUES (?, ?, ?, ?, ?, ?, 'waiting', ?)",
        (
            record.record_id,
            record.sp_id,
            record.kind,
            record.data_class,
            record.priority,
            record.not_after.timestamp(),
            encode(record),
        ),
    )
    if cursor.rowcount:
        detail = {"kind": record.kind, "data_class": record.data_class, "sp_id": record.sp_id}
        audit(connection, now, "record", record.record_id, detail)
