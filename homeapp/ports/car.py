"""The car's data link."""

from typing import Protocol

from homeapp.model.health import PevExamination, Position


class Pev(Protocol):
    """The car, over the data link in the plug or by radio; each call connects and disconnects by itself.

    Raises (all operations):
        DeviceUnreachable: it is not plugged in, asleep or silent.
        DeviceRefused: it does not allow this.
        ProtocolError: it answers garbage.
    """

    async def examine(self) -> PevExamination:
        """Read its identity and look for defects (ISO 14229-1 services 0x22 and 0x19); changes nothing."""

    async def locate(self) -> Position | None:
        """Where it is, or None where it does not tell."""

    async def install(self, package: bytes, version: str) -> None:
        """Transfer and activate software (services 0x34, 0x36, 0x37, 0x31); returns when the car runs ``version``.

        Raises:
            DeviceRefused: the car refuses the package, for instance its signature.
        """
