"""What waits to be handled for one mailbox: notified messages, and the wish to look into the inbox itself."""

import asyncio
from collections import deque

from homeapp.providers.onem2m.transport import Delivery, Inbound

CAPACITY = 100


class Intake:
    """A bounded queue that never loses a message, because what does not fit is looked up in the inbox afterwards.

    Begins with the wish to catch up.

    Attributes:
        withheld: MQTT messages that are not acknowledged yet because handling them failed or never began.
    """

    def __init__(self) -> None:
        self._deliveries: deque[Delivery] = deque()
        self._wake = asyncio.Event()
        self._catch_up = True
        self.withheld: list[Inbound] = []

    def put(self, delivery: Delivery) -> None:
        """Add a notification."""
        if len(self._deliveries) < CAPACITY:
            self._deliveries.append(delivery)
            self._wake.set()
        else:
            self.withhold(delivery.message)
            self.catch_up()

    def withhold(self, message: Inbound) -> None:
        """Acknowledge this one only after the next catch-up."""
        if message.qos > 0:
            self.withheld.append(message)

    def catch_up(self) -> None:
        """Wish to look into the inbox."""
        self._catch_up = True
        self._wake.set()

    async def next(self) -> Delivery | None:
        """The next notification, or None where the inbox is to be looked into; that comes first."""
        while True:
            if self._catch_up:
                self._catch_up = False
                return None
            if self._deliveries:
                return self._deliveries.popleft()
            self._wake.clear()
            await self._wake.wait()
