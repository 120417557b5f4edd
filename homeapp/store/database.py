"""Opens, checks, backs up and closes the two SQLite files of a data directory."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import sqlite_utils

from homeapp.errors import StoreUnavailable
from homeapp.store.audit_head import AuditHead
from homeapp.store.connection import LEDGER_NAME, DatabaseFile, Work, connect, is_damage, sentences
from homeapp.store.migrations import LEDGER, TELEMETRY, migrate

logger = logging.getLogger(__name__)

TELEMETRY_NAME = "telemetry.db"
KEPT_BACKUPS = 3

T = TypeVar("T")


class Database:
    """``async with Database(data_dir) as database``: both files, owned by one writer thread.

    The telemetry file (WAL, synchronous NORMAL) may lose its last seconds in a power cut, the ledger (WAL, FULL)
    nothing. A damaged telemetry file is set aside and made anew; a damaged ledger is set aside and restored from the
    newest dated backup. A backup of the ledger is made at the start and before the first write of each day (UTC, the
    machine's clock); the last three are kept. The newest row of the audit log is noted in a file beside them.

    Attributes:
        ledger, telemetry: the files; usable inside the block.
        repairs: sentences about what had to be set aside or does not fit, for the owner.

    Raises (on entering):
        StoreUnavailable: the disk is full, a file is locked, read-only or of a newer version, or a damaged ledger has
            no backup.
    """

    ledger: DatabaseFile
    telemetry: DatabaseFile

    def __init__(self, data_dir: Path, now: Callable[[], datetime] | None = None) -> None:
        self.repairs: tuple[str, ...] = ()
        self._data_dir = data_dir
        self._now = now or (lambda: datetime.now(UTC))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def __aenter__(self) -> Self:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        finally:
            self._thread.shutdown(wait=False)

    def _open(self) -> None:
        with ExitStack() as undo:
            ledger_path, telemetry_path = self._data_dir / LEDGER_NAME, self._data_dir / TELEMETRY_NAME
            with sentences(ledger_path):
                ledger = undo.enter_context(closing(self._open_ledger(ledger_path)))
                migrate(sqlite_utils.Database(ledger, execute_plugins=False), LEDGER, ledger_path)
                backups = _Backups(self._data_dir, ledger, self._now)
                backups.make_if_due()
                head = AuditHead(self._data_dir, ledger, self._now)
                if head.problem:
                    self._repaired(head.problem)
            with sentences(telemetry_path):
                telemetry = undo.enter_context(closing(self._open_telemetry(telemetry_path)))
                migrate(sqlite_utils.Database(telemetry, execute_plugins=False), TELEMETRY, telemetry_path)
            self.ledger = _LedgerFile(ledger_path, ledger, self._thread, backups, head)
            self.telemetry = DatabaseFile(telemetry_path, telemetry, self._thread)
            undo.pop_all()

    def _close(self) -> None:
        try:
            self.telemetry.close()
        finally:
            self.ledger.close()

    def _open_ledger(self, path: Path) -> sqlite3.Connection:
        connection = _open_checked(path, "FULL")
        if connection is not None and not _is_blank(connection):
            return connection
        backup = next((candidate for candidate in _backups(self._data_dir) if _is_sound(candidate)), None)
        if connection is not None:
            if backup is None:
                return connection
            connection.close()
        if backup is None:
            raise StoreUnavailable(
                f"{path} is damaged and there is no backup of it. Put a backup there, or move the file away to begin "
                "anew: devices and requests then have to be set up again."
            )
        self._set_aside(path)
        _copy(backup, path)
        self._repaired(f"The record of devices and requests was damaged and restored from {backup.name}.")
        return connect(path, "FULL")

    def _open_telemetry(self, path: Path) -> sqlite3.Connection:
        connection = _open_checked(path, "NORMAL")
        if connection is not None:
            return connection
        aside = self._set_aside(path)
        self._repaired(f"The record of readings was damaged; it was set aside as {aside.name} and begun anew.")
        return connect(path, "NORMAL")

    def _set_aside(self, path: Path) -> Path:
        aside = path.with_name(f"{path.stem}.damaged-{self._now():%Y%m%dT%H%M%SZ}.db")
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            with suppress(FileNotFoundError):
                part.rename(aside.with_name(aside.name + suffix))
        return aside

    def _repaired(self, sentence: str) -> None:
        logger.error("store: %s", sentence)
        self.repairs = (*self.repairs, sentence)


class _Backups:
    """Dated copies of the ledger: one a day, the newest three."""

    def __init__(self, data_dir: Path, ledger: sqlite3.Connection, now: Callable[[], datetime]) -> None:
        self._data_dir = data_dir
        self._ledger = ledger
        self._now = now
        self._made_on = ""

    def make_if_due(self) -> None:
        """A copy that cannot be made is no reason to refuse the owner's answer."""
        today = f"{self._now():%Y-%m-%d}"
        if today == self._made_on:
            return
        self._made_on = today
        try:
            self._make(self._data_dir / f"ledger.{today}.backup.db")
        except (OSError, sqlite3.Error) as error:
            logger.warning("store: today's backup of the ledger could not be made: %s", error)

    def _make(self, path: Path) -> None:
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(part)) as copy:
                self._ledger.backup(copy)
            part.replace(path)
        finally:
            # Half a copy takes room that answers may need.
            part.unlink(missing_ok=True)
        for old in _backups(self._data_dir)[KEPT_BACKUPS:]:
            old.unlink()


class _LedgerFile(DatabaseFile):
    """The ledger makes its backup of the day before the day's first write, and notes the head of its audit log."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        thread: ThreadPoolExecutor,
        backups: _Backups,
        head: AuditHead,
    ) -> None:
        super().__init__(path, connection, thread)
        self._backups = backups
        self._head = head

    def close(self) -> None:
        self._head.note(stopping=True)
        super().close()

    async def read(self, work: Work[T]) -> T:
        # Also here: the last row before a quiet time is to be noted before the next one comes.
        return await super().read(lambda connection: self._noting(work(connection)))

    def _in_transaction(self, work: Work[T], *, commit: bool) -> T:
        self._backups.make_if_due()
        return self._noting(super()._in_transaction(work, commit=commit))

    def _noting(self, result: T) -> T:
        self._head.note()
        return result


def _open_checked(path: Path, synchronous: str) -> sqlite3.Connection | None:
    """A connection to a sound file, or None where it is damaged."""
    connection: sqlite3.Connection | None = None
    try:
        connection = connect(path, synchronous)
        if _quick_check(connection):
            return connection
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if is_damage(error):
            return None
        raise
    connection.close()
    return None


def _quick_check(connection: sqlite3.Connection) -> bool:
    return connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]


def _is_blank(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _backups(data_dir: Path) -> list[Path]:
    """Newest first."""
    return sorted(data_dir.glob("ledger.????-??-??.backup.db"), reverse=True)


def _is_sound(backup: Path) -> bool:
    try:
        with closing(sqlite3.connect(backup)) as connection:
            return _quick_check(connection) and not _is_blank(connection)
    except sqlite3.Error:
        return False


def _copy(source: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    part.write_bytes(source.read_bytes())
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(target)
