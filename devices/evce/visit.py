"""A station that knocks: it may introduce itself and take a password, and nothing it says has an effect."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime

from devices.evce.dialect import ChargingNeeds, Dialect, Introduction, Reported, SoftwareReport, TransactionReport
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.link import Link
from devices.evce.metering import Sample
from devices.evce.profiles import StationLimits
from devices.evce.rpc import Connection, Throttle
from homeapp.errors import DeviceUnreachable
from homeapp.ports import Clock

INTRODUCTION_S = 3.0
_RATE, _BURST = 2.0, 20.0


class Visit:
    """One connection of one unknown station; as ``Listener`` it hears nothing but the introduction.

    Attributes:
        introduced: called with each introduction.
        link: for CALLs.
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
    ) -> None:
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

    async def _serve(self, frame: Frame) -> Payload:
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

    def metered(self, samples: Sequence[Sample]) -> None:
        pass

    def needs(self, needs: ChargingNeeds) -> None:
        pass

    def software_is(self, report: SoftwareReport) -> None:
        pass
