"""The hub as certificate authority of one adopted station: serves its requests, renews in time (A02, A03)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from devices.evce import certificates as messages
from devices.evce.certificates import SigningRequest
from devices.evce.fields import Payload
from devices.evce.link import ACCEPTED, Link
from homeapp.errors import DeviceRefused, DeviceUnreachable, HomeappError
from homeapp.ports import Clock, StationCertificates

logger = logging.getLogger(__name__)

RENEWAL_CHECK_S = 6 * 3600.0
SIGNING_S = 40.0
"""A small station takes its time to make a key."""
LEAST_BETWEEN_S = 10.0
_NOT_ASKED = (
    "The charger does not ask for a certificate. Allow its security settings to be changed from outside, or leave it "
    "with its password."
)
_NO_REQUEST = "The charger did not ask for its certificate in time. Try again; restart it if this stays."
_NOT_TAKEN = "The charger did not accept its certificate and stays with its password. Restart it and try again."


class Certification:
    """One adopted station over all its connections.

    Args:
        station: its identity, as in the URL.
        issued: called after each certificate that the station has accepted.

    Attributes:
        introduced: it has told of itself since the hub started; its serial number, which most stations put into their
            requests as common name (A00.FR.511), is known if it has any.
        returned: set when it has come in with a certificate.
    """

    def __init__(
        self,
        station: str,
        device_id: str,
        authority: StationCertificates,
        clock: Clock,
        issued: Callable[[], None],
    ) -> None:
        self.introduced = False
        self.returned = asyncio.Event()
        self._station = station
        self._device_id = device_id
        self._authority = authority
        self._clock = clock
        self._issued = issued
        self._serial_number = ""
        self._asked_s: float | None = None
        self._requests: asyncio.Queue[SigningRequest] = asyncio.Queue(maxsize=1)
        self._outcome: asyncio.Future[str | None] | None = None

    def heard(self, action: str, payload: Mapping[str, Any]) -> None:
        """Take note of what a CALL of the station tells about it."""
        if action == "BootNotification":
            self.introduced = True
            self._serial_number = messages.serial_number(payload) or self._serial_number

    def serve(self, payload: Mapping[str, Any]) -> Payload:
        """Answer a SignCertificate for the connection to the hub; the certificate follows by itself."""
        request, now_s = messages.signing_request(payload), self._clock.monotonic()
        too_soon = self._asked_s is not None and now_s - self._asked_s < LEAST_BETWEEN_S
        objection = self._authority.objection(self._device_id, self._names(), request.csr)
        if too_soon or self._requests.full() or objection is not None:
            logger.warning("%s: no certificate: %s", self._device_id, objection or "it asks too often")
            if objection is not None:
                self._settle(f"The charger asks for a certificate that the hub does not give: {objection}.")
            return {"status": "Rejected"}
        self._asked_s = now_s
        self._requests.put_nowait(request)
        return {"status": ACCEPTED}

    async def run(self, link: Link) -> None:
        """Send what was signed and renew in time, until cancelled; for one connection."""
        while not self._requests.empty():
            self._requests.get_nowait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send_signed(link))
            tasks.create_task(self._renew(link))

    async def obtain(self, link: Link) -> None:
        """Have the station ask for a certificate, and give it.

        Raises:
            DeviceUnreachable: no connection, or no answer or request in time.
            DeviceRefused: the station does not ask, asks for something else, or does not take it.
        """
        outcome = self._outcome = asyncio.get_running_loop().create_future()
        try:
            if await link.call(messages.trigger_signing(link.dialect.version)) != ACCEPTED:
                raise DeviceRefused(_NOT_ASKED)
            async with asyncio.timeout(SIGNING_S):
                problem = await outcome
        except TimeoutError as error:
            raise DeviceUnreachable(_NO_REQUEST) from error
        finally:
            self._outcome = None
        if problem is not None:
            raise DeviceRefused(problem)

    async def obtain_before_adoption(self, link: Link) -> None:
        """``obtain`` for a station that only knocks, while nothing else looks after its requests.

        Raises:
            DeviceUnreachable, DeviceRefused: as there.
        """
        sender = asyncio.ensure_future(self._send_signed(link))
        try:
            await self.obtain(link)
        finally:
            sender.cancel()
            await asyncio.wait([sender])

    async def returns_within(self, seconds: float) -> bool:
        """Whether the station comes in with a certificate within so many s of hub time."""
        came, late = asyncio.ensure_future(self.returned.wait()), asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((came, late), return_when=asyncio.FIRST_COMPLETED)
        finally:
            came.cancel()
            late.cancel()
        return self.returned.is_set()

    async def _send_signed(self, link: Link) -> None:
        while True:
            request = await self._requests.get()
            try:
                self._settle(await self._give(link, request))
            except HomeappError as error:
                logger.warning("%s: its certificate could not be given: %s", self._device_id, error)
                self._settle(str(error))

    async def _give(self, link: Link, request: SigningRequest) -> str | None:
        chain = await asyncio.to_thread(self._authority.sign, self._device_id, self._names(), request.csr)
        call = messages.certificate_signed(link.dialect.version, chain, request.request_id)
        # From now on, so that it is asked for one if it reconnects at once.
        self._issued()
        if await link.call(call) == ACCEPTED:
            return None
        logger.warning("%s: does not take its certificate", self._device_id)
        return _NOT_TAKEN

    async def _renew(self, link: Link) -> None:
        while True:
            if self._authority.renewal_due(self._device_id):
                try:
                    await self.obtain(link)
                    logger.info("%s: its certificate is renewed", self._device_id)
                except (DeviceUnreachable, DeviceRefused) as error:
                    logger.warning("%s: its certificate is not renewed: %s", self._device_id, error)
            await self._clock.sleep(RENEWAL_CHECK_S)

    def _names(self) -> frozenset[str]:
        return frozenset(name for name in (self._station, self._serial_number) if name)

    def _settle(self, problem: str | None) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(problem)
