"""Gets a flow's certificate from the operator's enrolment server, the first one and each later one."""

import asyncio
from collections.abc import Sequence

from cryptography import x509

from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.est import EstClient, Login
from homeapp.errors import NotSupported, ProviderRefused, SettingsInvalid
from homeapp.pairing.descriptor import Descriptor


class Enrolling:
    """Asks with the key that the hub has; what comes back is checked before it replaces anything.

    Raises (all operations):
        NotSupported: the descriptor names no enrolment server.
        ProviderUnreachable: the server does not answer, or the list of revoked certificates is not there yet.
        ProviderRefused: it says no, or what it gives is not for the hub.
    """

    def __init__(self, certificates: FlowCertificates) -> None:
        self._certificates = certificates

    async def enrol(self, descriptor: Descriptor, login: Login) -> None:
        """Get the first certificate, or one in place of one that is lost."""
        server = _server(descriptor)
        context = await asyncio.to_thread(self._certificates.trust, descriptor)
        request = await asyncio.to_thread(self._certificates.request, descriptor)
        # First what can fail without using the password up.
        between = await server.authorities(context)
        await self._keep(descriptor, [*await server.enrol(context, request, login), *between])

    async def renew(self, descriptor: Descriptor) -> None:
        """Get a newer one with the one that is still good."""
        server = _server(descriptor)
        context = await asyncio.to_thread(self._certificates.context, descriptor)
        request = await asyncio.to_thread(self._certificates.request, descriptor)
        between = await server.authorities(context)
        await self._keep(descriptor, [*await server.reenrol(context, request), *between])

    async def _keep(self, descriptor: Descriptor, found: Sequence[x509.Certificate]) -> None:
        try:
            await asyncio.to_thread(self._certificates.keep, descriptor, found)
        except SettingsInvalid as error:
            raise ProviderRefused(f"The enrolment server answered, but: {error}") from error


def _server(descriptor: Descriptor) -> EstClient:
    if not descriptor.operator.est_url:
        raise NotSupported(
            "This provider's operator has no enrolment server. Let it sign a certificate request, and bring the "
            "certificate in."
        )
    return EstClient(descriptor.operator.est_url, f"The enrolment server of {descriptor.name}")
