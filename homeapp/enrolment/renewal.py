"""Renews each flow's certificate before its end, with the one that is still good, while the flow goes on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NoReturn

from homeapp.enrolment.certificates import FlowCertificates, Standing
from homeapp.enrolment.enrolling import Enrolling
from homeapp.enrolment.est import EnrolmentPending
from homeapp.enrolment.rounds import LONGEST_S, Flows, Rounds
from homeapp.errors import ProviderRefused
from homeapp.model.pairing import Enrolment
from homeapp.pairing.descriptor import Descriptor
from homeapp.ports import Clock

logger = logging.getLogger(__name__)


class Renewal:
    """A long task.

    Args:
        certificates: of the flows.
        flows: the descriptors of all providers that the home is paired with.
        clock: the machine's, not the hub's: TLS looks at no other.
        renewed: told which flow has a newer certificate, to connect with it while the older one is still good.
        expired: told which flow's certificate is of no use any more: what is open with it has to be closed.
        notice: told the code and the sentence of what the owner should know.
    """

    def __init__(
        self,
        *,
        certificates: FlowCertificates,
        flows: Flows,
        clock: Clock,
        renewed: Callable[[str], Awaitable[None]],
        expired: Callable[[str], Awaitable[None]],
        notice: Callable[[str, str], None],
    ) -> None:
        self._certificates = certificates
        self._enrolling = Enrolling(certificates)
        self._clock = clock
        self._renewed = renewed
        self._expired = expired
        self._notice = notice
        self._told: set[str] = set()
        self._rounds = Rounds("renewal of its certificate", flows, self._attend, clock)

    def wake(self) -> None:
        """A pairing or a certificate has changed."""
        self._told.clear()
        self._rounds.wake()

    async def run(self) -> NoReturn:
        """Work until cancelled.

        Raises:
            EnvironmentProblem: the disk or the database is at fault.
        """
        await self._rounds.run()

    async def _attend(self, descriptor: Descriptor) -> float:
        standing = await self._standing(descriptor)
        if standing.enrolment is Enrolment.EXPIRED:
            self._tell(
                "certificate_expired",
                descriptor,
                f"The hub's certificate for {descriptor.name} has expired: the link is down. Enrol the hub again.",
            )
            await self._expired(descriptor.sp_id)
        if standing.renewal_due is None or standing.not_after is None:
            return LONGEST_S
        if (left := self._seconds_until(standing.renewal_due)) > 0:
            return min(left, LONGEST_S)
        if not descriptor.operator.est_url:
            self._tell(
                "certificate_ends",
                descriptor,
                f"The hub's certificate for {descriptor.name} ends on {standing.not_after:%Y-%m-%d}. "
                "Let the operator sign a new request, and bring the certificate in.",
            )
            return LONGEST_S
        return await self._renew(descriptor)

    async def _renew(self, descriptor: Descriptor) -> float:
        try:
            await self._enrolling.renew(descriptor)
        except EnrolmentPending as error:
            logger.info("%s: %s", descriptor.sp_id, error)
            return error.retry_after_s
        except ProviderRefused as error:
            self._tell("certificate_not_renewed", descriptor, str(error))
            raise
        logger.info("%s: its certificate was renewed", descriptor.sp_id)
        self._told.clear()
        await self._renewed(descriptor.sp_id)
        due = (await self._standing(descriptor)).renewal_due
        return LONGEST_S if due is None else min(self._seconds_until(due), LONGEST_S)

    def _tell(self, code: str, descriptor: Descriptor, sentence: str) -> None:
        """Once for each certificate's end: the rounds come by every hour."""
        subject = f"{code}.{descriptor.sp_id}"
        if subject not in self._told:
            self._told.add(subject)
            logger.warning("%s: %s", descriptor.sp_id, sentence)
            self._notice(subject, sentence)

    async def _standing(self, descriptor: Descriptor) -> Standing:
        return await asyncio.to_thread(self._certificates.standing, descriptor)

    def _seconds_until(self, moment: datetime) -> float:
        return (moment - self._clock.now()).total_seconds()
