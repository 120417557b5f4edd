"""One service provider's flow through the system operator: an AE, a certificate and a connection of its own."""

import ssl
from typing import NoReturn

from homeapp.errors import SettingsInvalid
from homeapp.model.live import LinkState
from homeapp.ports import Clock, Signer
from homeapp.providers.evc_sp import EvcSp
from homeapp.providers.fleet import Fleet
from homeapp.providers.onem2m.codec import ContentInstance
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.providers.onem2m.session import OneM2mSession
from homeapp.providers.peer import Peer
from homeapp.providers.pev_sp import PevSp
from homeapp.providers.sealing import HubUnsealer
from homeapp.providers.service_provider import KeysChanged, ServiceProvider
from homeapp.settings import SystemOperatorSettings

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
    ) -> None:
        kind = _KINDS.get(sp_id)
        if kind is None:
            raise SettingsInvalid(f"There can be no provider {sp_id!r} behind the system operator. Pair another one.")
        if settings.ae_id != peer.hub_ae_id:
            raise SettingsInvalid(
                f"The hub is {peer.hub_ae_id} to {peer.name}, not {settings.ae_id}. Pair the provider again."
            )
        mailbox = Mailbox(sp_id=sp_id, ae_id=peer.ae_id, label=kind.LABEL, data=peer.data)
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

    async def content(self, mailbox: Mailbox, content: ContentInstance, *, live: bool) -> None:  # noqa: ARG002
        await self.provider.take(content.con, live=live)

    def link(self, state: LinkState, problem: str | None) -> None:
        self.provider.link_changed(state, problem)
