"""What the demo CSMS keeps of its stations: plain data, filled in the order of arrival."""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from homeapp.demo.ocpp.schemas import Json, Version

_MOST_ANSWERS = 5000
_MOST_CALLS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A rule of the standard that somebody has broken on the wire.

    Attributes:
        sentence: what was wrong; never a value of a payload, which may be a password.
    """

    station_id: str
    at: datetime
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One CALL or SEND that has been taken, or an answer of the station to a raw CALL.

    Attributes:
        arrived_at: by the street's clock.
    """

    message_id: str
    action: str
    payload: Json
    arrived_at: datetime


class Phase(StrEnum):
    """What an event is to its transaction; eventType of 2.x."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a transaction that has taken effect.

    Attributes:
        at: when it happened, as the station writes it.
        seq_no: of 2.x; None in 1.6.
    """

    phase: Phase
    at: str
    seq_no: int | None
    received: Received


@dataclass(slots=True, kw_only=True)
class TransactionBook:
    """One transaction with its events, in the order in which they have arrived.

    Attributes:
        transaction_id: as on the wire.
        evse: EVSE (1.6: connector), or None where no event has named it.
        events: those that have taken effect.
        duplicates: events that have come again under another message id; they had no effect.
    """

    transaction_id: str
    evse: int | None = None
    events: list[Event] = field(default_factory=list)
    duplicates: int = 0

    @property
    def started(self) -> bool:
        """Its beginning has arrived."""
        return any(event.phase is Phase.STARTED for event in self.events)

    @property
    def ended(self) -> bool:
        """Its end has arrived."""
        return any(event.phase is Phase.ENDED for event in self.events)

    @property
    def in_order(self) -> bool:
        """The beginning came first and the end last, and what is numbered came in the order of its numbers."""
        numbers = [event.seq_no for event in self.events if event.seq_no is not None]
        phases = [event.phase for event in self.events]
        starts = [number for number, phase in enumerate(phases) if phase is Phase.STARTED]
        ends = [number for number, phase in enumerate(phases) if phase is Phase.ENDED]
        return numbers == sorted(set(numbers)) and starts in ([], [0]) and ends in ([], [len(phases) - 1])

    @property
    def missing(self) -> list[int]:
        """Values of seqNo that lie below the highest one and have not arrived."""
        numbers = {event.seq_no for event in self.events if event.seq_no is not None}
        return sorted(set(range(max(numbers, default=-1) + 1)) - numbers)


@dataclass(slots=True, kw_only=True)
class StationBook:
    """One station, as far as it has told of itself.

    Attributes:
        version: of its last connection, or None before the first.
        registered: its last BootNotification was accepted.
        forgetful: the CSMS has lost what it knew before.
        connections: how often it has connected.
        boots: payloads of its BootNotifications, newest last.
        statuses: status by (EVSE, connector); 1.6 has connectors only, EVSE and connector are then the same.
        transactions: by their id.
        meter_values: payloads outside of transactions.
        needs: NotifyEVChargingNeeds and NotifyEVChargingSchedule.
        security_events, firmware: payloads of these notifications.
        reports: parts of reports by (action, requestId).
        streams: what has come as SEND (2.1).
        starts: 1.6 transaction id by what makes a StartTransaction the same one.
        calls: all that was taken, newest last.
        repeats: messages that have come again under the same id, by action; they had no effect and were answered as
            before.
    """

    station_id: str
    version: Version | None = None
    registered: bool = False
    forgetful: bool = False
    connections: int = 0
    boots: list[Json] = field(default_factory=list)
    statuses: dict[tuple[int, int], str] = field(default_factory=dict)
    transactions: dict[str, TransactionBook] = field(default_factory=dict)
    meter_values: list[Json] = field(default_factory=list)
    needs: list[Json] = field(default_factory=list)
    security_events: list[Json] = field(default_factory=list)
    firmware: list[Json] = field(default_factory=list)
    reports: dict[tuple[str, int], list[Json]] = field(default_factory=dict)
    streams: list[Json] = field(default_factory=list)
    starts: dict[tuple[object, ...], int] = field(default_factory=dict)
    calls: deque[Received] = field(default_factory=lambda: deque(maxlen=_MOST_CALLS))
    repeats: Counter[str] = field(default_factory=Counter)
    _answers: OrderedDict[str, tuple[str, Json, Json]] = field(default_factory=OrderedDict)

    def called(self, action: str) -> Iterator[Json]:
        """Payloads of this action, oldest first."""
        return (call.payload for call in self.calls if call.action == action)

    def transaction(self, transaction_id: str) -> TransactionBook:
        """The page of this transaction, which is opened where there is none."""
        return self.transactions.setdefault(transaction_id, TransactionBook(transaction_id=transaction_id))

    @property
    def running(self) -> list[TransactionBook]:
        """Transactions that have begun and not ended."""
        return [book for book in self.transactions.values() if book.started and not book.ended]

    @property
    def effects(self) -> Counter[Phase]:
        """How many events of transactions have taken effect."""
        return Counter(event.phase for book in self.transactions.values() for event in book.events)

    @property
    def duplicates(self) -> int:
        """Events of transactions that came again under another message id."""
        return sum(book.duplicates for book in self.transactions.values())

    def answered(self, message_id: str) -> tuple[str, Json, Json] | None:
        """Action, payload and answer of the CALL that had this id, where it is still remembered."""
        return self._answers.get(message_id)

    def remember(self, message_id: str, action: str, payload: Json, answer: Json) -> None:
        """Keep the answer for when the CALL comes again."""
        self._answers[message_id] = (action, payload, answer)
        if len(self._answers) > _MOST_ANSWERS:
            self._answers.popitem(last=False)
