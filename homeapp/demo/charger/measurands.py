"""What the simulated station's meter says, measurand by measurand."""

from collections.abc import Sequence
from dataclasses import dataclass

from homeapp.demo.charger.car import VOLTAGE_V
from homeapp.demo.charger.outlet import Sample

MEASURANDS = (
    "Power.Active.Import",
    "Power.Active.Export",
    "Current.Import",
    "Current.Export",
    "Current.Offered",
    "Energy.Active.Import.Register",
    "Energy.Active.Export.Register",
    "Voltage",
    "SoC",
)
DEFAULT_MEASURANDS = tuple(name for name in MEASURANDS if name not in ("Current.Export", "Current.Offered", "Voltage"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One value; ``phase`` is L1, L2 or L3, or None for all together."""

    name: str
    value: float
    unit: str
    phase: str | None = None


def measured(sample: Sample, names: Sequence[str]) -> list[Measured]:
    """The values of what was asked for."""
    found: list[Measured] = []
    for name in names:
        if name in ("Current.Import", "Current.Export"):
            flows = (sample.export_w > 0) == (name == "Current.Export")
            found.extend(
                Measured(name=name, value=round(current, 2) if flows else 0.0, unit="A", phase=f"L{phase}")
                for phase, current in enumerate(sample.currents_a[: sample.phases], start=1)
            )
        elif name == "Voltage":
            found.extend(
                Measured(name=name, value=VOLTAGE_V, unit="V", phase=f"L{phase}")
                for phase in range(1, sample.phases + 1)
            )
        else:
            value = _single(sample, name)
            if value is not None:
                found.append(value)
    return found


def _single(sample: Sample, name: str) -> Measured | None:
    values = {
        "Power.Active.Import": (sample.import_w, "W"),
        "Power.Active.Export": (sample.export_w, "W"),
        "Energy.Active.Import.Register": (sample.import_wh, "Wh"),
        "Energy.Active.Export.Register": (sample.export_wh, "Wh"),
        "Current.Offered": (sample.offered_w / VOLTAGE_V / sample.phases, "A"),
        "SoC": (sample.soc_pct, "Percent"),
    }
    value, unit = values.get(name, (None, ""))
    return None if value is None else Measured(name=name, value=round(value, 1), unit=unit)
