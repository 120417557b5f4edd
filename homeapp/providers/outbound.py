"""What the hub tells providers: the claims of its signed messages."""

from datetime import datetime, timedelta

import msgspec

from homeapp.model.offer import Decision
from homeapp.model.record import DataRecord
from homeapp.ports import DecisionMessage

DECISION_TYPE = "decision+jws"
_LONGEST_LIFE = timedelta(days=7)


def decision_payload(message: DecisionMessage, *, issuer: str, audience: str, now: datetime) -> bytes:
    """The claims of a ``decision+jws``; it holds until the decision is useless, but for seven days at most."""
    decision = message.decision
    claims = _envelope(decision.decision_id, issuer, audience, now, message.not_after) | {
        "decision": {
            "id": decision.decision_id,
            "offer_id": message.offer.offer_id,
            "offer_revision": decision.offer_revision,
            "offer_digest": decision.offer_digest,
            "choice": decision.choice,
            "decided_at": decision.decided_at,
            "decided_by": decision.decided_by,
            "reason": decision.reason,
            **_partial(decision),
        },
    }
    return msgspec.json.encode(claims)


def _partial(decision: Decision) -> dict[str, float]:
    """What the owner commits to, where that is less than what was asked for."""
    told = {"committed_w": decision.committed_w, "committed_wh": decision.committed_wh}
    return {name: value for name, value in told.items() if value is not None}


def record_type(record: DataRecord) -> str:
    """``typ`` of its message."""
    return f"{record.kind}+jws"


def record_payload(record: DataRecord, *, issuer: str, audience: str, now: datetime) -> bytes:
    """The claims of a record's message; it holds until the record is useless, but for seven days at most."""
    claims = _envelope(record.record_id, issuer, audience, now, record.not_after) | {
        # A position has a time of its own; the id is never a field's to say.
        "record": {"at": record.created_at, **record.body, "id": record.record_id},
    }
    return msgspec.json.encode(claims)


def _envelope(message_id: str, issuer: str, audience: str, now: datetime, not_after: datetime) -> dict[str, object]:
    return {
        "iss": issuer,
        "aud": audience,
        "jti": message_id,
        "iat": int(now.timestamp()),
        "exp": int(min(not_after, now + _LONGEST_LIFE).timestamp()),
    }
