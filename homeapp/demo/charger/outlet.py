"""One outlet of a charging station: the contactor, the meter behind it and the car in it; pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from homeapp.demo.charger.abilities import Abilities, PhaseSwitching
from homeapp.demo.charger.car import VOLTAGE_V, Car
from homeapp.demo.charger.charging_profile import PHASES
from homeapp.demo.charger.composite import Composite

_MIN_OFFER_A = 6.0
_FLOWS_FROM_W = 50.0


class ChargingState(StrEnum):
    """chargingState of 2.x."""

    IDLE = "Idle"
    EV_CONNECTED = "EVConnected"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the outlet's meter shows; power and energy of both directions are never negative.

    Attributes:
        currents_a: of L1, L2 and L3, A, of the direction in which energy flows.
        phases: of the supply.
        offered_w: most that the car may draw now.
        import_wh, export_wh: registers.
        soc_pct: as the car tells it, or None without a car.
    """

    at: datetime
    import_w: float
    export_w: float
    currents_a: tuple[float, float, float]
    phases: int
    offered_w: float
    import_wh: float
    export_wh: float
    soc_pct: float | None


class Outlet:
    """The outlet with its car.

    Args:
        car: that may be plugged in.
        abilities: of the station.
        registers_wh: import and export so far.

    Attributes:
        plugged: the cable is in the car.
        closed: the contactor is closed: a transaction is authorised.
        granted_w: offered to the car (feeding -).
    """

    def __init__(
        self, car: Car, abilities: Abilities | None = None, registers_wh: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self.car = car
        self.plugged = False
        self.closed = False
        self.granted_w = 0.0
        self._abilities = abilities or Abilities()
        self._used = car.on_phases
        self._offered: tuple[int, ...] | None = None
        self._pause_s = 0.0
        self._import_wh, self._export_wh = registers_wh
        self._session_wh = registers_wh

    @property
    def registers_wh(self) -> tuple[float, float]:
        """Import and export since it was made."""
        return self._import_wh, self._export_wh

    @property
    def power_w(self) -> float:
        """Just now; charging +, feeding -."""
        return self.car.power_w if self.plugged and self.closed else 0.0

    @property
    def currents_a(self) -> tuple[float, float, float]:
        """Of L1, L2 and L3, A; charging +, feeding -."""
        each_a = self.power_w / VOLTAGE_V / max(1, len(self._used))
        first, second, third = (each_a if phase in self._used else 0.0 for phase in PHASES)
        return first, second, third

    @property
    def state(self) -> ChargingState:
        """What 2.x and 1.6 both report."""
        if not self.plugged:
            return ChargingState.IDLE
        if not self.closed:
            return ChargingState.EV_CONNECTED
        if abs(self.power_w) >= _FLOWS_FROM_W:
            return ChargingState.CHARGING
        return ChargingState.SUSPENDED_EV if self._offers(self.granted_w) else ChargingState.SUSPENDED_EVSE

    def step(self, dt: float, composite: Composite, *, ignore_limits: bool = False) -> None:
        """Let ``dt`` seconds pass under what the profiles permit."""
        if not (self.plugged and self.closed):
            self.car.detach()
            self.granted_w = 0.0
            return
        self._choose_phases(composite.usable)
        offered_before = self._offers(self.granted_w)
        self.granted_w = self.car.max_charge_w if ignore_limits else self._grant(composite)
        if self._pause_s > 0:
            self._pause_s -= dt
            self.granted_w = 0.0
            self.car.detach()
            return
        if self._abilities.interrupts_pilot and not offered_before and self._offers(self.granted_w):
            self.car.interrupt()
        before = self.car.power_w
        mean_w = (before + self.car.step(dt, self.granted_w, len(self._used))) / 2
        if mean_w > 0:
            self._import_wh += mean_w * dt / 3600
        else:
            self._export_wh -= mean_w * dt / 3600

    def switches_to(self, usable: tuple[int, ...]) -> bool:
        """These are other phases than those offered to the running transaction."""
        return self.closed and self._offered is not None and usable != self._offered

    def begin_session(self) -> None:
        """A transaction begins: the contactor closes and the registers of the session are at 0."""
        self.closed = True
        self._offered = None
        self._session_wh = (self._import_wh, self._export_wh)
        self.car.interrupt()

    def open(self) -> None:
        """Open the contactor at once."""
        self.closed = False
        self.granted_w = 0.0
        self.car.detach()

    def sample(self, at: datetime, *, by_session: bool = False) -> Sample:
        """Read the meter."""
        power_w = self.power_w
        base_wh = self._session_wh if by_session else (0.0, 0.0)
        first, second, third = (abs(current) for current in self.currents_a)
        return Sample(
            at=at,
            import_w=max(0.0, power_w),
            export_w=max(0.0, -power_w),
            currents_a=(first, second, third),
            phases=self._abilities.phases,
            offered_w=max(0.0, self.granted_w),
            import_wh=self._import_wh - base_wh[0],
            export_wh=self._export_wh - base_wh[1],
            soc_pct=self.car.soc_pct if self.plugged else None,
        )

    def _offers(self, granted_w: float) -> bool:
        return granted_w < 0 or granted_w >= _MIN_OFFER_A * VOLTAGE_V * len(self._used)

    def _choose_phases(self, usable: tuple[int, ...]) -> None:
        if self.switches_to(usable) and self._abilities.phase_switching is PhaseSwitching.PAUSES:
            self._pause_s = self._abilities.switch_pause_s
        self._offered = usable
        # A single phase that the station chooses is connected to the car's first conductor, whichever it is.
        together = tuple(phase for phase in self.car.on_phases if phase in usable)
        self._used = usable if len(usable) == 1 else together

    def _grant(self, composite: Composite) -> float:
        if not self._used:
            return 0.0
        # An on-board charger takes the same current from each of its phases.
        phases = [phase - 1 for phase in self._used]
        most_w = min(composite.limit_w, len(phases) * min(composite.phase_limit_w[phase] for phase in phases))
        if composite.setpoint_w is None:
            return most_w
        wanted_w = composite.setpoint_w
        if composite.phase_setpoint_w is not None:
            each_w = [composite.phase_setpoint_w[phase] for phase in phases]
            wanted_w = len(phases) * (min(each_w) if min(each_w) >= 0 else min(0.0, max(each_w)))
        circuit_w = self._abilities.wiring.phase_w * len(phases)
        return min(max(wanted_w, -circuit_w), most_w)
