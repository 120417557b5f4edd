"""The schemas of the two databases, as numbered steps that only go forward.

A step that has been released is never changed; a new one is added after it. ``tests/databases`` keeps a file of every
released schema that must go on opening.
"""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database, Migrations

from homeapp.audit import FIRST_PREV, row_hash
from homeapp.errors import StoreUnavailable

LEDGER = Migrations("ledger")
TELEMETRY = Migrations("telemetry")


def migrate(database: Database, migrations: Migrations, path: Path) -> None:
    """Bring ``database`` to the newest schema.

    Raises:
        StoreUnavailable: a newer version of the program has written it.
    """
    unknown = sorted({step.name for step in migrations.applied(database)} - _names(migrations))
    if unknown:
        raise StoreUnavailable(
            f"{path} was written by a newer version of homeapp (schema {unknown[-1]}). "
            "Install that version again, or restore a backup."
        )
    migrations.apply(database)


def _names(migrations: Migrations) -> set[str]:
    # In an empty database every step is pending.
    with closing(Database(memory=True, execute_plugins=False)) as empty:
        return {step.name for step in migrations.pending(empty)}


def _run(database: Database, statements: Iterable[str]) -> None:
    for statement in statements:
        database.execute(statement)


@LEDGER(name="0001")
def _ledger_1(database: Database) -> None:
    _run(
        database,
        (
            """CREATE TABLE offers (
                key TEXT NOT NULL, revision INTEGER NOT NULL, state TEXT NOT NULL, ended_at REAL, body TEXT NOT NULL,
                PRIMARY KEY (key, revision)) STRICT""",
            "CREATE INDEX offers_by_end ON offers (state, ended_at)",
            """CREATE TABLE decisions (
                decision_id TEXT PRIMARY KEY, key TEXT NOT NULL, revision INTEGER NOT NULL, sp_id TEXT NOT NULL,
                body TEXT NOT NULL, FOREIGN KEY (key, revision) REFERENCES offers (key, revision)) STRICT""",
            """CREATE TABLE outbox (
                number INTEGER PRIMARY KEY AUTOINCREMENT, decision_id TEXT NOT NULL UNIQUE REFERENCES decisions,
                key TEXT NOT NULL, sp_id TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'void', 'late', 'refused')),
                failure TEXT NOT NULL DEFAULT '', told INTEGER NOT NULL DEFAULT 0, message TEXT NOT NULL) STRICT""",
            "CREATE INDEX outbox_waiting ON outbox (sp_id, number) WHERE state = 'waiting'",
            "CREATE INDEX outbox_untold ON outbox (number) WHERE state IN ('late', 'refused') AND told = 0",
            """CREATE TABLE receipts (
                decision_id TEXT NOT NULL REFERENCES decisions, level TEXT NOT NULL, confirmed INTEGER NOT NULL,
                reference TEXT NOT NULL, body TEXT NOT NULL,
                UNIQUE (decision_id, level, confirmed, reference)) STRICT""",
            """CREATE TABLE seen_messages (
                sp_id TEXT NOT NULL, message_id TEXT NOT NULL, expires_at REAL NOT NULL,
                PRIMARY KEY (sp_id, message_id)) STRICT, WITHOUT ROWID""",
            "CREATE INDEX seen_by_expiry ON seen_messages (expires_at)",
            "CREATE TABLE devices (device_id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT",
            """CREATE TABLE alerts (
                sp_id TEXT NOT NULL, alert_id TEXT NOT NULL, body TEXT NOT NULL,
                PRIMARY KEY (sp_id, alert_id)) STRICT""",
            "CREATE TABLE tariffs (sp_id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT",
            "CREATE TABLE notices (code TEXT PRIMARY KEY, at REAL NOT NULL, body TEXT NOT NULL) STRICT",
            "CREATE TABLE kept_values (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
            """CREATE TABLE audit (
                number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
                detail TEXT NOT NULL) STRICT""",
            """CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
                BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
            """CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
                BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
        ),
    )


