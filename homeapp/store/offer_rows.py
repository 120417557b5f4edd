"""Requests, decisions, receipts and their part of the outbox as rows of the ledger.

Every function runs inside a transaction.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from homeapp.audit import FIRST_PREV, row_hash
from homeapp.model.consent import DataClass
from homeapp.model.offer import Choice, Decision, OfferCase, OfferState, Receipt, ReceiptLevel
from homeapp.model.record import Priority
from homeapp.ports import DecisionMessage
from homeapp.store.records import decode, encode

DECISION = "decision"
"""The kind of outbox rows that are the owner's answers; all others are kinds of records."""
_DECISION_FIELDS = (
    "choice",
    "decided_at",
    "decided_by",
    "id",
    "offer_digest",
    "offer_id",
    "offer_revision",
    "reason",
)
_PARTIAL_FIELDS = ("committed_w", "committed_wh")


def decision_fields(decision: Decision) -> list[str]:
    """What a decision tells its provider."""
    told = [name for name in _PARTIAL_FIELDS if getattr(decision, name) is not None]
    return sorted([*_DECISION_FIELDS, *told])


class Failure(StrEnum):
    """Why a decision or a record will never be handed over."""

    LATE = "late"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """A decision that could not be handed over for good, and the sentence for the owner."""

    decision_id: str
    failure: Failure
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """One step of one request, written as a whole.

    Attributes:
        case: as it is afterwards.
        steps: the states it has entered, in order; empty where only its particulars changed.
        decision: made in this step, to be relayed.
        receipt: that came in this step.
        ended_at: when it reached its final state, or None.
        void_unsent: its decisions that wait in the outbox are useless now.
        told: the failure to deliver that this step is about, by decision id.
        refused: an answer that came too late.
    """

    case: OfferCase
    steps: tuple[OfferState, ...] = ()
    decision: DecisionMessage | None = None
    receipt: Receipt | None = None
    ended_at: datetime | None = None
    void_unsent: bool = False
    told: str | None = None
    refused: Choice | None = None


def write_change(connection: sqlite3.Connection, change: CaseChange, now: datetime) -> None:
    """The case, its decision with its outbox row, its receipt and their audit rows."""
    case = change.case
    key = case.offer.key
    connection.execute(
        "INSERT INTO offers (key, revision, state, ended_at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key, revision) "
        "DO UPDATE SET state = excluded.state, ended_at = ifnull(ended_at, excluded.ended_at), body = excluded.body",
        (
            key,
            case.offer.revision,
            case.state,
            change.ended_at.timestamp() if change.ended_at else None,
            encode(case),
        ),
    )
    for state in change.steps:
        _audit_step(connection, now, case, state)
    if change.receipt is not None:
        write_receipt(connection, change.receipt, now)
    if change.void_unsent:
        connection.execute("UPDATE outbox SET state = 'void', message = '' WHERE key = ? AND state = 'waiting'", (key,))
    if change.decision is not None:
        _write_decision(connection, change.decision, now)
    if change.refused is not None:
        audit(connection, now, "late_answer", key, {"revision": case.offer.revision, "choice": change.refused})
    if change.told is not None:
        connection.execute("UPDATE outbox SET told = 1 WHERE record_id = ?", (change.told,))


def write_receipt(connection: sqlite3.Connection, receipt: Receipt, now: datetime) -> bool:
    """False where no such decision was made towards this provider; the same receipt again changes nothing.

    Any receipt proves that the provider has the decision, so it waits in the outbox no longer.
    """
    known = connection.execute(
        "SELECT body FROM decisions WHERE decision_id = ? AND sp_id = ?", (receipt.decision_id, receipt.sp_id)
    ).fetchone()
    if known is None:
        return False
    fields = decision_fields(decode(known[0], Decision))
    cursor = connection.execute(
        "INSERT OR IGNORE INTO receipts (decision_id, level, confirmed, reference, body) VALUES (?, ?, ?, ?, ?)",
        (receipt.decision_id, receipt.level, receipt.confirmed, receipt.reference, encode(receipt)),
    )
    if cursor.rowcount:
        audit(connection, now, "receipt", receipt.decision_id, receipt)
    close_delivered(connection, receipt.decision_id, fields, receipt.size_bytes, now)
    if receipt.level is not ReceiptLevel.TRANSPORT:
        # The provider itself has it: nothing can make it necessary once more.
        connection.execute("UPDATE outbox SET message = '' WHERE record_id = ?", (receipt.decision_id,))
    return True


def newest_cases(connection: sqlite3.Connection, most_ended: int, now: datetime) -> list[OfferCase]:
    """The newest revision of every request that has not ended, of the ``most_ended`` that ended last, and of those
    whose car is to be ready after ``now``.
    """
    rows = connection.execute(
        "SELECT body FROM (SELECT body, ended_at, row_number() OVER (ORDER BY ended_at DESC) AS place FROM offers "
        "AS newest WHERE revision = (SELECT max(revision) FROM offers WHERE key = newest.key)) "
        "WHERE ended_at IS NULL OR place <= ? OR unixepoch(body ->> '$.offer.battery.ready_by') > ? ORDER BY ended_at",
        (most_ended, now.timestamp()),
    )
    return [decode(body, OfferCase) for (body,) in rows]


