"""Which ways to providers may be open in this home, and how each is made: of a pairing, a certificate and a consent."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from datetime import datetime
from functools import partial

from homeapp.enrolment.certificates import FlowCertificates, Standing
from homeapp.errors import NotFound
from homeapp.flows import Flow
from homeapp.model.consent import DataClass
from homeapp.model.pairing import Enrolment
from homeapp.pairing.descriptor import Descriptor, Pairing, fingerprint
from homeapp.ports import Clock, Provider, Signer
from homeapp.providers.grid_sp.provider import SP_ID as GRID_SP
from homeapp.providers.peer import Peer
from homeapp.providers.sealing import HubUnsealer
from homeapp.providers.system_operator import Admit, BeginsAnew, OldNews, SystemOperator
from homeapp.settings import SystemOperatorSettings
from homeapp.store.pairings import Pairings

MakeGrid = Callable[[], Awaitable[Provider]]


class HomeFlows:
    """Implements ``homeapp.flows.FlowSource``; ``refresh`` reads what it goes by.

    Args:
        pairings, certificates: of the home.
        grid: makes the electricity network provider, or None where none is set.
        allows: the owner's consent.
        admit, old_news: let messages in, see ``homeapp.uplink.uplink.Uplink``.
        deliver_again: has what a provider got lately delivered once more, see ``homeapp.store.outbox.Outbox``.
    """

    def __init__(
        self,
        *,
        pairings: Pairings,
        certificates: FlowCertificates,
        grid: MakeGrid | None,
        signer: Signer,
        unsealer: HubUnsealer,
        clock: Clock,
        allows: Callable[[str, DataClass], bool],
        admit: Admit,
        old_news: OldNews,
        deliver_again: BeginsAnew,
    ) -> None:
        self._pairings = pairings
        self._certificates = certificates
        self._grid = grid
        self._signer = signer
        self._unsealer = unsealer
        self._clock = clock
        self._allows = allows
        self._admit = admit
        self._old_news = old_news
        self._deliver_again = deliver_again
        self._paired: dict[str, Pairing] = {}
        self._standing: dict[str, Standing] = {}
        self._generation: dict[str, int] = {}

    @property
    def paired(self) -> tuple[Pairing, ...]:
        """All pairings, as read last."""
        return tuple(self._paired.values())

    def pairing(self, sp_id: str) -> Pairing | None:
        """The one with this provider, or None."""
        return self._paired.get(sp_id)

    def standing(self, sp_id: str) -> Standing | None:
        """How the certificate of this flow stands; None where it needs none."""
        return self._standing.get(sp_id)

    async def descriptors(self) -> tuple[Descriptor, ...]:
        """Of all paired providers."""
        return tuple(pairing.descriptor for pairing in self._paired.values())

    async def refresh(self, renewed: str = "") -> None:
        """Read pairings and certificates anew; the flow ``renewed`` has to be opened anew.

        Raises:
            StoreUnavailable, EnvironmentProblem: they cannot be read.
        """
        paired: dict[str, Pairing] = {pairing.descriptor.sp_id: pairing for pairing in await self._pairings.all()}
        look, standing = self._certificates.standing, dict[str, Standing]()
        for sp_id, pairing in paired.items():
            standing[sp_id] = await asyncio.to_thread(look, pairing.descriptor)
        # At one moment: others ask meanwhile.
        self._paired, self._standing = paired, standing
        if renewed:
            self._generation[renewed] = self._generation.get(renewed, 0) + 1

    def wanted(self) -> Mapping[str, Hashable]:
        flows: dict[str, Hashable] = {}
        if self._grid is not None and self._allows(GRID_SP, DataClass.IDENTITY):
            flows[GRID_SP] = None
        for sp_id, pairing in self._paired.items():
            if self._standing[sp_id].enrolment is Enrolment.VALID and self._allows(sp_id, DataClass.IDENTITY):
                generation = self._generation.get(sp_id, 0)
                flows[sp_id] = (fingerprint(pairing.descriptor), generation, self._granted(pairing.descriptor))
        return flows

    async def open(self, sp_id: str) -> Flow:
        if sp_id == GRID_SP and self._grid is not None:
            return Flow(provider=await self._grid())
        pairing = self._paired.get(sp_id)
        if pairing is None:
            raise NotFound("The home is not paired with this provider.")
        descriptor = pairing.descriptor
        tls = await asyncio.to_thread(self._certificates.context, descriptor)
        operator = SystemOperator(
            settings=_operator_settings(descriptor),
            tls=tls,
            signer=self._signer,
            unsealer=self._unsealer,
            clock=self._clock,
            sp_id=sp_id,
            peer=_peer(pairing, self._granted(descriptor)),
            keys_changed=partial(self._keys_changed, descriptor),
            admit=self._admit,
            old_news=self._old_news,
            begins_anew=self._deliver_again,
            open_status=descriptor.open_status and self._allows(sp_id, DataClass.CHARGING),
        )
        return Flow(
            provider=operator.provider,
            session=operator.run,
            hurry=operator.hurry,
            publish=operator.publish_status,
        )

    def _granted(self, descriptor: Descriptor) -> tuple[DataClass, ...]:
        return tuple(data_class for data_class in descriptor.data if self._allows(descriptor.sp_id, data_class))

    async def _keys_changed(
        self, descriptor: Descriptor, sp_id: str, keys: Collection[dict[str, str]], old_keys_until: datetime
    ) -> None:
        pairing = await self._pairings.replace_keys(descriptor, tuple(keys), old_keys_until)
        if sp_id in self._paired:
            self._paired[sp_id] = pairing


def _peer(pairing: Pairing, granted: tuple[DataClass, ...]) -> Peer:
    descriptor = pairing.descriptor
    return Peer(
        name=descriptor.name,
        ae_id=descriptor.ae_id,
        hub_ae_id=descriptor.hub_ae_id,
        keys=pairing.keys,
        purposes=descriptor.purposes,
        data=granted,
        old_keys=pairing.old_keys,
        old_keys_until=pairing.old_keys_until,
    )


def _operator_settings(descriptor: Descriptor) -> SystemOperatorSettings:
    operator = descriptor.operator
    return SystemOperatorSettings(
        ae_id=descriptor.hub_ae_id,
        broker_host=operator.broker_host,
        broker_port=operator.broker_port,
        http_url=operator.http_url,
        cse_id=operator.cse_id,
        cse_name=operator.cse_name,
        reconnect_spread_s=operator.reconnect_spread_s,
    )
