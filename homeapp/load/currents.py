"""What meters and chargers report, as A on each phase of the grid."""

from collections.abc import Collection

from homeapp.load.series import PerPhase
from homeapp.model.readings import EvceState, EvceStatus, MeterReading
from homeapp.model.site import Circuit, Site

IN_USE_A = 1.0
"""More than this is a phase that the car uses; less is the charger's own use and noise."""
_AT_WORK = (EvceStatus.CHARGING, EvceStatus.FEEDING, EvceStatus.SUSPENDED_EV, EvceStatus.SUSPENDED_EVSE)


def phase_currents(meter: MeterReading, site: Site) -> PerPhase:
    """A per phase at the meter, import +; one number, the sum, where the meter tells no phases apart."""
    if meter.phase_power_w:
        voltages = meter.phase_voltage_v or ()
        if len(voltages) != len(meter.phase_power_w):
            voltages = (site.voltage_v,) * len(meter.phase_power_w)
        by_power = tuple(
            power / (voltage or site.voltage_v) for power, voltage in zip(meter.phase_power_w, voltages, strict=True)
        )
        if meter.phase_current_a is None or len(meter.phase_current_a) != len(by_power):
            return by_power
        # Apparent current can exceed active power over voltage; the sign is only in the power.
        return tuple(
            abs(current) if power >= 0 else -abs(current)
            for current, power in zip(meter.phase_current_a, by_power, strict=True)
        )
    return meter.phase_current_a or (meter.power_w / site.voltage_v,)


def is_at_work(evce: EvceState) -> bool:
    """A transaction runs; in OCPP 1.6 also one whose id the hub does not know."""
    return evce.transaction_id is not None or evce.status in _AT_WORK


def own_currents(evce: EvceState, circuit: Circuit, site: Site) -> PerPhase | None:
    """A on each of the charger's own phases, its L1 first, feeding -; None where it has not measured."""
    count = circuit.phases
    by_power_a = None if evce.power_w is None else evce.power_w / (site.voltage_v * count)
    measured = evce.phase_current_a
    # While feeding, stations report the exported current elsewhere or not at all.
    if measured and (by_power_a is None or by_power_a >= 0):
        taken = tuple(abs(current) for current in measured)
        if len(taken) == count:
            return taken
        return (sum(taken),) if count == 1 else (max(taken),) * count
    return None if by_power_a is None else (by_power_a,) * count


def phases_in_use(currents: PerPhase) -> frozenset[int]:
    """Which of the charger's own phases carry the car's current."""
    return frozenset(number for number, current in enumerate(currents) if abs(current) > IN_USE_A)


def on_grid(currents: PerPhase, circuit: Circuit, site: Site) -> PerPhase:
    """The same on the phases of the grid."""
    grid = [0.0] * site.phases
    for number, current in enumerate(currents):
        grid[circuit.rotation[number]] += current
    return tuple(grid)


def spread(current_a: float, own_phases: Collection[int], circuit: Circuit, site: Site) -> PerPhase:
    """``current_a`` on each of these phases of the charger, on the phases of the grid."""
    own = tuple(current_a if number in own_phases else 0.0 for number in range(circuit.phases))
    return on_grid(own, circuit, site)
