"""The hub's place at the CSE: its AE, and below that exactly what each mailbox is to have, and nothing else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from itertools import chain, zip_longest

from homeapp.errors import ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.providers.onem2m.appliances import EVCE, METER, STATUS_PURPOSE, appliance_nodes
from homeapp.providers.onem2m.codec import (
    ALREADY_THERE,
    Operation,
    Response,
    Status,
    child_addresses,
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
    broker_address,
    data_nodes,
    mailbox_nodes,
)
from homeapp.settings import SystemOperatorSettings

logger = logging.getLogger(__name__)

_REFERENCES = 6
_DIRECT_CHILDREN = {"lvl": 1}
_TOLD_BY_CLASS = tuple(item for item in DataClass if item is not DataClass.IDENTITY)
_GONE = (Status.DELETED, Status.NOT_FOUND)


class Registration:
    """Makes and keeps what the hub needs at the CSE; not to be used by two tasks at once.

    Args:
        settings: of the CSE and the hub's AE.
        exchange: with the CSE.
        mailboxes: of the service providers.
        notified: whether the CSE can reach the hub.
        begins_anew: awaited before the AE is made: nothing of what was told before lies there.

    Attributes:
        base: structured address of the hub's AE.
    """

    def __init__(
        self,
        settings: SystemOperatorSettings,
        exchange: Exchange,
        mailboxes: Sequence[Mailbox],
        *,
        notified: bool,
        begins_anew: Callable[[], Awaitable[None]],
    ) -> None:
        self.base = f"{settings.cse_name}/{ae_name(settings.ae_id)}"
        self._settings = settings
        self._exchange = exchange
        self._notified = notified
        self._begins_anew = begins_anew
        self._mailboxes = {mailbox.sp_id: mailbox for mailbox in mailboxes}
        self._erased: set[tuple[str, DataClass]] = set()
        self._registered: Node | None = None
        self._wish = 0
        self._fulfilled = -1
        self._inbox_ids: dict[str, str] = {}

    @property
    def stands(self) -> bool:
        """Whether all is as it is to be, as far as the hub knows."""
        return self._fulfilled == self._wish

    def lost(self) -> None:
        """Something of it is gone: make all of it again with the next set-up."""
        self._wish += 1

    def mailbox(self, sp_id: str) -> Mailbox:
        """The provider's mailbox as it is to be now."""
        return self._mailboxes[sp_id]

    def change(self, mailbox: Mailbox) -> None:
        """Want this of a provider's mailbox from the next set-up on; what is agreed to anew is made at once."""
        before = self._mailboxes[mailbox.sp_id].data
        self._erased -= {(mailbox.sp_id, item) for item in mailbox.data if item not in before}
        self._mailboxes[mailbox.sp_id] = mailbox
        self._wish += 1

    def owner_of(self, container_id: str) -> str | None:
        """The provider whose inbox has this unstructured id."""
        return self._inbox_ids.get(container_id)

    async def set_up(self) -> None:
        """Registration and resource tree; every step may find its work done already.

        Raises:
            ProviderUnreachable: the CSE does not answer or does not agree.
            MessageRejected: it answers nonsense.
        """
        wish = self._wish
        base = await self.ready()
        own = self._own_entity(base)
        if self.stands and own == self._registered and await self._still_stands():
            return
        self._fulfilled = -1
        known = await self._exchange.request(Operation.RETRIEVE, self.base)
        if known.rsc in (Status.NOT_FOUND, Status.ORIGINATOR_HAS_NO_PRIVILEGE):
            # Whatever goes wrong from here on, the AE is there only after this was dealt with.
            await self._begins_anew()
        await self._ensure(own, at=self._settings.cse_id.lstrip("/"))
        if base.rsc != Status.OK:
            # Some let only registered AEs read their base.
            own = self._own_entity(await self.ready())
            await self._ensure(own, at=self._settings.cse_id.lstrip("/"))
        await self._delete_unwanted()
        async with asyncio.TaskGroup() as group:
            for mailbox in self._mailboxes.values():
                group.create_task(self._set_up_mailbox(mailbox))
        self._registered = own
        # Not what was wished meanwhile.
        self._fulfilled = wish

    async def ready(self) -> Response:
        """The CSE's base: while it starts it may answer anything but OK or "no privilege".

        Raises:
            ProviderUnreachable: it is not ready.
        """
        base = await self._exchange.request(Operation.RETRIEVE, self._settings.cse_name)
        if base.rsc not in (Status.OK, Status.ORIGINATOR_HAS_NO_PRIVILEGE):
            raise ProviderUnreachable(f"The system operator's platform is not ready (code {base.rsc}).")
        return base

    async def erase(self, sp_id: str, data_classes: Collection[DataClass]) -> None:
        """Delete these containers with all that is in them; they are made again when next used, not before.

        Raises:
            ProviderUnreachable: the CSE does not answer or does not agree.
        """
        mailbox = self._mailboxes[sp_id]
        told = [item for item in _TOLD_BY_CLASS if item in data_classes]
        self._erased |= {(sp_id, item) for item in told}
        await self._delete(f"{self.base}/{name}" for item in told for name in _names(mailbox, item))

    async def renew(self, sp_id: str, data_class: DataClass) -> None:
        """Make the container of one kind of data again, if it was erased.

        Raises:
            ProviderUnreachable: the CSE does not answer or does not agree.
        """
        if (sp_id, data_class) not in self._erased:
            return
        for step in data_nodes(self.base, self._settings.ae_id, self._mailboxes[sp_id], data_class):
            await self._ensure_all(step)
        self._erased.discard((sp_id, data_class))

    async def leave(self) -> None:
        """Delete the AE and all below it.

        Raises:
            ProviderUnreachable: the CSE does not answer or does not agree.
        """
        self._fulfilled = -1
        await self._delete((self.base,))

    async def _still_stands(self) -> bool:
        """Whether all that was set up before is there: the subscriptions are what was made last."""
        last = f"/{SUBSCRIPTION_NAME}" if self._notified else ""
        async with asyncio.TaskGroup() as group:
            addresses = [f"{self.base}/{item.inbox}{last}" for item in self._mailboxes.values()]
            found = [group.create_task(self._exchange.request(Operation.RETRIEVE, to)) for to in addresses]
        return all(task.result().rsc == Status.OK for task in found)

    async def _delete_unwanted(self) -> None:
        """What the owner no longer agrees to must not lie there, even if that was decided while the hub was away."""
        wanted = {name for mailbox in self._mailboxes.values() for name in self._wanted_names(mailbox)}
        known = dict.fromkeys(name for mailbox in self._mailboxes.values() for name in _every_name(mailbox))
        unwanted = [f"{self.base}/{name}" for name in known if name not in wanted]
        found = await self._exchange.request(
            Operation.RETRIEVE, self.base, result_content=_REFERENCES, criteria=_DIRECT_CHILDREN
        )
        if found.rsc == Status.OK:
            there = child_addresses(found)
            unwanted = [address for address in unwanted if any(item.endswith(f"/{address}") for item in there)]
        await self._delete(unwanted)

    async def _set_up_mailbox(self, mailbox: Mailbox) -> None:
        ae_id = self._settings.ae_id
        parts = [mailbox_nodes(self.base, ae_id, mailbox, notified=self._notified)]
        parts += [data_nodes(self.base, ae_id, mailbox, item) for item in self._granted(mailbox)]
        if mailbox.open_status:
            parts.append(appliance_nodes(self.base, ae_id, mailbox))
        # Side by side where it can be: a CSE may take a second for an answer.
        for steps in zip_longest(*parts, fillvalue=()):
            await self._ensure_all(chain.from_iterable(steps))
        inbox = await self._exchange.request(Operation.RETRIEVE, f"{self.base}/{mailbox.inbox}")
        self._inbox_ids = {key: sp_id for key, sp_id in self._inbox_ids.items() if sp_id != mailbox.sp_id}
        if inbox_id := resource_id(inbox):
            self._inbox_ids[inbox_id] = mailbox.sp_id

    def _granted(self, mailbox: Mailbox) -> list[DataClass]:
        """The kinds of data whose containers are to be there now."""
        return [item for item in _TOLD_BY_CLASS if item in mailbox.data and (mailbox.sp_id, item) not in self._erased]

    def _wanted_names(self, mailbox: Mailbox) -> Iterable[str]:
        status = (EVCE, METER, mailbox.policy(STATUS_PURPOSE)) if mailbox.open_status else ()
        return chain(status, *(_names(mailbox, item) for item in self._granted(mailbox)))

    def _own_entity(self, base: Response) -> Node:
        broker = None
        if self._notified:
            addresses: Iterable[str] = points_of_access(base) if base.rsc == Status.OK else ()
            broker = broker_address(addresses, f"mqtt://{self._settings.broker_host}:{self._settings.broker_port}")
        return application_entity(self._settings.cse_name, self._settings.ae_id, broker)

    async def _ensure_all(self, nodes: Iterable[Node]) -> None:
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(self._ensure(node, at=node.parent))

    async def _ensure(self, node: Node, *, at: str) -> None:
        made = await self._exchange.request(Operation.CREATE, at, kind=node.kind, content=node.creation())
        if made.rsc == Status.CREATED:
            return
        if made.rsc not in ALREADY_THERE:
            raise ProviderUnreachable(f"The system operator does not let the hub set up {node.name} (code {made.rsc}).")
        if not node.changeable:
            return
        updated = await self._exchange.request(Operation.UPDATE, node.address, content=node.update())
        if updated.rsc != Status.UPDATED:
            logger.warning("system operator: %s cannot be brought up to date (code %d)", node.name, updated.rsc)

    async def _delete(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            deleted = await self._exchange.request(Operation.DELETE, address)
            if deleted.rsc not in _GONE:
                raise ProviderUnreachable(f"The system operator does not delete {address} (code {deleted.rsc}).")


def _names(mailbox: Mailbox, data_class: DataClass) -> tuple[str, str]:
    """The container before its policy, so that it never stands open."""
    return mailbox.container(data_class), mailbox.policy(data_class)


def _every_name(mailbox: Mailbox) -> Iterable[str]:
    status = (EVCE, METER, mailbox.policy(STATUS_PURPOSE))
    return chain(status, *(_names(mailbox, item) for item in _TOLD_BY_CLASS))
