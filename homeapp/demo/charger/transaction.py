"""A transaction of the simulated station, and what can be told of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from homeapp.demo.charger.outlet import ChargingState, Sample
from homeapp.demo.ocpp.schemas import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """Who wants to charge; ``kind`` is the type that 2.x names."""

    value: str
    kind: str = "Central"


@dataclass(slots=True, kw_only=True)
class Transaction:
    """A running transaction.

    Attributes:
        key: its id in 2.x, where the station makes it.
        csms_id: its id in 1.6, where the CSMS does; None before that.
        next_seq: seqNo of its next event.
        priority: priority charging is active for it (2.1).
        signed_begin: the meter's signed reading at its begin, or None.
    """

    key: str
    evse: int
    token: IdToken
    started_at: datetime
    remote_start_id: int | None = None
    csms_id: int | None = None
    next_seq: int = 0
    may_feed: bool = True
    priority: bool = False
    signed_begin: str | None = None

    def to_json(self) -> Json:
        """For the station's memory."""
        return {
            "key": self.key,
            "evse": self.evse,
            "token": [self.token.value, self.token.kind],
            "startedAt": self.started_at.isoformat(),
            "remoteStartId": self.remote_start_id,
            "csmsId": self.csms_id,
            "nextSeq": self.next_seq,
            "mayFeed": self.may_feed,
            "signedBegin": self.signed_begin,
        }

    @classmethod
    def from_json(cls, entry: Json) -> "Transaction":
        """What ``to_json`` gave.

        Raises:
            KeyError, TypeError, ValueError: it is not of that form.
        """
        value, kind = entry["token"]
        return cls(
            key=entry["key"],
            evse=entry["evse"],
            token=IdToken(value=value, kind=kind),
            started_at=datetime.fromisoformat(entry["startedAt"]),
            remote_start_id=entry["remoteStartId"],
            csms_id=entry["csmsId"],
            next_seq=entry["nextSeq"],
            may_feed=entry["mayFeed"],
            signed_begin=entry["signedBegin"],
        )


class Phase(StrEnum):
    """eventType of 2.x."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEvent:
    """Something that has happened to a transaction.

    Attributes:
        trigger: triggerReason of 2.x.
        stopped: stoppedReason of 2.x, at the end.
        offline: it happened while there was no connection.
        signed: the meter's signed reading at this instant, or None.
        public_key: of the meter that signed, DER.
    """

    phase: Phase
    trigger: str
    transaction: Transaction
    seq_no: int
    state: ChargingState
    sample: Sample
    mode: str
    stopped: str | None = None
    offline: bool = False
    signed: str | None = None
    public_key: bytes = b""
