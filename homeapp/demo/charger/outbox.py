"""What the simulated station has still to send, in order; what belongs to a transaction survives a lost connection."""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from homeapp.demo.charger.ocpp_schemas import Json

_MOST_ATTEMPTS = 3


@dataclass(slots=True, eq=False)
class Message:
    """A CALL to make.

    Attributes:
        payload: made when it is sent; None where there is nothing to be said any more.
        answered: takes the answer, which has passed its schema.
        kept: belongs to a transaction and must arrive.
        early: may be sent before the registration is accepted.
    """

    action: str
    payload: Callable[[], Json | None]
    answered: Callable[[Json], None] | None = None
    kept: bool = False
    early: bool = False
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: int = 0


class Outbox:
    """The queue; one sender takes from it."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    def holds(self, action: str) -> bool:
        """Whether such a message waits or is on its way."""
        return any(message.action == action for message in self._messages)

    def put(self, message: Message) -> None:
        """At the end."""
        self._messages.append(message)
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

    def unanswered(self, message: Message) -> None:
        """No answer in time: what must arrive is tried again, a few times."""
        message.attempts += 1
        if not message.kept or message.attempts >= _MOST_ATTEMPTS:
            self.settled(message)

    def offline(self) -> None:
        """The connection is lost: forget what is of no use later."""
        self._messages = deque(message for message in self._messages if message.kept)
