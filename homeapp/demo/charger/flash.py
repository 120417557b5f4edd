"""What the parts of the simulated station have to keep, gathered into one memory."""

from dataclasses import dataclass
from typing import Protocol

from homeapp.demo.charger.availability import Availability
from homeapp.demo.charger.certificates import CertificateStore
from homeapp.demo.charger.limits import ChargingLimits
from homeapp.demo.charger.local_list import LocalList
from homeapp.demo.charger.memory import Memory
from homeapp.demo.charger.meter_signature import SigningMeter
from homeapp.demo.charger.network import Network
from homeapp.demo.charger.outbox import Outbox
from homeapp.demo.charger.outlet import Outlet
from homeapp.demo.charger.settings import Settings
from homeapp.demo.charger.transaction import Transaction


class _Part(Protocol):
    unsaved: bool


@dataclass(slots=True, kw_only=True)
class Flash:
    """The parts, and what belongs to none of them.

    Attributes:
        password: for Basic authentication, or None.
        firmware: the version installed last, or None for the factory's.
        unsaved: something that belongs to no part has changed.
    """

    limits: ChargingLimits
    outbox: Outbox
    settings: Settings
    tokens: LocalList
    network: Network
    certificates: CertificateStore
    availability: Availability
    outlet: Outlet
    signer: SigningMeter | None
    password: bytes | None
    firmware: str | None
    unsaved: bool = False

    @property
    def stale(self) -> bool:
        """The memory has to be written."""
        return self.unsaved or any(part.unsaved for part in self._parts)

    def take(self, running: Transaction | None) -> Memory:
        """What a power cut has to leave, to be written now.

        Args:
            running: the transaction that it would interrupt, or None.
        """
        self.unsaved = False
        for part in self._parts:
            part.unsaved = False
        return Memory(
            password=self.password,
            profiles=self.limits.to_json(),
            firmware=self.firmware,
            unsent=self.outbox.to_json(),
            transaction=None if running is None else running.to_json(),
            plugged=self.outlet.plugged,
            registers_wh=self.outlet.registers_wh,
            settings=self.settings.to_json(),
            inoperative=self.availability.to_json(),
            tokens=self.tokens.to_json(),
            network=self.network.to_json(),
            certificates=self.certificates.to_json(),
            meter_key=None if self.signer is None else self.signer.key_pem,
        )

    @property
    def _parts(self) -> tuple[_Part, ...]:
        return (
            self.limits,
            self.outbox,
            self.settings,
            self.tokens,
            self.network,
            self.certificates,
            self.availability,
        )
