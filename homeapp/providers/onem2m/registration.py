"""The hub's place at the CSE: its AE, and below that the policies, containers and subscriptions of each mailbox."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from homeapp.errors import ProviderUnreachable
from homeapp.providers.onem2m.codec import (
    ALREADY_THERE,
    Operation,
    Response,
    Status,
    points_of_access,
    resource_id,
)
from homeapp.providers.onem2m.exchange import Exchange
from homeapp.providers.onem2m.resources import (
    SUBSCRIPTION_NAME,
    Mailbox,
    Node,
    ae_name,
    application_entity,
    mailbox_nodes,
)
from homeapp.settings import SystemOperatorSettings

logger = logging.getLogger(__name__)


class Registration:
    """Makes and keeps what the hub needs at the CSE.

    Attributes:
        base: structured address of the hub's AE.
    """

    def __init__(self, settings: SystemOperatorSettings, exchange: Exchange, mailboxes: Sequence[Mailbox]) -> None:
        self.base = f"{settings.cse_name}/{ae_name(settings.ae_id)}"
        self._settings = settings
        self._exchange = exchange
        self._mailboxes = tuple(mailboxes)
        self._registered: Node | None = None
        self._inbox_ids: dict[str, str] = {}

    def owner_of(self, container_id: str) -> str | None:
        """The provider whose inbox has this unstructured id."""
        return self._inbox_ids.get(container_id)

    async def set_up(self) -> None:
        """Registration and resource tree; every step may find its work done already.

        Raises:
            ProviderUnreachable: the CSE does not answer or does not agree.
            MessageRejected: it answers nonsense.
        """
        base = await self.ready()
        own = self._own_entity(base)
        if own == self._registered and await self._still_stands():
            return
        self._registered = None
        await self._ensure(own, at=self._settings.cse_id.lstrip("/"))
        if base.rsc != Status.OK:
            # Some let only registered AEs read their base.
            own = self._own_entity(await self.ready())
            await self._ensure(own, at=self._settings.cse_id.lstrip("/"))
        async with asyncio.TaskGroup() as group:
            for mailbox in self._mailboxes:
                group.create_task(self._set_up_mailbox(mailbox))
        self._registered = own

    async def ready(self) -> Response:
        """The CSE's base: while it starts it may answer anything but OK or "no privilege".

        Raises:
            ProviderUnreachable: it is not ready.
        """
        base = await self._exchange.request(Operation.RETRIEVE, self._settings.cse_name)
        if base.rsc not in (Status.OK, Status.ORIGINATOR_HAS_NO_PRIVILEGE):
            raise ProviderUnreachable(f"The system operator's platform is not ready (code {base.rsc}).")
        return base

    async def _still_stands(self) -> bool:
        """Whether all that was set up before is there: the subscriptions are what was made last."""
        async with asyncio.TaskGroup() as group:
            addresses = [f"{self.base}/{item.inbox}/{SUBSCRIPTION_NAME}" for item in self._mailboxes]
            found = [group.create_task(self._exchange.request(Operation.RETRIEVE, to)) for to in addresses]
        return all(task.result().rsc == Status.OK for task in found)

    async def _set_up_mailbox(self, mailbox: Mailbox) -> None:
        # Side by side where it can be: a CSE may take a second for an answer.
        for step in mailbox_nodes(self.base, self._settings.ae_id, mailbox):
            async with asyncio.TaskGroup() as group:
                for node in step:
                    group.create_task(self._ensure(node, at=node.parent))
        inbox = await self._exchange.request(Operation.RETRIEVE, f"{self.base}/{mailbox.inbox}")
        self._inbox_ids = {key: sp_id for key, sp_id in self._inbox_ids.items() if sp_id != mailbox.sp_id}
        if inbox_id := resource_id(inbox):
            self._inbox_ids[inbox_id] = mailbox.sp_id

    def _own_entity(self, base: Response) -> Node:
        addresses: Iterable[str] = points_of_access(base) if base.rsc == Status.OK else ()
        fallback = f"mqtt://{self._settings.broker_host}:{self._settings.broker_port}"
        return application_entity(self._settings.cse_name, self._settings.ae_id, addresses, fallback)

    async def _ensure(self, node: Node, *, at: str) -> None:
        made = await self._exchange.request(Operation.CREATE, at, kind=node.kind, content=node.creation())
        if made.rsc == Status.CREATED:
            return
        if made.rsc not in ALREADY_THERE:
            raise ProviderUnreachable(f"The system operator does not let the hub set up {node.name} (code {made.rsc}).")
        updated = await self._exchange.request(Operation.UPDATE, node.address, content=node.update())
        if updated.rsc != Status.UPDATED:
            logger.warning("system operator: %s cannot be brought up to date (code %d)", node.name, updated.rsc)