@LEDGER(name="0002")
def _ledger_2(database: Database) -> None:
    """The audit trail becomes a chain of hashes (``homeapp.audit``); its old triggers go with the old table."""
    database.execute(
        """CREATE TABLE chained_audit (
            seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
            prev TEXT NOT NULL, hash TEXT NOT NULL) STRICT"""
    )
    prev = FIRST_PREV
    rows = database.execute("SELECT at, kind, subject, detail FROM audit ORDER BY number")
    for seq, (at, kind, subject, detail) in enumerate(rows, start=1):
        sealed = row_hash(seq=seq, at=at, kind=kind, subject=subject, detail=detail, prev=prev)
        database.execute(
            "INSERT INTO chained_audit (seq, at, kind, subject, detail, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (seq, at, kind, subject, detail, prev, sealed),
        )
        prev = sealed
    _run(
        database,
        (
            "DROP TABLE audit",
            "ALTER TABLE chained_audit RENAME TO audit",
            """CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
                BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
            """CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
                BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
        ),
    )


@LEDGER(name="0003")
def _ledger_3(database: Database) -> None:
    """The outbox takes records besides decisions; consents, what has left the home, pairings, use of the uplink."""
    _run(
        database,
        (
            """CREATE TABLE wider_outbox (
                number INTEGER PRIMARY KEY AUTOINCREMENT, record_id TEXT NOT NULL UNIQUE, key TEXT,
                sp_id TEXT NOT NULL, kind TEXT NOT NULL, data_class TEXT NOT NULL, priority INTEGER NOT NULL,
                not_after REAL NOT NULL, closed_at REAL,
                state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'void', 'late', 'refused')),
                failure TEXT NOT NULL DEFAULT '', told INTEGER NOT NULL DEFAULT 0, message TEXT NOT NULL) STRICT""",
            """INSERT INTO wider_outbox
                SELECT number, decision_id, key, sp_id, 'decision', 'identity', 1,
                    unixepoch(message ->> '$.not_after'), NULL, state, failure, told, message FROM outbox""",
            "DROP TABLE outbox",
            "ALTER TABLE wider_outbox RENAME TO outbox",
            "CREATE INDEX outbox_waiting ON outbox (sp_id, priority, number) WHERE state = 'waiting'",
            "CREATE INDEX outbox_untold ON outbox (number) WHERE state IN ('late', 'refused') AND told = 0",
            "CREATE INDEX outbox_kept ON outbox (sp_id, closed_at) WHERE state = 'delivered' AND message != ''",
            """CREATE TABLE consents (
                sp_id TEXT NOT NULL, data_class TEXT NOT NULL, body TEXT NOT NULL,
                PRIMARY KEY (sp_id, data_class)) STRICT""",
            """CREATE TABLE disclosures (
                number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, sp_id TEXT NOT NULL,
                data_class TEXT NOT NULL, kind TEXT NOT NULL, record_id TEXT NOT NULL, size_bytes INTEGER NOT NULL,
                fields TEXT NOT NULL) STRICT""",
            "CREATE INDEX disclosures_by_class ON disclosures (sp_id, data_class, at)",
            "CREATE TABLE pairings (sp_id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT",
            "CREATE TABLE pin_attempts (role TEXT PRIMARY KEY, failures INTEGER NOT NULL, locked_until REAL) STRICT",
            """CREATE TABLE uplink_use (
                month TEXT NOT NULL, sp_id TEXT NOT NULL, data_class TEXT NOT NULL, messages INTEGER NOT NULL,
                size_bytes INTEGER NOT NULL, PRIMARY KEY (month, sp_id, data_class)) STRICT""",
            "CREATE TABLE part_orders (order_id TEXT PRIMARY KEY, sp_id TEXT NOT NULL, body TEXT NOT NULL) STRICT",
            """CREATE TABLE periods (
                number INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT NOT NULL, begun_at REAL NOT NULL,
                ended_at REAL, body TEXT NOT NULL) STRICT""",
            "CREATE INDEX periods_by_begin ON periods (begun_at)",
        ),
    )


