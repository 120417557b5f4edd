"""The audit log as a chain of hashes: what was done when, and whether anybody has changed that afterwards.

Each row carries the SHA-256 of the row before it. A changed, deleted, exchanged or inserted row breaks the chain;
rows deleted at its end are found through the head, which is noted outside the database.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from homeapp.errors import StoreUnavailable
from homeapp.store.connection import BUSY_TIMEOUT_S, LEDGER_NAME, sentences

HEAD_NAME = "audit-head.json"
FIRST_PREV = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row as it is stored.

    Attributes:
        seq: 1 for the oldest, without gaps.
        at: ISO 8601 with its offset.
        detail: JSON text.
        prev: the hash of the row before; ``FIRST_PREV`` for the oldest.
        hash: see ``row_hash``.
    """

    seq: int
    at: str
    kind: str
    subject: str
    detail: str
    prev: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest row at a moment (``at``, ISO 8601)."""

    seq: int
    hash: str
    at: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the whole chain has found.

    Attributes:
        count: rows that are sound, from the oldest on.
        first_bad: the ``seq`` of the first row that is not, or that is missing; None also where only the head is gone.
        problem: a sentence for the owner; empty where the chain is unbroken.
    """

    count: int
    first_bad: int | None = None
    problem: str = ""


def row_hash(*, seq: int, at: str, kind: str, subject: str, detail: str, prev: str) -> str:
    """SHA-256, hexadecimal, over the JSON object of the six: sorted keys, no spaces, UTF-8.

    Stored bytes that are no UTF-8 are hashed as they are (``surrogateescape``), so that damage never looks sound.
    """
    body = {"seq": seq, "at": at, "kind": kind, "subject": subject, "detail": detail, "prev": prev}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def verify(rows: Iterable[AuditRow], head: Head | None) -> Verdict:
    """Look at all ``rows``, oldest first, and whether ``head`` is still among them."""
    count, prev, head_hash = 0, FIRST_PREV, ""
    for row in rows:
        first_bad, problem = _fault(row, count + 1, prev)
        if problem:
            return Verdict(count, first_bad, problem)
        count, prev = row.seq, row.hash
        if head is not None and row.seq == head.seq:
            head_hash = row.hash
    if head is None:
        return Verdict(count, None, _NO_HEAD) if count else Verdict(0)
    if head.seq > count:
        return Verdict(count, count + 1, f"Row {count + 1} is missing: on {head.at} the log went on to row {head.seq}.")
    if head.hash != head_hash:
        return Verdict(
            count,
            head.seq,
            f"Row {head.seq} is not the one that {HEAD_NAME} names: rows were written anew, or that file was changed.",
        )
    return Verdict(count)


def examine(data_dir: Path) -> Verdict:
    """``verify`` the log of a data directory, whether a hub works with it or not.

    Raises:
        StoreUnavailable: there is no ledger, or it or the head cannot be read.
    """
    # Before the rows: a hub may add some meanwhile.
    head = read_head(data_dir)
    return verify(read_rows(data_dir), head)


def read_rows(data_dir: Path) -> Iterator[AuditRow]:
    """All rows straight from the file, oldest first, over a read-only connection.

    Raises:
        StoreUnavailable: there is no ledger, an older version has written it, or it cannot be read.
    """
    path = (data_dir / LEDGER_NAME).absolute()
    if not path.exists():
        raise StoreUnavailable(f"{path} does not exist. Name the hub's data directory with --data-dir.")
    with (
        sentences(path),
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as connection,
    ):
        columns = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info('audit')")}
        if columns and not columns.issuperset(_COLUMNS):
            raise StoreUnavailable(f"{path} is of an older version: its audit log is chained when a hub is started.")
        if columns:
            connection.text_factory = bytes
            for seq, *texts in connection.execute(_ROWS):
                yield AuditRow(
                    seq=seq if isinstance(seq, int) else 0, **dict(zip(_COLUMNS[1:], map(_text, texts), strict=True))
                )


def read_head(data_dir: Path) -> Head | None:
    """The noted head; None where none is noted.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    path = data_dir / HEAD_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Head)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error.strerror}. Mend its rights.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreUnavailable(
            f"{path} is damaged: whether the newest rows of the audit log are still there cannot be told."
        ) from error


def write_head(data_dir: Path, head: Head) -> None:
    """Note ``head``, durably and at once or not at all; for the hub's user alone.

    Raises:
        OSError: it cannot be written.
    """
    path = data_dir / HEAD_NAME
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(head))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def json_line(row: AuditRow) -> str:
    """One row for an export; ASCII, so that no text from outside can steer a terminal."""
    return json.dumps(asdict(row))


_COLUMNS = ("seq", "at", "kind", "subject", "detail", "prev", "hash")
_ROWS = "SELECT seq, at, kind, subject, detail, prev, hash FROM audit ORDER BY seq"
_NO_HEAD = f"{HEAD_NAME} is missing: whether the newest rows of the audit log are still there cannot be told."


def _fault(row: AuditRow, expected: int, prev: str) -> tuple[int | None, str]:
    if row.seq > expected:
        return expected, f"Row {expected} is missing: row {row.seq} stands in its place."
    if row.seq < expected:
        return row.seq, f"Row {row.seq} stands where row {expected} belongs."
    sealed = row_hash(seq=row.seq, at=row.at, kind=row.kind, subject=row.subject, detail=row.detail, prev=row.prev)
    if row.hash != sealed:
        return row.seq, f"Row {row.seq} was changed after it was written."
    if row.prev != prev:
        return row.seq, f"Row {row.seq} does not follow the row before it: one of the two was written anew."
    return None, ""


def _text(stored: object) -> str:
    return stored.decode("utf-8", "surrogateescape") if isinstance(stored, bytes) else str(stored)
