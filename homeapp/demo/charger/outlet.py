"""One outlet of a charging station: the contactor, the meter behind it and the car in it; pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from homeapp.demo.charger.car import VOLTAGE_V, Car
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
        current_a: per phase, A, of the direction in which energy flows.
        soc_pct: as the car tells it, or None without a car.
    """

    at: datetime
    import_w: float
    export_w: float
    current_a: float
    phases: int
    import_wh: float
    export_wh: float
    soc_pct: float | None


class Outlet:
    """The outlet with its car.

    Attributes:
        plugged: the cable is in the car.
        closed: the contactor is closed: a transaction is authorised.
        granted_w: offered to the car (feeding -).
    """

    def __init__(self, car: Car) -> None:
        self.car = car
        self.plugged = False
        self.closed = False
        self.granted_w = 0.0
        self._phases = car.phases
        self._import_wh = 0.0
        self._export_wh = 0.0

    @property
    def power_w(self) -> float:
        """Just now; charging +, feeding -."""
        return self.car.power_w if self.plugged and self.closed else 0.0

    @property
    def state(self) -> ChargingState:
        """What 2.x and 1.6 both report."""
        if not self.plugged:
            return ChargingState.IDLE
        if not self.closed:
            return ChargingState.EV_CONNECTED
        if abs(self.power_w) >= _FLOWS_FROM_W:
            return ChargingState.CHARGING
        offered = self.granted_w < 0 or self.granted_w >= _MIN_OFFER_A * VOLTAGE_V * self._phases
        return ChargingState.SUSPENDED_EV if offered else ChargingState.SUSPENDED_EVSE

    def step(self, dt: float, composite: Composite, *, ignore_limits: bool = False) -> None:
        """Let ``dt`` seconds pass under what the profiles permit."""
        if not (self.plugged and self.closed):
            self.car.detach()
            self.granted_w = 0.0
            return
        self._phases = min(self.car.phases, composite.phases)
        granted_w = composite.limit_w if composite.setpoint_w is None else composite.setpoint_w
        self.granted_w = self.car.max_charge_w if ignore_limits else granted_w
        before = self.car.power_w
        mean_w = (before + self.car.step(dt, self.granted_w, self._phases)) / 2
        if mean_w > 0:
            self._import_wh += mean_w * dt / 3600
        else:
            self._export_wh -= mean_w * dt / 3600

    def open(self) -> None:
        """Open the contactor at once."""
        self.closed = False
        self.granted_w = 0.0
        self.car.detach()

    def sample(self, at: datetime) -> Sample:
        """Read the meter."""
        power_w = self.power_w
        return Sample(
            at=at,
            import_w=max(0.0, power_w),
            export_w=max(0.0, -power_w),
            current_a=abs(power_w) / VOLTAGE_V / self._phases,
            phases=self._phases,
            import_wh=self._import_wh,
            export_wh=self._export_wh,
            soc_pct=self.car.soc_pct if self.plugged else None,
        )
