"""What a simulated meter measures, as the two generations of the HomeWizard API tell it."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from homeapp.ports import Clock

PhasePowers = tuple[float, float, float]
"""Active power of L1 to L3, W; import +, export -."""

_VOLTAGE_V = 231.5
# A line of 0.2 ohm between the house and the transformer.
_DROP_V_PER_A = 0.2
_FIRST_IMPORT_KWH = {1: 10830.511, 2: 2948.827}
_FIRST_EXPORT_KWH = {1: 1285.951, 2: 2876.510}
_NIGHT_HOURS = frozenset({23, 0, 1, 2, 3, 4, 5, 6})


class MeterValues:
    """Registers that integrate the house's power over the clock's time; tariff 1 at night, tariff 2 by day."""

    def __init__(self, clock: Clock, power: Callable[[], PhasePowers], zone: ZoneInfo) -> None:
        self._clock = clock
        self._power = power
        self._zone = zone
        self._import_kwh = dict(_FIRST_IMPORT_KWH)
        self._export_kwh = dict(_FIRST_EXPORT_KWH)
        self._phases = power()
        self._measured_at = clock.monotonic()

    def measure(self) -> None:
        """Count the energy since the last call and take a new sample."""
        now = self._clock.monotonic()
        kwh = sum(self._phases) * (now - self._measured_at) / 3.6e6
        registers = self._import_kwh if kwh > 0 else self._export_kwh
        registers[self._tariff()] += abs(kwh)
        self._phases = self._power()
        self._measured_at = now

    def v1(self, product_type: str) -> dict[str, object]:
        """The body of ``/api/v1/data``."""
        common: dict[str, object] = {"wifi_ssid": "Demo street", "wifi_strength": 84}
        if product_type == "HWE-P1":
            common |= {"smr_version": 50, "meter_model": "Demo DSMR 5", "active_tariff": self._tariff()}
        return common | self._live(product_type, "active_") | self._energy(product_type, "total_power_")

    def v2(self, product_type: str) -> dict[str, object]:
        """The body of ``/api/measurement`` and the data of a websocket measurement."""
        common: dict[str, object] = {}
        if product_type == "HWE-P1":
            common = {
                "protocol_version": 50,
                "meter_model": "Demo DSMR 5",
                "timestamp": self._local_time().strftime("%Y-%m-%dT%H:%M:%S"),
                "tariff": self._tariff(),
            }
        return common | self._live(product_type, "") | self._energy(product_type, "energy_")

    def _live(self, product_type: str, prefix: str) -> dict[str, object]:
        currents = [watts / _VOLTAGE_V for watts in self._phases]
        volts = [_VOLTAGE_V - _DROP_V_PER_A * current for current in currents]
        total = {f"{prefix}power_w": round(sum(self._phases))}
        if product_type == "HWE-KWH1":
            return total | {
                f"{prefix}voltage_v": round(volts[0], 1),
                f"{prefix}current_a": round(abs(sum(currents)), 3),
            }
        values: dict[str, object] = {**total, f"{prefix}current_a": round(sum(map(abs, currents)), 2)}
        for phase, (watts, current, voltage) in enumerate(zip(self._phases, currents, volts, strict=True), 1):
            values[f"{prefix}power_l{phase}_w"] = round(watts)
            values[f"{prefix}current_l{phase}_a"] = round(current, 2)
            values[f"{prefix}voltage_l{phase}_v"] = round(voltage, 1)
        return values

    def _energy(self, product_type: str, prefix: str) -> dict[str, object]:
        values: dict[str, object] = {}
        for name, registers in (("import", self._import_kwh), ("export", self._export_kwh)):
            values[f"{prefix}{name}_kwh"] = round(sum(registers.values()), 3)
            if product_type == "HWE-P1":
                values |= {f"{prefix}{name}_t{tariff}_kwh": round(kwh, 3) for tariff, kwh in registers.items()}
        return values

    def _local_time(self) -> datetime:
        return self._clock.now().astimezone(self._zone)

    def _tariff(self) -> int:
        return 1 if self._local_time().hour in _NIGHT_HOURS else 2
