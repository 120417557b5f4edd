"""What a model of charging station can do, and how it is wired; honest, unlike its faults."""

from dataclasses import dataclass
from enum import StrEnum

from homeapp.demo.charger.car import VOLTAGE_V
from homeapp.demo.charger.composite import Wiring
from homeapp.demo.charger.installed_profiles import MAX_PROFILES


class PhaseSwitching(StrEnum):
    """Whether it can change between one and three phases, and what that does to a running transaction."""

    NONE = "none"
    SEAMLESS = "seamless"
    PAUSES = "pauses"
    ENDS_TRANSACTION = "ends transaction"

    @property
    def ends_transaction(self) -> bool:
        """Whether a running transaction ends by it."""
        return self is PhaseSwitching.ENDS_TRANSACTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """A model.

    Attributes:
        phases: of its supply.
        max_current_a: of its circuit, per phase.
        phase_switching: with NONE it heeds neither numberPhases nor phaseToUse.
        switch_pause_s: with PAUSES no energy flows for so long.
        phase_rotation: how its conductors are connected to the home's phases, RST for L1, L2, L3 (1.6
            ConnectorPhaseRotation); its meter names its own conductors.
        rate_units: chargingRateUnit that it takes.
        max_profiles: that can be installed.
        signed_meter_values: its meter signs the readings at a transaction's begin and end.
        resumes_transactions: it goes on with a transaction after a power cut; None for as the version says: 2.1 does,
            1.6 and 2.0.1 end it with the reason PowerLoss.
        tells_rate_changes: in 2.x it sends ChargingRateChanged when the power has changed by more than 10 %.
        interrupts_pilot: it interrupts the control pilot when it offers power again, which wakes a sleeping car.
        offers_deflate: it offers compression (RFC 7692).
    """

    phases: int = 3
    max_current_a: float = 16.0
    phase_switching: PhaseSwitching = PhaseSwitching.SEAMLESS
    switch_pause_s: float = 5.0
    phase_rotation: str = "RST"
    rate_units: tuple[str, ...] = ("A", "W")
    max_profiles: int = MAX_PROFILES
    signed_meter_values: bool = False
    resumes_transactions: bool | None = None
    tells_rate_changes: bool = False
    interrupts_pilot: bool = False
    offers_deflate: bool = True

    @property
    def wiring(self) -> Wiring:
        """Its circuit."""
        return Wiring(
            phases=self.phases,
            max_current_a=self.max_current_a,
            voltage_v=VOLTAGE_V,
            switching=self.phase_switching is not PhaseSwitching.NONE,
        )

    def at_home(self, currents_a: tuple[float, float, float]) -> tuple[float, float, float]:
        """Currents of its conductors by phase of the home."""
        found = [0.0, 0.0, 0.0]
        for letter, current_a in zip(self.phase_rotation, currents_a, strict=True):
            found["RST".index(letter)] += current_a
        return found[0], found[1], found[2]