@LEDGER(name="0004")
def _ledger_4(database: Database) -> None:
    """What charging stations have for their CSMS; a row of what has left the home may stand for many messages."""
    _run(
        database,
        (
            """CREATE TABLE station_outbox (
                number INTEGER PRIMARY KEY AUTOINCREMENT, csms TEXT NOT NULL, device_id TEXT NOT NULL,
                message_id TEXT NOT NULL, digest BLOB NOT NULL, at REAL NOT NULL, action TEXT NOT NULL,
                periodic INTEGER NOT NULL, hub_transaction INTEGER, failures INTEGER NOT NULL DEFAULT 0,
                state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'void', 'dead')),
                payload BLOB NOT NULL, UNIQUE (csms, device_id, message_id, digest)) STRICT""",
            "CREATE INDEX station_outbox_waiting ON station_outbox (csms, device_id, number) WHERE state = 'waiting'",
            "CREATE INDEX station_outbox_closed ON station_outbox (at) WHERE state != 'waiting'",
            """CREATE TABLE station_transactions (
                csms TEXT NOT NULL, device_id TEXT NOT NULL, hub_transaction INTEGER NOT NULL,
                csms_transaction INTEGER NOT NULL, at REAL NOT NULL,
                PRIMARY KEY (csms, device_id, hub_transaction)) STRICT""",
            """CREATE TABLE station_introductions (
                device_id TEXT NOT NULL, protocol TEXT NOT NULL, payload BLOB NOT NULL,
                PRIMARY KEY (device_id, protocol)) STRICT""",
            "ALTER TABLE disclosures ADD COLUMN messages INTEGER NOT NULL DEFAULT 1",
        ),
    )


@LEDGER(name="0005")
def _ledger_5(database: Database) -> None:
    """What the meters of charging stations have signed."""
    _run(
        database,
        (
            """CREATE TABLE signed_readings (
                number INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT NOT NULL, transaction_id TEXT NOT NULL,
                digest BLOB NOT NULL, received_at REAL NOT NULL, measured_at REAL, context TEXT NOT NULL,
                encoding TEXT NOT NULL, method TEXT NOT NULL, public_key TEXT NOT NULL, size INTEGER NOT NULL,
                data TEXT NOT NULL, UNIQUE (device_id, transaction_id, digest)) STRICT""",
            "CREATE INDEX signed_readings_by_age ON signed_readings (received_at)",
            "CREATE INDEX signed_readings_by_size ON signed_readings (device_id, number, size)",
        ),
    )


@LEDGER(name="0007")
def _ledger_7(database: Database) -> None:
    """The owner's standing rules."""
    _run(
        database,
        (
            """CREATE TABLE standing_rules (
                number INTEGER PRIMARY KEY AUTOINCREMENT, rule_id TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT""",
        ),
    )


@LEDGER(name="0008")
def _ledger_8(database: Database) -> None:
    """What was called "cheapest" has always kept "ready by"; prices by quarter hour, from which others are expected."""
    _run(
        database,
        (
            "UPDATE kept_values SET value = 'ready_by' WHERE key = 'charging_mode' AND value = 'cheapest'",
            """CREATE TABLE price_history (
                ts INTEGER PRIMARY KEY, currency TEXT NOT NULL, import_price TEXT NOT NULL,
                export_price TEXT) STRICT""",
        ),
    )


@TELEMETRY(name="0001")
def _telemetry_1(database: Database) -> None:
    _run(
        database,
        (
            # W, hundredths of a percent, millionths of the currency per kWh.
            """CREATE TABLE samples (
                ts INTEGER PRIMARY KEY, grid_w INTEGER, home_w INTEGER, evce_w INTEGER, soc_centi INTEGER,
                price_micro INTEGER) STRICT""",
            # mJ keep a year of rounding far below 1 Wh; billionths of the currency likewise.
            """CREATE TABLE quarters (
                ts INTEGER PRIMARY KEY,
                grid_n INTEGER NOT NULL DEFAULT 0, grid_min INTEGER, grid_max INTEGER, grid_sum INTEGER,
                home_n INTEGER NOT NULL DEFAULT 0, home_min INTEGER, home_max INTEGER, home_sum INTEGER,
                evce_n INTEGER NOT NULL DEFAULT 0, evce_min INTEGER, evce_max INTEGER, evce_sum INTEGER,
                soc_n INTEGER NOT NULL DEFAULT 0, soc_min INTEGER, soc_max INTEGER, soc_sum INTEGER,
                charged_mj INTEGER NOT NULL DEFAULT 0, fed_mj INTEGER NOT NULL DEFAULT 0,
                unpriced_mj INTEGER NOT NULL DEFAULT 0, cost_nano INTEGER NOT NULL DEFAULT 0) STRICT""",
        ),
    )


@TELEMETRY(name="0002")
def _telemetry_2(database: Database) -> None:
    _run(
        database,
        (
            "CREATE TABLE why (at REAL NOT NULL, body TEXT NOT NULL) STRICT",
            "CREATE INDEX why_by_time ON why (at)",
        ),
    )
