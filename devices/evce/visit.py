"""A station that knocks: it may introduce itself and take a password, and nothing it says has an effect."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from devices.evce.certificates import is_for_hub
from devices.evce.certification import Certification
from devices.evce.dialect import ChargingNeeds, Dialect, Introduction, Reported, SoftwareReport, TransactionReport
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.link import Link
from devices.evce.metering import Sample
from devices.evce.profiles import StationLimits
from devices.evce.rpc import Connection, Throttle
from devices.evce.schemas import Version
from homeapp.errors import DeviceError, DeviceUnreachable
from homeapp.model.device import Candidate, DeviceKind, DeviceLink
from homeapp.ports import Clock

INTRODUCTION_S = 3.0
_RATE, _BURST = 2.0, 20.0


class Visit:
    """One connection of one unknown station; as ``Listener`` it hears nothing but the introduction.

    Attributes:
        introduced: called with each introduction.
        link: for CALLs.
        certification: gives it a certificate while it is being adopted; None where the hub is no authority.
        enrolling: it is being adopted.
    """

    admitted = False

    def __init__(
        self,
        device_id: str,
        dialect: Dialect,
        connection: Connection,
        clock: Clock,
        limits: StationLimits,
        introduced: Callable[[Introduction], None],
        certification: Certification | None = None,
    ) -> None:
        self.certification = certification
        self.enrolling = False
        self.limits = limits
        self.introduced = introduced
        self.link = Link(device_id, dialect, connection, self._serve, Throttle(clock, _RATE, _BURST))
        self._clock = clock
        self._dialect = dialect
        self._known = asyncio.Event()

    async def run(self) -> None:
        """Be polite until its socket closes."""
        async with asyncio.TaskGroup() as tasks:
            asker = tasks.create_task(self._ask_who_it_is())
            await self.link.run()
            asker.cancel()

    async def take_certificate(self, certification: Certification) -> str:
        """Adopt a station that was of this home once and proves itself by a certificate: no password brings it back.

        Returns:
            A password, which may be one that the station never got.

        Raises:
            DeviceUnreachable, DeviceRefused: it does not get a certificate.
        """
        self.enrolling = True
        try:
            await certification.obtain_before_adoption(self.link)
        finally:
            self.enrolling = False
        try:
            return await self.link.give_password()
        except DeviceError:
            # It has left to come back with its certificate, or wants no password.
            return secrets.token_urlsafe()

    async def _serve(self, frame: Frame) -> Payload:
        if self.certification is not None:
            self.certification.heard(frame.action, frame.payload)
            if self.enrolling and is_for_hub(frame.action, frame.payload):
                return self.certification.serve(frame.payload)
        return self._dialect.answer(frame.action, frame.payload, self)

    async def _ask_who_it_is(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INTRODUCTION_S):
                await self._known.wait()
        if not self._known.is_set():
            self.introduced(Introduction(vendor="Unknown maker", model="charger"))
            with contextlib.suppress(DeviceUnreachable):
                await self.link.call(self._dialect.trigger_boot())

    def now(self) -> datetime:
        return self._clock.now()

    def booted(self, introduction: Introduction) -> None:
        self._known.set()
        self.introduced(introduction)

    def heard(self) -> None:
        pass

    def clock_shows(self, at: datetime | None) -> None:
        pass

    def authorizes(self, _token: str, /) -> bool:
        return False

    def connector_is(self, evse: int, reported: Reported, stamp: datetime | None) -> None:
        pass

    def began(self, _report: TransactionReport, _fingerprint: str, /) -> str:
        return "0"

    def runs(self, report: TransactionReport) -> None:
        pass

    def ended(self, transaction_id: str, samples: Sequence[Sample]) -> None:
        pass

    def metered(self, samples: Sequence[Sample], evse: int = 0) -> None:
        pass

    def needs(self, _needs: ChargingNeeds, _evse: int = 0, /) -> bool:
        return False

    def present_setpoint(self, _profile_id: int, /) -> Payload | None:
        return None

    def profiles_are(self, request_id: int, ids: Sequence[int], *, more: bool) -> None:
        pass

    def software_is(self, report: SoftwareReport) -> None:
        pass


def candidate(device_id: str, address: str, version: Version, introduction: Introduction, clock: Clock) -> Candidate:
    """What a station that knocks is shown as."""
    return Candidate(
        device_id=device_id,
        kind=DeviceKind.EVCE,
        driver="ocpp",
        address=address,
        product=f"{introduction.vendor} {introduction.model}",
        seen_at=clock.now(),
        link=DeviceLink.KNOCKING,
        properties={
            "vendor": introduction.vendor,
            "model": introduction.model,
            "serial": introduction.serial,
            "firmware": introduction.firmware,
            "protocol": version.value,
        },
    )
