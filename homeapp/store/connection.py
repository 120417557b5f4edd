"""One SQLite file, used only from the writer thread; what SQLite complains about, as sentences."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from homeapp.errors import StoreUnavailable

LEDGER_NAME = "ledger.db"
BUSY_TIMEOUT_S = 5.0
_ROOM_TO_WORK = 64 * 1024

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_READ_ONLY = "cannot be written. Mend the rights of the file and its directory, or mount the disk writable."
_SENTENCES = {
    sqlite3.SQLITE_BUSY: "is in use by another program. Close that program.",
    sqlite3.SQLITE_LOCKED: "is in use by another program. Close that program.",
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: "is damaged. Start the hub again: it sets the file aside and restores a backup.",
    sqlite3.SQLITE_NOTADB: "is damaged. Start the hub again: it sets the file aside and restores a backup.",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error. Check the disk.",
}
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DatabaseFile:
    """An open database. All three calls run on the writer thread, one after the other.

    Raises (all calls):
        StoreUnavailable: the disk is full, or the file is locked, read-only, damaged or closed.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._path = path
        self._connection = connection
        self._thread = thread
        self._closed = False

    async def read(self, work: Work[T]) -> T:
        """What ``work`` reads."""
        return await self._run(lambda: work(self._connection))

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in one transaction, durable when this returns; nothing of it remains where it fails."""
        return await self._run(lambda: self._in_transaction(work, commit=True))

    async def append(self, work: Work[T], *, commit: bool) -> T:
        """Run ``work`` in a transaction that stays open over several calls; all of it goes where one fails."""
        return await self._run(lambda: self._in_transaction(work, commit=commit))

    def close(self) -> None:
        """Commit what is open and close. To be called on the writer thread."""
        self._closed = True
        with sentences(self._path):
            try:
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")
            finally:
                self._connection.close()

    async def _run(self, job: Callable[[], T]) -> T:
        def with_sentences() -> T:
            with sentences(self._path):
                if self._closed:
                    raise self._stopping()
                return job()

        try:
            running = asyncio.get_running_loop().run_in_executor(self._thread, with_sentences)
        except RuntimeError as error:
            # The writer thread has ended.
            raise self._stopping() from error
        return await running

    def _stopping(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._path} is closed because the hub is stopping.")

    def _in_transaction(self, work: Work[T], *, commit: bool) -> T:
        connection = self._connection
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            if commit:
                connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise
        return result


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """Open ``path`` with WAL and without implicit transactions; for the calling thread alone."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def is_damage(error: sqlite3.Error) -> bool:
    """True where SQLite says that the file itself is broken."""
    return _code(error) in _DAMAGED


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """Turn what SQLite says about the disk or the file into ``StoreUnavailable``; programming errors pass."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = _code(error)
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path.parent)):
            raise StoreUnavailable("The disk is full. Make room, or answers and readings can not be kept.") from error
        if code in _SENTENCES:
            raise StoreUnavailable(f"{path} {_SENTENCES[code]}") from error
        raise
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror}. Make room or mend its rights.") from error


def _is_full(directory: Path) -> bool:
    # SQLite reports some writes that find no room, as of its shared-memory file, as errors of the disk.
    try:
        return shutil.disk_usage(directory).free < _ROOM_TO_WORK
    except OSError:
        return False


def _code(error: sqlite3.Error) -> int | None:
    # The low byte is the primary result code; Python's own errors carry none.
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF
