"""One service provider's flow through the system operator: an AE, a certificate and a connection of its own."""

import ssl
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import NoReturn

from homeapp.errors import SettingsInvalid
from homeapp.model.live import LinkState
from homeapp.ports import Clock, Signer
from homeapp.providers.evc_sp import EvcSp
from homeapp.providers.fleet import Fleet
from homeapp.providers.onem2m.appliances import ApplianceStatus
from homeapp.providers.onem2m.codec import ContentInstance
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.providers.onem2m.session import OneM2mSession
from homeapp.providers.peer import Peer
from homeapp.providers.pev_sp import PevSp
from homeapp.providers.sealing import HubUnsealer
from homeapp.providers.service_provider import KeysChanged, ServiceProvider
from homeapp.settings import SystemOperatorSettings

Admit = Callable[[str, int], Awaitable[None]]
"""Called with a provider's id and a size, bytes; raises ProviderUnreachable where the provider sends too much."""
OldNews = Callable[[str, int], None]
"""Called with a provider's id and a size, bytes, after a message out of the mailbox had no effect."""
BeginsAnew = Callable[[str], Awaitable[object]]
"""Called with a provider's id before the hub registers where nothing of it lies."""

_REMEMBERED = 1000
_KINDS: dict[str, type[EvcSp] | type[PevSp] | type[Fleet]] = {kind.SP_ID: kind for kind in (EvcSp, PevSp, Fleet)}


class SystemOperator:
    """Keeps the session in ``run``; ``provider`` runs on its own and waits for it.

    Args:
        settings: of the CSE, its broker and the hub's AE in this flow.
        tls: context of the mutual TLS towards the broker, with this flow's certificate.
        signer: of what the hub says.
        unsealer: of what is encrypted to the hub.
        clock: hub time.
        sp_id: ``evc_sp``, ``pev_sp`` or ``fleet``.
        peer: the provider.
        keys_changed: keeps the provider's new keys before they hold.
        admit: lets a message in that is about to be dealt with.
        old_news: told what was let in and was old.
        begins_anew: the platform has nothing of the hub, so that what was told lately may be lost; durable when it
            returns.
        open_status: the owner lets it have appliance resources, which the operator can read too.

    Attributes:
        provider: the one provider of this flow.

    Raises:
        SettingsInvalid: there is no such kind of provider, a key cannot be used, or ``settings`` are another flow's.
    """

    def __init__(
        self,
        *,
        settings: SystemOperatorSettings,
        tls: ssl.SSLContext,
        signer: Signer,
        unsealer: HubUnsealer,
        clock: Clock,
        sp_id: str,
        peer: Peer,
        keys_changed: KeysChanged,
        admit: Admit,
        old_news: OldNews,
        begins_anew: BeginsAnew,
        open_status: bool = False,
    ) -> None:
        kind = _KINDS.get(sp_id)
        if kind is None:
            raise SettingsInvalid(f"There can be no provider {sp_id!r} behind the system operator. Pair another one.")
        if settings.ae_id != peer.hub_ae_id:
            raise SettingsInvalid(
                f"The hub is {peer.hub_ae_id} to {peer.name}, not {settings.ae_id}. Pair the provider again."
            )
        mailbox = Mailbox(sp_id=sp_id, ae_id=peer.ae_id, label=kind.LABEL, data=peer.data, open_status=open_status)
        self._mailbox = mailbox
        self._begins_anew = begins_anew
        self._admit = admit
        self._old_news = old_news
        self._admitted: OrderedDict[bytes, None] = OrderedDict()
        self._session = OneM2mSession(settings=settings, tls=tls, clock=clock, mailboxes=(mailbox,), listener=self)
        self.provider: ServiceProvider = kind(
            mailbox=mailbox,
            peer=peer,
            post=self._session,
            signer=signer,
            unsealer=unsealer,
            clock=clock,
            keys_changed=keys_changed,
        )

    async def run(self) -> NoReturn:
        """Keep the session up, through lost links and restarts of broker and CSE, until cancelled."""
        await self._session.run()

    def hurry(self) -> None:
        """End the pause between two attempts to connect."""
        self._session.hurry()

    def publish_status(self, status: ApplianceStatus) -> None:
        """Tell the provider's appliance resources, where it has some, what has changed."""
        self._session.publish_status(self._mailbox, status)

    async def content(self, mailbox: Mailbox, content: ContentInstance, *, live: bool) -> None:
        counted = await self._let_in(mailbox.sp_id, content.con)
        is_new = await self.provider.take(content.con, live=live)
        if counted and not live and not is_new:
            self._old_news(mailbox.sp_id, len(content.con))

    async def _let_in(self, sp_id: str, content: str) -> bool:
        """Count a message once, however often it is looked at in the inbox; whether it was counted now."""
        digest = sha256(content.encode("utf-8", "surrogatepass")).digest()
        if digest in self._admitted:
            return False
        await self._admit(sp_id, len(content))
        self._admitted[digest] = None
        if len(self._admitted) > _REMEMBERED:
            self._admitted.popitem(last=False)
        return True

    async def begins_anew(self) -> None:
        await self._begins_anew(self.provider.sp_id)

    def link(self, state: LinkState, problem: str | None) -> None:
        self.provider.link_changed(state, problem)