def newest_case(connection: sqlite3.Connection, key: str) -> OfferCase | None:
    """The newest revision of one request."""
    row = connection.execute("SELECT body FROM offers WHERE key = ? ORDER BY revision DESC LIMIT 1", (key,)).fetchone()
    return None if row is None else decode(row[0], OfferCase)


def earned_since(connection: sqlite3.Connection, since: datetime) -> Decimal:
    """Rewards of the requests completed since then, by the provider's own account where there is one."""
    rows = connection.execute(
        "SELECT body FROM offers WHERE state = ? AND ended_at >= ?", (OfferState.COMPLETED, since.timestamp())
    )
    return sum((_earned(decode(body, OfferCase)) for (body,) in rows), Decimal(0))


def past_cases(connection: sqlite3.Connection, most: int) -> list[OfferCase]:
    """The newest revisions of the ``most`` requests that came last."""
    rows = connection.execute(
        "SELECT body FROM offers AS newest WHERE revision = (SELECT max(revision) FROM offers WHERE key = newest.key) "
        "ORDER BY rowid DESC LIMIT ?",
        (most,),
    )
    return [decode(body, OfferCase) for (body,) in rows]


def close_outbox_row(connection: sqlite3.Connection, record_id: str, state: str, sentence: str, now: datetime) -> bool:
    """It waits no longer; False where it was closed before.

    What is personal must not lie about: its body is erased, unless it was delivered and may have to be again.
    """
    cursor = connection.execute(
        "UPDATE outbox SET state = ?, failure = ?, closed_at = ?, message = iif(? = 'delivered', message, ''), "
        "told = kind != ? WHERE record_id = ? AND state = 'waiting'",
        (state, sentence, now.timestamp(), state, DECISION, record_id),
    )
    if cursor.rowcount:
        audit(connection, now, "relay", record_id, {"outcome": state, "sentence": sentence})
    return cursor.rowcount > 0


def close_delivered(
    connection: sqlite3.Connection, record_id: str, fields: Sequence[str], size_bytes: int, now: datetime
) -> None:
    """It was handed over: note what has left the home, once, also where it was not to leave any more meanwhile."""
    row = connection.execute(
        "SELECT sp_id, data_class, kind, state FROM outbox WHERE record_id = ?", (record_id,)
    ).fetchone()
    if row is None:
        return
    sp_id, data_class, kind, state = row
    if state == "delivered":
        return
    noted = "SELECT 1 FROM disclosures WHERE sp_id = ? AND data_class = ? AND record_id = ?"
    if state != "waiting" and connection.execute(noted, (sp_id, data_class, record_id)).fetchone():
        return
    close_outbox_row(connection, record_id, "delivered", "", now)
    connection.execute(
        "INSERT INTO disclosures (at, sp_id, data_class, kind, record_id, size_bytes, fields) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (now.timestamp(), sp_id, data_class, kind, record_id, size_bytes, encode(fields)),
    )


def field_names(body: object) -> list[str]:
    """The names in a record's body, sorted; what lies deeper as ``defects.code``."""
    return sorted(_names(body, ""))


def audit(connection: sqlite3.Connection, now: datetime, kind: str, subject: str, detail: object) -> None:
    """Append one row to the chain of the audit trail."""
    newest = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    last, prev = newest or (0, FIRST_PREV)
    at, text, seq = now.isoformat(), encode(detail), last + 1
    sealed = row_hash(seq=seq, at=at, kind=kind, subject=subject, detail=text, prev=prev)
    connection.execute(
        "INSERT INTO audit (seq, at, kind, subject, detail, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (seq, at, kind, subject, text, prev, sealed),
    )


def _names(value: object, path: str) -> set[str]:
    inner: set[str] = set()
    if isinstance(value, Mapping):
        inner = {name for key, item in value.items() for name in _names(item, f"{path}.{key}" if path else str(key))}
    elif isinstance(value, list):
        inner = {name for item in value for name in _names(item, path)}
    return inner or ({path} if path else set())


def _earned(case: OfferCase) -> Decimal:
    told = case.follow_up.earned_money if case.follow_up is not None else case.offer.reward
    return told or Decimal(0)


def _audit_step(connection: sqlite3.Connection, now: datetime, case: OfferCase, state: OfferState) -> None:
    detail = {"revision": case.offer.revision, "state": state, "digest": case.digest, "problem": case.problem}
    audit(connection, now, "offer", case.offer.key, detail)


def _write_decision(connection: sqlite3.Connection, message: DecisionMessage, now: datetime) -> None:
    decision, sp_id = message.decision, message.offer.sp_id
    connection.execute(
        "INSERT INTO decisions (decision_id, key, revision, sp_id, body) VALUES (?, ?, ?, ?, ?)",
        (decision.decision_id, decision.offer_key, decision.offer_revision, sp_id, encode(decision)),
    )
    connection.execute(
        "INSERT INTO outbox (record_id, key, sp_id, kind, data_class, priority, not_after, state, message) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?)",
        (
            decision.decision_id,
            decision.offer_key,
            sp_id,
            DECISION,
            DataClass.IDENTITY,
            Priority.DECISION,
            message.not_after.timestamp(),
            encode(message),
        ),
    )
    audit(connection, now, "decision", decision.offer_key, decision)
