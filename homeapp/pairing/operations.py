"""What the contract's calls about pairing and certificates do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from homeapp import api
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.enrolling import Enrolling
from homeapp.enrolment.est import Login
from homeapp.enrolment.revocation import Revocation
from homeapp.errors import WrongState
from homeapp.model.pairing import DescriptorView, PairedProvider
from homeapp.pairing.descriptor import Descriptor, Pairing, fingerprint, read_descriptor, same_fingerprint
from homeapp.ports import Clock
from homeapp.redaction import redact
from homeapp.store.pairings import Pairings

Told = Callable[[str], Awaitable[None]]
ProviderHandler = Callable[[Any, api.Role], Awaitable[object]]


class ProviderOperations:
    """The handlers, bound to the hub's parts.

    Args:
        pairings: where they are kept.
        certificates: of the flows.
        revocation: fetches the list of revoked certificates before the first connection.
        clock: hub time.
        hub_card: the hub's public keys, as ``homeapp.identity.hub_card`` makes it.
        paired: told which provider was paired, or has another descriptor.
        unpaired: told which provider is to be forgotten; consents and flow go with it. Also told, before ``paired``,
            where another company takes the place of the one before.
        forgotten: told which provider is forgotten: its pairing and certificate are gone.
        certificate_changed: told which flow has another certificate.
    """

    def __init__(
        self,
        *,
        pairings: Pairings,
        certificates: FlowCertificates,
        revocation: Revocation,
        clock: Clock,
        hub_card: str,
        paired: Told,
        unpaired: Told,
        forgotten: Told,
        certificate_changed: Told,
    ) -> None:
        self._pairings = pairings
        self._certificates = certificates
        self._enrolling = Enrolling(certificates)
        self._revocation = revocation
        self._clock = clock
        self._hub_card = hub_card
        self._paired = paired
        self._unpaired = unpaired
        self._forgotten = forgotten
        self._certificate_changed = certificate_changed
        self._one_by_one = asyncio.Lock()

    def handlers(self) -> Mapping[type[api.Call[Any]], ProviderHandler]:
        """One handler per call."""
        return {
            api.ListProviders: self._list,
            api.ReadDescriptor: self._read,
            api.PairProvider: self._pair,
            api.UnpairProvider: self._unpair,
            api.EnrolProvider: self._enrol,
            api.GetCertificateRequest: self._request,
            api.ImportCertificate: self._import,
            api.GetHubCard: self._card,
        }

    async def _list(self, _call: api.ListProviders, _caller: api.Role) -> tuple[PairedProvider, ...]:
        return tuple([await self._view(pairing) for pairing in await self._pairings.all()])

    async def _read(self, call: api.ReadDescriptor, _caller: api.Role) -> DescriptorView:
        return (await asyncio.to_thread(read_descriptor, call.text)).view

    async def _pair(self, call: api.PairProvider, _caller: api.Role) -> PairedProvider:
        descriptor = await asyncio.to_thread(read_descriptor, call.text)
        if not same_fingerprint(call.fingerprint, fingerprint(descriptor)):
            raise WrongState(
                "The fingerprint is not that of this descriptor. Nothing was changed; compare it with the provider's "
                "own print again, and call the provider where they differ."
            )
        pairing = Pairing(descriptor=descriptor, paired_at=self._clock.now(), keys=descriptor.keys)
        async with self._one_by_one:
            old = {known.descriptor.sp_id: known.descriptor for known in await self._pairings.all()}
            if (before := old.get(descriptor.sp_id)) is not None and _is_another(before, descriptor):
                await self._forget(before.sp_id)
            await self._pairings.keep(pairing)
            await self._paired(descriptor.sp_id)
        return await self._view(pairing)

    async def _unpair(self, call: api.UnpairProvider, _caller: api.Role) -> None:
        async with self._one_by_one:
            await self._pairings.get(call.sp_id)
            await self._forget(call.sp_id)

    async def _enrol(self, call: api.EnrolProvider, _caller: api.Role) -> PairedProvider:
        redact(call.password)
        pairing = await self._pairings.get(call.sp_id)
        async with self._one_by_one:
            await self._revocation.fetch(pairing.descriptor)
            await self._enrolling.enrol(pairing.descriptor, Login(user=call.user, password=call.password))
            await self._certificate_changed(call.sp_id)
        return await self._view(pairing)

    async def _request(self, call: api.GetCertificateRequest, _caller: api.Role) -> str:
        pairing = await self._pairings.get(call.sp_id)
        return await asyncio.to_thread(self._certificates.request, pairing.descriptor)

    async def _import(self, call: api.ImportCertificate, _caller: api.Role) -> PairedProvider:
        pairing = await self._pairings.get(call.sp_id)
        async with self._one_by_one:
            await asyncio.to_thread(self._certificates.bring_in, pairing.descriptor, call.pem)
            await self._certificate_changed(call.sp_id)
        return await self._view(pairing)

    async def _card(self, _call: api.GetHubCard, _caller: api.Role) -> str:
        return self._hub_card

    async def _forget(self, sp_id: str) -> None:
        """The flow ends before what it needs is gone; the pairing goes last, so that all of this can be repeated."""
        await self._unpaired(sp_id)
        await asyncio.to_thread(self._certificates.forget, sp_id)
        await self._pairings.remove(sp_id)
        await self._forgotten(sp_id)

    async def _view(self, pairing: Pairing) -> PairedProvider:
        descriptor = pairing.descriptor
        standing = await asyncio.to_thread(self._certificates.standing, descriptor)
        return PairedProvider(
            sp_id=descriptor.sp_id,
            name=descriptor.name,
            ae_id=descriptor.ae_id,
            hub_ae_id=descriptor.hub_ae_id,
            fingerprint=fingerprint(descriptor),
            paired_at=pairing.paired_at,
            enrolment=standing.enrolment,
            not_after=standing.not_after,
            key_ids=pairing.key_ids(self._clock.now()),
        )


def _is_another(before: Descriptor, now: Descriptor) -> bool:
    """Whether what the owner has agreed to was meant for somebody else."""
    return (before.name, before.ae_id) != (now.name, now.ae_id)
