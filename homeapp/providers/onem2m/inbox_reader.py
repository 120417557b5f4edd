"""Brings the messages of one mailbox to the listener: those that are notified, and those that lie in its inbox."""

import logging
from collections.abc import Callable
from typing import NoReturn, Protocol

from homeapp.errors import HomeappError, MessageRejected, ProviderUnreachable
from homeapp.providers.onem2m import codec
from homeapp.providers.onem2m.codec import ContentInstance, Operation, Response, Status
from homeapp.providers.onem2m.exchange import Exchange
from homeapp.providers.onem2m.intake import Intake
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.providers.onem2m.transport import Delivery, Transport

logger = logging.getLogger(__name__)

_WITH_CHILDREN = 4
LOST_ON = (Status.NOT_FOUND, Status.ORIGINATOR_HAS_NO_PRIVILEGE)
"""What a CSE says that has forgotten the hub."""


class ContentListener(Protocol):
    """Who deals with messages."""

    async def content(self, mailbox: Mailbox, content: ContentInstance, *, live: bool) -> None:
        """Deal with a message; ``live`` is False where it was found by looking into the inbox.

        Raises:
            HomeappError: it is not dealt with; show it again later.
        """


class InboxReader:
    """For one mailbox and one connection.

    Args:
        mailbox: the provider's.
        address: structured address of its inbox.
        exchange: with the CSE.
        listener: gets the messages, one after the other.
        forgotten: called where the CSE knows nothing of the inbox.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        address: str,
        *,
        exchange: Exchange,
        listener: ContentListener,
        forgotten: Callable[[], None],
    ) -> None:
        self._mailbox = mailbox
        self._address = address
        self._exchange = exchange
        self._listener = listener
        self._forgotten = forgotten
        self._intake = Intake()
        self._read: tuple[str, int] | None = None

    def put(self, delivery: Delivery) -> None:
        """A message was notified."""
        self._intake.put(delivery)

    def catch_up(self) -> None:
        """Read the whole inbox soon."""
        self._read = None
        self._intake.catch_up()

    def look(self) -> None:
        """Read the inbox soon if it has changed since it was read last."""
        self._intake.catch_up()

    async def run(self, transport: Transport) -> NoReturn:
        """Work until cancelled."""
        while True:
            delivery = await self._intake.next()
            if delivery is not None:
                await self._handle(transport, delivery)
                continue
            # An inbox that cannot be read must not take others down; the look at the base finds a dead CSE.
            try:
                await self._read_inbox(transport)
            except (ProviderUnreachable, MessageRejected) as error:
                logger.warning("%s: its inbox was not read: %s", self._mailbox.sp_id, error)

    async def _handle(self, transport: Transport, delivery: Delivery) -> None:
        if await self._pass_on(delivery.notification.content, live=True):
            transport.answer(delivery)
        else:
            self._intake.withhold(delivery.message)

    async def _read_inbox(self, transport: Transport) -> None:
        withheld, self._intake.withheld = self._intake.withheld, []
        done = False
        try:
            # Asked before: what comes in between is found changed the next time.
            state = await self._state()
            if state is not None and state == self._read and not withheld:
                return
            inbox = await self._retrieve(with_children=True)
            if inbox.rsc == Status.OK:
                passed = [await self._pass_on(item, live=False) for item in codec.inbox_contents(inbox)]
                done = all(passed)
        finally:
            if not done:
                self._intake.withheld += withheld
        self._read = state if done else None
        for message in withheld if done else ():
            transport.acknowledge(message)

    async def _state(self) -> tuple[str, int] | None:
        found = await self._retrieve(with_children=False)
        return codec.state_of(found) if found.rsc == Status.OK else None

    async def _retrieve(self, *, with_children: bool) -> Response:
        content = _WITH_CHILDREN if with_children else None
        found = await self._exchange.request(Operation.RETRIEVE, self._address, result_content=content)
        if found.rsc in LOST_ON:
            self._forgotten()
        return found

    async def _pass_on(self, content: ContentInstance | None, *, live: bool) -> bool:
        """False where it has to be shown again later."""
        if content is None:
            return True
        try:
            await self._listener.content(self._mailbox, content, live=live)
        except ProviderUnreachable as error:
            logger.debug("%s: a message is left for later: %s", self._mailbox.sp_id, error)
            return False
        except HomeappError as error:
            logger.warning("%s: a message is left for later: %s", self._mailbox.sp_id, error)
            return False
        return True
