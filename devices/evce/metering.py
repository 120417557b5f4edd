"""MeterValues of all versions as one kind of sample.

Stations differ: a sum or only phases, ``L1`` or ``L1-N``, kWh or Wh or no unit (Wh), strings or numbers, no power but
currents, import and export apart, clocks that were never set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devices.evce.fields import instant, items, mapping, number, plain, told_instant
from devices.evce.profiles import StationLimits
from homeapp.model.signed_reading import SignedReading

_DEFAULT_MEASURAND = "Energy.Active.Import.Register"
_SOC = ("SoC", "Display.PresentSOC")
_OUTLET = ("Outlet", "Body", None)
_SIGNED = "SignedData"
_LARGEST_MULTIPLIER = 9
LONGEST_SIGNED = 32_768
_Key = tuple[str, str]
"""Measurand, and phase ``L1``..``L3`` or an empty string for the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a station measured at one moment.

    Attributes:
        stamp: the station's own time, or None where its clock cannot be believed.
        power_w: charging +, feeding -.
        phase_current_a: per phase, charging +, feeding -.
        import_wh, export_wh: registers, Wh.
        signed: readings that the meter has signed.
        told_at: the station's own time, whether it can be believed or not.
    """

    stamp: datetime | None = None
    power_w: float | None = None
    phase_current_a: tuple[float, ...] | None = None
    soc_pct: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None
    signed: tuple[SignedReading, ...] = ()
    told_at: datetime | None = None


def samples(source: Mapping[str, Any], limits: StationLimits, name: str = "meterValue") -> list[Sample]:
    """The samples of a MeterValues, TransactionEvent or StopTransaction, in the order they were sent."""
    return [_sample(value, limits) for value in items(source, name)]


def _sample(meter_value: Mapping[str, Any], limits: StationLimits) -> Sample:
    values: dict[_Key, float] = {}
    stamp = instant(meter_value, "timestamp")
    signed = []
    for sampled in items(meter_value, "sampledValue"):
        _collect(sampled, values)
        if "signedMeterValue" in sampled or sampled.get("format") == _SIGNED:
            signed += _signed(sampled, stamp)
    currents = _currents(values, limits)
    soc = next((values[name, ""] for name in _SOC if (name, "") in values), None)
    return Sample(
        stamp=stamp,
        power_w=_power(values, currents, limits),
        phase_current_a=currents,
        soc_pct=soc if soc is not None and 0 <= soc <= 100 else None,
        import_wh=_total(values, _DEFAULT_MEASURAND),
        export_wh=_total(values, "Energy.Active.Export.Register"),
        signed=tuple(signed),
        told_at=told_instant(meter_value, "timestamp"),
    )


def _signed(sampled: Mapping[str, Any], stamp: datetime | None) -> list[SignedReading]:
    described, context = mapping(sampled, "signedMeterValue"), plain(sampled.get("context"))
    data = described.get("signedMeterData")
    if sampled.get("format") == _SIGNED:
        data = sampled.get("value")
    if not isinstance(data, str) or not 0 < len(data) <= LONGEST_SIGNED:
        return []
    method, key = plain(described.get("signingMethod")), described.get("publicKey")
    encoding = plain(described.get("encodingMethod"))
    public_key = key if isinstance(key, str) and len(key) <= LONGEST_SIGNED else ""
    return [
        SignedReading(data=data, encoding=encoding, method=method, public_key=public_key, context=context, stamp=stamp)
    ]


def _collect(sampled: Mapping[str, Any], values: dict[_Key, float]) -> None:
    value = None if sampled.get("format") == _SIGNED else number(sampled.get("value"))
    measurand = sampled.get("measurand", _DEFAULT_MEASURAND)
    phase = sampled.get("phase", "")
    if value is None or not isinstance(measurand, str) or not isinstance(phase, str):
        return
    if measurand not in _SOC and sampled.get("location") not in _OUTLET:
        return
    phase = phase.removesuffix("-N")
    if phase not in ("", "L1", "L2", "L3"):
        return
    values[measurand, phase] = value * _scale(sampled)


def _scale(sampled: Mapping[str, Any]) -> float:
    described = mapping(sampled, "unitOfMeasure")
    unit = sampled.get("unit", described.get("unit"))
    scale = 1.0
    if "multiplier" in described:
        multiplier = number(described["multiplier"]) or 0
        scale = 10.0**multiplier if abs(multiplier) <= _LARGEST_MULTIPLIER else 1.0
    return scale * 1000 if unit in ("kWh", "kW") else scale


def _total(values: dict[_Key, float], measurand: str) -> float | None:
    if (measurand, "") in values:
        return values[measurand, ""]
    phases = [values[measurand, phase] for phase in ("L1", "L2", "L3") if (measurand, phase) in values]
    return sum(phases) if phases else None


def _power(values: dict[_Key, float], currents: tuple[float, ...] | None, limits: StationLimits) -> float | None:
    taken, fed = _total(values, "Power.Active.Import"), _total(values, "Power.Active.Export")
    if taken is None and fed is None:
        return None if currents is None else sum(currents) * limits.voltage_v
    return (taken or 0.0) - (fed or 0.0)


def _currents(values: dict[_Key, float], limits: StationLimits) -> tuple[float, ...] | None:
    per_phase = tuple(_current(values, phase) for phase in ("L1", "L2", "L3"))
    if any(current is not None for current in per_phase):
        known = tuple(current or 0.0 for current in per_phase)
        # A single-phase station may hang on L2 or L3.
        return known if limits.phases > 1 else (sum(known),)
    whole = _current(values, "")
    # A single current of a three-phase station is the one of its phases; reading it as their sum would hide a load.
    return None if whole is None else (whole,) * limits.phases


def _current(values: dict[_Key, float], phase: str) -> float | None:
    taken, fed = values.get(("Current.Import", phase)), values.get(("Current.Export", phase))
    return None if taken is None and fed is None else (taken or 0.0) - (fed or 0.0)
