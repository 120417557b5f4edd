"""Notes the newest row of the audit log outside the database, so that rows missing at its end are found."""

import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from homeapp.audit import HEAD_NAME, Head, read_head, write_head
from homeapp.errors import StoreUnavailable

logger = logging.getLogger(__name__)

_NOTED_EVERY = timedelta(minutes=1)


class AuditHead:
    """For the ledger's writer thread alone.

    A head that the chain no longer contains is evidence: it is left as it is until a person moves it away.

    Attributes:
        problem: a sentence for the owner where the noted head does not fit the chain; else empty.
    """

    def __init__(self, data_dir: Path, ledger: sqlite3.Connection, now: Callable[[], datetime]) -> None:
        self._data_dir = data_dir
        self._ledger = ledger
        self._now = now
        self._noted_at: datetime | None = None
        self._noted_seq = 0
        self.problem = self._compare()

    def note(self, *, stopping: bool = False) -> None:
        """Note the newest row, at most once a minute or because the hub stops.

        A head that cannot be written is no reason to refuse the owner's answer.
        """
        if self.problem or self._ledger.in_transaction or not (stopping or self._is_due()):
            return
        now = self._now()
        try:
            row = self._ledger.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
            if row is None or row[0] == self._noted_seq:
                return
            self._noted_at = now
            write_head(self._data_dir, Head(seq=row[0], hash=row[1], at=now.isoformat()))
            self._noted_seq = row[0]
        except (OSError, sqlite3.Error) as error:
            logger.warning("store: %s could not be written: %s", HEAD_NAME, error)

    def _is_due(self) -> bool:
        # A clock that was set back must not put it off.
        return self._noted_at is None or not self._noted_at <= self._now() < self._noted_at + _NOTED_EVERY

    def _compare(self) -> str:
        try:
            head = read_head(self._data_dir)
        except StoreUnavailable as error:
            return str(error)
        if head is None:
            return ""
        self._noted_seq = head.seq
        row = self._ledger.execute("SELECT hash FROM audit WHERE seq = ?", (head.seq,)).fetchone()
        if row == (head.hash,):
            return ""
        return (
            "The audit log no longer contains the row that was its newest when the hub last ran. "
            f"Look with: homeapp audit verify. If a backup was restored, move {HEAD_NAME} away."
        )
