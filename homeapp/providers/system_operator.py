"""The system operator: one session with its CSE, shared by the service providers behind it."""

import ssl
from collections.abc import Mapping
from typing import NoReturn

from homeapp.errors import SettingsInvalid
from homeapp.model.live import LinkState
from homeapp.ports import Clock, Provider, Signer
from homeapp.providers.evc_sp import EvcSp
from homeapp.providers.onem2m.codec import ContentInstance
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.providers.onem2m.session import OneM2mSession
from homeapp.providers.pev_sp import PevSp
from homeapp.settings import ServiceProviderSettings, SystemOperatorSettings

_KINDS: dict[str, type[EvcSp] | type[PevSp]] = {kind.SP_ID: kind for kind in (EvcSp, PevSp)}


class SystemOperator:
    """Keeps the session in ``run``; each of ``providers`` runs on its own and waits for it.

    Args:
        settings: of the CSE, its broker and the hub's own AE.
        tls: context of the mutual TLS towards the broker.
        signer: of the hub's answers.
        clock: hub time.
        providers: settings by provider id, ``evc_sp`` and ``pev_sp``.

    Raises:
        SettingsInvalid: an unknown provider, or a key that cannot be used.
    """

    def __init__(
        self,
        *,
        settings: SystemOperatorSettings,
        tls: ssl.SSLContext,
        signer: Signer,
        clock: Clock,
        providers: Mapping[str, ServiceProviderSettings],
    ) -> None:
        unknown = sorted(set(providers) - set(_KINDS))
        if unknown:
            raise SettingsInvalid(f"There can be no provider {unknown[0]!r} behind the system operator.")
        mailboxes = {
            sp_id: Mailbox(sp_id=sp_id, ae_id=provider.ae_id, label=_KINDS[sp_id].LABEL)
            for sp_id, provider in providers.items()
        }
        self._session = OneM2mSession(
            settings=settings, tls=tls, clock=clock, mailboxes=tuple(mailboxes.values()), listener=self
        )
        self._providers = {
            sp_id: _KINDS[sp_id](
                mailbox=mailboxes[sp_id],
                settings=provider,
                hub_id=settings.ae_id,
                post=self._session,
                signer=signer,
                clock=clock,
            )
            for sp_id, provider in providers.items()
        }

    @property
    def providers(self) -> tuple[Provider, ...]:
        """One for each of the settings."""
        return tuple(self._providers.values())

    async def run(self) -> NoReturn:
        """Keep the session up, through lost links and restarts of broker and CSE, until cancelled."""
        await self._session.run()

    async def content(self, mailbox: Mailbox, content: ContentInstance, *, live: bool) -> None:
        await self._providers[mailbox.sp_id].take(content.con, live=live)

    def link(self, state: LinkState, problem: str | None) -> None:
        for provider in self._providers.values():
            provider.link_changed(state, problem)
