"""What must not be lost: requests and answers, adopted devices, car health, prices, and what was done when."""

import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from homeapp.errors import StoreUnavailable
from homeapp.model.device import AdoptedDevice
from homeapp.model.health import HealthAlert, PartOrder, Severity
from homeapp.model.live import Notice
from homeapp.model.offer import OfferCase, Receipt
from homeapp.model.readings import EvceCommand
from homeapp.model.tariff import Tariff
from homeapp.ports import Clock
from homeapp.store import offer_rows
from homeapp.store.database import Database
from homeapp.store.offer_rows import CaseChange
from homeapp.store.records import decode, encode

logger = logging.getLogger(__name__)

MOST_TOLD = 100
"""Alerts of one provider, and part orders."""


class Ledger:
    """Every write is durable, and in the audit trail where it matters, when the call returns.

    Attributes (of the constructor):
        decision_kept: told the provider of every decision that has been put into the outbox.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(
        self, database: Database, clock: Clock, decision_kept: Callable[[str], None] = lambda _sp_id: None
    ) -> None:
        self._file = database.ledger
        self._clock = clock
        self._decision_kept = decision_kept

    async def keep(self, *changes: CaseChange) -> None:
        """All of ``changes`` in one transaction; wakes who relays the decisions among them."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            for change in changes:
                offer_rows.write_change(connection, change, now)

        await self._file.write(write)
        for change in changes:
            if change.decision is not None:
                self._decision_kept(change.decision.offer.sp_id)

    async def keep_receipt(self, receipt: Receipt) -> bool:
        """A receipt that changes no request; False where the decision is not known."""
        now = self._clock.now()
        return await self._file.write(lambda connection: offer_rows.write_receipt(connection, receipt, now))

    async def cases(self, most_ended: int, now: datetime) -> tuple[OfferCase, ...]:
        """The newest revision of all requests under way, of the ``most_ended`` that ended last, and of those whose car
        is to be ready after ``now``.
        """
        return tuple(await self._file.read(lambda connection: offer_rows.newest_cases(connection, most_ended, now)))

    async def case(self, key: str) -> OfferCase | None:
        """The newest revision of one request, however old."""
        return await self._file.read(lambda connection: offer_rows.newest_case(connection, key))

    async def past_cases(self, most: int) -> tuple[OfferCase, ...]:
        """The newest revisions of the ``most`` requests that came last, the newest first."""
        return tuple(await self._file.read(lambda connection: offer_rows.past_cases(connection, most)))

    async def earned(self, since: datetime) -> Decimal:
        """Rewards of the requests completed since then, in the home's currency."""
        return await self._file.read(lambda connection: offer_rows.earned_since(connection, since))

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        """Remember a message until it expires; True where it was known already."""
        now = self._clock.now().timestamp()

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute("DELETE FROM seen_messages WHERE expires_at < ?", (now,))
            cursor = connection.execute(
                "INSERT OR IGNORE INTO seen_messages (sp_id, message_id, expires_at) VALUES (?, ?, ?)",
                (sp_id, message_id, expires_at.timestamp()),
            )
            return cursor.rowcount == 0

        return await self._file.write(write)

    async def adopted_devices(self) -> tuple[AdoptedDevice, ...]:
        """All of them, by id."""
        rows = await self._bodies("SELECT body FROM devices ORDER BY device_id")
        return tuple(decode(body, AdoptedDevice) for body in rows)

    async def adopt_device(self, device: AdoptedDevice) -> None:
        """Add or replace one."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO devices (device_id, body) VALUES (?, ?)", (device.device_id, encode(device))
            )
            offer_rows.audit(connection, now, "device_adopted", device.device_id, device)

        await self._file.write(write)

    async def forget_device(self, device_id: str) -> None:
        """Remove one; unknown ones are fine."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            if connection.execute("DELETE FROM devices WHERE device_id = ?", (device_id,)).rowcount:
                offer_rows.audit(connection, now, "device_forgotten", device_id, {})

        await self._file.write(write)

    async def alerts(self) -> tuple[HealthAlert, ...]:
        """All that were told about the car's health, mended ones included."""
        rows = await self._bodies("SELECT body FROM alerts ORDER BY sp_id, alert_id")
        return tuple(decode(body, HealthAlert) for body in rows)

    async def keep_alert(self, alert: HealthAlert) -> bool:
        """Add or replace one; what the owner has read stays read while nothing in it changes.

        A provider has room for ``MOST_TOLD``. Beyond that its oldest that is mended makes room for another; where none
        is mended the new one is not kept (False), unless it is the first that is critical.
        """

        def write(connection: sqlite3.Connection) -> bool:
            old = _alert(connection, alert.sp_id, alert.alert_id)
            if old is None and not _makes_room(connection, alert):
                return False
            same = old is not None and replace(old, seen_by_owner=alert.seen_by_owner) == alert
            _write_alert(connection, old if old is not None and same and old.seen_by_owner else alert)
            return True

        return await self._file.write(write)

    async def alert_seen(self, sp_id: str, alert_id: str) -> bool:
        """The owner has read it; False where there is no such alert."""

        def write(connection: sqlite3.Connection) -> bool:
            alert = _alert(connection, sp_id, alert_id)
            if alert is not None:
                _write_alert(connection, replace(alert, seen_by_owner=True))
            return alert is not None

        return await self._file.write(write)

    async def part_orders(self) -> tuple[PartOrder, ...]:
        """All that providers have told of, the newest first."""
        rows = await self._bodies("SELECT body FROM part_orders")
        orders = (decode(body, PartOrder) for body in rows)
        return tuple(sorted(orders, key=lambda order: order.updated_at, reverse=True))

    async def keep_part_order(self, order: PartOrder) -> None:
        """Add or replace one; an older word about it than the known one changes nothing.

        Of more than ``MOST_TOLD`` of one provider the oldest go.
        """
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT body FROM part_orders WHERE order_id = ?", (order.order_id,)).fetchone()
            known = None if row is None else decode(row[0], PartOrder)
            if known is not None and (known.sp_id != order.sp_id or known.updated_at >= order.updated_at):
                return
            connection.execute(
                "INSERT OR REPLACE INTO part_orders (order_id, sp_id, body) VALUES (?, ?, ?)",
                (order.order_id, order.sp_id, encode(order)),
            )
            offer_rows.audit(connection, now, "part_order", order.order_id, order)
            connection.execute(
                "DELETE FROM part_orders WHERE sp_id = ? AND order_id NOT IN (SELECT order_id FROM part_orders "
                "WHERE sp_id = ? ORDER BY unixepoch(body ->> '$.updated_at') DESC LIMIT ?)",
                (order.sp_id, order.sp_id, MOST_TOLD),
            )

        await self._file.write(write)

    async def tariffs(self) -> Mapping[str, Tariff]:
        """The newest prices of each provider."""
        rows = await self._file.read(
            lambda connection: connection.execute("SELECT sp_id, body FROM tariffs ORDER BY sp_id").fetchall()
        )
        return {sp_id: decode(body, Tariff) for sp_id, body in rows}

    async def keep_tariff(self, sp_id: str, tariff: Tariff) -> None:
        """Replace the prices of one provider."""
        await self._replace("INSERT OR REPLACE INTO tariffs (sp_id, body) VALUES (?, ?)", sp_id, encode(tariff))

    async def forget_tariff(self, sp_id: str) -> bool:
        """Remove the prices of one source; False where there were none."""

        def write(connection: sqlite3.Connection) -> bool:
            return connection.execute("DELETE FROM tariffs WHERE sp_id = ?", (sp_id,)).rowcount > 0

        return await self._file.write(write)

    async def notices(self, since: datetime) -> tuple[Notice, ...]:
        """Those of ``since`` or later, newest first."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT body FROM notices WHERE at >= ? ORDER BY at DESC", (since.timestamp(),)
            ).fetchall()
        )
        return tuple(decode(body, Notice) for (body,) in rows)

    async def keep_notice(self, notice: Notice) -> None:
        """Add one, or replace the one with the same code."""
        await self._file.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO notices (code, at, body) VALUES (?, ?, ?)",
                (notice.code, notice.at.timestamp(), encode(notice)),
            )
        )

    async def value(self, key: str) -> str | None:
        """A small value kept under ``key``, or None."""
        rows = await self._file.read(
            lambda connection: connection.execute("SELECT value FROM kept_values WHERE key = ?", (key,)).fetchall()
        )
        return rows[0][0] if rows else None

    async def keep_value(self, key: str, value: str) -> None:
        """Keep a small value that somebody has chosen, as the charging mode; a change of it is in the audit trail."""
        now, text = self._clock.now(), str(value)

        def write(connection: sqlite3.Connection) -> None:
            if _write_value(connection, key, text):
                offer_rows.audit(connection, now, "value_changed", key, {"value": text})

        await self._file.write(write)

    async def keep_mark(self, key: str, value: str) -> None:
        """Keep a small value of the hub's own; the audit trail, which is for ever, does not have it."""
        await self._file.write(lambda connection: _write_value(connection, key, value))

    async def forget_marks(self, prefix: str) -> None:
        """Delete the small values whose keys begin with ``prefix``."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM kept_values WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))

        await self._file.write(write)

    async def hub_started(self, version: str) -> None:
        """A row in the audit trail."""
        await self._note("hub_started", "hub", {"version": version})

    async def commanded(self, device_id: str, command: EvceCommand) -> None:
        """A row in the audit trail: a charger has taken a command that differs in more than its power."""
        detail = {"limit_w": round(command.limit_w), "feed_w": round(command.feed_w), "reason": command.reason}
        await self._note("command", device_id, detail)

    async def limit_noted(self, word: str, subject: str, detail: Mapping[str, object]) -> None:
        """A row in the audit trail about a limit of the grid operator: it was applied, or its fail-safe value."""
        await self._note(word, subject, detail)

    async def _note(self, kind: str, subject: str, detail: object) -> None:
        """Whoever calls goes on where the disk cannot take it."""
        now = self._clock.now()
        try:
            await self._file.write(lambda connection: offer_rows.audit(connection, now, kind, subject, detail))
        except StoreUnavailable as error:
            logger.error("store: %s of %s is not in the audit log: %s", kind, subject, error)

    async def _bodies(self, query: str) -> list[str]:
        return await self._file.read(lambda connection: [row[0] for row in connection.execute(query)])

    async def _replace(self, statement: str, key: str, value: str) -> None:
        await self._file.write(lambda connection: connection.execute(statement, (key, value)))


def _alert(connection: sqlite3.Connection, sp_id: str, alert_id: str) -> HealthAlert | None:
    row = connection.execute("SELECT body FROM alerts WHERE sp_id = ? AND alert_id = ?", (sp_id, alert_id)).fetchone()
    return None if row is None else decode(row[0], HealthAlert)


def _write_alert(connection: sqlite3.Connection, alert: HealthAlert) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO alerts (sp_id, alert_id, body) VALUES (?, ?, ?)",
        (alert.sp_id, alert.alert_id, encode(alert)),
    )


def _write_value(connection: sqlite3.Connection, key: str, value: str) -> bool:
    """Whether it is another one than before."""
    cursor = connection.execute(
        "INSERT INTO kept_values (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET "
        "value = excluded.value WHERE value != excluded.value",
        (key, value),
    )
    return cursor.rowcount > 0


def _makes_room(connection: sqlite3.Connection, alert: HealthAlert) -> bool:
    rows = connection.execute("SELECT body FROM alerts WHERE sp_id = ?", (alert.sp_id,)).fetchall()
    known = [decode(body, HealthAlert) for (body,) in rows]
    if len(known) < MOST_TOLD:
        return True
    mended = [(other.cleared_at, other.alert_id) for other in known if other.cleared_at is not None]
    if mended:
        connection.execute("DELETE FROM alerts WHERE sp_id = ? AND alert_id = ?", (alert.sp_id, min(mended)[1]))
        return True
    # It stops the feeding of power.
    return alert.severity is Severity.CRITICAL and all(other.severity is not Severity.CRITICAL for other in known)
