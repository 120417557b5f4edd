"""Everything personal that the hub keeps, as one JSON document; read beside a running hub or without one.

Each table is read in pages, so that neither memory nor the hub has to wait; what comes later in the document may
therefore be a little newer. A period names the signed readings of its transaction by their numbers. No secret is in
it: of secrets, PINs included, only the names are told.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from homeapp.errors import SecretStoreUnavailable, SettingsInvalid, StoreUnavailable
from homeapp.secrets import existing_names
from homeapp.settings import load
from homeapp.store.connection import BUSY_TIMEOUT_S, LEDGER_NAME, sentences
from homeapp.store.database import TELEMETRY_NAME

FORMAT = "homeapp export 1"
PAGE_ROWS = 500


@dataclass(frozen=True, slots=True)
class Section:
    """One list of the document, made of one table.

    Attributes:
        columns: SQL of what is told of a row.
    """

    name: str
    table: str
    columns: str = "*"


LEDGER_SECTIONS = (
    Section("devices", "devices"),
    Section("providers", "pairings"),
    Section("consents", "consents"),
    Section("disclosures", "disclosures"),
    Section("requests", "offers"),
    Section("decisions", "decisions"),
    Section("receipts", "receipts"),
    Section("rules", "standing_rules"),
    Section("outbox", "outbox"),
    Section(
        "charger_outbox",
        "station_outbox",
        "csms, device_id, message_id, at, action, state, CAST(payload AS TEXT) AS message",
    ),
    Section("charger_transactions", "station_transactions"),
    Section(
        "charger_introductions",
        "station_introductions",
        "device_id, protocol, CAST(payload AS TEXT) AS message",
    ),
    Section("alerts", "alerts"),
    Section("orders", "part_orders"),
    Section(
        "periods",
        "periods",
        "*, (SELECT json_group_array(number) FROM (SELECT number FROM signed_readings AS signed WHERE "
        "signed.device_id = periods.device_id AND signed.transaction_id = periods.body ->> '$.transaction_id' "
        "ORDER BY number)) AS signed_readings",
    ),
    Section(
        "signed_readings",
        "signed_readings",
        "number, device_id, transaction_id, received_at, measured_at, context, encoding, method, public_key, data",
    ),
    Section("notices", "notices"),
    Section("prices", "tariffs"),
    Section("past_prices", "price_history", "ts AS at, currency, import_price, export_price"),
    Section("rules", "standing_rules", "rule_id, body"),
    Section("choices", "kept_values"),
    Section("pin_attempts", "pin_attempts"),
    Section("uplink_use", "uplink_use"),
    Section("audit", "audit"),
)
TELEMETRY_SECTIONS = (
    Section(
        "quarter_hours",
        "quarters",
        "ts AS start_at, grid_sum * 1.0 / nullif(grid_n, 0) AS grid_w, home_sum * 1.0 / nullif(home_n, 0) AS home_w, "
        "evce_sum * 1.0 / nullif(evce_n, 0) AS evce_w, soc_sum / 100.0 / nullif(soc_n, 0) AS soc_pct, "
        "charged_mj / 3600000.0 AS charged_wh, fed_mj / 3600000.0 AS fed_wh, cost_nano / 1e9 AS cost",
    ),
    Section(
        "seconds",
        "samples",
        "ts AS at, grid_w, home_w, evce_w, soc_centi / 100.0 AS soc_pct, price_micro / 1e6 AS price",
    ),
    Section("why", "why", "at, body"),
)
_JSON_COLUMNS = ("body", "detail", "message", "fields", "signed_readings")
_INSTANT_COLUMNS = ("at", "not_after", "locked_until")


def document(data_dir: Path) -> Iterator[str]:
    """The document piece by piece, as it is read; ASCII, so that no text from outside can steer a terminal.

    Raises:
        StoreUnavailable: there is no ledger, an older version has written it, or it cannot be read.
    """
    ledger, telemetry = data_dir / LEDGER_NAME, data_dir / TELEMETRY_NAME
    if not ledger.exists():
        raise StoreUnavailable(f"{ledger} does not exist. Name the hub's data directory with --data-dir.")
    head = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": _settings(data_dir),
        "secrets_kept": _secret_names(data_dir),
    }
    yield json.dumps(head, indent=1).removesuffix("\n}")
    for path, sections in ((ledger, LEDGER_SECTIONS), (telemetry, TELEMETRY_SECTIONS)):
        if path.exists():
            with sentences(path), closing(_read_only(path)) as connection:
                _check_tables(connection, path, sections)
                for section in sections:
                    yield f',\n "{section.name}": ['
                    yield from _rows(connection, section)
    yield "\n}\n"


def export(data_dir: Path, file: Path | None) -> None:
    """Write the document to standard output, or to a new file that only this user can read.

    Raises:
        StoreUnavailable: as for ``document``, or the file is there already or cannot be written.
    """
    if file is None:
        _print(document(data_dir))
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"{file} cannot be made: {error.strerror}. Choose another file.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.writelines(document(data_dir))
    except OSError as error:
        file.unlink(missing_ok=True)
        raise StoreUnavailable(f"{file} cannot be written: {error.strerror}. Make room and try again.") from error
    except BaseException:
        # Half of it could be taken for all.
        file.unlink(missing_ok=True)
        raise


def _print(pieces: Iterator[str]) -> None:
    try:
        sys.stdout.writelines(pieces)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough; nothing more may be written when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _rows(connection: sqlite3.Connection, section: Section) -> Iterator[str]:
    last, between = -1 << 62, "\n  "
    while True:
        page = connection.execute(
            f"SELECT rowid, {section.columns} FROM {section.table} WHERE rowid > ? ORDER BY rowid LIMIT {PAGE_ROWS}",  # noqa: S608 - fixed names
            (last,),
        )
        columns = [str(column[0]) for column in page.description[1:]]
        rows = page.fetchall()
        for row in rows:
            yield between + json.dumps(_shown(columns, row[1:]))
            between = ",\n  "
        if len(rows) < PAGE_ROWS:
            yield "]"
            return
        last = rows[-1][0]


def _shown(columns: Sequence[str], row: Sequence[object]) -> dict[str, object]:
    return {column: _value(column, value) for column, value in zip(columns, row, strict=True)}


def _value(column: str, value: object) -> object:
    if isinstance(value, int | float) and (column in _INSTANT_COLUMNS or column.endswith("_at")):
        return datetime.fromtimestamp(value, UTC).isoformat()
    if isinstance(value, str) and column in _JSON_COLUMNS:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _read_only(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    # Damaged text is told as far as it can be read.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _check_tables(connection: sqlite3.Connection, path: Path, sections: Sequence[Section]) -> None:
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not there.issuperset(section.table for section in sections):
        raise StoreUnavailable(f"{path} is of an older version: start a hub on it once, then export again.")


def _settings(data_dir: Path) -> object:
    try:
        return msgspec.to_builtins(load(data_dir))
    except SettingsInvalid as error:
        return {"unreadable": str(error)}


def _secret_names(data_dir: Path) -> list[str] | None:
    """None where they cannot be looked at from here, as with a systemd credential."""
    try:
        return list(existing_names(data_dir, load(data_dir).secrets))
    except (SecretStoreUnavailable, SettingsInvalid):
        return None
