"""Meters, and how devices are found."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from homeapp.model.device import AdoptedDevice, Candidate
from homeapp.model.readings import MeterReading


class Discoverer(Protocol):
    """Watches the local network for one kind of device."""

    async def run(self, found: Callable[[Candidate], None]) -> None:
        """Report every device seen, and again when its address changes, until cancelled.

        Raises:
            DeviceError: the network cannot be watched.
        """


class Meter(Protocol):
    """One adopted smart meter."""

    @property
    def device_id(self) -> str:
        """The meter's stable id."""

    def readings(self) -> AsyncIterator[MeterReading]:
        """Connect and yield readings as they come, until cancelled.

        Raises:
            DeviceUnreachable: no link, or it fell silent; call again later.
            DeviceRefused: the credentials or the interface are refused; pair again.
            ProtocolError: it answers garbage; call again later.
        """


class MeterDriver(Protocol):
    """Makes meters of one protocol family."""

    @property
    def name(self) -> str:
        """Name in the registry; the part of the device id before the colon."""

    async def look(self, address: str) -> Candidate:
        """The meter of this family that answers at a literal IP address, with its port where that is not the usual one.

        Raises:
            NotFound: something answers there that is no such meter.
            DeviceUnreachable: nothing answers there; both say what was tried and what to do.
            DeviceError: there is a meter that cannot be used as it is; the sentence says what to do at it.
        """

    async def pair(self, candidate: Candidate) -> str | None:
        """Test the candidate and get credentials from it.

        Returns:
            The secret to keep, or None where the device needs none.

        Raises:
            PairingPending: somebody has to act at the device; call again within its window.
            DeviceError: it cannot be adopted; the sentence says why.
        """

    def open(self, device: AdoptedDevice, secret: str | None) -> Meter:
        """A meter at the device's last known address; no I/O yet."""
