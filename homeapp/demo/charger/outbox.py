"""What the simulated station has still to send, in order; what belongs to a transaction survives a lost connection."""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from homeapp.demo.charger.transaction import Transaction
from homeapp.demo.ocpp.schemas import Json

_MOST_ATTEMPTS = 3


@dataclass(slots=True, eq=False)
class Message:
    """A CALL to make.

    Attributes:
        body: the payload; a ``transactionId`` of None in it is filled in when it is sent (1.6).
        answered: takes the answer, which has passed its schema.
        kept: belongs to a transaction, or must arrive for another reason.
        early: may be sent before the registration is accepted.
        transaction: that it belongs to, or None.
        one_way: a SEND of 2.1, which nobody answers.
    """

    action: str
    body: Json
    answered: Callable[[Json], None] | None = None
    kept: bool = False
    early: bool = False
    transaction: Transaction | None = None
    one_way: bool = False
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: int = 0

    def payload(self) -> Json | None:
        """As it goes out; None where the CSMS has not given its transaction an id, so that there is nothing to say."""
        if self.transaction is None or self.body.get("transactionId", "") is not None:
            return self.body
        number = self.transaction.csms_id
        return None if number is None else self.body | {"transactionId": number}

    def to_json(self) -> Json:
        """For the station's memory."""
        return {
            "action": self.action,
            "body": self.body,
            "id": self.message_id,
            "transaction": None if self.transaction is None else self.transaction.to_json(),
        }


class Outbox:
    """The queue; one sender takes from it.

    Attributes:
        unsaved: what outlives a power cut has changed.
    """

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._changed = asyncio.Event()
        self.unsaved = False

    def __len__(self) -> int:
        return len(self._messages)

    def holds(self, action: str) -> bool:
        """Whether such a message waits or is on its way."""
        return any(message.action == action for message in self._messages)

    def of_transaction(self, key: str | None) -> bool:
        """Whether a message of this transaction waits; of any where None."""
        return any(
            message.transaction is not None and key in (None, message.transaction.key) for message in self._messages
        )

    def put(self, message: Message) -> None:
        """At the end."""
        self._messages.append(message)
        self.unsaved = self.unsaved or message.kept
        self._changed.set()

    def wake(self) -> None:
        """Have the sender look again."""
        self._changed.set()

    async def next(self, *, registered: Callable[[], bool], leaving: Callable[[], bool]) -> Message | None:
        """The next message that may be sent, which stays in the queue; None when the station leaves and all is said."""
        while True:
            self._changed.clear()
            for message in self._messages:
                if message.early or registered():
                    return message
            if leaving():
                return None
            await self._changed.wait()

    def settled(self, message: Message) -> None:
        """It has been answered."""
        if message in self._messages:
            self._messages.remove(message)
            self.unsaved = self.unsaved or message.kept

    def unanswered(self, message: Message) -> None:
        """No answer in time: what must arrive is tried again, a few times."""
        message.attempts += 1
        if not message.kept or message.attempts >= _MOST_ATTEMPTS:
            self.settled(message)

    def offline(self) -> None:
        """The connection is lost: forget what is of no use later."""
        self._messages = deque(message for message in self._messages if message.kept)

    def to_json(self) -> tuple[Json, ...]:
        """What outlives a power cut."""
        return tuple(message.to_json() for message in self._messages if message.kept)
