"""What the owner has agreed to, what has left the home since, and what providers still have to delete.

What has left is kept row by row for 13 months, so that a year can be looked back on; of older rows only their totals
per provider and kind of data remain.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from homeapp.model.consent import Consent, DataClass, Disclosed
from homeapp.ports import Clock
from homeapp.store.database import Database
from homeapp.store.offer_rows import audit
from homeapp.store.records import decode, encode

KEEP_DISCLOSURES = timedelta(days=396)
"""13 months."""
TOTALS_KEY = "disclosed_before"
ERASE_PREFIX = "erase_at."

Key = tuple[str, DataClass]


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What has left for one provider, of one kind."""

    sp_id: str
    data_class: DataClass
    disclosed: Disclosed


class Consents:
    """Consents, the reading of ``disclosures``, and erasures that are due, each durable when the call returns.

    An erasure falls due in the transaction that takes the consent back, so that no crash can lose it; it is dropped
    where the owner agrees again before it was carried out.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._file = database.ledger
        self._clock = clock

    async def all(self) -> tuple[Consent, ...]:
        """The newest word about each kind of data, per provider."""
        rows = await self._file.read(
            lambda connection: connection.execute("SELECT body FROM consents ORDER BY sp_id, data_class").fetchall()
        )
        return tuple(decode(body, Consent) for (body,) in rows)

    async def keep(self, *consents: Consent) -> None:
        """Replace the older words about the same; all of them or none."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            for consent in consents:
                connection.execute(
                    "INSERT OR REPLACE INTO consents (sp_id, data_class, body) VALUES (?, ?, ?)",
                    (consent.sp_id, consent.data_class, encode(consent)),
                )
                audit(connection, now, "consent", f"{consent.sp_id}/{consent.data_class}", consent)
                due = _due(connection, consent.sp_id)
                changed = due - {consent.data_class} if consent.granted else due | {consent.data_class}
                _write_due(connection, consent.sp_id, changed)

        await self._file.write(write)

    async def refuse(self, consent: Consent) -> None:
        """Keep a no to what was never agreed to: no erasure falls due, since nothing can have left."""
        now = self._clock.now()
        row = (consent.sp_id, consent.data_class, encode(consent))

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO consents (sp_id, data_class, body) VALUES (?, ?, ?)", row)
            audit(connection, now, "consent", f"{consent.sp_id}/{consent.data_class}", consent)

        await self._file.write(write)

    async def forget(self, sp_id: str) -> None:
        """Remove all about a provider that the home is no longer paired with, erasures that are due too."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            if connection.execute("DELETE FROM consents WHERE sp_id = ?", (sp_id,)).rowcount:
                audit(connection, now, "consents_forgotten", sp_id, {})
            _write_due(connection, sp_id, frozenset())

        await self._file.write(write)

    async def due_erasures(self) -> dict[str, frozenset[DataClass]]:
        """What each provider has still to be asked to delete."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT substr(key, ?), value FROM kept_values WHERE key GLOB ? ORDER BY key",
                (len(ERASE_PREFIX) + 1, f"{ERASE_PREFIX}*"),
            ).fetchall()
        )
        return {sp_id: frozenset(decode(value, list[DataClass])) for sp_id, value in rows}

    async def erased(self, sp_id: str, data_classes: Collection[DataClass], outcome: str) -> None:
        """These are due no longer; ``outcome`` is a sentence for the audit trail."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            _write_due(connection, sp_id, _due(connection, sp_id) - frozenset(data_classes))
            audit(connection, now, "erasure", sp_id, {"data": sorted(data_classes), "outcome": outcome})

        await self._file.write(write)

    async def disclosed(self, after: int | None = None) -> tuple[int, Mapping[Key, Disclosed]]:
        """What has left in rows numbered higher than ``after``, or ever; and the highest number.

        Both add up with ``added``.
        """
        return await self._file.read(lambda connection: _disclosed(connection, after))

    async def purge(self) -> int:
        """Forget the rows that are too old, but for their totals; how many they were."""
        now = self._clock.now()
        before = (now - KEEP_DISCLOSURES).timestamp()

        def write(connection: sqlite3.Connection) -> int:
            old = _sums(connection, "at < ?", before)
            if not old:
                return 0
            totals = [
                Total(sp_id=sp_id, data_class=data_class, disclosed=disclosed)
                for (sp_id, data_class), disclosed in sorted(added(_totals(connection), old).items())
            ]
            _write_value(connection, TOTALS_KEY, encode(totals))
            count = connection.execute("DELETE FROM disclosures WHERE at < ?", (before,)).rowcount
            audit(connection, now, "disclosures_summed_up", "disclosures", {"rows": count})
            return count

        return await self._file.write(write)


def added(first: Mapping[Key, Disclosed], second: Mapping[Key, Disclosed]) -> dict[Key, Disclosed]:
    """The sums of both."""
    both = dict(first)
    for key, more in second.items():
        known = both.get(key)
        both[key] = more if known is None else _sum(known, more)
    return both


def _sum(first: Disclosed, second: Disclosed) -> Disclosed:
    return Disclosed(
        count=first.count + second.count,
        size_bytes=first.size_bytes + second.size_bytes,
        fields=tuple(sorted({*first.fields, *second.fields})),
        last_at=max(first.last_at, second.last_at),
    )


def _disclosed(connection: sqlite3.Connection, after: int | None) -> tuple[int, Mapping[Key, Disclosed]]:
    last = connection.execute("SELECT ifnull(max(number), 0) FROM disclosures").fetchone()[0]
    found = _sums(connection, "number > ?", after or 0)
    return max(last, after or 0), added(_totals(connection), found) if after is None else found


def _sums(connection: sqlite3.Connection, condition: str, value: float) -> dict[Key, Disclosed]:
    rows = connection.execute(
        f"SELECT sp_id, data_class, sum(messages), sum(size_bytes), max(at) FROM disclosures WHERE {condition} "  # noqa: S608 - fixed conditions
        "GROUP BY sp_id, data_class",
        (value,),
    ).fetchall()
    fields: dict[Key, set[str]] = {}
    # Few different lists of names stand in many rows.
    for sp_id, data_class, listed in connection.execute(
        f"SELECT DISTINCT sp_id, data_class, fields FROM disclosures WHERE {condition}",  # noqa: S608 - fixed conditions
        (value,),
    ):
        fields.setdefault((sp_id, DataClass(data_class)), set()).update(decode(listed, list[str]))
    return {
        (sp_id, DataClass(data_class)): Disclosed(
            count=count,
            size_bytes=size_bytes,
            fields=tuple(sorted(fields[sp_id, DataClass(data_class)])),
            last_at=datetime.fromtimestamp(last_at, UTC),
        )
        for sp_id, data_class, count, size_bytes, last_at in rows
    }


def _totals(connection: sqlite3.Connection) -> dict[Key, Disclosed]:
    text = _value(connection, TOTALS_KEY)
    totals = decode(text, list[Total]) if text else []
    return {(total.sp_id, total.data_class): total.disclosed for total in totals}


def _due(connection: sqlite3.Connection, sp_id: str) -> frozenset[DataClass]:
    text = _value(connection, f"{ERASE_PREFIX}{sp_id}")
    return frozenset(decode(text, list[DataClass])) if text else frozenset()


def _write_due(connection: sqlite3.Connection, sp_id: str, data_classes: Iterable[DataClass]) -> None:
    key, listed = f"{ERASE_PREFIX}{sp_id}", sorted(data_classes)
    if listed:
        _write_value(connection, key, msgspec.json.encode(listed).decode())
    else:
        connection.execute("DELETE FROM kept_values WHERE key = ?", (key,))


def _value(connection: sqlite3.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM kept_values WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def _write_value(connection: sqlite3.Connection, key: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO kept_values (key, value) VALUES (?, ?)", (key, value))
