"""Fetches each operator's list of revoked certificates (RFC 5280 clause 5) before the one that is kept is out of date.

Without a list that is in force no new connection is made: who keeps the list from the hub must gain nothing by it.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NoReturn

from cryptography import x509

from homeapp import identity
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.revocation_list import MAX_SIZE, read_list
from homeapp.enrolment.rounds import LONGEST_S, Flows, Rounds
from homeapp.errors import ProviderError, ProviderUnreachable
from homeapp.https import answer_to, http_client
from homeapp.model.pairing import Enrolment
from homeapp.pairing.descriptor import Descriptor
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

_TIMEOUT_S = 15.0
_LONGEST_PAUSE = timedelta(days=1)
_OK = 200


class Revocation:
    """A long task.

    Args:
        certificates: of the flows; they keep the lists.
        flows: the descriptors of all providers that the home is paired with.
        clock: the machine's, not the hub's: TLS looks at no other.
        changed: told which flow has to connect anew, because others are revoked than before or a list was missing.
        notice: told the code and the sentence of what the owner should know.
    """

    def __init__(
        self,
        *,
        certificates: FlowCertificates,
        flows: Flows,
        clock: Clock,
        changed: Callable[[str], Awaitable[None]],
        notice: Callable[[str, str], None],
    ) -> None:
        self._certificates = certificates
        self._clock = clock
        self._changed = changed
        self._notice = notice
        self._due: dict[str, datetime] = {}
        self._rounds = Rounds("list of revoked certificates", flows, self._attend, clock)

    def wake(self) -> None:
        """Fetch all lists now: a pairing has changed, or an operator has refused the hub."""
        self._due.clear()
        self._rounds.wake()

    async def run(self) -> NoReturn:
        """Work until cancelled.

        Raises:
            EnvironmentProblem: the disk or the database is at fault.
        """
        await self._rounds.run()

    async def fetch(self, descriptor: Descriptor) -> bool:
        """Fetch and keep one operator's list; without effect where it has none.

        Returns:
            Whether connections that were made before may have to be made anew.

        Raises:
            ProviderUnreachable: it cannot be fetched.
            MessageRejected: it fails a check; the one before stays.
            EnvironmentProblem: it cannot be written.
        """
        if not descriptor.operator.crl_url:
            return False
        content = await _download(descriptor)
        kept = await asyncio.to_thread(self._certificates.revocation_list, descriptor)
        now = self._clock.now()
        found = await asyncio.to_thread(read_list, content, descriptor.operator.ca_pem, now, kept)
        if kept is not None and kept == found:
            return False
        await asyncio.to_thread(self._certificates.keep_list, descriptor, found)
        was_in_force = kept is not None and kept.next_update_utc is not None and kept.next_update_utc > now
        return not was_in_force or _serials(kept) != _serials(found)

    async def _attend(self, descriptor: Descriptor) -> float:
        sp_id = descriptor.sp_id
        if not descriptor.operator.crl_url:
            return LONGEST_S
        if (due := self._due.get(sp_id)) is None or due <= self._clock.now():
            is_changed = await self._fetch_or_tell(descriptor)
            due = self._due[sp_id] = self._clock.now() + await self._pause(descriptor)
            await self._tell_if_revoked(descriptor)
            if is_changed:
                # Whoever is told may wake this up, and with that clear what is due.
                await self._changed(sp_id)
        return min((due - self._clock.now()).total_seconds(), LONGEST_S)

    async def _fetch_or_tell(self, descriptor: Descriptor) -> bool:
        try:
            return await self.fetch(descriptor)
        except ProviderError:
            if await self._time_left(descriptor) <= timedelta(0):
                self._notice(
                    f"revocation_list_missing.{descriptor.sp_id}",
                    "The system operator's list of revoked certificates cannot be fetched and the one before is out of "
                    f"date. Until it can, no new connection to {descriptor.name} is made.",
                )
            raise

    async def _tell_if_revoked(self, descriptor: Descriptor) -> None:
        standing = await asyncio.to_thread(self._certificates.standing, descriptor)
        if standing.enrolment is Enrolment.REVOKED:
            logger.warning("%s: the operator has revoked the hub's certificate", descriptor.sp_id)
            self._notice(
                f"certificate_revoked.{descriptor.sp_id}",
                f"The system operator has revoked the hub's certificate for {descriptor.name}: the link is down. "
                "Ask why, then enrol the hub again.",
            )

    async def _pause(self, descriptor: Descriptor) -> timedelta:
        """Half of the time that the list has left, so that a server may be down for a while; at most a day."""
        return min(await self._time_left(descriptor) / 2, _LONGEST_PAUSE)

    async def _time_left(self, descriptor: Descriptor) -> timedelta:
        kept = await asyncio.to_thread(self._certificates.revocation_list, descriptor)
        end = None if kept is None else kept.next_update_utc
        return timedelta(0) if end is None else end - self._clock.now()


async def _download(descriptor: Descriptor) -> bytes:
    # Its own signature protects the list; the server's certificate cannot be looked up in what is not there yet.
    context: ssl.SSLContext = await asyncio.to_thread(identity.trusting_context, descriptor.operator.ca_pem)
    name = f"The system operator of {descriptor.name}"
    async with http_client(context, accept="application/pkix-crl, */*") as client:
        request = client.build_request("GET", descriptor.operator.crl_url)
        answer = await answer_to(client, request, name=name, limit=MAX_SIZE, timeout_s=_TIMEOUT_S)
    if answer.status != _OK:
        raise ProviderUnreachable(
            f"{name} does not show its list of revoked certificates (status {answer.status}). The hub tries again."
        )
    return answer.body


def _serials(found: x509.CertificateRevocationList | None) -> frozenset[int]:
    return frozenset(entry.serial_number for entry in found or ())
